"""What pages of the documentation show of the browser client, in a browser: as it stands there."""

from __future__ import annotations

import ast
import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.docs.documents import Block, blocksOf, documents, filesOf
from tests.integration.children import PATIENCE, ROOT, Child
from tests.integration.installing import run
from tests.integration.javascript import PAGES, STATIC, TYPESCRIPT
from tests.integration.postgresql import freePort


def ofLanguage(language: str) -> list[Block]:
    return [block for document in documents() for block in blocksOf(document) if block.language == language]


@contextmanager
def twistd(folder: Path, application: str) -> Iterator[int]:
    """Where twistd serves *application*, which is at port 8080 in its text, out of *folder*."""
    port = freePort()
    (folder / "page.tac").write_text(application.replace("8080", str(port)))
    command = Path(sys.executable).with_name("twistd")
    with Child(
        command, "--pidfile=", "-ny", "page.tac", folder=folder, environment={"PYTHONPATH": str(ROOT)}
    ) as child:
        deadline = time.monotonic() + PATIENCE
        while not listens(port):
            assert time.monotonic() < deadline, str(child)
            time.sleep(0.05)
        yield port


def listens(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


class TestHtml:
    @pytest.mark.parametrize("block", ofLanguage("html"), ids=str)
    def test_shows_the_jobs_of_the_first_server(self, block: Block, tmp_path: Path, visit: Visits) -> None:
        (tmp_path / "pages").mkdir()
        (tmp_path / "pages" / "index.html").write_text(block.text)
        visitor = visit.visitor()
        visitor.mayFail.append("favicon")
        page = visitor.page()

        with twistd(tmp_path, filesOf("README.md")["jobs.tac"]) as port:
            page.goto(f"http://127.0.0.1:{port}/")

            expect(page.locator("body")).to_have_text("Water the plants", use_inner_text=True)
            assert page.evaluate("document.compatMode") == "CSS1Compat"
            page.close()


ROWS = """
from twisted.web.static import File

from vortex import Vortex, vortexApplication
from vortex.cli.demo import handlersOf
from vortex.cli.demo_board import openBoard

vortex = Vortex("demo")
board = openBoard("sqlite:///rows.sqlite")
handlers = handlersOf(vortex, board)
application = vortexApplication(vortex, "tcp:8080:interface=127.0.0.1", root=File("pages"))
"""


class TestJs:
    END = "this is where the page's code ends"

    @pytest.mark.parametrize("document", sorted({block.document for block in ofLanguage("js")}))
    def test_runs_to_its_end_beside_the_rows_of_the_demo(
        self, document: str, tmp_path: Path, visit: Visits
    ) -> None:
        code = "".join(block.text for block in blocksOf(document) if block.language == "js")
        (tmp_path / "pages").mkdir()
        # A page that goes while its line is being opened would be told of that.
        code += f"\nawait connection.connected\nconsole.log({json.dumps(self.END)})\n"
        (tmp_path / "pages" / "shown.js").write_text(code)
        page = visit.visitor().page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        (tmp_path / "pages" / "index.html").write_text(
            '<!doctype html><link rel="icon" href="data:,"><script type="module" src="shown.js"></script>'
        )

        with twistd(tmp_path, ROWS) as port:
            with page.expect_console_message(lambda message: message.text == self.END):
                page.goto(f"http://127.0.0.1:{port}/")
            page.close()

        # What a comment behind a console.log says is said.
        for comment in re.findall(r"console\.log\(.*\) // (.+)", code):
            assert comment in said


class TestPolicy:
    GUIDE = ROOT / "docs" / "guides" / "browsers.md"

    @contextmanager
    def pages(self, folder: Path) -> Iterator[str]:
        """The pages of docs/examples beside the demo's rows, under the policy that the guide shows."""
        (shown,) = re.findall(r"^POLICY = (\(.+?^\))$", self.GUIDE.read_text(), re.MULTILINE | re.DOTALL)
        policy = ast.literal_eval(shown)
        assets = f"VortexAssets({str(PAGES)!r}, headers={{'Content-Security-Policy': {policy!r}}})"
        application = ROWS.replace('File("pages")', assets).replace(
            "import Vortex,", "import Vortex, VortexAssets,"
        )
        with twistd(folder, application) as port:
            yield f"http://127.0.0.1:{port}/"

    def test_is_enough_for_the_page_of_fifty_lines(self, tmp_path: Path, visit: Visits) -> None:
        visitor = visit.visitor()
        visitor.mayFail.append("favicon")
        page = visitor.page()

        with self.pages(tmp_path) as url:
            page.goto(f"{url}fifty_lines.html")

            expect(page.get_by_role("status")).to_have_text("open")
            expect(page.get_by_role("textbox", name="Title of job 1")).to_have_value("Water the plants")
            page.close()

    def test_lets_no_script_within_a_page_run(self, tmp_path: Path, visit: Visits) -> None:
        visitor = visit.visitor()
        visitor.mayFail += ["favicon", "script-src"]
        page = visitor.page()

        with self.pages(tmp_path) as url:
            page.goto(f"{url}five_lines.html")
            page.close()

        assert visitor.heard("script-src.*inline")


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
