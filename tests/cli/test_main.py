"""The command ``vortex``: what it makes of its arguments."""

from __future__ import annotations

from typing import Any

import pytest

import vortex
import vortex.cli.demo
from vortex.cli.main import main


class TestArguments:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        """What the demo was started with, instead of starting it."""
        asked: list[dict[str, Any]] = []

        def demo(**options: Any) -> int:
            asked.append(options)
            return 0

        monkeypatch.setattr(vortex.cli.demo, "demo", demo)
        return asked

    def test_have_defaults_that_need_nothing(self, asked: list[dict[str, Any]]) -> None:
        assert main(["demo"]) == 0
        assert asked == [{"port": 8080, "host": "127.0.0.1", "database": None, "anonymous": False}]

    def test_reach_the_demo(self, asked: list[dict[str, Any]]) -> None:
        main(["demo", "--port", "0", "--host", "::1", "--database", "sqlite:///x", "--anonymous"])

        assert asked == [{"port": 0, "host": "::1", "database": "sqlite:///x", "anonymous": True}]

    @pytest.mark.parametrize("port", ["65536", "-1", "http", "", "8080x", "\u0668"])
    def test_say_what_a_port_is(
        self, port: str, asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as end:
            main(["demo", f"--port={port}"])

        assert end.value.code == 2
        assert f"expected a port from 0 to 65535, got {port!r}" in capsys.readouterr().err
        assert asked == []

    @pytest.mark.parametrize("arguments", [[], ["demoo"]])
    def test_name_the_commands_there_are(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as end:
            main(arguments)

        assert end.value.code == 2
        assert "command" in capsys.readouterr().err

    def test_tell_the_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as end:
            main(["--version"])

        assert end.value.code == 0
        assert capsys.readouterr().out == f"vortex {vortex.__version__}\n"

    def test_may_be_interrupted_before_it_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def demo(**options: Any) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr(vortex.cli.demo, "demo", demo)

        assert main(["demo"]) == 130
