"""``vortex send``: what it sends, what it prints, and what it ends with."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import pytest

from tests.cli.stage import URL, Jobs, Stage, Stream, anyJob
from vortex import AccessDenied, Delivery, Payload, Rejected, VortexError
from vortex.cli.plain_json import fromPlain
from vortex.cli.running import Command
from vortex.cli.send import send
from vortex.testing import RecordingEndpoint


def sending(stage: Stage, payload: Payload, **options: Any) -> Command:
    options.setdefault("asRequest", False)
    return partial(send, target=stage.target, output=stage.output(), payload=payload, **options)


class TestSending:
    def test_hands_over_a_payload_with_tuples_of_any_type(self, stage: Stage) -> None:
        stage.listen()
        got = RecordingEndpoint({"key": "in"}, stage.server)

        code = stage.run(sending(stage, Payload({"key": "in", "id": 3}, [fromPlain(anyJob(1, "Water"))])))

        assert code == 0
        (payload,) = got.payloads
        assert payload.filt["id"] == 3
        assert payload.jsonTuples == [
            {"_ct": "rt", "_c": "stage.Job", "id": {"_ft": "int", "_fd": 1}, "title": "Water"}
        ]
        assert (stage.out.getvalue(), stage.err.getvalue()) == ("", "")

    def test_ends_only_when_all_of_a_large_payload_is_written(self, stage: Stage) -> None:
        stage.listen()
        stage.harness.network.onConnect(lambda line: setattr(line.toServer, "bytesPerSecond", 50_000))
        got = RecordingEndpoint({"key": "in"}, stage.server)
        text = Random(1).randbytes(200_000).hex()

        stage.start(sending(stage, Payload({"key": "in"}, [text])))

        assert not stage.done.called
        stage.harness.advance(30)
        assert stage.code() == 0
        assert [payload.jsonTuples for payload in got.payloads] == [[text]]

    def test_goes_on_by_the_next_line_when_it_breaks_on_the_way(self, stage: Stage) -> None:
        stage.listen()
        stage.harness.network.onConnect(
            lambda line: line.toServer.cut(afterBytes=100_000) if line.number == 0 else None
        )
        got = RecordingEndpoint({"key": "in"}, stage.server)
        long = Random(1).randbytes(200_000).hex()

        stage.start(sending(stage, Payload({"key": "in"}, [long])))
        stage.harness.advance(1)

        assert stage.code() == 0
        assert got.tuples == [long]
        assert len(stage.harness.network.connections) == 2

    def test_says_so_when_there_is_no_next_line_in_time(self, stage: Stage) -> None:
        stage.listen()
        stage.harness.network.onConnect(
            lambda line: line.toServer.cut(afterBytes=100_000) if line.number == 0 else line.cut()
        )
        got = RecordingEndpoint({"key": "in"}, stage.server)

        stage.start(sending(stage, Payload({"key": "in"}, [Random(1).randbytes(200_000).hex()])))
        stage.harness.advance(20)

        assert stage.code() == 4
        assert got.payloads == []
        assert stage.told == [f"connection-lost: {URL} went before all was handed over"]

    def test_with_what_cannot_travel_is_a_mistake_of_who_typed_it(self, stage: Stage) -> None:
        stage.listen()

        code = stage.run(sending(stage, Payload({"key": "in"}, [object()])))

        assert code == 2
        (told,) = stage.told
        assert told.startswith("this cannot be sent: a builtins.object cannot travel: ")
        assert told.endswith(" - at tuples[0]")


class TestARequest:
    def test_prints_the_tuples_of_the_answer_a_line_each(self, stage: Stage) -> None:
        stage.listen()
        jobs = Jobs({"key": "jobs"}, stage.server, [fromPlain(anyJob(n, "Water")) for n in (1, 2)])

        code = stage.run(sending(stage, Payload({"key": "jobs", "id": 3}), asRequest=True))

        assert code == 0
        assert stage.out.lines == [
            '{"_type": "stage.Job", "id": 1, "title": "Water"}',
            '{"_type": "stage.Job", "id": 2, "title": "Water"}',
        ]
        assert jobs.asked[0]["id"] == 3

    @pytest.mark.parametrize(
        ("error", "code", "text"),
        [
            (Rejected("no such job", code="unknown-record"), 1, "unknown-record: no such job"),
            (AccessDenied("staff only"), 5, "access-denied: staff only"),
        ],
        ids=["rejected", "denied"],
    )
    def test_that_is_refused_says_why(self, stage: Stage, error: VortexError, code: int, text: str) -> None:
        stage.listen()
        jobs = Jobs({"key": "jobs"}, stage.server, error)

        assert stage.run(sending(stage, Payload({"key": "jobs"}), asRequest=True)) == code
        assert stage.told == [text]
        assert stage.out.lines == []
        assert len(jobs.asked) == 1

    def test_without_an_answer_ends_when_its_time_is_up(self, stage: Stage) -> None:
        stage.listen()
        stage.start(sending(stage, Payload({"key": "nobody"}), asRequest=True))

        stage.harness.advance(9.9)
        assert not stage.done.called
        stage.harness.advance(0.2)

        assert stage.code() == 4
        assert stage.told == ["timeout: the peer 'server', asked for 'nobody', did not answer in 10 s"]

    def test_whose_line_breaks_has_its_answer_by_the_next(self, stage: Stage) -> None:
        stage.listen()
        asked: list[Delivery] = []
        jobs = RecordingEndpoint({"key": "jobs"}, stage.server, lambda _, delivery: asked.append(delivery))
        stage.start(sending(stage, Payload({"key": "jobs"}), asRequest=True))

        stage.harness.network.connections[0].cut()
        asked[0].reply([5])
        stage.harness.advance(1)

        assert stage.code() == 0
        assert stage.out.lines == ["5"]
        assert len(jobs.payloads) == 1

    def test_whose_server_is_gone_ends_in_time(self, stage: Stage) -> None:
        stage.listen()
        stage.start(sending(stage, Payload({"key": "nobody"}), asRequest=True))

        stage.server.shutdown()
        stage.harness.advance(20)

        assert stage.code() == 4
        assert stage.told[-1].startswith("timeout: the peer 'server', asked for 'nobody'")

    def test_whose_answer_cannot_be_read_says_so(self, stage: Stage) -> None:
        stage.listen()

        def answer(payload: Payload, delivery: Delivery) -> None:
            delivery.reply(["x" * (stage.vortex.limits.maxString + 1)])

        asked = RecordingEndpoint({"key": "jobs"}, stage.server, answer)

        assert stage.run(sending(stage, Payload({"key": "jobs"}), asRequest=True)) == 1
        assert "(maxString)" in stage.told[0]
        assert len(asked.payloads) == 1

    def test_whose_answer_nobody_reads_ends_quietly(self, stage: Stage) -> None:
        stage.listen()
        stage.out = Stream(failing=BrokenPipeError())
        jobs = Jobs({"key": "jobs"}, stage.server, [5])

        assert stage.run(sending(stage, Payload({"key": "jobs"}), asRequest=True)) == 0
        assert stage.told == []
        assert len(jobs.asked) == 1


class TestTheLine:
    def test_is_tried_until_the_time_is_up(self, stage: Stage) -> None:
        stage.start(sending(stage, Payload({"key": "in"})))

        stage.harness.advance(9.9)
        assert not stage.done.called
        stage.harness.advance(0.2)

        assert stage.code() == 3
        assert stage.told == [
            f"{URL}: nobody listens there; trying again",
            f"no connection in 10 s: {URL}: nobody listens there",
        ]

    def test_is_good_as_soon_as_somebody_listens(self, stage: Stage) -> None:
        got = RecordingEndpoint({"key": "in"}, stage.server)
        stage.start(sending(stage, Payload({"key": "in"})))
        stage.listen()

        stage.harness.advance(8.1)

        assert stage.code() == 0
        assert len(got.payloads) == 1

    def test_to_who_says_nothing_is_none(self, stage: Stage) -> None:
        stage.listen()
        stage.harness.network.onConnect(lambda line: line.toClient.stop())
        stage.start(sending(stage, Payload({"key": "in"})))

        stage.harness.advance(10.1)
        stage.harness.advance(10)

        assert stage.code() == 3

    def test_that_is_refused_is_not_tried_again(self, stage: Stage) -> None:
        stage.guard(AccessDenied("the badge has expired"))

        assert stage.run(sending(stage, Payload({"key": "in"}))) == 5
        assert len(stage.told) == 1
        assert stage.told[0].startswith("access-denied: ")
        assert stage.told[0].endswith("the badge has expired")

    def test_is_closed_when_the_command_is_cancelled(self, stage: Stage) -> None:
        stage.listen()
        stage.start(sending(stage, Payload({"key": "nobody"}), asRequest=True))

        stage.done.cancel()

        assert stage.code() == 0
        assert stage.told == []
        assert [line.isOpen for line in stage.harness.network.connections] == [False]
