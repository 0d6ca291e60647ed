"""``vortex send``, ``watch`` and ``rpc`` as they are typed: real processes, sockets, pipes and signals."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.integration.children import PATIENCE, ROOT, Child
from tests.integration.nginx import makeCertificate

TWISTEDS_OWN = "Passing pyOpenSSL"
"""How a warning begins that Twisted causes itself, each time that it reads a certificate."""
PYTHON = (sys.executable, "-W", "error", "-W", f"ignore:{TWISTEDS_OWN}:DeprecationWarning")
VORTEX = (*PYTHON, "-m", "vortex")
JOB = {"_type": "shop.Job", "due": "2024-02-29T12:00:00+00:00", "id": 1, "title": "Water the plants"}
JOBS = {"filt": {"key": "jobs"}, "tuples": [JOB]}


class Shop:
    """
    The server that the commands are typed against: see `tests.integration.command_line_server`.

    Attributes:
        certificate: The file of its own.
        socket: Its Unix socket.
    """

    def __init__(self, folder: Path) -> None:
        self.certificate, key = folder / "certificate.pem", folder / "key.pem"
        makeCertificate(self.certificate, key)
        self.socket = folder / "shop.sock"
        program = ("-m", "tests.integration.command_line_server")
        self.child = Child(*PYTHON, *program, self.certificate, key, self.socket)
        try:
            self.ports: dict[str, int] = json.loads(
                self.child.line(lambda line: line.startswith("READY "))[6:]
            )
        except BaseException:
            self.child.stop()
            raise

    def url(self, scheme: str = "tcp") -> str:
        if scheme in ("tcp", "tls"):
            return f"{scheme}://127.0.0.1:{self.ports[scheme]}"
        if scheme == "unix":
            return f"unix://{self.socket}"
        name = "https" if scheme in ("https", "wss") else "http"
        return f"{scheme}://127.0.0.1:{self.ports[name]}/vortex"

    @property
    def guardedStream(self) -> str:
        return f"tcp://127.0.0.1:{self.ports['guardedTcp']}"

    def guarded(self, scheme: str) -> str:
        return f"{scheme}://127.0.0.1:{self.ports['guarded']}/vortex"

    def got(self) -> Any:
        """The next message to its inbox: the filt, and the tuples as they travelled."""
        return json.loads(self.child.line(lambda line: line.startswith("GOT "))[4:])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    running = Shop(tmp_path_factory.mktemp("shop"))
    try:
        yield running
    finally:
        status = running.child.stop()
    assert (status, running.child.errors) == (0, ""), str(running.child)


def typed(*arguments: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """What comes of a command that ends by itself."""
    return subprocess.run(
        [*VORTEX, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def outcome(done: subprocess.CompletedProcess[str]) -> tuple[int, list[Any], list[str]]:
    """Its exit code, the JSON that it printed, and the lines that it told."""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.splitlines()


def nobody() -> str:
    """A URL where nobody listens."""
    with closing(socket.socket()) as port:
        port.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{port.getsockname()[1]}"


class TestEveryTransport:
    @pytest.mark.parametrize("scheme", ["tcp", "tls", "unix", "ws", "wss", "http", "https"])
    def test_carries_a_payload_an_answer_a_push_and_a_call(self, shop: Shop, scheme: str) -> None:
        url = shop.url(scheme)
        to = [url, *(("--trust", str(shop.certificate)) if scheme in ("tls", "wss", "https") else ())]

        assert outcome(typed("send", *to, "key=inbox", "--tuple", 'a.B:{"c": [1]}')) == (0, [], [])
        assert shop.got() == [
            {"key": "inbox"},
            [{"_ct": "rt", "_c": "a.B", "c": [{"_ft": "int", "_fd": 1}]}],
        ]
        assert outcome(typed("send", *to, "--request", "key=jobs")) == (0, [JOB], [])
        assert outcome(typed("rpc", *to, "shop.add", "2", "b=40")) == (0, [42], [])
        with Child(*VORTEX, "watch", *to, "key=jobs", "--count", "2") as watching:
            assert json.loads(watching.line()) == JOBS
            assert typed("send", *to, "key=push", "--request").returncode == 0
            assert json.loads(watching.line()) == JOBS
            assert watching.finish() == 0
            assert watching.errors == f"vortex watch: connected to 'server' at {url}\n"


class TestTls:
    CALL = ("shop.add", "2", "b=40")

    def test_needs_a_certificate_that_is_trusted(self, shop: Shop) -> None:
        code, printed, told = outcome(typed("rpc", shop.url("tls"), *self.CALL))

        assert (code, printed, len(told)) == (3, [], 1)
        assert told[0].startswith("vortex rpc: certificate-refused: ")
        assert "--trust" in told[0]
        assert "--fingerprint" in told[0]

    def test_takes_one_that_a_file_says_is_trusted(self, shop: Shop) -> None:
        assert outcome(typed("rpc", shop.url("tls"), *self.CALL, "--trust", str(shop.certificate))) == (
            0,
            [42],
            [],
        )

    def test_takes_one_of_a_fingerprint_only(self, shop: Shop) -> None:
        printed = subprocess.run(
            ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", shop.certificate],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        fingerprint = printed.strip().partition("=")[2]
        call = ("rpc", shop.url("tls"), *self.CALL, "--fingerprint")

        assert outcome(typed(*call, fingerprint)) == (0, [42], [])
        assert outcome(typed(*call, "11" * 32))[0] == 3


class TestTheOutput:
    def test_can_be_sent_on_as_it_is(self, shop: Shop) -> None:
        first = typed("send", shop.url(), "key=jobs", "--request", "--exact")
        second = typed("send", shop.url("ws"), "key=inbox", "-", given=first.stdout)

        assert second.returncode == 0, second.stderr
        (sent,) = shop.got()[1]
        assert sent == json.loads(first.stdout)
        assert sent["due"] == {"_ft": "datetime", "_fd": "2024-02-29 12:00:00.000000+0000"}

    def test_is_a_table_on_a_terminal(self, shop: Shop) -> None:
        ours, its = pty.openpty()
        try:
            subprocess.run(
                [*VORTEX, "send", shop.url(), "key=jobs", "--request"],
                env={**os.environ, "TERM": "xterm", "NO_COLOR": ""},
                stdout=its,
                check=True,
                timeout=PATIENCE,
            )
            shown = os.read(ours, 10_000).decode()
        finally:
            os.close(ours)
            os.close(its)

        assert shown.splitlines() == [
            "\x1b[1mid  due                        title\x1b[0m",
            "1   2024-02-29T12:00:00+00:00  Water the plants",
        ]

    def test_that_nobody_reads_any_more_ends_a_watch_at_once(self, shop: Shop) -> None:
        done = subprocess.run(
            [
                "bash",
                "-c",
                '"$@" | head -n 1; echo "${PIPESTATUS[0]}"',
                "bash",
                *VORTEX,
                "watch",
                shop.url(),
                "key=jobs",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )

        first, status = done.stdout.splitlines()
        assert (json.loads(first), status) == (JOBS, "0")
        assert done.stderr == f"vortex watch: connected to 'server' at {shop.url()}\n"

    def test_that_is_closed_from_the_beginning_is_no_trouble(self, shop: Shop) -> None:
        read, write = os.pipe()
        os.close(read)
        try:
            done = subprocess.run(
                [*VORTEX, "rpc", shop.url(), "shop.add", "2"],
                cwd=ROOT,
                stdout=write,
                stderr=subprocess.PIPE,
                check=False,
                timeout=PATIENCE,
            )
        finally:
            os.close(write)

        assert (done.returncode, done.stderr) == (0, b"")


class TestExitCodes:
    def test_1_is_an_error_of_the_other_end(self, shop: Shop) -> None:
        assert outcome(typed("rpc", shop.url(), "shop.add", "-1")) == (
            1,
            [],
            ["vortex rpc: too-little: nothing below zero"],
        )
        assert outcome(typed("watch", shop.url(), "key=jobs", "id=0")) == (
            1,
            [],
            [
                f"vortex watch: connected to 'server' at {shop.url()}",
                "vortex watch: unknown-record: there is no job 0",
            ],
        )

    def test_2_is_a_mistake_of_who_typed_it(self) -> None:
        done = typed("send", "nowhere", "key=jobs")

        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines()[-1].startswith("vortex send: error: argument url: expected a URL")

    def test_3_is_no_connection_in_time(self) -> None:
        url = nobody()

        assert outcome(typed("send", url, "key=jobs", "--timeout", "0.4")) == (
            3,
            [],
            [
                f"vortex send: {url}: nobody listens there; trying again",
                f"vortex send: no connection in 0.4 s: {url}: nobody listens there",
            ],
        )

    def test_4_is_no_answer_in_time(self, shop: Shop) -> None:
        code, printed, told = outcome(typed("rpc", shop.url(), "shop.nothing", "--timeout", "0.4"))

        assert (code, printed) == (4, [])
        assert told == [
            "vortex rpc: timeout: the peer 'server', asked for 'shop.nothing', did not answer in 0.4 s"
        ]

    def test_5_is_no_access(self, shop: Shop) -> None:
        code, printed, told = outcome(typed("rpc", shop.guardedStream, "shop.add", "2", "b=40"))

        assert (code, printed, len(told)) == (5, [], 1)
        assert told[0].startswith("vortex rpc: ")
        assert "unauthenticated" in told[0]

    @pytest.mark.parametrize("scheme", ["http", "ws"])
    def test_a_token_gives_access(self, shop: Shop, scheme: str, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("let-me-in\n")
        call = ("rpc", shop.guarded(scheme), "shop.add", "2", "b=40")
        for denied in (typed(*call), typed(*call, "--token", "wrong"), typed(*call, VORTEX_TOKEN="wrong")):
            code, printed, told = outcome(denied)
            assert (code, printed, len(told)) == (5, [], 1), told
            assert told[0].startswith("vortex rpc: unauthenticated: ")
        for let in (
            typed(*call, "--token", "let-me-in"),
            typed(*call, "--token-file", str(file)),
            typed(*call, VORTEX_TOKEN="let-me-in"),
        ):
            assert outcome(let) == (0, [42], [])


class TestSignals:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_end_a_watch_in_order(self, shop: Shop, number: int, code: int) -> None:
        with Child(*VORTEX, "watch", shop.url(), "key=jobs") as watching:
            watching.line()
            os.kill(watching.pid, number)

            assert watching.finish() == code
            assert watching.errors == f"vortex watch: connected to 'server' at {shop.url()}\n"

    def test_end_what_waits_for_somebody_who_says_nothing(self) -> None:
        with closing(socket.socket()) as listener:
            listener.settimeout(PATIENCE)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
            with Child(*VORTEX, "send", url, "key=jobs", "--timeout", "1000") as sending:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1)

                    assert sending.interrupt() == 130
                    assert sending.errors == ""


EARLY = """
import os, signal, sys

class Garbage:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv[2]))

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            print("reached", flush=True)
            Garbage()

import vortex.cli.main
sys.meta_path.insert(0, Interrupting())
sys.exit(vortex.cli.main.main(sys.argv[3:]))
"""
"""
Runs a command, and signals itself when a module is about to be imported. It does so in a place that there are
many of in an import: a KeyboardInterrupt does not come out of it. Python tells of that, and goes on.
"""


class TestAnEarlySignal:
    @pytest.mark.parametrize(
        "module",
        [
            "vortex.cli.commands",  # the arguments were read just now
            "twisted.internet.reactor",  # none is there yet
            "vortex.transports.websocket_client",  # the command has begun
        ],
    )
    @pytest.mark.parametrize("command", ["send", "watch", "rpc"])
    def test_ends_a_command_without_a_word(self, module: str, command: str) -> None:
        done = early(module, signal.SIGINT, command)

        assert (done.returncode, done.stdout, done.stderr) == (130, "reached\n", "")

    @pytest.mark.parametrize("module", ["twisted.internet.reactor", "vortex.transports.websocket_client"])
    def test_may_be_the_systems(self, module: str) -> None:
        done = early(module, signal.SIGTERM, "watch")

        assert (done.returncode, done.stdout, done.stderr) == (143, "reached\n", "")


def early(module: str, number: int, command: str) -> subprocess.CompletedProcess[str]:
    """What comes of *command* when a signal comes at the beginning of the import of *module*."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        return subprocess.run(
            [*PYTHON, "-c", EARLY, module, str(int(number)), command, url, "key=jobs"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )


class TestAWatch:
    def test_outlives_its_server(self, tmp_path: Path) -> None:
        shop = Shop(tmp_path)
        port = shop.ports["tcp"]
        url = shop.url()
        with Child(*VORTEX, "watch", url, "key=jobs") as watching:
            try:
                watching.line()
            finally:
                shop.child.stop()
            with closing(socket.socket()) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.settimeout(PATIENCE)
                listener.bind(("127.0.0.1", port))
                listener.listen()
                listener.accept()[0].close()

            assert watching.interrupt() == 130
            assert watching.errors.splitlines()[0] == f"vortex watch: connected to 'server' at {url}"
            assert watching.errors.count("trying again") >= 1
