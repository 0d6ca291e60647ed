"""``vortex rpc``: a call of a function that is known by its name only."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.cli.stage import Stage, anyJob
from vortex import Delivery, Payload, Rejected, vortexRpc
from vortex.cli.plain_json import fromPlain
from vortex.cli.rpc_command import call
from vortex.cli.running import Command
from vortex.testing import RecordingEndpoint


@vortexRpc("server", name="stage.tell")
def tell(*args: Any, **kwargs: Any) -> Any:
    if args == ("no",):
        raise Rejected("not that\none", code="out-of-stock")
    return {"args": list(args), "kwargs": kwargs, "job": fromPlain(anyJob(1, "Water"))}


def calling(stage: Stage, function: str, *args: Any, **kwargs: Any) -> Command:
    return partial(
        call, target=stage.target, output=stage.output(), function=function, args=args, kwargs=kwargs
    )


@pytest.fixture
def offered(stage: Stage) -> None:
    stage.listen()
    tell.start(vortex=stage.server)


@pytest.mark.usefixtures("offered")
class TestACall:
    def test_prints_what_the_function_returns(self, stage: Stage) -> None:
        assert stage.run(calling(stage, "stage.tell", 2, "two", [2], b=40)) == 0
        assert stage.out.getvalue() == (
            '{"args": [2, "two", [2]], "kwargs": {"b": 40}, '
            '"job": {"_type": "stage.Job", "id": 1, "title": "Water"}}\n'
        )
        assert stage.err.getvalue() == ""

    def test_takes_tuples_for_arguments(self, stage: Stage) -> None:
        assert (
            stage.run(calling(stage, "stage.tell", [fromPlain({"_ft": "datetime", "_fd": "2024-02-29"})]))
            == 0
        )
        assert stage.printed[0]["args"] == [["2024-02-29"]]

    def test_that_is_refused_says_why_in_lines_that_cannot_pass_for_ours(self, stage: Stage) -> None:
        assert stage.run(calling(stage, "stage.tell", "no")) == 1
        assert stage.err.lines == ["vortex test: out-of-stock: not that", "    one"]
        assert stage.out.lines == []

    def test_of_what_nobody_offers_ends_in_time(self, stage: Stage) -> None:
        stage.start(calling(stage, "stage.nothing"))
        stage.harness.advance(10.1)

        assert stage.code() == 4
        assert stage.told == ["timeout: the peer 'server', asked for 'stage.nothing', did not answer in 10 s"]


class TestAnAnswer:
    def test_that_is_no_result_is_an_error(self, stage: Stage) -> None:
        stage.listen()

        def answer(payload: Payload, delivery: Delivery) -> None:
            delivery.reply([1, 2])

        asked = RecordingEndpoint({"key": "stage.tell"}, stage.server, answer)

        assert stage.run(calling(stage, "stage.tell")) == 1
        assert stage.told == ["expected the result of a call, got 2 tuples"]
        assert len(asked.payloads) == 1
