"""A request and its answer: between real nodes, and with answers that somebody forged."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from tests.handlers.nodes import resultOf, settle
from tests.routing.peers import ERAS
from vortex import Tuple, addTupleType
from vortex.errors import (
    ConnectionLost,
    DecodeError,
    EncodeError,
    NotConnected,
    NoVortex,
    RemoteError,
    RequestTimeout,
)
from vortex.node.vortex import Vortex
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.routing.payload_response import PayloadResponse
from vortex.transports.memory import MemoryLink, connectInMemory

KEY = {"key": "jobs"}
MESSAGE_ID = "PayloadResponse.messageId"


@addTupleType
class Job(Tuple):
    __tupleType__ = "responsetest.Job"
    id: int | None = None
    due: datetime | None = None


class Server:
    """A node that notes what it is asked and answers when the test says so."""

    def __init__(self, name: str, clock: Clock, uuid: str | None = None) -> None:
        self.vortex = Vortex(name, uuid=uuid, reactor=clock)
        self.asked: list[Delivery] = []
        self.payloads: list[Payload] = []
        PayloadEndpoint(KEY, self.take, self.vortex)

    def take(self, payload: Payload, delivery: Delivery) -> None:
        self.payloads.append(payload)
        self.asked.append(delivery)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(clock: Clock) -> Iterator[Vortex]:
    client = Vortex("client", uuid="client-uuid", reactor=clock)
    yield client
    io = client.payloadIO
    assert (io._waiting, io._waitingFor) == ({}, {}), "something waits that nobody asked for"
    assert timeouts(clock) == [], "a timeout was left behind"


def timeouts(clock: Clock) -> list[Any]:
    """The calls by which a wait would end."""
    calls: list[Any] = list(clock.getDelayedCalls())
    return [call for call in calls if getattr(call.func, "__name__", "") == "_timedOut"]


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server("server", clock)


@pytest.fixture
def link(client: Vortex, server: Server, clock: Clock) -> MemoryLink:
    link = connectInMemory(client, server.vortex)
    settle(clock)
    return link


def ask(client: Vortex, clock: Clock, filt: dict[str, Any] | None = None, **kwargs: Any) -> PayloadResponse:
    response = PayloadResponse(Payload(filt or KEY), client, **kwargs)
    settle(clock)
    return response


def forge(
    server: Server, clock: Clock, filt: dict[str, Any], result: Any = None, tuples: list[Any] | None = None
) -> None:
    """Have *server* send its only peer a message that nobody asked for."""
    (peer,) = server.vortex.peers
    peer.sendMessage(Message(Payload(filt, tuples, result)))
    settle(clock)


class TestAnAnswer:
    @pytest.mark.parametrize("form", ERAS)
    @pytest.mark.parametrize("result", [None, True])
    def test_fires_it(self, client: Vortex, server: Server, clock: Clock, form: Form, result: Any) -> None:
        connectInMemory(client, server.vortex, form=form)
        settle(clock)

        response = ask(client, clock, {**KEY, "id": 5})
        (delivery,) = server.asked
        assert delivery.filt == {**KEY, "id": 5, MESSAGE_ID: "client-uuid:1"}
        assert not response.called
        delivery.reply([Job(id=1)], result=result)
        settle(clock)

        answer = resultOf(response)
        assert answer.filt == delivery.filt
        assert answer.result is result
        assert [job.id for job in answer.tuples] == [1]

    def test_carries_what_was_asked(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        payload = Payload(KEY, [Job(id=7)])
        response = PayloadResponse(payload, client)
        settle(clock)

        assert [job.id for job in server.payloads[0].tuples] == [7]
        assert payload.filt == KEY
        server.asked[0].reply()
        settle(clock)
        assert resultOf(response).tuples == []

    def test_is_known_by_its_messageId(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        responses = [ask(client, clock) for _ in range(3)]

        for number in (2, 0, 1):
            server.asked[number].reply([Job(id=number)])
        settle(clock)

        assert [resultOf(response).tuples[0].id for response in responses] == [0, 1, 2]

    def test_may_have_a_filt_with_more_in_it(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        response = ask(client, clock)

        forge(server, clock, {**server.asked[0].filt, "page": 1})

        assert resultOf(response).filt["page"] == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"id": 6},
            {"id": None},
            {"id": "5"},
            {"tags": ["a"]},
            {"tags": ["a", "b", "c"]},
            {MESSAGE_ID: "client-uuid:2"},
            {"key": "else"},
        ],
    )
    def test_has_all_that_was_asked_in_its_filt(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock, change: dict[str, Any]
    ) -> None:
        response = ask(client, clock, {**KEY, "id": 5, "tags": ["b", "a"]})
        asked = server.asked[0].filt

        forge(server, clock, {**asked, **change})
        forge(server, clock, {key: value for key, value in asked.items() if key not in change})
        assert not response.called
        forge(server, clock, asked)

        assert resultOf(response).filt == asked

    @pytest.mark.parametrize("form", ERAS)
    @pytest.mark.parametrize(
        "value",
        [
            None,
            1.0,
            10**30,
            float("nan"),
            "é\ud800",
            b"\x00",
            [3, "a", [None, 1.5]],
            ("a", "b"),
            {"b"},
            {"nested": {"x": [1]}},
            Decimal("1.25"),
            UUID("12345678-1234-5678-1234-567812345678"),
            datetime(2024, 1, 1, 12),  # noqa: DTZ001
            datetime(2024, 1, 1, 12, tzinfo=UTC),
            date(2024, 2, 29),
            Job(id=5, due=datetime(2024, 1, 1, tzinfo=UTC)),
            [Job(id=5, due=datetime(2024, 1, 1))],  # noqa: DTZ001
        ],
        ids=lambda value: f"{type(value).__name__} {ascii(value)[:12]}",
    )
    def test_is_known_whatever_the_filt_looks_like_on_the_wire(
        self, client: Vortex, server: Server, clock: Clock, value: Any, form: Form
    ) -> None:
        connectInMemory(client, server.vortex, form=form)
        settle(clock)

        response = ask(client, clock, {**KEY, "value": value})
        server.asked[0].reply()
        settle(clock)

        assert resultOf(response).result is None

    def test_is_taken_once(self, client: Vortex, server: Server, link: MemoryLink, clock: Clock) -> None:
        response = ask(client, clock)

        server.asked[0].reply([Job(id=1)])
        server.asked[0].reply([Job(id=2)])
        settle(clock)

        assert [job.id for job in resultOf(response).tuples] == [1]

    def test_goes_to_endpoints_as_well(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        seen: list[tuple[bool, list[Any]]] = []
        endpoint = PayloadEndpoint(
            KEY, lambda payload, delivery: seen.append((delivery.isReply, payload.tuples)), client
        )
        response = ask(client, clock)

        server.asked[0].reply([Job(id=1)])
        settle(clock)

        assert endpoint.isLive
        assert [(isReply, [job.id for job in tuples]) for isReply, tuples in seen] == [(True, [1])]
        assert [job.id for job in resultOf(response).tuples] == [1]

    def test_that_cannot_be_opened_is_the_readers_error(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        response = ask(client, clock)
        (peer,) = client.peers
        client.payloadIO.route(Envelope(server.asked[0].filt, body=_brokenBody(), isReply=True), peer)

        answer = resultOf(response)
        with pytest.raises(DecodeError):
            _ = answer.tuples

    @pytest.mark.parametrize("key", ["rapuiServerEcho", "rapuiClientEcho"])
    def test_may_be_an_echo(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock, key: str
    ) -> None:
        response = PayloadResponse(Payload({**KEY, key: True}, [Job(id=1)]), client)
        settle(clock)

        assert [job.id for job in resultOf(response).tuples] == [1]


def _brokenBody() -> Any:
    from vortex.protocol.body import Body

    return Body("no body at all")


class TestAnErrorForAnAnswer:
    @pytest.mark.parametrize(
        ("result", "code", "text"),
        [
            ("rejected: only on Sundays", "rejected", "only on Sundays"),
            ("out-of-stock: none left", "out-of-stock", "none left"),
            ("Traceback (most recent call last): x", "remote-error", "Traceback (most recent call last): x"),
            ("Error: capital", "remote-error", "Error: capital"),
            ("", "remote-error", ""),
            (False, "remote-error", "False"),
            (1, "remote-error", "1"),
            (["a"], "remote-error", "['a']"),
        ],
    )
    def test_fails_it(
        self,
        client: Vortex,
        server: Server,
        link: MemoryLink,
        clock: Clock,
        result: Any,
        code: str,
        text: str,
    ) -> None:
        response = ask(client, clock)

        forge(server, clock, server.asked[0].filt, result)

        with pytest.raises(RemoteError) as caught:
            resultOf(response)
        assert (caught.value.code, str(caught.value)) == (code, text)

    def test_of_an_endpoint_that_was_not_meant_is_an_id(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.asked.append(None)  # type: ignore[arg-type]
        monkeypatch.setattr(server, "payloads", None)

        response = ask(client, clock)

        with pytest.raises(RemoteError) as caught:
            resultOf(response)
        assert caught.value.code == "internal"
        assert len(str(caught.value)) == 8


class TestSomebodyElse:
    @pytest.fixture
    def mallory(self, client: Vortex, link: MemoryLink, clock: Clock) -> Server:
        """Under the same uuid and name as the server, and connected to the same client."""
        (peer,) = client.peers
        mallory = Server("server", clock, uuid=peer.uuid)
        connectInMemory(client, mallory.vortex)
        settle(clock)
        assert [p.uuid for p in client.peers] == [peer.uuid] * 2
        return mallory

    def test_cannot_answer(self, client: Vortex, server: Server, mallory: Server, clock: Clock) -> None:
        response = ask(client, clock, toUuid=server.vortex.uuid)
        assert mallory.asked == []
        filt = server.asked[0].filt

        forge(mallory, clock, filt, tuples=[Job(id=666)])
        forge(mallory, clock, filt, "rejected: no")
        assert not response.called

        server.asked[0].reply([Job(id=1)])
        settle(clock)
        assert [job.id for job in resultOf(response).tuples] == [1]

    def test_ends_no_wait_by_going(
        self, client: Vortex, server: Server, mallory: Server, clock: Clock
    ) -> None:
        response = ask(client, clock, toUuid=server.vortex.uuid)

        client.closePeer(client.peers[1], "go")
        settle(clock)

        assert len(client.peers) == 1
        assert not response.called
        server.asked[0].reply()
        settle(clock)
        assert response.called


class TestTime:
    @pytest.mark.parametrize("seconds", [30, 0.5, 3600])
    def test_runs_out(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock, seconds: float
    ) -> None:
        start = clock.seconds()
        named: dict[str, Any] = {} if seconds == 30 else {"timeout": seconds}  # half a minute is the default
        response = ask(client, clock, **named)
        (call,) = timeouts(clock)
        assert call.getTime() - start == seconds

        clock.advance(seconds - 0.01)
        assert not response.called
        clock.advance(0.01)

        with pytest.raises(RequestTimeout) as caught:
            resultOf(response)
        assert str(caught.value) == (f"the peer 'server', asked for 'jobs', did not answer in {seconds:g} s")

    def test_runs_out_and_a_late_answer_is_nothing(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        response = ask(client, clock, timeout=5)
        clock.advance(5)

        server.asked[0].reply([Job(id=1)])
        settle(clock)

        with pytest.raises(RequestTimeout):
            resultOf(response)

    def test_is_not_counted_without_a_timeout(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        response = ask(client, clock, timeout=None)

        assert timeouts(clock) == []
        clock.pump([10.0] * 1000)
        assert not response.called
        server.asked[0].reply()
        settle(clock)
        assert response.called

    def test_stops_with_the_answer(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        response = ask(client, clock)

        server.asked[0].reply()
        settle(clock)

        assert timeouts(clock) == []
        assert response.called


class TestCancelling:
    def test_ends_the_wait(self, client: Vortex, server: Server, link: MemoryLink, clock: Clock) -> None:
        response = ask(client, clock)

        response.cancel()
        response.cancel()

        with pytest.raises(CancelledError):
            resultOf(response)
        assert timeouts(clock) == []
        server.asked[0].reply()
        settle(clock)

    def test_is_what_a_timeout_of_ones_own_does(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        response = ask(client, clock).addTimeout(3, clock)

        clock.advance(3)

        with pytest.raises(Exception, match="3"):
            resultOf(response)
        assert timeouts(clock) == []

    def test_after_the_answer_changes_nothing(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        response = ask(client, clock)
        server.asked[0].reply()
        settle(clock)

        response.cancel()

        assert resultOf(response).filt == server.asked[0].filt


class TestThePeer:
    def test_that_goes_ends_every_wait_for_it_at_once(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        responses = [ask(client, clock) for _ in range(3)]

        link.cut()

        for response in responses:
            with pytest.raises(ConnectionLost) as caught:
                resultOf(response)
            assert str(caught.value) == "the peer 'server', asked for 'jobs', went before it answered"
        assert timeouts(clock) == []

    def test_that_goes_may_be_asked_for_again_in_the_errback(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        again: list[Deferred[Payload]] = []
        for _ in range(3):
            ask(client, clock).addErrback(lambda _: again.append(PayloadResponse(Payload(KEY), client)))

        link.cut()

        assert len(again) == 3
        for response in again:
            with pytest.raises(NotConnected):
                resultOf(response)

    def test_that_does_not_read_is_lost(self, clock: Clock, client: Vortex, server: Server) -> None:
        link = connectInMemory(client, server.vortex)
        settle(clock)
        link.pause()

        response = ask(client, clock, timeout=None)
        clock.advance(client.limits.writeStall + 1)
        settle(clock)

        with pytest.raises(ConnectionLost):
            resultOf(response)

    def test_that_is_not_there_cannot_be_asked(self, client: Vortex, link: MemoryLink, clock: Clock) -> None:
        cases: list[tuple[dict[str, Any], str]] = [
            ({"toName": "nobody"}, "there is no peer named 'nobody' to ask"),
            ({"toUuid": "nobody"}, "there is no peer with uuid 'nobody' to ask"),
        ]
        for whom, text in cases:
            with pytest.raises(NotConnected, match=text):
                resultOf(ask(client, clock, **whom))
        link.cut()
        with pytest.raises(NotConnected, match="there is no peer at all to ask"):
            resultOf(ask(client, clock))

    def test_is_one_of_several_only_if_it_is_named(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        others = [Server("server", clock), Server("other", clock)]
        for other in others:
            connectInMemory(client, other.vortex)
        settle(clock)

        cases: list[tuple[dict[str, Any], str]] = [
            ({}, "there are 3 peers at all: one can be asked at a time, name it with toUuid"),
            ({"toName": "server"}, "there are 2 peers named 'server': one can be asked at a time"),
        ]
        for whom, text in cases:
            with pytest.raises(NotConnected, match=text):
                resultOf(ask(client, clock, **whom))
        assert server.asked == others[0].asked == others[1].asked == []

        responses = [ask(client, clock, toName="other"), ask(client, clock, toUuid=others[0].vortex.uuid)]
        for other in others:
            other.asked[0].reply([Job(id=1)])
        settle(clock)
        assert [len(resultOf(response).tuples) for response in responses] == [1, 1]
        assert server.asked == []

    def test_is_named_in_one_way(self, client: Vortex, link: MemoryLink, clock: Clock) -> None:
        with pytest.raises(ValueError, match="ask a name or a uuid, not both"):
            resultOf(ask(client, clock, toName="server", toUuid="x"))
        (peer,) = client.peers
        others: list[dict[str, Any]] = [{"toName": "server"}, {"toUuid": "x"}]
        for also in others:
            with pytest.raises(ValueError, match="ask a peer, or a name or a uuid, not both"):
                resultOf(ask(client, clock, peer=peer, **also))


class TestAPeerThatIsAsked:
    """By its own `request`."""

    @pytest.fixture
    def twin(self, client: Vortex, link: MemoryLink, clock: Clock) -> Server:
        """Another server under the same name and uuid."""
        (peer,) = client.peers
        twin = Server("server", clock, uuid=peer.uuid)
        connectInMemory(client, twin.vortex)
        settle(clock)
        return twin

    def test_is_asked_alone_among_its_likes(
        self, client: Vortex, server: Server, twin: Server, clock: Clock
    ) -> None:
        responses = [peer.request(Payload({**KEY, "id": index})) for index, peer in enumerate(client.peers)]
        settle(clock)

        assert [[each.filt["id"] for each in asked.asked] for asked in (server, twin)] == [[0], [1]]
        for index, asked in enumerate((server, twin)):
            asked.asked[0].reply([Job(id=index)])
        settle(clock)
        assert [resultOf(response).tuples[0].id for response in responses] == [0, 1]

    def test_is_not_answered_for_by_another(
        self, client: Vortex, server: Server, twin: Server, clock: Clock
    ) -> None:
        response = client.peers[0].request(Payload(KEY))
        settle(clock)

        forge(twin, clock, server.asked[0].filt, tuples=[Job(id=666)])
        forge(twin, clock, server.asked[0].filt, "rejected: no")
        assert not response.called

        server.asked[0].reply([Job(id=1)])
        settle(clock)
        assert [job.id for job in resultOf(response).tuples] == [1]

    def test_may_answer_with_an_error(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        response = client.peers[0].request(Payload(KEY))
        settle(clock)

        server.asked[0].reply(result="out-of-stock: none left")
        settle(clock)

        with pytest.raises(RemoteError, match="none left") as caught:
            resultOf(response)
        assert caught.value.code == "out-of-stock"

    def test_may_take_so_long(self, client: Vortex, server: Server, link: MemoryLink, clock: Clock) -> None:
        (peer,) = client.peers
        responses = [peer.request(Payload(KEY)), peer.request(Payload(KEY), timeout=5)]
        settle(clock)

        clock.advance(5)
        assert [response.called for response in responses] == [False, True]
        clock.advance(25)

        for response in responses:
            with pytest.raises(RequestTimeout):
                resultOf(response)

    def test_is_there(self, client: Vortex, server: Server, twin: Server, clock: Clock) -> None:
        peer = client.peers[0]
        peer.close()
        settle(clock)

        with pytest.raises(NotConnected, match="the peer 'server' is not connected any more"):
            resultOf(peer.request(Payload(KEY)))
        assert twin.asked == []


class TestWhatIsAsked:
    def test_has_to_travel(self, client: Vortex, server: Server, link: MemoryLink, clock: Clock) -> None:
        for payload in (Payload({**KEY, "x": object()}), Payload(KEY, [object()])):
            with pytest.raises(EncodeError):
                resultOf(PayloadResponse(payload, client))
        settle(clock)

        assert server.asked == []
        assert client.peers[0].isOnline

    def test_has_a_body_that_can_be_opened(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        payload = Payload.fromEnvelope(Envelope(dict(KEY), body=_brokenBody()), client.limits)

        with pytest.raises(DecodeError):
            resultOf(PayloadResponse(payload, client))

    def test_gets_a_messageId_of_ours_whatever_it_had(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        response = ask(client, clock, {**KEY, MESSAGE_ID: "somebody's"})

        assert server.asked[0].messageId == "client-uuid:1"
        server.asked[0].reply()
        settle(clock)
        assert response.called

    def test_is_asked_of_the_only_node(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("vortex.routing.ports.liveNodes", weakref.WeakSet([client]))
        response = PayloadResponse(Payload(KEY))
        settle(clock)
        server.asked[0].reply()
        settle(clock)
        assert response.called

        monkeypatch.setattr("vortex.routing.ports.liveNodes", weakref.WeakSet([client, server.vortex]))
        with pytest.raises(NoVortex, match="say which with vortex="):
            PayloadResponse(Payload(KEY))


class TestAResponseThatNobodyWaitsFor:
    def test_leaves_nothing_behind(
        self, client: Vortex, server: Server, link: MemoryLink, clock: Clock
    ) -> None:
        gone = [weakref.ref(ask(client, clock)) for _ in range(3)]

        for delivery in server.asked:
            delivery.reply()
        settle(clock)
        gc.collect()

        assert [each() for each in gone] == [None] * 3
