"""What a browser gets from the demo: the page's files, and a policy that lets them do what they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vortex
from tests.cli.demo_on_a_clock import DemoOnAClock
from tests.node.web import ask

CLI = Path(vortex.__file__).parent / "cli"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class TestThePage:
    @pytest.mark.parametrize(
        ("path", "name", "contentType"),
        [
            ("/", "index.html", "text/html; charset=utf-8"),
            ("/board.css", "board.css", "text/css; charset=utf-8"),
            ("/board.js", "board.js", "text/javascript; charset=utf-8"),
        ],
    )
    def test_is_its_files_as_they_stand(
        self, demo: DemoOnAClock, path: str, name: str, contentType: str
    ) -> None:
        answer = ask(demo.root, path)

        assert (answer.status, answer["Content-Type"]) == (200, contentType)
        assert answer.body == (CLI / "board" / name).read_bytes()

    def test_may_run_its_own_files_and_talk_to_its_own_server(self, demo: DemoOnAClock) -> None:
        answer = ask(demo.root)

        assert answer["Content-Security-Policy"] == POLICY
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"

    def test_is_asked_for_again_each_time_and_sent_when_it_is_another(self, demo: DemoOnAClock) -> None:
        answer = ask(demo.root)

        assert answer["Cache-Control"] == "no-cache"
        assert ask(demo.root, "/", f"If-None-Match: {answer['ETag']}").status == 304

    def test_refers_to_what_is_there_by_relative_urls_alone(self, demo: DemoOnAClock) -> None:
        page, script = ask(demo.root).text, ask(demo.root, "/board.js").text
        urls = re.findall(r'(?:src|href)="([^"]+)"', page) + re.findall(r'from "([^"]+)"', script)

        assert len(urls) >= 3
        for url in urls:
            assert url.startswith(("./", "data:")), url
            assert url.startswith("data:") or ask(demo.root, url[1:]).status == 200, url

    def test_has_the_vortex_beside_it(self, demo: DemoOnAClock) -> None:
        assert ask(demo.root, "/vortex").status == 405
        assert ask(demo.root, "/vortexws").status == 405

    @pytest.mark.parametrize("path", ["/x", "//", "/static/x", "/board.py", "/../demo.py", "/..%2fdemo.py"])
    def test_is_all_there_is(self, demo: DemoOnAClock, path: str) -> None:
        answer = ask(demo.root, path)

        assert (answer.status, answer["Content-Type"]) == (404, "text/plain; charset=utf-8")


FOREIGN = {
    "this request comes from 10.1.2.3": {"address": "10.1.2.3"},
    "this request is for 'board.example', which is no name of this machine alone": {"host": "board.example"},
}
HANDED_ON = ("X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Real-IP: 127.0.0.1")


class TestWhoMaySeeIt:
    """Those whom the node serves; the others are told why not, and the way out."""

    @pytest.mark.parametrize("why", FOREIGN)
    @pytest.mark.parametrize("path", ["/", "/board.js", "/nothing"])
    def test_others_may_not(self, demo: DemoOnAClock, why: str, path: str) -> None:
        answer = ask(demo.root, path, **FOREIGN[why])

        assert answer.status == 403
        assert answer.text == (
            f"this demo serves its own machine only, and {why}; "
            "vortex demo --anonymous lets everybody in, also through a proxy\n"
        )

    @pytest.mark.parametrize("line", HANDED_ON)
    def test_nor_those_who_come_through_a_proxy(self, demo: DemoOnAClock, line: str) -> None:
        answer = ask(demo.root, "/", line)

        assert answer.status == 403
        header = line.partition(":")[0].lower()
        assert f"this request was handed on by a proxy, as its header {header!r} shows;" in answer.text

    @pytest.mark.parametrize("host", ["<script>alert(1)</script>", "a" * 5000, "é", "\x07", "[::1"])
    def test_what_they_say_comes_back_as_text_and_not_at_length(self, demo: DemoOnAClock, host: str) -> None:
        answer = ask(demo.root, host=host)

        assert answer.status == 403
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert len(answer.body) < 400

    @pytest.mark.parametrize("why", FOREIGN)
    def test_everybody_may_where_the_node_is_open(self, tmp_path: Path, why: str) -> None:
        demo = DemoOnAClock(tmp_path / "board.sqlite", anonymous=True)

        assert ask(demo.root, "/", *HANDED_ON, **FOREIGN[why]).status == 200
        demo.board.close()
