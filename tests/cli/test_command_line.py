"""``vortex send``, ``watch`` and ``rpc``: what becomes of their arguments. None of them is run."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vortex.cli.commands
from vortex.cli.line import Target
from vortex.cli.main import main
from vortex.transports.tls import TlsOptions

URL = "tcp://127.0.0.1:8081"
WEB = "http://127.0.0.1:8080/vortex"


class Asked:
    """
    Attributes:
        function: What would have run.
        options: What it would have been called with.
        name: The vortex's.
    """

    def __init__(self) -> None:
        self.count = 0

    def run(self, command: Any, output: Any, *, name: str) -> int:
        self.count += 1
        self.function, self.options, self.output, self.name = command.func, command.keywords, output, name
        return 7

    @property
    def target(self) -> Target:
        target: Target = self.options["target"]
        return target


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    monkeypatch.setattr(vortex.cli.commands, "run", asked.run)
    monkeypatch.delenv("VORTEX_TOKEN", raising=False)
    return asked


def refused(arguments: list[str], asked: Asked, capsys: pytest.CaptureFixture[str]) -> str:
    """The last line of what it says to arguments that are wrong."""
    try:
        code: Any = main(arguments)
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr()
    assert (code, said.out, asked.count) == (2, "", 0), said
    return said.err.splitlines()[-1].removeprefix(f"vortex {arguments[0]}: ").removeprefix("error: ")


class TestSend:
    def test_makes_a_payload(self, asked: Asked) -> None:
        assert main(["send", URL, "key=jobs", "id=3", "--tuple", 'a.B:{"c": 1}', "--tuple", "5"]) == 7

        assert asked.function.__name__ == "send"
        payload = asked.options["payload"]
        assert payload.filt == {"key": "jobs", "id": 3}
        assert (payload.tuples[0].tupleType, payload.tuples[1]) == ("a.B", 5)
        assert (asked.options["asRequest"], asked.options["priority"]) == (False, 100)
        assert asked.target == Target(URL, 10.0, None)
        assert asked.name == "vortex-cli"

    def test_without_tuples_has_a_bare_filt(self, asked: Asked) -> None:
        main(["send", URL, "key=jobs"])

        assert not asked.options["payload"].hasBody

    def test_takes_options_wherever_they_stand(self, asked: Asked) -> None:
        main(["send", "--timeout", "2.5", URL, "--request", "key=jobs", "--name", "me", "id=3"])

        assert asked.options["payload"].filt == {"key": "jobs", "id": 3}
        assert asked.options["asRequest"] is True
        assert (asked.target.timeout, asked.name) == (2.5, "me")

    def test_reads_tuples_from_its_input(self, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO('{"_type": "a.B"}\n6\n'))
        main(["send", URL, "key=jobs", "-", "--tuple", "5"])

        first, second, third = asked.options["payload"].tuples
        assert (first, second.tupleType, third) == (5, "a.B", 6)

    def test_takes_a_whole_payload(self, asked: Asked) -> None:
        main(["send", URL, "--payload", '{"filt": {"key": "jobs"}, "tuples": [5]}', "--priority", "-1"])

        payload = asked.options["payload"]
        assert (payload.filt, payload.tuples) == ({"key": "jobs"}, [5])
        assert asked.options["priority"] == -1

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ([URL], "a filt needs a key, which says who it is for, as in key=jobs"),
            ([URL, "key={}"], "a filt needs a key, which says who it is for, as in key=jobs"),
            (
                [URL, "--payload", '{"filt": {}}'],
                "a filt needs a key, which says who it is for, as in key=jobs",
            ),
            ([URL, "key=a", "--payload", "{}"], "--payload has the filt and the tuples: give no others"),
            (
                [URL, "--tuple", "5", "--payload", "{}"],
                "--payload has the filt and the tuples: give no others",
            ),
            (
                [URL, "key=a", "--request", "--priority", "5"],
                "--priority is for what is sent without --request",
            ),
            ([URL, "key=a", "--priority", "high"], "argument --priority: invalid int value: 'high'"),
            ([URL, "key=a", "--prio", "5"], "unrecognized arguments: --prio"),
        ],
        ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else "",
    )
    def test_says_what_is_wrong(
        self, arguments: list[str], text: str, asked: Asked, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert refused(["send", *arguments], asked, capsys).startswith(text)


class TestWatch:
    def test_has_a_filt(self, asked: Asked) -> None:
        assert main(["watch", URL, "key=jobs", "--count", "3"]) == 7

        assert asked.function.__name__ == "watch"
        assert asked.options["filt"] == {"key": "jobs"}
        assert (asked.options["isAsking"], asked.options["count"]) == (True, 3)

    def test_need_not_ask(self, asked: Asked) -> None:
        main(["watch", "--no-load", URL, "key=jobs"])

        assert (asked.options["isAsking"], asked.options["count"]) == (False, None)

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (["id=3"], "a filt needs a key, which says who it is for, as in key=jobs"),
            ([], "the following arguments are required: name=value"),
            (["key=a", "--count", "0"], "argument --count: expected a number from 1 on, got '0'"),
            (["key=a", "--table", "--json"], "argument --json: not allowed with argument --table"),
        ],
        ids=["no key", "no filt", "none", "both"],
    )
    def test_says_what_is_wrong(
        self, arguments: list[str], text: str, asked: Asked, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert refused(["watch", URL, *arguments], asked, capsys) == text


class TestRpc:
    def test_has_a_name_and_arguments(self, asked: Asked) -> None:
        assert main(["rpc", URL, "jobs.add", "2", "--timeout", "1", "b=40"]) == 7

        assert asked.function.__name__ == "call"
        assert {name: asked.options[name] for name in ("function", "args", "kwargs")} == {
            "function": "jobs.add",
            "args": [2],
            "kwargs": {"b": 40},
        }

    def test_takes_numbers_below_zero(self, asked: Asked) -> None:
        main(["rpc", URL, "jobs.add", "-2", "-1.5"])

        assert asked.options["args"] == [-2, -1.5]

    def test_needs_a_function(self, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
        assert refused(["rpc", URL], asked, capsys) == "the following arguments are required: function"


class TestTheLine:
    @pytest.mark.parametrize("url", ["localhost", "ftp://host", "tcp://", "", "host:8080/vortex"])
    def test_needs_a_url(self, url: str, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
        assert refused(["send", url, "key=a"], asked, capsys) == (
            "argument url: expected a URL as in http://host:8080/vortex, tcp://host:8081 or "
            f"unix:///run/jobs.sock, got {url!r}"
        )

    @pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "inf"])
    def test_needs_some_time(self, seconds: str, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
        text = refused(["send", URL, "key=a", f"--timeout={seconds}"], asked, capsys)

        assert text == f"argument --timeout: expected seconds, more than 0, got {seconds!r}"

    def test_has_the_token_that_stands_nearest(
        self, asked: Asked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = tmp_path / "token"
        file.write_text("from-file\n")
        found = []
        for options in ([], ["--token", "typed"], ["--token-file", str(file)]):
            main(["send", WEB, "key=a", *options])
            found.append(asked.target.token)
        monkeypatch.setenv("VORTEX_TOKEN", "from-environment")
        for options in ([], ["--token", "typed"], ["--token-file", str(file)]):
            main(["send", WEB, "key=a", *options])
            found.append(asked.target.token)

        assert found == [None, "typed", "from-file", "from-environment", "typed", "from-file"]

    def test_has_no_token_of_the_environment_where_there_is_no_place_for_one(
        self, asked: Asked, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VORTEX_TOKEN", "from-environment")
        main(["send", URL, "key=a"])
        assert asked.target.token is None

        main(["send", URL, "key=a", "--token", "typed"])
        assert asked.target.token == "typed"

    def test_needs_a_token_file_that_can_be_read(
        self, asked: Asked, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        text = refused(["send", URL, "key=a", "--token-file", str(tmp_path / "none")], asked, capsys)

        assert text.startswith("the token's file cannot be read: ")

    def test_has_what_tls_needs(self, asked: Asked) -> None:
        main(["rpc", "tls://host:1", "f", "--cert", "a.pem", "--key", "b.pem", "--trust", "c.pem"])
        assert asked.target.tls == TlsOptions(certificate="a.pem", privateKey="b.pem", trust="c.pem")

        main(["rpc", "wss://host:1", "f", "--fingerprint", "0A:" * 31 + "0A", "--fingerprint", "1" * 64])
        assert asked.target.tls == TlsOptions(fingerprints=["0a" * 32, "1" * 64])

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            (["--key", "b.pem"], "--key is that of a certificate: give --cert too"),
            (["--fingerprint", "red"], "expected a SHA-256 fingerprint, 64 hexadecimal digits"),
        ],
        ids=["key", "fingerprint"],
    )
    def test_says_what_tls_lacks(
        self, options: list[str], text: str, asked: Asked, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert refused(["rpc", "tls://host:1", "f", *options], asked, capsys).startswith(text)

    def test_says_what_has_no_tls(self, asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
        assert refused(["rpc", URL, "f", "--trust", "c.pem"], asked, capsys) == (
            f"--cert, --key, --trust and --fingerprint are for https, wss and tls, got {URL!r}"
        )


class TestTheProgram:
    @pytest.mark.parametrize("command", ["send", "watch", "rpc"])
    def test_is_interrupted_before_it_runs(self, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*arguments: Any, **options: Any) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr(vortex.cli.commands, "run", interrupted)

        assert main([command, URL, "key=a"]) == 130

    def test_says_what_is_wrong_without_importing_twisted(self) -> None:
        code = (
            "import sys; from vortex.cli.main import main\n"
            "try: main(['send', 'nowhere'])\n"
            "except SystemExit as end: assert end.code == 2\n"
            "assert 'vortex.cli.command_line' in sys.modules\n"
            "assert not {'twisted', 'sqlalchemy'} & sys.modules.keys()"
        )

        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stderr
