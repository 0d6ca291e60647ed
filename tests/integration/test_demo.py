"""``vortex demo`` as a stranger runs it: from the wheel, in an empty folder, reached by hand."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.integration.children import PATIENCE, ROOT, Child
from tests.integration.wire_by_hand import HeldPostClient, WebSocketClient, envelope

ADDED = "Sharpen the shears"


class Demo:
    """
    A running demo.

    Attributes:
        line: What it printed when it was ready.
        url: Of its page.
    """

    def __init__(
        self, programs: Path, folder: Path, *arguments: str, module: bool = False, port: int = 0
    ) -> None:
        command = [programs / "python", "-m", "vortex"] if module else [programs / "vortex"]
        self.folder = folder
        self.child = Child(*command, "demo", "--port", str(port), *arguments, folder=folder)
        try:
            self.line = self.child.line()
            found = re.search(r"http://\S+?:(\d+)/", self.line)
            assert found, self.line
        except BaseException:
            self.child.stop()
            raise
        self.url, self.port = found[0], int(found[1])

    def get(self, path: str = "", **headers: str) -> tuple[int, str]:
        """The status and the text of what is there."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.url + path, headers=named), timeout=PATIENCE
            ) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def add(self, title: str = ADDED) -> dict[str, Any]:
        """A job more; the answer."""
        with WebSocketClient(self.port, uuid="adder") as client:
            return asked(client, {"key": "demo.jobs"}, [{"_ct": "rt", "_c": "demo.Job", "title": title}])

    def rows(self) -> list[tuple[Any, ...]]:
        """The table in its file, read by sqlite3 and not by us."""
        with closing(sqlite3.connect(self.folder / "vortex-demo.sqlite")) as connection:
            return connection.execute("select id, title, status from vortex_demo_job order by id").fetchall()

    def interrupt(self) -> None:
        """Ctrl-C: it has to end in good order, and to have printed nothing else."""
        status = self.child.interrupt()
        assert (status, self.child.lines, self.child.errors) == (0, [self.line], ""), str(self.child)


@pytest.fixture
def demo(installedWithOrm: Path, tmp_path: Path) -> Iterator[Demo]:
    running = Demo(installedWithOrm, tmp_path)
    try:
        yield running
        running.interrupt()
    finally:
        running.child.stop()


class TestTheStart:
    def test_is_one_line_with_its_url_and_its_file(self, demo: Demo) -> None:
        place = demo.folder / "vortex-demo.sqlite"

        assert (
            demo.line
            == f"Vortex demo at {demo.url}, for this machine only, its jobs in {place}; Ctrl-C ends it"
        )
        assert demo.url == f"http://127.0.0.1:{demo.port}/"

    def test_leaves_nothing_but_its_file(self, demo: Demo) -> None:
        assert [path.name for path in demo.folder.iterdir()] == ["vortex-demo.sqlite"]

    def test_is_the_same_for_python_m(self, installedWithOrm: Path, tmp_path: Path) -> None:
        running = Demo(installedWithOrm, tmp_path, module=True)
        try:
            assert running.get()[0] == 200
            running.interrupt()
        finally:
            running.child.stop()


class TestTheEnd:
    def test_by_sigterm_is_as_good_as_by_ctrl_c(self, installedWithOrm: Path, tmp_path: Path) -> None:
        running = Demo(installedWithOrm, tmp_path)

        assert running.child.stop() == 0
        assert running.child.errors == ""

    def test_does_not_wait_for_those_who_are_connected(self, installedWithOrm: Path, tmp_path: Path) -> None:
        running = Demo(installedWithOrm, tmp_path)
        with (
            HeldPostClient(running.port, uuid="held") as client,
            WebSocketClient(running.port, uuid="socket") as socket,
        ):
            held = client.post(b"")
            held.message()
            socket.message()

            running.interrupt()

            held.waitUntilEnded()
            assert socket.frame()[0] == 8  # a close frame

    def test_keeps_the_rows_for_the_next_time(self, installedWithOrm: Path, tmp_path: Path) -> None:
        for count in (7, 8):
            running = Demo(installedWithOrm, tmp_path)
            try:
                assert running.add()["result"] is True
                assert len(running.rows()) == count
                running.interrupt()
            finally:
                running.child.stop()

    def test_by_force_leaves_rows_and_port_for_the_next_time(
        self, installedWithOrm: Path, tmp_path: Path
    ) -> None:
        running = Demo(installedWithOrm, tmp_path)
        with WebSocketClient(running.port, uuid="held"):
            running.add()
            os.killpg(running.child.pid, signal.SIGKILL)
            running.child.stop()

            again = Demo(installedWithOrm, tmp_path, port=running.port)
        try:
            assert again.line == running.line
            assert again.rows()[-1] == (7, ADDED, "open")
            again.add("Mend the kite")
            assert again.rows()[-1] == (8, "Mend the kite", "open")
            again.interrupt()
        finally:
            again.child.stop()


class TestThePage:
    def test_is_in_the_wheel_with_all_that_it_loads(self, demo: Demo) -> None:
        status, page = demo.get()

        assert status == 200
        assert "<title>" in page
        for path, kept in (
            ("board.js", "cli/board/board.js"),
            ("board.css", "cli/board/board.css"),
            ("static/vortex.mjs", "static/vortex.mjs"),
        ):
            assert demo.get(path) == (200, (ROOT / "vortex" / kept).read_text())

    def test_is_told_of_to_whoever_asks_for_no_more(self, demo: Demo) -> None:
        request = urllib.request.Request(demo.url, method="HEAD")
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            assert response.status == 200
            assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
            assert int(response.headers["Content-Length"]) > 100
            assert response.read() == b""


def asked(client: WebSocketClient, filt: dict[str, Any], tuples: list[Any] | None = None) -> dict[str, Any]:
    """The answer to a request."""
    client.send(envelope(2, {**filt, "PayloadResponse.messageId": "asked"}, tuples).removesuffix(b"."))
    return answerTo(client, "asked")


class TestHandlers:
    def test_tell_everybody_who_has_loaded_the_jobs(self, demo: Demo) -> None:
        with (
            WebSocketClient(demo.port, uuid="reader") as reader,
            HeldPostClient(demo.port, uuid="writer") as writer,
        ):
            reader.send(
                envelope(2, {"key": "demo.jobs", "PayloadResponse.messageId": "1"}).removesuffix(b".")
            )
            assert len(answerTo(reader, "1")["tuples"]) == 6

            job = {"_ct": "rt", "_c": "demo.Job", "title": "Mend the kite"}
            writer.post(envelope(2, {"key": "demo.jobs", "PayloadResponse.messageId": "2"}, [job]))
            push = reader.message()

            assert push["filt"] == {"key": "demo.jobs"}
            assert [job["title"] for job in push["tuples"]][6:] == ["Mend the kite"]

    def test_give_days_in_utc_whatever_the_database_makes_of_them(self, demo: Demo) -> None:
        with WebSocketClient(demo.port, uuid="reader") as reader:
            reader.send(
                envelope(2, {"key": "demo.job", "id": 1, "PayloadResponse.messageId": "1"}).removesuffix(b".")
            )
            (job,) = answerTo(reader, "1")["tuples"]

        assert re.fullmatch(r"\d{4}-\d\d-\d\d 12:00:00\.000000\+0000", job["due"]["_fd"])

    def test_give_a_blank_job_where_one_is_asked_for(self, demo: Demo) -> None:
        with WebSocketClient(demo.port, uuid="reader") as reader:
            reader.send(envelope(2, {"key": "demo.job", "PayloadResponse.messageId": "1"}).removesuffix(b"."))
            (job,) = answerTo(reader, "1")["tuples"]

        assert (job["id"], job["title"], job["status"]) == (None, None, "open")


def answerTo(client: WebSocketClient, messageId: str) -> dict[str, Any]:
    while True:
        message = client.message()
        if message["filt"].get("PayloadResponse.messageId") == messageId:
            return message


class TestPeople:
    def test_are_told_of_as_they_come_and_go(self, demo: Demo) -> None:
        people = {"key": "demo.people"}
        with WebSocketClient(demo.port, uuid="a", name="Ada") as ada:
            assert [one["name"] for one in asked(ada, people)["tuples"]] == ["Ada"]
            with HeldPostClient(demo.port, uuid="b", name="Bob") as bob:
                bob.post(b"").message()
                came = ada.message()

                assert came["filt"] == people
                assert [(one["uuid"], one["transport"]) for one in came["tuples"]] == [
                    ("a", "websocket"),
                    ("b", "post"),
                ]
            with WebSocketClient(demo.port, uuid="c", name="Cyd"):
                assert ada.message()["tuples"][-1]["name"] == "Cyd"
            assert "Cyd" not in {one["name"] for one in ada.message()["tuples"]}


class TestWhatGoesWrong:
    """One line on standard error, exit code 1, nothing else."""

    def refused(self, programs: Path, folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            [programs / "vortex", "demo", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), (
            done.stdout + done.stderr
        )
        return done.stderr.strip()

    def test_a_port_that_is_taken(self, installedWithOrm: Path, tmp_path: Path) -> None:
        with closing(socket.socket()) as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]

            text = self.refused(installedWithOrm, tmp_path, "--port", str(port))

        assert text == (
            f"vortex demo: cannot listen on 127.0.0.1:{port}: Address already in use; "
            "choose another with --port, or --port 0 for any that is free"
        )

    def test_an_address_of_another_machine(self, installedWithOrm: Path, tmp_path: Path) -> None:
        text = self.refused(installedWithOrm, tmp_path, "--host", "192.0.2.1", "--port", "0")

        assert text == "vortex demo: cannot listen on 192.0.2.1:0: Cannot assign requested address"

    def test_a_database_that_nobody_answers_for(self, installedWithOrm: Path, tmp_path: Path) -> None:
        url = "postgresql://someone:hidden@127.0.0.1:1/jobs"

        text = self.refused(installedWithOrm, tmp_path, "--database", url)

        assert text.startswith(
            "vortex demo: the database postgresql+psycopg://someone:***@127.0.0.1:1/jobs cannot be used: "
        )
        assert "refused" in text
        assert list(tmp_path.iterdir()) == []

    def test_no_sqlalchemy(self, installed: Path, tmp_path: Path) -> None:
        text = self.refused(installed, tmp_path)

        assert text.endswith("needs SQLAlchemy: pip install 'txvortex[orm]'")

    def test_no_driver(self, installedWithOrm: Path, tmp_path: Path) -> None:
        text = self.refused(installedWithOrm, tmp_path, "--database", "mysql://u:hidden@h/db")

        assert text.startswith("vortex demo: mysql://u:***@h/db needs a driver, ")


class TestPostgresql:
    def test_has_the_jobs_in_its_table(
        self, installedWithOrm: Path, tmp_path: Path, postgresqlUrl: str
    ) -> None:
        # as a stranger writes it: without the driver's name
        url = postgresqlUrl.replace("postgresql+psycopg://", "postgresql://")
        engine = create_engine(postgresqlUrl)
        running = Demo(installedWithOrm, tmp_path, "--database", url)
        try:
            running.add()

            with engine.connect() as connection:
                rows = connection.execute(
                    text("select id, title, status, due from vortex_demo_job order by id")
                )
                found = rows.all()
            assert found[-1][:3] == (7, ADDED, "open")
            assert found[0][3].utcoffset() is not None
            assert f"its jobs in {postgresqlUrl};" in running.line
            assert list(tmp_path.iterdir()) == []
            self._undo(running)
            running.interrupt()
        finally:
            running.child.stop()
            with engine.begin() as connection:
                connection.execute(text("drop table if exists vortex_demo_job"))
            engine.dispose()

    def _undo(self, running: Demo) -> None:
        """A deleted job comes back under its id; an id that none has had is not taken."""
        jobs = {"key": "demo.jobs"}
        with WebSocketClient(running.port, uuid="undoing") as client:
            before = asked(client, jobs)["tuples"]
            asked(client, {**jobs, "delete": True}, [before[-1]])
            assert asked(client, jobs, [{**before[-1], "id": 8}])["result"] == (
                "unknown-record: there is no job 8 any more"
            )
            assert asked(client, jobs, [before[-1]])["result"] is True
            assert asked(client, jobs)["tuples"] == before
        assert running.add()["tuples"][0]["id"]["_fd"] == 8


class TestOtherMachines:
    @pytest.mark.parametrize("arguments", [("--host", "0.0.0.0"), ("--anonymous",)])
    def test_are_let_in_where_it_is_told_to(
        self, installedWithOrm: Path, tmp_path: Path, arguments: tuple[str, ...]
    ) -> None:
        running = Demo(installedWithOrm, tmp_path, *arguments)
        try:
            assert ", open to other machines, " in running.line
            status, _ = running.get(Host="board.example", X_Forwarded_For="192.0.2.1")
            assert status == 200
            running.interrupt()
        finally:
            running.child.stop()

    def test_are_told_why_not_where_it_is_not(self, demo: Demo) -> None:
        status, text = demo.get(Host="board.example")

        assert status == 403
        assert text == (
            "this demo serves its own machine only, and this request is for 'board.example', which is no "
            "name of this machine alone; vortex demo --anonymous lets everybody in, also through a proxy\n"
        )
