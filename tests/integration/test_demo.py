"""``vortex demo`` as a stranger runs it: from the wheel, in an empty folder, reached as its page says."""

from __future__ import annotations

import html
import os
import re
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

from tests.integration.children import PATIENCE, Child
from tests.integration.wire_by_hand import HeldPostClient, WebSocketClient, envelope

ADDED = "Sharpen the shears"


class Demo:
    """
    A running demo.

    Attributes:
        line: What it printed when it was ready.
        url: Of its page.
    """

    def __init__(self, programs: Path, folder: Path, *arguments: str, module: bool = False) -> None:
        command = [programs / "python", "-m", "vortex"] if module else [programs / "vortex"]
        self.folder = folder
        self.child = Child(*command, "demo", "--port", "0", *arguments, folder=folder)
        try:
            self.line = self.child.line()
            found = re.search(r"http://\S+?:(\d+)/", self.line)
            assert found, self.line
        except BaseException:
            self.child.stop()
            raise
        self.url, self.port = found[0], int(found[1])

    def page(self) -> str:
        with urllib.request.urlopen(self.url, timeout=PATIENCE) as response:
            page: str = response.read().decode()
        return page

    def code(self) -> list[str]:
        """What the page says is to be typed: for a shell, and for Python."""
        found = re.findall(r"<pre><code>(.*?)</code></pre>", self.page(), re.DOTALL)
        return [html.unescape(each) for each in found]

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

        assert demo.line == f"Vortex demo at {demo.url}, its jobs in {place}; Ctrl-C ends it"
        assert demo.url == f"http://127.0.0.1:{demo.port}/"

    def test_leaves_nothing_but_its_file(self, demo: Demo) -> None:
        assert [path.name for path in demo.folder.iterdir()] == ["vortex-demo.sqlite"]

    def test_is_the_same_for_python_m(self, installedWithOrm: Path, tmp_path: Path) -> None:
        running = Demo(installedWithOrm, tmp_path, module=True)
        try:
            assert "6 jobs" in running.page()
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
                typed(running.code()[0], installedWithOrm, tmp_path)
                assert f"{count} jobs" in running.page()
                running.interrupt()
            finally:
                running.child.stop()


class TestWhatThePageSays:
    def test_to_type_into_a_shell_creates_a_row(self, demo: Demo, installedWithOrm: Path) -> None:
        shell, _ = demo.code()
        assert shell.startswith("curl ")

        typed(shell, installedWithOrm, demo.folder)

        assert demo.rows()[-1] == (7, ADDED, "open")
        assert ADDED in demo.page()

    def test_to_run_in_python_creates_a_row_and_prints_it(self, demo: Demo, installedWithOrm: Path) -> None:
        _, program = demo.code()
        (demo.folder / "add.py").write_text(program)

        printed = typed("python add.py", installedWithOrm, demo.folder)

        assert printed == f"True [Job(id=7, title='{ADDED}', status='open')]\n"
        assert demo.rows()[-1] == (7, ADDED, "open")

    def test_is_there_for_whoever_asks_for_the_page_alone(self, demo: Demo) -> None:
        request = urllib.request.Request(demo.url, method="HEAD")
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            assert response.status == 200
            assert response.headers["Content-Security-Policy"].startswith(
                "default-src 'none'; style-src 'sha256-"
            )
            assert response.read() == b""


def typed(command: str, programs: Path, folder: Path) -> str:
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode in ((0, 28) if " -m " in command else (0,)), done.stderr  # 28: curl has hung up
    return done.stdout


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
            typed(running.code()[0], installedWithOrm, tmp_path)

            with engine.connect() as connection:
                rows = connection.execute(
                    text("select id, title, status, due from vortex_demo_job order by id")
                )
                found = rows.all()
            assert found[-1][:3] == (7, ADDED, "open")
            assert found[0][3].utcoffset() is not None
            assert ADDED in running.page()
            assert f"its jobs in {postgresqlUrl};" in running.line
            assert list(tmp_path.iterdir()) == []
            running.interrupt()
        finally:
            running.child.stop()
            with engine.begin() as connection:
                connection.execute(text("drop table if exists vortex_demo_job"))
            engine.dispose()


class TestOtherMachines:
    def test_are_let_in_where_it_listens_for_them(self, installedWithOrm: Path, tmp_path: Path) -> None:
        running = Demo(installedWithOrm, tmp_path, "--host", "0.0.0.0")
        try:
            assert ", open to other machines, " in running.line
            request = urllib.request.Request(running.url, headers={"Host": "board.example"})
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                assert "http://board.example/vortex?" in response.read().decode()
            running.interrupt()
        finally:
            running.child.stop()

    def test_are_not_where_it_does_not(self, demo: Demo) -> None:
        request = urllib.request.Request(demo.url, headers={"Host": "board.example"})

        with pytest.raises(urllib.error.HTTPError, match="403") as error:
            urllib.request.urlopen(request, timeout=PATIENCE)
        error.value.close()
