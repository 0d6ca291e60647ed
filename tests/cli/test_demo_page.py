"""The demo's page over bytes: what it says, to whom, and that nothing in it can do anything."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.transports.wires import Client
from vortex.cli.demo_board import Board, Glance, Job, openBoard
from vortex.cli.demo_page import MOST_JOBS, BoardPage, curlCommand, pythonProgram, renderPage
from vortex.errors import DatabaseUnavailable
from vortex.node.vortex import Vortex
from vortex.transports.http_site import VortexSite


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    opened = openBoard(f"sqlite:///{tmp_path}/board.sqlite")
    yield opened
    opened.close()


class Answer:
    """A response, taken apart."""

    def __init__(self, raw: bytes) -> None:
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])
        }
        self.text = body.decode()


def get(
    board: Board, path: str = "/", *, address: str = "127.0.0.1", anonymous: bool = False, **headers: str
) -> Answer:
    clock = Clock()
    vortex = Vortex("demo", anonymous=anonymous, reactor=clock)
    client = Client(VortexSite(BoardPage(vortex, board, "127.0.0.1:8080"), reactor=clock), address)
    lines = [f"GET {path} HTTP/1.0"]
    lines += [
        f"{name.replace('_', '-')}: {value}" for name, value in {"Host": "127.0.0.1:8080", **headers}.items()
    ]
    client.send("\r\n".join(lines).encode() + b"\r\n\r\n")
    assert client.closed
    return Answer(client.received)


class TestPage:
    def test_lists_the_jobs(self, board: Board) -> None:
        answer = get(board)

        assert answer.status == 200
        assert "6 jobs" in answer.text
        assert "Order screws, 4 × 40" in answer.text
        assert board.place in answer.text

    def test_has_the_address_under_which_it_was_asked_for(self, board: Board) -> None:
        assert "http://localhost:9999/vortex?" in get(board, Host="localhost:9999").text
        assert "http://[::1]:8080/vortex?" in get(board, Host="[::1]:8080").text

    def test_runs_nothing_and_loads_nothing(self, board: Board) -> None:
        answer = get(board)

        policy = answer.headers["content-security-policy"]
        (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
        allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert policy.startswith(f"default-src 'none'; style-src 'sha256-{allowed}';")
        assert "<script" not in answer.text
        assert re.findall(r"(?:src|href)=([^ >]+)", answer.text) == ['"data:,"']
        assert " style=" not in answer.text

    def test_fits_a_phone_and_both_lights(self, board: Board) -> None:
        text = get(board).text

        assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
        assert "prefers-color-scheme: dark" in text

    @pytest.mark.parametrize("path", ["/x", "/index.html", "//", "/vortex.css"])
    def test_is_at_its_place_only(self, board: Board, path: str) -> None:
        answer = get(board, path)

        assert answer.status == 404
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text == "nothing is here; the demo's page is at /\n"

    def test_says_when_the_database_is_away(self, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(most: int) -> Glance:
            raise DatabaseUnavailable("the database cannot be reached")

        monkeypatch.setattr(board, "glance", away)

        answer = get(board)

        assert answer.status == 503
        assert answer.text == "database-unavailable: the database cannot be reached\n"

    def test_gives_nothing_away_when_it_fails(self, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(most: int) -> Glance:
            raise ValueError("/a/path")

        monkeypatch.setattr(board, "glance", broken)

        answer = get(board)

        assert answer.status == 500
        assert "/a/path" not in answer.text

    def test_is_not_written_to_one_who_has_hung_up(
        self, board: Board, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = Clock()
        vortex = Vortex("demo", reactor=clock)
        client = Client(VortexSite(BoardPage(vortex, board, "x"), reactor=clock))
        glance = board.glance

        def slowly(most: int) -> Glance:
            client.lose()
            return glance(most)

        monkeypatch.setattr(board, "glance", slowly)

        client.send(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")

        assert client.received == b""


class TestWhoMaySeeIt:
    """The rows are for those whom the node serves."""

    FOREIGN: tuple[dict[str, Any], ...] = (
        {"address": "10.1.2.3"},
        {"Host": "board.example"},
        {"Host": "127.0.0.1.board.example:8080"},
        {"X_Forwarded_For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X_Real_IP": "127.0.0.1"},
    )

    @pytest.mark.parametrize("request_", FOREIGN)
    def test_others_may_not(self, board: Board, request_: dict[str, Any]) -> None:
        answer = get(board, **request_)

        assert answer.status == 403
        assert "Water" not in answer.text

    @pytest.mark.parametrize("request_", FOREIGN)
    def test_everybody_may_where_the_node_is_open(self, board: Board, request_: dict[str, Any]) -> None:
        assert get(board, anonymous=True, **request_).status == 200

    @pytest.mark.parametrize("host", ["x'$(id)", "<b>", '"', "a b", "127.0.0.1:8080'", "a/b", "[::1", "é"])
    def test_a_host_that_is_none_does_not_get_into_the_commands(self, board: Board, host: str) -> None:
        answer = get(board, anonymous=True, Host=host)

        assert answer.status != 200 or "curl -sN -m 2 &#x27;http://127.0.0.1:8080/vortex?" in answer.text


class TestRendering:
    def page(self, *jobs: Job, count: int | None = None) -> str:
        glance = Glance(jobs, len(jobs) if count is None else count)
        return renderPage(glance, "host:1", "/a/<file>", 1, False).decode()

    def test_escapes_whatever_is_in_a_row(self) -> None:
        evil = "<script>alert(1)</script> & \"'"

        text = self.page(Job(id=1, title=evil, status="open", assignee=evil))

        assert "<script" not in text
        assert text.count(html.escape(evil)) == 2
        assert "/a/&lt;file&gt;" in text

    def test_says_how_many_there_are(self) -> None:
        job = Job(id=1, title="a", status="open")

        assert "<h2>1 job</h2>" in self.page(job)
        assert "<h2>60 jobs, the newest 2</h2>" in self.page(job, job, count=60)
        assert "The board is empty." in self.page()
        assert MOST_JOBS == 50

    def test_shows_commands_as_they_are_to_be_typed(self) -> None:
        blocks = [
            html.unescape(block)
            for block in re.findall(r"<pre><code>(.*?)</code></pre>", self.page(), re.DOTALL)
        ]

        assert blocks == [curlCommand("host:1"), pythonProgram("host:1")]
