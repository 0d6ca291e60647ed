"""Who gets a message, what becomes of an endpoint's failure, and what is answered to whom."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure

from tests import wire_messages
from tests.routing.peers import ERAS, FakePeer, came
from vortex import Tuple, addTupleType
from vortex.errors import AccessDenied, DecodeError, Rejected, VortexError
from vortex.limits import Limits
from vortex.node.vortex import Vortex
from vortex.protocol.envelope import Envelope, Form
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy import decodeMessage
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

KEY = {"key": "jobs"}
REQUEST = {"key": "jobs", "PayloadResponse.messageId": "m1"}
JOB = {"_ct": "rt", "_c": "iotest.Job", "id": {"_ft": "int", "_fd": 5}, "title": "dig"}
ECHO = {**REQUEST, "rapuiServerEcho": True}
STRANGE = {**JOB, "colour": "red", "size": 5, "_private": 1}
INTERNAL = re.compile("internal: ([0-9a-f]{8})")


@addTupleType
class Job(Tuple):
    __tupleType__ = "iotest.Job"
    id: int | None = None
    title: str | None = None


class Endpoints:
    """Makes endpoints on *node* and keeps them; `calls` is who was called, in order."""

    def __init__(self, node: Vortex) -> None:
        self.calls: list[str] = []
        self._node = node
        self._kept: list[PayloadEndpoint] = []

    def add(
        self,
        name: str,
        does: Callable[[Payload, Delivery], object] | None = None,
        filt: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PayloadEndpoint:
        def take(payload: Payload, delivery: Delivery) -> object:
            self.calls.append(name)
            return None if does is None else does(payload, delivery)

        endpoint = PayloadEndpoint(filt or KEY, take, self._node, **kwargs)
        self._kept.append(endpoint)
        return endpoint


@pytest.fixture
def node() -> Vortex:
    return Vortex("node", uuid="node-uuid", reactor=Clock())


@pytest.fixture
def endpoints(node: Vortex) -> Endpoints:
    return Endpoints(node)


@pytest.fixture
def ada() -> FakePeer:
    return FakePeer()


def raises(error: BaseException) -> Callable[[Payload, Delivery], object]:
    def does(payload: Payload, delivery: Delivery) -> object:
        raise error

    return does


def failures(logged: Any) -> list[Any]:
    """The exceptions in the log."""
    return [event["log_failure"].value for event in logged if "log_failure" in event]


class TestRouting:
    def test_takes_a_message_to_all_whose_filt_it_contains(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        endpoints.add("first")
        endpoints.add("of another kind", filt={**KEY, "kind": "open"})
        endpoints.add("second")
        endpoints.add("of another key", filt={"key": "people"})
        endpoints.add("of the kind", filt={"kind": "closed", **KEY})

        assert node.payloadIO.route(came({**KEY, "kind": "closed", "x": 1}), ada) == 3

        assert endpoints.calls == ["first", "second", "of the kind"]
        assert ada.sent == []

    def test_answers_nothing_where_nobody_is_asked(self, node: Vortex, ada: FakePeer) -> None:
        assert node.payloadIO.route(came(REQUEST), ada) == 0
        assert ada.sent == []

    @pytest.mark.parametrize("filt", [{}, {"__vortexUuid__": "u", "__vortexName__": "n"}])
    def test_leaves_out_hellos_and_signs_of_life(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, filt: dict[str, Any]
    ) -> None:
        endpoints.add("hello", filt={"key": "hello"})

        assert node.payloadIO.route(came(filt), ada) == 0
        assert endpoints.calls == []

    def test_goes_on_with_the_next_message(self, node: Vortex, endpoints: Endpoints, ada: FakePeer) -> None:
        endpoints.add("fails", raises(ValueError("x")))

        with capturedLogs():
            assert [node.payloadIO.route(came(KEY), ada) for _ in range(3)] == [1, 1, 1]

    def test_of_a_node_that_is_gone_ends(self, ada: FakePeer) -> None:
        io = Vortex("short", reactor=Clock()).payloadIO

        assert io.route(came(KEY), ada) == 0

    @pytest.mark.parametrize(
        "value",
        [
            [1, "a", None, {"b": [2]}, [True, 1.5]],
            {"a": {"b": {}}},
            [[[]]],
            {"_ft": "datetime", "_fd": "0001-01-01 00:00:00.000000+1400"},
            {"_ft": "int", "_fd": 10**400},
            {"_ct": "rt", "_c": "iotest.Job", "id": None, "title": "dig"},
            {"_ft": "bytes", "_fd": "AAAA"},
        ],
    )
    def test_is_broken_by_no_value_in_a_filt(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, value: Any
    ) -> None:
        endpoints.add("any")
        endpoints.add("this", lambda payload, delivery: delivery.reply([]), filt={**KEY, "value": [1]})
        for number in range(100):
            endpoints.add("other", filt={**KEY, "value": [number, "x"]})

        assert node.payloadIO.route(came({**KEY, "value": value}), ada) == 1
        assert node.payloadIO.route(came({**KEY, "value": [{"_ft": "int", "_fd": 1}]}), ada) == 2
        assert endpoints.calls == ["any", "any", "this"]


class TestWhatAnEndpointGets:
    def test_is_a_payload_of_its_own(self, node: Vortex, endpoints: Endpoints, ada: FakePeer) -> None:
        got: list[tuple[dict[str, Any], list[Any]]] = []

        def spoil(payload: Payload, delivery: Delivery) -> None:
            got.append((dict(payload.filt), list(payload.tuples)))
            payload.tuples[0].title = "spoilt"
            payload.tuples.clear()
            payload.filt.clear()

        endpoints.add("first", spoil)
        endpoints.add("second", spoil)

        node.payloadIO.route(came(REQUEST, [JOB]), ada)

        assert [filt for filt, _ in got] == [REQUEST, REQUEST]
        (first,), (second,) = (tuples for _, tuples in got)
        assert first is not second
        assert [(job.id, job.title) for job in (first, second)] == [(5, "spoilt"), (5, "spoilt")]

    def test_is_a_filt_of_its_own_down_to_what_is_in_it(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        filt = {**REQUEST, "ids": ["b", "a"], "more": {"x": ["y"]}, "job": JOB}
        got: list[dict[str, Any]] = []

        def spoil(payload: Payload, delivery: Delivery) -> None:
            for each in (payload.filt, delivery.filt):
                got.append({"ids": list(each["ids"]), "more": dict(each["more"]), "title": each["job"].title})
                each["ids"].sort()
                each["more"].clear()
                each["job"].title = "spoilt"
                del each["key"]

        endpoints.add("first", spoil)
        endpoints.add("second", spoil)
        endpoints.add("answers", lambda payload, delivery: delivery.reply())

        node.payloadIO.route(came(filt), ada)

        assert got == [{"ids": ["b", "a"], "more": {"x": ["y"]}, "title": "dig"}] * 4
        (answer,) = ada.sent
        assert answer["filt"] == filt

    def test_is_opened_only_if_it_is_read(self, node: Vortex, endpoints: Endpoints, ada: FakePeer) -> None:
        endpoints.add("does not look")
        endpoints.add("looks", lambda payload, _: payload.tuples)

        with capturedLogs():
            node.payloadIO.route(came(REQUEST, data="no body at all"), ada)

        assert endpoints.calls == ["does not look", "looks"]
        ((answer,), result) = ada.sent, ada.results[0]
        assert answer["filt"] == REQUEST
        assert result.startswith("bad-payload: expected a payload in base64")

    def test_may_be_a_payload_that_a_program_routes(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        job = Job(id=1)
        got: list[list[Any]] = []

        def answer(payload: Payload, delivery: Delivery) -> None:
            got.append(payload.tuples)
            delivery.reply([])

        endpoints.add("answers", answer)

        assert node.payloadIO.route(Payload(REQUEST, [job]), ada) == 1

        assert got == [[job]]
        assert [answer["filt"] for answer in ada.sent] == [REQUEST]


class TestAnOutcome:
    @pytest.mark.parametrize("how", ["at once", "deferred", "fired deferred", "coroutine", "late coroutine"])
    def test_may_come_at_once_or_later(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, how: str
    ) -> None:
        waiting: Deferred[None] = Deferred()

        async def coroutine(payload: Payload, delivery: Delivery) -> None:
            if how == "late coroutine":
                await waiting
            delivery.reply([Job(id=1)])

        def does(payload: Payload, delivery: Delivery) -> object:
            if how == "at once":
                delivery.reply([Job(id=1)])
                return None
            fires = waiting if how == "deferred" else succeed(None)
            return fires.addCallback(lambda _: delivery.reply([Job(id=1)]))

        endpoints.add("answers", coroutine if "coroutine" in how else does)
        endpoints.add("next")

        assert node.payloadIO.route(came(REQUEST), ada) == 2

        isLate = how in ("deferred", "late coroutine")
        assert len(ada.sent) == (0 if isLate else 1)
        waiting.callback(None)
        (answer,) = ada.sent
        assert answer["filt"] == REQUEST
        assert answer["result"] is None
        assert answer["_isReply"] is True
        assert answer["payload"]["filt"] == REQUEST
        assert [job["id"] for job in answer["payload"]["tuples"]] == [{"_ft": "int", "_fd": 1}]

    @pytest.mark.parametrize("how", ["at once", "deferred", "coroutine", "late coroutine"])
    def test_that_is_a_failure_is_answered_with_its_code(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, how: str
    ) -> None:
        waiting: Deferred[None] = Deferred()
        error = Rejected("only on Sundays", code="closed-today")

        async def coroutine(payload: Payload, delivery: Delivery) -> None:
            if how == "late coroutine":
                await waiting
            raise error

        def does(payload: Payload, delivery: Delivery) -> object:
            if how == "at once":
                raise error
            return waiting.addCallback(lambda _: Failure(error))

        endpoints.add("fails", coroutine if "coroutine" in how else does)
        endpoints.add("next")
        node.payloadIO.route(came(REQUEST, [JOB]), ada)
        waiting.callback(None)

        assert endpoints.calls == ["fails", "next"]
        (answer,) = ada.sent
        assert answer["filt"] == REQUEST
        assert answer["result"] == "closed-today: only on Sundays"
        assert answer["_isReply"] is True
        assert "payload" not in answer

    @pytest.mark.parametrize("value", [5, "text", (), object(), iter([1]), asyncio.Future])
    def test_of_any_other_kind_is_nothing(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, value: Any
    ) -> None:
        endpoints.add("returns", lambda *_: value)

        assert node.payloadIO.route(came(REQUEST), ada) == 1
        assert ada.sent == []

    def test_is_the_endpoints_own_in_every_era(self, node: Vortex, endpoints: Endpoints) -> None:
        endpoints.add("fails", raises(Rejected("no")))
        for form in ERAS:
            peer = FakePeer(form=form)
            node.payloadIO.route(came(REQUEST), peer)

            assert peer.results == ["rejected: no"]
            assert peer.sent[0]["_isReply"] is True


class TestAFailure:
    SECRETS = "/srv/app/secret.py SELECT password FROM users"

    @pytest.mark.parametrize("isLate", [False, True])
    def test_that_was_not_meant_says_only_where_to_look(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, isLate: bool
    ) -> None:
        waiting: Deferred[None] = Deferred()
        error = ValueError(self.SECRETS)
        endpoints.add("fails", (lambda *_: waiting) if isLate else raises(error))

        with capturedLogs() as logged:
            node.payloadIO.route(came(REQUEST), ada)
            if isLate:
                waiting.errback(Failure(error))

        (answer,) = ada.sent
        match = INTERNAL.fullmatch(answer["result"])
        assert match is not None
        (event,) = [event for event in logged if "log_failure" in event]
        assert event["log_failure"].value is error
        assert event["errorId"] == match[1]
        assert event["log_level"] is LogLevel.critical
        for secret in ("secret", "SELECT", "Traceback", "File", "ValueError", ".py"):
            assert secret not in json.dumps(answer)

    def test_has_another_id_each_time(self, node: Vortex, endpoints: Endpoints, ada: FakePeer) -> None:
        endpoints.add("fails", raises(ValueError()))

        with capturedLogs():
            for _ in range(20):
                node.payloadIO.route(came(REQUEST), ada)

        assert len(set(ada.results)) == 20

    def test_that_was_meant_leaves_no_traceback(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        endpoints.add("refuses", raises(Rejected("no")))

        with capturedLogs() as logged:
            node.payloadIO.route(came(REQUEST), ada)

        assert failures(logged) == []
        assert [event["text"] for event in logged] == ["rejected: no"]

    def test_of_two_endpoints_is_logged_twice_and_answered_once(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        waiting: Deferred[None] = Deferred()
        errors = [ValueError("first"), KeyError("second"), OSError("third")]
        endpoints.add("first", raises(errors[0]))
        endpoints.add("second", raises(errors[1]))
        endpoints.add("third", lambda *_: waiting)
        endpoints.add("works")

        with capturedLogs() as logged:
            assert node.payloadIO.route(came(REQUEST), ada) == 4
            waiting.errback(Failure(errors[2]))

        assert endpoints.calls == ["first", "second", "third", "works"]
        assert failures(logged) == errors
        (result,) = ada.results
        first = next(event for event in logged if "log_failure" in event)
        assert result == f"internal: {first['errorId']}"

    @pytest.mark.parametrize("error", [Rejected("too late"), ValueError("too late")])
    def test_after_an_answer_is_only_logged(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, error: Exception
    ) -> None:
        def does(payload: Payload, delivery: Delivery) -> None:
            delivery.reply([], result=True)
            raise error

        endpoints.add("answers and fails", does)
        endpoints.add("fails", raises(error))

        with capturedLogs() as logged:
            node.payloadIO.route(came(REQUEST), ada)

        assert ada.results == [True]
        assert len(logged) == 2

    def test_names_the_endpoint_in_the_log(self, node: Vortex, endpoints: Endpoints, ada: FakePeer) -> None:
        endpoint = endpoints.add("fails", raises(ValueError()))

        with capturedLogs() as logged:
            node.payloadIO.route(came(REQUEST), ada)

        (event,) = logged
        assert repr(endpoint) in str(event["where"])
        assert "jobs" in repr(event["delivery"])
        assert "ada" in repr(event["delivery"])

    def test_that_cannot_be_answered_is_logged_and_leaves_the_next(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: Any, **kwargs: Any) -> None:
            raise OSError("the link is broken")

        monkeypatch.setattr(ada, "sendMessage", broken)
        waiting: Deferred[None] = Deferred()
        endpoints.add("fails", raises(ValueError("at once")))
        endpoints.add("fails later", lambda *_: waiting)
        endpoints.add("next")

        with capturedLogs() as logged:
            assert node.payloadIO.route(came(REQUEST), ada) == 3
            waiting.errback(Failure(ValueError("later")))

        assert endpoints.calls == ["fails", "fails later", "next"]
        assert sorted(map(str, failures(logged))) == [
            "at once",
            "later",
            "the link is broken",
            "the link is broken",
        ]

    def test_to_a_peer_that_is_gone_is_logged(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        ada.isOnline = False
        endpoints.add("fails", raises(ValueError("x")))
        endpoints.add("answers", lambda _, delivery: delivery.reply([]))

        with capturedLogs() as logged:
            assert node.payloadIO.route(came(REQUEST), ada) == 2

        assert [str(error) for error in failures(logged)] == ["x"]

    def test_in_an_answer_that_cannot_travel_is_answered(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        endpoints.add("answers", lambda _, delivery: delivery.reply([Job(title=object())]))  # type: ignore[arg-type]

        node.payloadIO.route(came(REQUEST), ada)

        (result,) = ada.results
        assert result.startswith("cannot-encode: ")
        assert "tuples[0].title" in result

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
    @pytest.mark.parametrize("isCoroutine", [False, True])
    def test_that_ends_the_program_does(
        self,
        node: Vortex,
        endpoints: Endpoints,
        ada: FakePeer,
        kind: type[BaseException],
        isCoroutine: bool,
    ) -> None:
        async def coroutine(payload: Payload, delivery: Delivery) -> None:
            raise kind

        endpoints.add("ends", coroutine if isCoroutine else raises(kind()))

        with pytest.raises(kind):
            node.payloadIO.route(came(REQUEST), ada)

        assert ada.sent == []

    def test_of_a_task_that_was_cancelled_is_one_like_any_other(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        endpoints.add("is cancelled", raises(asyncio.CancelledError()))
        endpoints.add("next")

        with capturedLogs():
            assert node.payloadIO.route(came(REQUEST), ada) == 2

        assert INTERNAL.fullmatch(ada.results[0])


class TestAReply:
    """What bears a result, our messageId, or the mark of one is never answered."""

    KINDS = pytest.mark.parametrize(
        ("filt", "parts"),
        [
            pytest.param(REQUEST, {"_isReply": True}, id="marked"),
            pytest.param(REQUEST, {"result": True}, id="done"),
            pytest.param(REQUEST, {"result": "rejected: no"}, id="error"),
            pytest.param({**KEY, "PayloadResponse.messageId": "node-uuid:1"}, {}, id="our messageId"),
        ],
    )

    @KINDS
    def test_goes_to_endpoints_and_is_not_answered(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, filt: dict[str, Any], parts: dict[str, Any]
    ) -> None:
        seen: list[tuple[bool, Any]] = []

        def does(payload: Payload, delivery: Delivery) -> None:
            seen.append((delivery.isReply, payload.result))
            delivery.reply([Job(id=1)])
            raise ValueError("x")

        endpoints.add("answers and fails", does)
        endpoints.add("refuses", raises(Rejected("no")))

        with capturedLogs() as logged:
            assert node.payloadIO.route(came(filt, [JOB], **parts), ada) == 2

        assert seen == [(True, parts.get("result"))]
        assert ada.sent == []
        assert [event["log_level"] for event in logged] == [LogLevel.warn, LogLevel.critical, LogLevel.info]

    @KINDS
    def test_passes_by_an_endpoint_that_handles_none(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, filt: dict[str, Any], parts: dict[str, Any]
    ) -> None:
        endpoints.add("handles none").handlesReplies = False
        endpoints.add("handles")

        assert node.payloadIO.route(came(filt, **parts), ada) == 1
        assert node.payloadIO.route(came(REQUEST), ada) == 2
        assert endpoints.calls == ["handles", "handles none", "handles"]

    def test_is_not_what_only_looks_like_one(self, node: Vortex, endpoints: Endpoints, ada: FakePeer) -> None:
        seen: list[bool] = []
        endpoints.add("notes", lambda _, delivery: seen.append(delivery.isReply))

        for filt, parts in (
            (REQUEST, {}),
            (KEY, {}),
            (REQUEST, {"_isReply": "yes"}),
            (REQUEST, {"_isReply": 1}),
            ({**KEY, "PayloadResponse.messageId": "node-uuid2:1"}, {}),
            ({**KEY, "PayloadResponse.messageId": 5}, {}),
        ):
            node.payloadIO.route(came(filt, **parts), ada)

        assert seen == [False] * 6


class TestAccess:
    @pytest.mark.parametrize(
        ("access", "roles", "passes"),
        [
            ({"staff"}, {"staff"}, True),
            ({"staff", "boss"}, {"boss", "guest"}, True),
            (frozenset({"staff"}), {"guest"}, False),
            ({"staff"}, set(), False),
            (set(), {"staff"}, False),
            ({"staff": 1}.keys(), {"staff"}, True),
        ],
    )
    def test_is_for_peers_with_one_of_its_roles(
        self, node: Vortex, endpoints: Endpoints, access: Any, roles: set[str], passes: bool
    ) -> None:
        peer = FakePeer(roles=roles)
        endpoints.add("guarded", access=access)

        assert node.payloadIO.route(came(REQUEST), peer) == passes

        assert endpoints.calls == ["guarded"] * passes
        assert peer.results == [] if passes else ["access-denied: this is not for you"]

    def test_is_asked_with_the_peer_the_operation_and_the_filt(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        asked: list[tuple[Any, ...]] = []

        def mayCall(*args: Any) -> bool:
            asked.append(args)
            return True

        endpoints.add("guarded", access=mayCall)

        assert node.payloadIO.route(came(REQUEST), ada) == 1
        assert asked == [(ada, "call", REQUEST)]

    @pytest.mark.parametrize("answer", [False, None, 1, "yes", object(), [True], Job()])
    def test_passes_on_exactly_True(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, answer: Any
    ) -> None:
        endpoints.add("guarded", access=lambda *_: answer)

        assert node.payloadIO.route(came(REQUEST), ada) == 0
        assert endpoints.calls == []
        assert ada.results == ["access-denied: this is not for you"]

    @pytest.mark.parametrize(
        "error", [ValueError("/srv/app"), DecodeError("in the dark"), VortexError("in the dark")]
    )
    def test_that_cannot_be_asked_is_none(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, error: Exception
    ) -> None:
        def mayCall(*args: Any) -> bool:
            raise error

        endpoints.add("guarded", access=mayCall)

        with capturedLogs() as logged:
            assert node.payloadIO.route(came(REQUEST), ada) == 0

        assert endpoints.calls == []
        assert ada.results == ["access-denied: this is not for you"]
        assert failures(logged) == [error]

    @pytest.mark.parametrize(
        ("error", "result"),
        [
            (Rejected("your licence is over", code="no-licence"), "no-licence: your licence is over"),
            (AccessDenied("staff only"), "access-denied: staff only"),
        ],
    )
    def test_may_be_denied_in_words_of_its_own(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, error: Exception, result: str
    ) -> None:
        def mayCall(*args: Any) -> bool:
            raise error

        endpoints.add("guarded", access=mayCall)

        assert node.payloadIO.route(came(REQUEST), ada) == 0
        assert ada.results == [result]

    def test_cannot_be_found_out_later(self, node: Vortex) -> None:
        async def mayCall(*args: Any) -> bool:
            return True

        with pytest.raises(TypeError, match="asked and answers at once"):
            PayloadEndpoint(KEY, lambda *_: None, node, access=mayCall)

    def test_is_asked_before_a_tuple_is_decoded(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[Payload] = []
        monkeypatch.setattr(Payload, "_open", lambda payload, body: opened.append(payload))
        endpoints.add("guarded", lambda payload, _: payload.tuples, access={"staff"})

        node.payloadIO.route(came(REQUEST, [JOB]), ada)
        node.payloadIO.route(came(REQUEST, data="no body at all"), ada)

        assert ada.results == ["access-denied: this is not for you"] * 2
        assert opened == []
        ada.roles = {"staff"}
        node.payloadIO.route(came(REQUEST, [JOB]), ada)
        assert len(opened) == 1

    def test_that_is_denied_to_a_reply_is_not_answered(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        endpoints.add("guarded", access={"staff"})

        assert node.payloadIO.route(came(REQUEST, _isReply=True), ada) == 0
        assert endpoints.calls == []
        assert ada.sent == []

    @pytest.mark.parametrize("isFirst", [False, True])
    @pytest.mark.parametrize("isLate", [False, True])
    def test_that_one_endpoint_denies_is_told_only_if_no_other_answers(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, isFirst: bool, isLate: bool
    ) -> None:
        waiting: Deferred[None] = Deferred()

        async def answer(payload: Payload, delivery: Delivery) -> None:
            if isLate:
                await waiting
            delivery.reply([], result=True)

        if isFirst:
            endpoints.add("guarded", access={"staff"})
        endpoints.add("answers", answer)
        if not isFirst:
            endpoints.add("guarded", access={"staff"})

        with capturedLogs() as logged:
            assert node.payloadIO.route(came(REQUEST), ada) == 1
            waiting.callback(None)

        assert ada.results == [True]
        assert logged == []

    def test_that_two_endpoints_deny_is_told_once_as_the_first_says(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        def mayCall(*args: Any) -> bool:
            raise AccessDenied("staff only")

        endpoints.add("guarded", access=mayCall)
        endpoints.add("guarded too", access=lambda *_: False)
        endpoints.add("only listens")

        assert node.payloadIO.route(came(REQUEST), ada) == 1
        assert ada.results == ["access-denied: staff only"]


class TestTheEcho:
    @pytest.mark.parametrize(
        "keys", [("rapuiServerEcho",), ("rapuiClientEcho",), ("rapuiServerEcho", "rapuiClientEcho")]
    )
    @pytest.mark.parametrize("value", [True, None])
    def test_sends_a_message_straight_back_once_and_dispatches_it(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, keys: tuple[str, ...], value: Any
    ) -> None:
        seen: list[tuple[dict[str, Any], int]] = []
        endpoints.add("notes", lambda payload, _: seen.append((payload.filt, payload.tuples[0].id)))

        filt = {**REQUEST, **dict.fromkeys(keys, value)}
        assert node.payloadIO.route(came(filt, [JOB]), ada) == 1

        (echo,) = ada.sent
        assert echo["filt"] == REQUEST
        assert echo["payload"]["tuples"] == [JOB]
        assert echo["result"] is None
        assert echo["_isReply"] is True
        assert echo["date"] == wire_messages.DATE
        assert seen == [(REQUEST, 5)]

    def test_needs_no_endpoint_and_no_known_tuple(self, node: Vortex, ada: FakePeer) -> None:
        stranger = {"_ct": "rt", "_c": "some.Stranger", "x": 1}

        assert node.payloadIO.route(came(ECHO, [stranger]), ada) == 0

        (echo,) = ada.sent
        assert echo["payload"]["tuples"] == [stranger]

    def test_of_era_0_keeps_its_replyFilt(self, node: Vortex) -> None:
        peer = FakePeer(form=Form.ERA0)
        frame = wire_messages.era0(ECHO, [JOB], {"key": "elsewhere"})

        node.payloadIO.route(decodeMessage(frame, Limits()), peer)

        (echo,) = peer.sent
        assert echo["filt"] == REQUEST
        assert echo["replyFilt"] == {"key": "elsewhere"}
        assert echo["tuples"] == [JOB]

    @pytest.mark.parametrize("key", ["rapuiServerEcho", "rapuiClientEcho"])
    @pytest.mark.parametrize(
        ("filt", "parts"),
        [
            ({}, {"_isReply": True}),
            ({}, {"result": True}),
            ({"PayloadResponse.messageId": "node-uuid:1"}, {}),
        ],
        ids=["marked", "a result", "to one of ours"],
    )
    def test_of_a_reply_is_not_sent(
        self,
        node: Vortex,
        endpoints: Endpoints,
        ada: FakePeer,
        key: str,
        filt: dict[str, Any],
        parts: dict[str, Any],
    ) -> None:
        seen: list[dict[str, Any]] = []
        endpoints.add("notes", lambda payload, _: seen.append(payload.filt))

        assert node.payloadIO.route(came({**REQUEST, **filt, key: True}, **parts), ada) == 1

        assert seen == [{**REQUEST, **filt}]
        assert ada.sent == []

    def test_of_what_cannot_be_sent_is_none(self, node: Vortex, endpoints: Endpoints, ada: FakePeer) -> None:
        endpoints.add("notes")
        era0 = FakePeer(form=Form.ERA0)  # for which a body has to be opened
        ada.isOnline = False

        assert node.payloadIO.route(came(ECHO, data="no body at all"), era0) == 1
        assert node.payloadIO.route(came(ECHO), ada) == 1
        assert era0.sent == ada.sent == []

    def test_of_a_payload_that_a_program_routes_is_sent_without_the_key(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        seen: list[dict[str, Any]] = []
        endpoints.add("notes", lambda payload, _: seen.append(payload.filt))
        payload = Payload(ECHO)

        node.payloadIO.route(payload, ada)

        assert [echo["filt"] for echo in ada.sent] == [REQUEST]
        assert seen == [REQUEST]
        assert payload.filt == ECHO


class TestUnknownFields:
    def read(self, payload: Payload, delivery: Delivery) -> None:
        assert payload.tuples

    def test_are_counted(self, node: Vortex, endpoints: Endpoints, ada: FakePeer) -> None:
        endpoints.add("reads", self.read)

        node.payloadIO.route(came(REQUEST, [STRANGE, JOB], strange=1), ada)
        assert node.counters["unknownFields"] == 3
        node.payloadIO.route(came(REQUEST, [JOB]), ada)
        assert node.counters["unknownFields"] == 3

    def test_of_one_message_are_counted_once(self, node: Vortex, endpoints: Endpoints, ada: FakePeer) -> None:
        for _ in range(3):
            endpoints.add("reads", self.read)
        endpoints.add("does not")

        node.payloadIO.route(came(REQUEST, [STRANGE], strange=1), ada)

        assert node.counters["unknownFields"] == 3

    def test_of_tuples_that_nobody_reads_are_not_known(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        endpoints.add("does not")

        node.payloadIO.route(came(REQUEST, [STRANGE], strange=1), ada)

        assert node.counters["unknownFields"] == 1

    @pytest.mark.parametrize("fails", [False, True])
    def test_are_counted_when_the_endpoint_is_done(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer, fails: bool
    ) -> None:
        waiting: Deferred[None] = Deferred()

        async def later(payload: Payload, delivery: Delivery) -> None:
            await waiting
            assert payload.tuples
            if fails:
                raise Rejected("no")

        endpoints.add("reads later", later)
        node.payloadIO.route(came(REQUEST, [STRANGE]), ada)
        assert node.counters["unknownFields"] == 0

        waiting.callback(None)

        assert node.counters["unknownFields"] == 2


class TestBodiesThatCannotBeRead:
    def read(self, payload: Payload, delivery: Delivery) -> None:
        assert payload.tuples

    def test_are_counted_once_however_many_want_them(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        for _ in range(3):
            endpoints.add("reads", self.read)

        node.payloadIO.route(came(REQUEST, [{"_ft": "int", "_fd": "none"}]), ada)

        assert node.counters["malformed"] == 1

    def test_are_counted_when_they_are_opened_later(
        self, node: Vortex, endpoints: Endpoints, ada: FakePeer
    ) -> None:
        waiting: Deferred[None] = Deferred()

        async def later(payload: Payload, delivery: Delivery) -> None:
            await waiting
            assert payload.tuples

        endpoints.add("reads later", later)
        node.payloadIO.route(came(REQUEST, [{"_ft": "int", "_fd": "none"}]), ada)
        assert node.counters["malformed"] == 0

        waiting.callback(None)

        assert node.counters["malformed"] == 1

    def test_that_nobody_opens_are_not_known(self, node: Vortex, endpoints: Endpoints, ada: FakePeer) -> None:
        endpoints.add("does not")

        node.payloadIO.route(came(REQUEST, [{"_ft": "int", "_fd": "none"}]), ada)

        assert node.counters["malformed"] == 0


class TestEndpoints:
    def test_are_listed_in_the_order_of_their_making(self, node: Vortex, endpoints: Endpoints) -> None:
        made = [endpoints.add(f"{number}", filt={"key": f"{number % 3}"}) for number in range(10)]

        assert node.payloadIO.endpoints == tuple(made)
        made[4].shutdown()
        assert node.payloadIO.endpoints == tuple(made[:4] + made[5:])

    def test_are_found_by_what_a_message_would_be(self, node: Vortex, endpoints: Endpoints) -> None:
        made = [endpoints.add(f"{number}", filt={"key": "jobs", "id": number % 2}) for number in range(4)]
        all_ = endpoints.add("all")

        assert node.payloadIO.matching({"key": "jobs", "id": 1, "x": 5}) == [made[1], made[3], all_]
        made[1].shutdown()
        assert node.payloadIO.matching({"key": "jobs", "id": 1}) == [made[3], all_]
        assert node.payloadIO.matching({"key": "people"}) == []

    def test_of_an_object_that_is_gone_are_not_found(self, node: Vortex) -> None:
        class Taker:
            def take(self, payload: Payload, delivery: Delivery) -> None:
                """Never called."""

        taker = Taker()
        endpoint = PayloadEndpoint(KEY, taker.take, node)
        assert node.payloadIO.matching(KEY) == [endpoint]

        del taker

        assert node.payloadIO.matching(KEY) == []

    def test_are_counted_in_words(self, node: Vortex, endpoints: Endpoints) -> None:
        endpoints.add("one")

        assert repr(node.payloadIO) == "<PayloadIO with 1 endpoints, 0 waiting>"

    def test_hold_no_envelope(self, node: Vortex, endpoints: Endpoints, ada: FakePeer) -> None:
        envelope = Envelope(dict(REQUEST))
        endpoints.add("answers", lambda _, delivery: delivery.reply([]))

        node.payloadIO.route(envelope, ada)

        assert envelope.filt == REQUEST
