"""
Observables as VortexPY's peers know them: what real clients wrote is written to ours, byte for byte, and what
it says back has to mean what the real servers said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from tests import wire_messages
from tests.vector_files import loadVectors, wireFrames
from tests.vector_types import registeredTypes
from tests.wire_rules import bodyText, inflatedJson, messageJson
from vortex import (
    Limits,
    TupleDataObservableHandler,
    TupleDataProvider,
    TupleSelector,
    addTupleType,
    connectInMemory,
)
from vortex.protocol.envelope import Form
from vortex.testing import VortexHarness
from vortex.tuples import registry
from vortex.tuples.convert import Reading, fromJsonable

RECORDED = {"session_ws_vortexpy622": Form.RAW, "session_tcp_vortexpy241": Form.ERA1}
ALL: dict[str, Any] = {
    "_ct": "rt",
    "_c": "vortex.TupleSelector",
    "name": "acme.PersonTuple",
    "selector": {"all": True},
}
FILT = {"key": "tupleDataObservable", "name": "peer-observable"}


@pytest.fixture(scope="module", autouse=True)
def _vectorTypes() -> Iterator[None]:
    with registeredTypes():
        registry._types.pop("vortex.TupleSelector")
        addTupleType(TupleSelector)
        yield


@pytest.fixture
def harness() -> Iterator[VortexHarness]:
    with VortexHarness() as made:
        yield made


class Line:
    """A client whose bytes are in the test's hand, in front of the observable of the recordings."""

    def __init__(
        self, harness: VortexHarness, form: Form = Form.RAW, *, limits: Limits | None = None
    ) -> None:
        self.harness = harness
        self.server = harness.node("server", limits=limits)
        self.tuples: list[Any] = []
        self.selected: list[TupleSelector] = []
        self.written: list[bytes] = []
        self.observable = TupleDataObservableHandler("peer-observable", self.server)
        self.observable.addTupleProvider("acme.PersonTuple", self._make)
        self.link = connectInMemory(self.server, harness.node("client"), form=form)
        harness.settle()
        self.link._ends[0].writeFrame = self.written.append  # type: ignore[assignment, method-assign]

    def _make(self, selector: TupleSelector, _peer: Any) -> list[Any]:
        self.selected.append(selector)
        return self.tuples

    def gives(self, tuples: list[Any]) -> None:
        """The provider's tuples from now on are those that *tuples* is the JSON of."""
        self.tuples = [fromJsonable(each, Reading(Limits())) for each in tuples]

    def says(self, frame: bytes) -> list[dict[str, Any]]:
        """The client writes *frame*; returns what is written back."""
        self.written.clear()
        self.link._ends[0].driver.frameReceived(frame)
        self.harness.settle()
        return self.messages

    def notify(self, selector: TupleSelector) -> list[dict[str, Any]]:
        self.written.clear()
        self.harness.resultOf(self.observable.notifyOfTupleUpdate(selector))
        return self.messages

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [read(frame) for frame in self.written if frame]

    def asks(self, **filt: Any) -> list[dict[str, Any]]:
        return self.says(wire_messages.envelope({**FILT, "tupleSelector": ALL, **filt}))


def read(frame: bytes) -> dict[str, Any]:
    """A message of either era, and its payload."""
    message = messageJson(frame)
    text = bodyText(message.get("data") or message.get("encodedPayload"))
    if text is not None:
        message["payload"] = inflatedJson(text)
    return message


def meaning(message: dict[str, Any]) -> dict[str, Any]:
    """What a message says but for when, and for fields that are null, as other versions have other fields."""
    payload = message.get("payload") or {}
    tuples = payload.get("tuples") or []
    return {
        "filt": message["filt"],
        "result": message["result"],
        "payload filt": payload.get("filt"),
        "tuples": [{key: each[key] for key in each if each[key] is not None} for each in tuples],
    }


class Recorded:
    """The observable's part of one recorded session."""

    def __init__(self, name: str) -> None:
        self.clients: list[tuple[str, bytes, dict[str, Any]]] = []
        self.servers: list[tuple[str, dict[str, Any]]] = []
        for vector in loadVectors(name):
            for frame in wireFrames(vector) or []:
                if not frame:
                    continue
                message = read(frame)
                if message["filt"].get("key") != FILT["key"]:
                    continue
                if vector["direction"] == "c2s":
                    self.clients.append((vector["step"], frame, message))
                else:
                    self.servers.append((vector["step"], message))

    def asked(self, step: str) -> list[bytes]:
        return [frame for name, frame, _ in self.clients if name == step]

    def said(self, step: str) -> dict[str, Any]:
        (message,) = (message for name, message in self.servers if name == step)
        return message


@pytest.mark.parametrize("name", RECORDED)
class TestARecordedClient:
    def test_is_answered_and_pushed_to_as_by_its_own_server(self, name: str, harness: VortexHarness) -> None:
        recorded, line = Recorded(name), Line(harness, RECORDED[name])
        for step in ("observe_subscribe", "observe_poll"):
            theirs = recorded.said(step)
            line.gives(theirs["payload"]["tuples"])
            (asked,) = recorded.asked(step)

            (ours,) = line.says(asked)

            assert meaning(ours) == meaning(theirs)
            assert line.written[0].startswith(b"{") == (RECORDED[name] is Form.RAW)
            assert ours["payload"]["date"]["_ft"] == "datetime"

        push = recorded.said("action_ok_and_notify")
        line.gives(push["payload"]["tuples"])
        (ours,) = line.notify(line.selected[0])

        assert meaning(ours) == meaning(push)
        assert ("encodedPayload" in ours) == ("encodedPayload" in push)

    def test_that_has_unsubscribed_is_told_nothing_more(self, name: str, harness: VortexHarness) -> None:
        recorded, line = Recorded(name), Line(harness, RECORDED[name])
        line.says(recorded.asked("observe_subscribe")[0])
        line.gives(recorded.said("action_ok_and_notify")["payload"]["tuples"])
        frame = wire_messages.envelope(
            {**FILT, "tupleSelector": ALL, "observerName": "default", "unsubscribe": True}
        )
        unsubscribes = recorded.asked("observe_unsubscribe") or [frame]

        for each in unsubscribes:
            assert line.says(each) == []

        assert line.notify(line.selected[0]) == []
        assert len(line.selected) == 1


class TestARequest:
    def test_without_subscribe_subscribes(self, harness: VortexHarness) -> None:
        line = Line(harness)

        (answer,) = line.asks()
        line.gives([{"_ct": "rt", "_c": "acme.PersonTuple", "name": "Zoë"}])
        (push,) = line.notify(line.selected[0])

        assert answer["filt"] == {**FILT, "tupleSelector": ALL}
        assert answer["payload"]["tuples"] == []
        assert push["filt"] == push["payload"]["filt"] == {**FILT, "tupleSelector": ALL}

    def test_of_javascript_has_keys_of_its_own_which_come_back(self, harness: VortexHarness) -> None:
        line = Line(harness)
        more = {"subscribe": True, "unsubscribe": False, "disableCache": False, "useCache": True}

        (answer,) = line.asks(**more)

        assert answer["filt"] == {**FILT, "tupleSelector": ALL, **more}
        line.asks(subscribe=True, unsubscribe=True)
        assert line.notify(line.selected[0]) == []

    def test_for_a_poll_is_answered_each_time_and_subscribes_nothing(self, harness: VortexHarness) -> None:
        line = Line(harness)
        for number in range(3):
            line.gives([{"_ct": "rt", "_c": "acme.PersonTuple", "id": number}])
            (answer,) = line.asks(subscribe=False, **{"PayloadResponse.messageId": f"m{number}"})
            assert answer["payload"]["tuples"][0]["id"] == {"_ft": "int", "_fd": number}

        assert line.notify(line.selected[0]) == []
        assert (len(line.selected), line.observable._watches.watches) == (3, ())

    def test_of_two_observers_of_one_peer_is_ended_for_one_of_them(self, harness: VortexHarness) -> None:
        line = Line(harness)
        for name in ("a", "b"):
            line.asks(observerName=name)
        assert len(line.selected) == 1

        line.asks(observerName="a", unsubscribe=True)
        line.gives([{"_ct": "rt", "_c": "acme.PersonTuple", "id": 1}])
        assert len(line.notify(line.selected[0])) == 1
        line.asks(observerName="b", unsubscribe=True)

        assert line.notify(line.selected[0]) == []
        assert len(line.selected) == 2

    @pytest.mark.parametrize("selector", [None, "text", 5.5, {"name": "acme.PersonTuple"}])
    def test_without_a_selector_is_answered_with_an_error(
        self, harness: VortexHarness, selector: object
    ) -> None:
        (answer,) = Line(harness).says(wire_messages.envelope({**FILT, "tupleSelector": selector}))

        assert answer["result"].startswith("bad-payload: expected a TupleSelector, got ")
        assert answer["filt"] == {**FILT, "tupleSelector": selector}

    def test_for_what_nobody_provides_is_answered_with_an_error(self, harness: VortexHarness) -> None:
        line = Line(harness)

        (answer,) = line.asks(tupleSelector={**ALL, "name": "nobody"})

        assert answer["result"] == "unknown-observable: nothing here provides 'nobody'"
        assert answer.get("payload") is None

    def test_that_fails_is_answered_with_an_error_and_leaves_nothing(self, harness: VortexHarness) -> None:
        line = Line(harness)

        def fails(_selector: TupleSelector, _peer: Any) -> Any:
            raise ZeroDivisionError("a secret")

        line.observable.addTupleProvider("fails", fails)
        with capturedLogs():
            for subscribe in (True, False):
                (answer,) = line.asks(tupleSelector={**ALL, "name": "fails"}, subscribe=subscribe)
                assert answer["result"].startswith("internal: ")
                assert "secret" not in answer["result"]

        assert line.observable._watches.watches == ()
        assert len(line.observable._watches._roster) == 0

    def test_past_the_bound_is_refused_and_those_before_go_on(self, harness: VortexHarness) -> None:
        line = Line(harness, limits=Limits(maxWatchesPerPeer=2))
        for number in range(2):
            line.asks(tupleSelector={**ALL, "selector": {"n": number}})

        (answer,) = line.asks(tupleSelector={**ALL, "selector": {"n": 3}})

        assert answer["result"].startswith("limit-exceeded: you watch 2 things already")
        assert line.server.counters["watchesRefused"] == 1
        assert len(line.observable._watches.watches) == 2
        line.gives([{"_ct": "rt", "_c": "acme.PersonTuple", "id": 1}])
        assert len(line.notify(line.selected[0])) == 1
        line.asks(tupleSelector={**ALL, "selector": {"n": 0}}, unsubscribe=True)
        (answer,) = line.asks(tupleSelector={**ALL, "selector": {"n": 3}})
        assert answer["result"] is None

    def test_that_takes_too_many_bytes_is_refused(self, harness: VortexHarness) -> None:
        line = Line(harness, limits=Limits(maxWatchBytesPerPeer=300))
        line.asks()

        (answer,) = line.asks(tupleSelector={**ALL, "selector": {"n": "x" * 200}})

        assert answer["result"].startswith("limit-exceeded: what you watch takes ")

    def test_is_one_of_so_many_that_may_wait(self, harness: VortexHarness) -> None:
        line = Line(harness, limits=Limits(maxWaitingRequests=2))
        waiting: Deferred[list[Any]] = Deferred()
        line.observable.addTupleProvider("slow", lambda _selector, _peer: waiting)
        slow = {**ALL, "name": "slow"}
        assert line.asks(tupleSelector=slow) == line.asks(tupleSelector=slow, subscribe=False) == []

        for subscribe in (True, False):
            (answer,) = line.asks(tupleSelector=slow, subscribe=subscribe)
            assert answer["result"].startswith("limit-exceeded: 2 requests of this peer wait")

        line.written.clear()
        waiting.callback([])
        line.harness.settle()
        assert [message["result"] for message in line.messages] == [None, None]
        assert len(line.observable._watches._waiting) == 0


class TestAReply:
    def test_is_no_request(self, harness: VortexHarness) -> None:
        line = Line(harness)

        assert line.says(wire_messages.envelope({**FILT, "tupleSelector": ALL, "subscribe": True})) != []
        message = wire_messages.envelope({**FILT, "tupleSelector": ALL}).decode()
        assert line.says(message.replace('"result": null', '"result": true').encode()) == []
        assert len(line.selected) == 1


class Mine(TupleDataProvider):
    isPerPeer = True

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def makeTuples(self, selector: TupleSelector, peer: Any) -> list[Any]:
        self.asked.append(peer)
        return [peer.name]


class TestAProviderPerPeer:
    def test_makes_what_each_gets(self, harness: VortexHarness) -> None:
        line = Line(harness)
        mine = Mine()
        line.observable.addTupleProvider("mine", mine)
        other = connectInMemory(line.server, harness.node("other"))
        harness.settle()
        selector = {**ALL, "name": "mine"}

        (answer,) = line.asks(tupleSelector=selector)
        frame = wire_messages.envelope({**FILT, "tupleSelector": selector})
        other._ends[0].driver.frameReceived(frame)
        harness.settle()

        assert answer["payload"]["tuples"] == ["client"]
        assert [peer.name for peer in mine.asked] == ["client", "other"]
        line.notify(TupleSelector(name="mine", selector={"all": True}))
        assert [peer.name for peer in mine.asked] == ["client", "other", "client", "other"]
        other.cut()
        line.notify(TupleSelector(name="mine", selector={"all": True}))
        assert [peer.name for peer in mine.asked][4:] == ["client"]


class TestAProviderThatBlocks:
    def test_is_called_in_a_thread(self, harness: VortexHarness) -> None:
        line = Line(harness)
        called: list[Any] = []

        def runInThread(function: Any, *arguments: Any) -> Any:
            called.append(function)
            waiting: Deferred[Any] = Deferred()
            harness.clock.callLater(2, lambda: waiting.callback(function(*arguments)))
            return waiting

        line.server.runInThread = runInThread  # type: ignore[method-assign]

        def blocks(selector: TupleSelector, peer: Any) -> list[Any]:
            return [selector.selector, peer]

        line.observable.addTupleProvider("blocks", blocks, inThread=True)

        assert line.asks(tupleSelector={**ALL, "name": "blocks"}) == []
        harness.advance(2)

        assert line.messages[0]["payload"]["tuples"] == [{"all": True}, None]
        assert called == [blocks]
