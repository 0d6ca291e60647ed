"""``vortex watch``: what it asks, what it prints of what comes, and how it goes on."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.cli.stage import URL, Jobs, Stage, Stream, anyJob
from vortex import AccessDenied, Delivery, Payload, Rejected, VortexError
from vortex.cli.plain_json import fromPlain
from vortex.cli.running import Command
from vortex.cli.watch import watch
from vortex.testing import RecordingEndpoint

JOBS = {"key": "jobs"}


def watching(stage: Stage, filt: dict[str, Any] | None = None, **options: Any) -> Command:
    return partial(watch, target=stage.target, output=stage.output(), filt=filt or JOBS, **options)


@pytest.fixture
def jobs(stage: Stage) -> Jobs:
    """A handler, listening."""
    stage.listen()
    return Jobs(JOBS, stage.server, [fromPlain(anyJob(1, "Water"))])


class TestWatching:
    def test_asks_and_prints_the_answer_and_each_push(self, stage: Stage, jobs: Jobs) -> None:
        stage.start(watching(stage))
        jobs.model = []
        jobs.sendModelUpdate()
        stage.harness.settle()

        assert stage.out.lines == [
            '{"filt": {"key": "jobs"}, "tuples": [{"_type": "stage.Job", "id": 1, "title": "Water"}]}',
            '{"filt": {"key": "jobs"}, "tuples": []}',
        ]
        assert stage.told == [f"connected to 'server' at {URL}"]
        assert not stage.done.called

    def test_without_asking_prints_what_comes_unasked_only(self, stage: Stage, jobs: Jobs) -> None:
        stage.start(watching(stage, isAsking=False))
        stage.server.send(Payload({**JOBS, "id": 2}, ["to all"]))
        jobs.sendModelUpdate()
        stage.harness.settle()

        assert stage.printed == [{"filt": {"key": "jobs", "id": 2}, "tuples": ["to all"]}]
        assert jobs.asked == []

    def test_passes_over_what_its_filt_is_no_part_of(self, stage: Stage, jobs: Jobs) -> None:
        stage.start(watching(stage, {"key": "jobs", "id": 2}, isAsking=False))
        for number in (1, 2):
            stage.server.send(Payload({**JOBS, "id": number}))
        stage.harness.settle()

        assert [line["filt"]["id"] for line in stage.printed] == [2]

    def test_ends_after_as_many_payloads_as_were_asked_for(self, stage: Stage, jobs: Jobs) -> None:
        stage.start(watching(stage, count=2))
        assert not stage.done.called
        jobs.sendModelUpdate()
        jobs.sendModelUpdate()

        assert stage.code() == 0
        assert len(stage.out.lines) == 2

    def test_shows_an_error_that_comes_unasked(self, stage: Stage, jobs: Jobs) -> None:
        stage.start(watching(stage, isAsking=False))
        stage.server.send(Payload(JOBS, result="out-of-order: the pump"))
        stage.harness.settle()

        assert stage.printed == [{"filt": JOBS, "tuples": [], "result": "out-of-order: the pump"}]

    def test_goes_on_after_a_payload_that_cannot_be_read(self, stage: Stage, jobs: Jobs) -> None:
        stage.start(watching(stage, isAsking=False))
        for text in ("x" * (stage.vortex.limits.maxString + 1), "short"):
            stage.server.send(Payload(JOBS, [text]))
        stage.harness.settle()

        assert [line["tuples"] for line in stage.printed] == [["short"]]
        assert stage.told[1].startswith("limit-exceeded: a payload of {'key': 'jobs'} cannot be read: ")
        assert stage.told[1].endswith("(maxString)")

    def test_ends_quietly_when_nobody_reads_it(self, stage: Stage, jobs: Jobs) -> None:
        stage.out = Stream(failing=BrokenPipeError())

        assert stage.run(watching(stage)) == 0
        assert stage.told == [f"connected to 'server' at {URL}"]

    def test_says_why_it_cannot_print(self, stage: Stage, jobs: Jobs) -> None:
        stage.out = Stream(failing=OSError(28, "No space left on device"))

        assert stage.run(watching(stage)) == 2
        assert stage.told[-1] == "cannot write the results: No space left on device"

    def test_is_over_when_it_is_cancelled(self, stage: Stage, jobs: Jobs) -> None:
        stage.start(watching(stage))

        stage.done.cancel()

        assert stage.code() == 0
        assert stage.server.peers == ()


class TestTheQuestion:
    @pytest.mark.parametrize(
        ("error", "code", "text"),
        [
            (Rejected("closed today"), 1, "rejected: closed today"),
            (AccessDenied("staff only"), 5, "access-denied: staff only"),
        ],
        ids=["rejected", "denied"],
    )
    def test_that_is_refused_ends_it(
        self, stage: Stage, jobs: Jobs, error: VortexError, code: int, text: str
    ) -> None:
        jobs.model = error

        assert stage.run(watching(stage)) == code
        assert stage.told[1:] == [text]
        assert stage.out.lines == []

    def test_that_nobody_answers_is_told_and_waited_out(self, stage: Stage) -> None:
        stage.listen()
        stage.start(watching(stage))
        stage.harness.advance(10.1)
        assert stage.told[1:] == ["nobody there has answered for {'key': 'jobs'} yet; watching on"]

        stage.server.send(Payload(JOBS))
        stage.harness.settle()

        assert len(stage.out.lines) == 1

    def test_is_answered_once_only_however_the_answer_comes(self, stage: Stage) -> None:
        stage.listen()

        def answer(payload: Payload, delivery: Delivery) -> None:
            delivery.reply([1], True)

        asked = RecordingEndpoint(JOBS, stage.server, answer)
        stage.start(watching(stage))

        assert [line["result"] for line in stage.printed] == [True]
        assert len(asked.payloads) == 1


class TestTheLine:
    def test_comes_back_by_itself_and_asks_again(self, stage: Stage, jobs: Jobs) -> None:
        stage.start(watching(stage))
        stage.harness.network.connections[0].cut()
        stage.harness.settle()
        jobs.model = []

        stage.harness.advance(8.1)

        assert [line["tuples"] for line in stage.printed] == [[anyJob(1, "Water")], []]
        assert stage.told[0] == stage.told[2] == f"connected to 'server' at {URL}"
        assert stage.told[1].startswith(URL)
        assert stage.told[1].endswith("; trying again")
        assert len(stage.told) == 3

    def test_that_was_there_once_is_tried_for_as_long_as_it_takes(self, stage: Stage, jobs: Jobs) -> None:
        stage.start(watching(stage))
        stage.server.shutdown()

        stage.harness.advance(300)

        assert not stage.done.called
        assert [line for line in stage.told if "nobody listens" in line] == [
            f"{URL}: nobody listens there; trying again"
        ]

    def test_that_is_refused_later_ends_it(self, stage: Stage) -> None:
        stage.guard(None)
        stage.start(watching(stage))
        assert stage.told == [f"connected to 'guarded' at {URL}"]

        stage.refuse(AccessDenied("the badge has expired"))
        stage.harness.network.connections[0].cut()
        stage.harness.advance(8.1)

        assert stage.code() == 5
        assert stage.told[-1].startswith("access-denied: ")

    def test_that_never_was_there_is_given_up_in_time(self, stage: Stage) -> None:
        stage.start(watching(stage))

        stage.harness.advance(10.1)

        assert stage.code() == 3
        assert stage.told[-1] == f"no connection in 10 s: {URL}: nobody listens there"
