"""What pages of the documentation show of the browser client, in a browser: as it stands there."""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer
from tests.docs.documents import Block, blocksOf, documents, filesOf
from tests.integration.children import PATIENCE, ROOT, Child
from tests.integration.installing import run
from tests.integration.javascript import STATIC, TYPESCRIPT
from tests.integration.postgresql import freePort


def ofLanguage(language: str) -> list[Block]:
    return [block for document in documents() for block in blocksOf(document) if block.language == language]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Where twistd serves README's jobs.tac."""
    port = freePort()
    (tmp_path / "jobs.tac").write_text(filesOf("README.md")["jobs.tac"].replace("8080", str(port)))
    twistd = Path(sys.executable).with_name("twistd")
    with Child(
        twistd, "--pidfile=", "-ny", "jobs.tac", folder=tmp_path, environment={"PYTHONPATH": str(ROOT)}
    ) as child:
        deadline = time.monotonic() + PATIENCE
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < deadline, str(child)
            time.sleep(0.05)
        yield port


class TestHtml:
    @pytest.mark.parametrize("block", ofLanguage("html"), ids=str)
    def test_shows_the_jobs_of_the_first_server(
        self, block: Block, port: int, tmp_path: Path, visit: Visits
    ) -> None:
        (tmp_path / "pages").mkdir()
        (tmp_path / "pages" / "index.html").write_text(block.text)
        visitor = visit.visitor()
        visitor.mayFail.append("favicon")
        page = visitor.page()

        page.goto(f"http://127.0.0.1:{port}/")

        expect(page.locator("body")).to_have_text("Water the plants", use_inner_text=True)
        assert page.evaluate("document.compatMode") == "CSS1Compat"


class TestJs:
    END = "this is where the page's code ends"

    @pytest.mark.parametrize("document", sorted({block.document for block in ofLanguage("js")}))
    def test_runs_to_its_end_beside_the_demo(self, document: str, demo: DemoServer, visit: Visits) -> None:
        code = "".join(block.text for block in blocksOf(document) if block.language == "js")
        said: list[str] = []

        def give(route: Route) -> None:
            if route.request.url.endswith(".js"):
                text = f"{code}\nconsole.log({json.dumps(self.END)})\n"
                route.fulfill(body=text, content_type="text/javascript")
            else:
                body = '<!doctype html><script type="module" src="shown.js"></script>'
                route.fulfill(body=body, content_type="text/html")

        page = visit.visitor().page()
        page.on("console", lambda message: said.append(message.text))
        page.route(re.compile(r"/shown\.(html|js)$"), give)
        with page.expect_console_message(lambda message: message.text == self.END):
            page.goto(f"{demo.url}shown.html")

        # What a comment behind a console.log says is said.
        for comment in re.findall(r"console\.log\(.*\) // (.+)", code):
            assert comment in said
        assert demo.titles().count("Water the plants") == 1, "nothing that was made for the page is left"


class TestTs:
    @pytest.mark.parametrize("block", ofLanguage("ts"), ids=str)
    def test_is_typed(self, block: Block, tmp_path: Path) -> None:
        options = {
            "target": "ES2022",
            "lib": ["ES2022", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
            "module": "ESNext",
            "moduleResolution": "bundler",
            "strict": True,
            "noEmit": True,
            "noUnusedLocals": True,
            "types": [],
            "paths": {"txvortex": [str(STATIC / "vortex.d.ts")]},
        }
        (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options}))
        (tmp_path / "shown.ts").write_text(block.text)

        assert run(TYPESCRIPT, "-p", tmp_path, at=tmp_path) == ""
