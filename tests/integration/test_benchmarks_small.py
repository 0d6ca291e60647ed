"""The benchmarks that open no socket, ours alone and very small: what comes is rows, not numbers."""

from __future__ import annotations

import pytest

from benchmarks import codec, routing
from benchmarks.__main__ import main
from benchmarks.settings import TINY


class TestBenchmarks:
    def test_codec_measures_each_size_both_ways(self) -> None:
        rows = list(codec.run(TINY, None))

        assert [row.what for row in rows] == [
            "encode 1 tuple",
            "encode universal 1 tuple",
            "encode native 1 tuple",
            "decode 1 tuple",
            "decode native 1 tuple",
            "size native 1 tuple",
            "encode 3 tuples",
            "encode universal 3 tuples",
            "encode native 3 tuples",
            "decode 3 tuples",
            "decode native 3 tuples",
            "size native 3 tuples",
        ]
        assert all(row.ours and not row.peer and row.ratio is None for row in rows)

    def test_routing_measures_each_size_of_each_scenario_and_how_it_grows(self) -> None:
        rows = list(routing.run(TINY, None))

        assert [row.what for row in rows[:4]] == [
            "find 1 of 10: a key each",
            "find 1 of 20: a key each",
            "route to 1 of 20: a key each",
            "route, from 10 to 20 endpoints: a key each",
        ]
        assert len(rows) == 4 * len(routing.SCENARIO_NAMES)


class TestCommand:
    def test_writes_a_table(self, capsys: pytest.CaptureFixture[str]) -> None:
        main(["--tiny", "--no-peer", "--only", "codec"])

        lines = capsys.readouterr().out.splitlines()
        assert lines[2].startswith("| what | VortexPY 6.2.2 | ours |")
        assert len(lines) == 2 + 2 + 12

    def test_names_the_benchmarks_where_one_is_unknown(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["--only", "codec,speed"])

        assert "no benchmark 'speed': there are codec, routing" in capsys.readouterr().err
