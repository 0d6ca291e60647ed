"""Models: built on request, sent again when they have changed."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from tests.handlers.nodes import Client, encodings, resultOf, settle
from vortex import Tuple, addTupleType
from vortex.errors import NoVortex, Rejected, RemoteError
from vortex.handlers.model_handler import ModelHandler
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.protocol.envelope import Form
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.filt import MESSAGE_ID

FILT = {"key": "jobs"}


@addTupleType
class Job(Tuple):
    __tupleType__ = "modeltest.Job"
    id: int | None = None
    title: str | None = None


class Jobs(ModelHandler):
    """Gives what it is told to; remembers what it was asked."""

    model: Any = ()

    def __init__(self, vortex: Vortex | None, payloadFilter: Any = "jobs") -> None:
        super().__init__(payloadFilter, vortex)
        self.asked: list[tuple[dict[str, Any], Delivery | None]] = []

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> Any:
        self.asked.append((filt, delivery))
        return self.model(filt) if callable(self.model) else self.model


@pytest.fixture
def jobs(server: Vortex) -> Jobs:
    return Jobs(server)


@pytest.fixture
def ada(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "ada")


@pytest.fixture
def bob(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "bob", form=Form.ERA1)


def titles(payload: Payload) -> list[str]:
    return [job.title for job in payload.tuples]


class TestARequest:
    def test_is_answered_with_the_model_and_the_whole_filt(self, jobs: Jobs, ada: Client) -> None:
        jobs.model = [Job(id=1, title="dig")]

        answer = ada.ask({**FILT, "mine": {"a": [1, None]}})

        assert titles(answer) == ["dig"]
        assert answer.result is None
        assert {key: value for key, value in answer.filt.items() if key != MESSAGE_ID} == {
            "key": "jobs",
            "mine": {"a": [1, None]},
        }
        assert len(ada.came) == 1

    def test_gets_what_a_payload_a_deferred_or_a_coroutine_holds(self, jobs: Jobs, ada: Client) -> None:
        async def later() -> list[Job]:
            return [Job(title="from a coroutine")]

        waiting: Deferred[list[Job]] = Deferred()
        gives = [
            Payload({"not": "used"}, [Job(title="from a payload")], "with a result"),
            waiting,
            later(),
            (job for job in [Job(title="from a generator")]),
            None,
        ]
        jobs.model = lambda filt: gives.pop(0)

        with pytest.raises(RemoteError, match="with a result"):
            ada.ask(FILT)
        assert titles(ada.came[0]) == ["from a payload"]
        assert ada.came[0].filt["key"] == "jobs"
        assert "not" not in ada.came[0].filt
        pending = ada.request(FILT)
        waiting.callback([Job(title="from a deferred")])
        ada.send({"key": "nothing"})
        assert titles(resultOf(pending)) == ["from a deferred"]
        assert titles(ada.ask(FILT)) == ["from a coroutine"]
        assert titles(ada.ask(FILT)) == ["from a generator"]
        assert ada.ask(FILT).tuples == []

    def test_knows_who_asks_and_for_what(self, jobs: Jobs, ada: Client) -> None:
        ada.ask({**FILT, "id": 5, "rapuiVortexUuid": "x"})

        ((filt, delivery),) = jobs.asked
        assert filt == {"key": "jobs", "id": 5}
        assert delivery is not None
        assert delivery.peer is ada.peer
        assert delivery.messageId is not None

    def test_without_a_messageId_is_answered_if_it_carries_nothing(self, jobs: Jobs, ada: Client) -> None:
        jobs.model = [Job(title="dig")]

        ada.send(FILT)
        ada.send(FILT, [])

        assert [titles(each) for each in ada.came] == [["dig"], ["dig"]]

    def test_may_carry_tuples_if_it_has_a_messageId(self, jobs: Jobs, ada: Client) -> None:
        jobs.model = [Job(title="dig")]

        assert titles(ada.ask(FILT, [Job(title="mine")])) == ["dig"]

    def test_is_not_what_carries_tuples_without_a_messageId(self, jobs: Jobs, ada: Client) -> None:
        ada.send(FILT, [Job(title="mine")])
        ada.send({**FILT, "x": 1}, [{"_ct": "rt", "_c": "unknown.Type"}])

        assert ada.came == []
        assert jobs.asked == []
        assert resultOf(jobs.sendModelUpdate()) == 0

    @pytest.mark.parametrize("tuples", [None, [], [Job(title="theirs")]])
    def test_is_no_reply_and_no_push(self, jobs: Jobs, ada: Client, tuples: Any) -> None:
        ada.send(FILT, tuples, isReply=True)
        ada.send({**FILT, MESSAGE_ID: "theirs"}, tuples, isReply=True)

        assert ada.came == []
        assert jobs.asked == []

    def test_of_another_key_is_somebody_elses(self, server: Vortex, ada: Client) -> None:
        jobs = Jobs(server, {"key": "jobs", "kind": "open"})

        ada.send(FILT)
        ada.send({**FILT, "kind": "open"})

        assert [filt for filt, _ in jobs.asked] == [{"key": "jobs", "kind": "open"}]


class TestAnError:
    def test_is_answered_once(self, jobs: Jobs, ada: Client) -> None:
        def refuse(filt: Any) -> None:
            raise Rejected("only on Sundays", code="closed-today")

        jobs.model = refuse

        with pytest.raises(RemoteError, match="only on Sundays") as caught:
            ada.ask(FILT)

        assert caught.value.code == "closed-today"
        assert len(ada.came) == 1

    def test_of_a_deferred_is_answered_once(self, jobs: Jobs, ada: Client) -> None:
        waiting: Deferred[Any] = Deferred()
        jobs.model = lambda _filt: waiting
        answer = ada.request(FILT)

        waiting.errback(Failure(Rejected("no")))
        ada.send({"key": "nothing"})

        with pytest.raises(RemoteError, match="no"):
            resultOf(answer)
        assert len(ada.came) == 1

    def test_that_was_not_meant_says_nothing_to_the_peer(self, jobs: Jobs, ada: Client) -> None:
        jobs.model = lambda filt: filt["what is not there"]

        with capturedLogs() as logged, pytest.raises(RemoteError) as caught:
            ada.ask(FILT)

        assert caught.value.code == "internal"
        assert "what is not there" not in str(caught.value)
        assert [e["log_failure"].type for e in logged if "log_failure" in e] == [KeyError]
        assert str(caught.value) in [e.get("errorId") for e in logged]

    @pytest.mark.parametrize("model", ["text", Job(title="one"), {"a": 1}, 5])
    def test_is_a_model_that_is_no_list(self, jobs: Jobs, ada: Client, model: Any) -> None:
        jobs.model = model

        with capturedLogs() as logged, pytest.raises(RemoteError):
            ada.ask(FILT)

        (failure,) = [e["log_failure"] for e in logged if "log_failure" in e]
        assert "Jobs.buildModel should return a list of tuples or a Payload, got" in str(failure.value)

    def test_leaves_the_next_request_alone(self, jobs: Jobs, ada: Client) -> None:
        models: Iterator[Any] = iter([5, [Job(title="dig")]])
        jobs.model = lambda _filt: next(models)

        with capturedLogs(), pytest.raises(RemoteError):
            ada.ask(FILT)

        assert titles(ada.ask(FILT)) == ["dig"]


class TestTooManyRequests:
    def test_of_a_peer_are_refused_and_nobody_elses(self, clock: Clock) -> None:
        server = Vortex("server", reactor=clock, limits=replace(Limits(), maxWaitingRequests=3))
        jobs, builds = Jobs(server), list[Deferred[Any]]()
        ada, bob = Client(server, clock, "ada"), Client(server, clock, "bob")

        def build(filt: Any) -> Deferred[Any]:
            builds.append(Deferred())
            return builds[-1]

        jobs.model = build
        answers = [ada.request({**FILT, "id": number}) for number in range(4)]
        other = bob.request(FILT)

        with pytest.raises(RemoteError, match=r"3 requests of this peer wait .*maxWaitingRequests") as caught:
            resultOf(answers.pop())
        assert caught.value.code == "limit-exceeded"
        for number, waiting in enumerate(builds):
            waiting.callback([Job(id=number)])
        settle(clock)
        assert [resultOf(answer).tuples[0].id for answer in (*answers, other)] == [0, 1, 2, 3]
        jobs.model = []
        assert ada.ask(FILT).tuples == []


class TestAnUpdate:
    def test_goes_to_who_has_asked_with_what_it_asked(self, jobs: Jobs, ada: Client, bob: Client) -> None:
        jobs.model = lambda filt: [Job(title=f"job {filt.get('id')}")]
        ada.ask({**FILT, "id": 1})
        bob.ask({**FILT, "id": 2})

        count = jobs.sendModelUpdate()
        ada.settle()

        assert resultOf(count) == 2
        assert [(filt, [job.title for job in tuples]) for filt, tuples in ada.pushed] == [
            ({"key": "jobs", "id": 1}, ["job 1"])
        ]
        assert [(filt, [job.title for job in tuples]) for filt, tuples in bob.pushed] == [
            ({"key": "jobs", "id": 2}, ["job 2"])
        ]

    def test_has_no_result_whatever_the_model_says(self, jobs: Jobs, ada: Client) -> None:
        jobs.model = Payload(FILT, [Job(title="dig")])
        ada.ask(FILT)
        jobs.model = Payload({"key": "else"}, [Job(title="dug")], True)

        jobs.sendModelUpdate()
        ada.settle()

        assert [each.result for each in ada.came] == [None, None]
        assert [filt for filt, _ in ada.pushed] == [FILT]

    def test_is_built_once_for_each_distinct_filt_and_encoded_once(
        self, server: Vortex, jobs: Jobs, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        jobs.model = [Job(title="dig")]
        clients = [Client(server, clock, f"client {number}") for number in range(5)]
        for client in clients:
            client.ask(FILT)
        clients[0].ask({**FILT, "id": 1})
        jobs.asked.clear()
        encoded = encodings(monkeypatch)

        count = resultOf(jobs.sendModelUpdate())
        settle(clock)

        assert count == 6
        assert jobs.asked == [(FILT, None), ({**FILT, "id": 1}, None)]
        assert encoded == [Form.RAW, Form.RAW]
        assert [len(client.pushed) for client in clients] == [2, 1, 1, 1, 1]

    def test_of_a_filt_goes_to_those_whose_filt_contains_it(
        self, jobs: Jobs, ada: Client, bob: Client
    ) -> None:
        ada.ask({**FILT, "id": 1, "more": True})
        ada.ask({**FILT, "id": 2})
        bob.ask(FILT)

        assert resultOf(jobs.sendModelUpdate({"id": 1})) == 1
        ada.settle()

        assert [filt for filt, _ in ada.pushed] == [{"key": "jobs", "id": 1, "more": True}]
        assert bob.pushed == []

    def test_of_a_peer_goes_to_that_one(self, jobs: Jobs, ada: Client, bob: Client) -> None:
        for client in (ada, bob):
            client.ask({**FILT, "id": 1})

        assert resultOf(jobs.sendModelUpdate(peer=ada.peer)) == 1
        ada.settle()

        assert [filt for filt, _ in ada.pushed] == [{"key": "jobs", "id": 1}]
        assert bob.pushed == []

    def test_of_a_peer_reaches_it_though_it_has_not_asked(self, jobs: Jobs, ada: Client) -> None:
        jobs.model = [Job(title="dig")]

        assert resultOf(jobs.sendModelUpdate({"id": 1}, peer=ada.peer)) == 1
        ada.settle()

        assert [filt for filt, _ in ada.pushed] == [{"key": "jobs", "id": 1}]
        assert resultOf(jobs.sendModelUpdate()) == 0

    def test_goes_to_nobody_who_is_gone(self, jobs: Jobs, ada: Client, bob: Client) -> None:
        ada.ask(FILT)
        bob.ask(FILT)
        ada.link.cut()
        jobs.asked.clear()

        assert resultOf(jobs.sendModelUpdate()) == 1
        bob.link.cut()
        assert resultOf(jobs.sendModelUpdate()) == 0
        assert len(jobs.asked) == 1
        assert resultOf(jobs.sendModelUpdate(peer=ada.peer)) == 0

    def test_that_cannot_be_built_leaves_the_others(self, jobs: Jobs, ada: Client) -> None:
        for number in (1, 2):
            ada.ask({**FILT, "id": number})
        jobs.model = lambda filt: [Job(title="dig")] if filt["id"] == 2 else filt["x"]

        with capturedLogs() as logged:
            count = resultOf(jobs.sendModelUpdate())
        ada.settle()

        assert count == 1
        assert [filt["id"] for filt, _ in ada.pushed] == [2]
        (failed,) = logged
        assert "could not be made again" in failed["log_format"]
        assert "{'id': 1, 'key': 'jobs'}" in failed["watch"]

    def test_that_cannot_be_encoded_is_logged(self, jobs: Jobs, ada: Client) -> None:
        ada.ask(FILT)
        jobs.model = [object()]

        with capturedLogs() as logged:
            assert resultOf(jobs.sendModelUpdate()) == 0

        assert [each["peer"] for each in logged if "peer" in each] == [ada.peer]

    def test_comes_after_the_answer_to_an_earlier_request(self, jobs: Jobs, ada: Client) -> None:
        slow: Deferred[Any] = Deferred()
        jobs.model = lambda _filt: slow
        answer = ada.request(FILT)
        jobs.model = [Job(title="new")]

        count = jobs.sendModelUpdate()
        ada.settle()
        assert ada.came == []
        slow.callback([Job(title="old")])
        ada.settle()

        assert titles(resultOf(answer)) == ["old"]
        assert resultOf(count) == 1
        assert [titles(each) for each in ada.came] == [["old"], ["new"]]

    def test_waits_for_no_request_of_another_filt(self, jobs: Jobs, ada: Client) -> None:
        ada.ask(FILT)
        jobs.model = lambda filt: Deferred() if "id" in filt else []
        ada.request({**FILT, "id": 1})

        jobs.sendModelUpdate()
        ada.settle()

        assert [filt for filt, _ in ada.pushed] == [FILT]

    def test_is_built_again_once_however_often_it_is_asked_for(self, jobs: Jobs, ada: Client) -> None:
        ada.ask(FILT)
        builds: list[Deferred[Any]] = []

        def build(filt: Any) -> Deferred[Any]:
            builds.append(Deferred())
            return builds[-1]

        jobs.model = build
        counts = [jobs.sendModelUpdate() for _ in range(100)]
        assert len(builds) == 1
        builds[0].callback([Job(title="old")])
        ada.settle()
        assert len(builds) == 2
        builds[1].callback([Job(title="new")])
        ada.settle()

        assert len(builds) == 2
        assert [[job.title for job in tuples] for _, tuples in ada.pushed] == [["old"], ["new"]]
        assert [resultOf(count) for count in counts] == [1] * 100


class TestTwoNodesWithTheSameHandler:
    @pytest.fixture
    def other(self, ada: Client) -> Jobs:
        return Jobs(ada.vortex)

    @pytest.mark.parametrize("model", [[], [Job(title="dig")]])
    def test_come_to_an_end(
        self, server: Vortex, jobs: Jobs, other: Jobs, ada: Client, model: Any, clock: Clock
    ) -> None:
        jobs.model = other.model = model

        ada.ask(FILT)
        ada.send(FILT)
        ada.send(FILT, model)
        for handler in (jobs, other):
            handler.sendModelUpdate()
        jobs.sendModelUpdate(peer=ada.peer)
        ada.vortex.send(Payload(FILT))
        ada.vortex.send(Payload(FILT, model))
        server.send(Payload(FILT))
        settle(clock, 200)

        # ada's one request, two messages without a messageId, of which one may carry tuples, two broadcasts
        requests = [filt for filt, delivery in jobs.asked if delivery is not None]
        assert requests == [FILT] * (4 if model else 5)
        updates = [filt for filt, delivery in jobs.asked if delivery is None]
        assert updates == [FILT] * 2
        assert [delivery is not None for _, delivery in other.asked] == [True]
        assert len(ada.came) == len(requests) + len(updates) + len(other.asked)


class TestAHandler:
    def test_ends_with_shutdown(self, jobs: Jobs, ada: Client) -> None:
        ada.ask(FILT)

        jobs.shutdown()
        ada.send(FILT)

        assert len(ada.came) == 1
        assert resultOf(jobs.sendModelUpdate()) == 0

    def test_ends_when_nobody_has_it_any_more(self, server: Vortex, ada: Client) -> None:
        jobs = Jobs(server)
        ada.ask(FILT)
        gone = weakref.ref(jobs)

        del jobs
        gc.collect()

        assert gone() is None
        ada.send(FILT)
        assert len(ada.came) == 1

    def test_needs_a_key(self, server: Vortex) -> None:
        with pytest.raises(ValueError, match="needs a 'key'"):
            Jobs(server, {"id": 1})

    def test_takes_the_only_node_there_is(self, clock: Clock) -> None:
        gc.collect()
        with pytest.raises(NoVortex):
            Jobs(None)

    def test_needs_a_buildModel(self, server: Vortex) -> None:
        with pytest.raises(TypeError, match="buildModel"):
            ModelHandler("jobs", server)  # type: ignore[abstract]

    def test_says_what_buildModel_takes(self, server: Vortex) -> None:
        class Old(ModelHandler):
            def buildModel(self, filt: Any) -> Any:  # type: ignore[override]
                return []

        with pytest.raises(TypeError, match=r"should take \(self, filt, delivery=None\), it takes \(filt"):
            Old("jobs", server)
