"""Raw connections that we make to others: what goes out, what is borne, and in which words they end."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from random import Random

import pytest
from twisted.internet import error as errors
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from tests.testing.protocols import Wanting
from tests.transports.streams_by_hand import OtherEnd, helloOf
from tests.wire_messages import base64Envelope, envelope, isHello
from vortex import (
    AccessDenied,
    ConnectionLost,
    ConnectionRefused,
    NameNotFound,
    NotConnected,
    Payload,
    Unauthenticated,
    Vortex,
    VortexError,
)
from vortex.routing.ports import Peer
from vortex.testing import RecordingEndpoint, VortexHarness
from vortex.transports.dial import Dialled
from vortex.transports.stream_client import dialStream

LARGE = Payload({"key": "x"}, [Random(7).randbytes(100_000)])


class Watcher:
    """Notes what a link tells."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.errors: list[VortexError] = []

    def linkOpened(self, peer: Peer) -> None:
        self.peers.append(peer)

    def linkEnded(self, error: VortexError) -> None:
        self.errors.append(error)

    @property
    def error(self) -> VortexError:
        (error,) = self.errors
        return error


@implementer(IStreamClientEndpoint)
class Never:
    """An endpoint that fails with *error*, or does nothing at all."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.cancelled = False

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        connecting: Deferred[IProtocol] = Deferred(self._cancelled)
        if self.error is not None:
            connecting.errback(self.error)
        return connecting

    def _cancelled(self, _: object) -> None:
        self.cancelled = True


@pytest.fixture
def harness() -> Iterator[VortexHarness]:
    with VortexHarness() as made:
        yield made


@pytest.fixture
def client(harness: VortexHarness) -> Vortex:
    return harness.node("client")


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def other() -> OtherEnd:
    return OtherEnd()


@pytest.fixture
def link(harness: VortexHarness, client: Vortex, watcher: Watcher, other: OtherEnd) -> Dialled:
    """A link to *other*, which has said nothing yet."""
    harness.resultOf(harness.network.serverEndpoint("other").listen(Wanting(other)))
    endpoint = harness.network.clientEndpoint("other")
    link = dialStream(client, endpoint, watcher, where="tcp://other:1")
    harness.settle()
    return link


class TestWhatGoesOut:
    def test_begins_with_a_hello_that_every_era_reads(
        self, harness: VortexHarness, link: Dialled, other: OtherEnd
    ) -> None:
        (hello,) = other.messages

        assert isHello(hello)
        assert hello["filt"] == {"__vortexUuid__": "uuid-client", "__vortexName__": "client"}
        assert {"data", "encodedPayload"} <= set(hello)

    @pytest.mark.parametrize(
        ("era", "field", "missing"), [(1, "encodedPayload", "data"), (2, "data", "encodedPayload")]
    )
    def test_goes_on_in_the_era_of_the_other_ends_hello(
        self,
        harness: VortexHarness,
        client: Vortex,
        link: Dialled,
        other: OtherEnd,
        era: int,
        field: str,
        missing: str,
    ) -> None:
        other.write(base64Envelope({"__vortexUuid__": "u", "__vortexName__": "n"}, era=era) + b".")
        harness.settle()

        client.send(Payload({"key": "jobs"}, ["x"]))
        harness.settle()

        assert other.messages[-1]["payload"]["tuples"] == ["x"]
        assert field in other.messages[-1]
        assert missing not in other.messages[-1]

    def test_is_base64_to_who_says_hello_in_raw_json(
        self, harness: VortexHarness, client: Vortex, link: Dialled, other: OtherEnd, watcher: Watcher
    ) -> None:
        other.write(envelope({"__vortexUuid__": "u.1", "__vortexName__": "n.2"}) + b".")
        harness.settle()

        client.send(Payload({"key": "jobs"}, ["x.y"]))
        harness.settle()

        assert [(peer.uuid, peer.name) for peer in watcher.peers] == [("u.1", "n.2")]
        assert b"{" not in other.received
        assert other.messages[-1]["payload"]["tuples"] == ["x.y"]

    def test_beats_twice_in_twenty_seconds(
        self, harness: VortexHarness, link: Dialled, other: OtherEnd
    ) -> None:
        other.write(helloOf())
        harness.settle()
        before = len(other.received)

        for _ in range(2):
            harness.advance(10.1)
            other.write(b"..")

        assert other.received[before:] == b"...."


class TestOpening:
    def test_is_told_once_the_other_end_has_said_who_it_is(
        self, harness: VortexHarness, client: Vortex, link: Dialled, other: OtherEnd, watcher: Watcher
    ) -> None:
        assert watcher.peers == []

        other.write(helloOf() + helloOf("another"))
        harness.settle()

        assert watcher.peers == list(client.peers)
        assert [(peer.uuid, peer.transport) for peer in client.peers] == [("uuid-other", "tcp")]

    def test_takes_messages_from_the_hello_on(
        self, harness: VortexHarness, client: Vortex, link: Dialled, other: OtherEnd
    ) -> None:
        heard = RecordingEndpoint({"key": "jobs"}, vortex=client)
        ask = base64Envelope({"key": "jobs"}, [1]) + b"."

        other.write(ask + helloOf() + ask)
        harness.settle()

        assert len(heard.payloads) == 1


class TestTheEnd:
    @pytest.mark.parametrize(
        ("error", "kind", "words"),
        [
            (errors.DNSLookupError("x"), NameNotFound, "does not resolve"),
            (errors.UnknownHostError(), NameNotFound, "does not resolve"),
            (errors.ConnectError(errno.ENOENT), ConnectionRefused, "nobody listens there"),
            (errors.TimeoutError(), NotConnected, "no answer in time"),
            (errors.ConnectBindError(), NotConnected, "no local address"),
            (OSError("no route"), NotConnected, "no route"),
        ],
    )
    def test_is_told_in_words_where_there_was_no_beginning(
        self,
        client: Vortex,
        watcher: Watcher,
        error: Exception,
        kind: type[VortexError],
        words: str,
    ) -> None:
        dialStream(client, Never(error), watcher, where="tcp://other:1")

        assert type(watcher.error) is kind
        assert str(watcher.error).startswith("tcp://other:1: ")
        assert words in str(watcher.error)

    def test_comes_when_nothing_is_there_in_time(
        self, harness: VortexHarness, client: Vortex, watcher: Watcher
    ) -> None:
        never = Never()
        dialStream(client, never, watcher, where="tcp://other:1")

        harness.advance(9.9)
        assert watcher.errors == []
        harness.advance(0.2)

        assert type(watcher.error) is NotConnected
        assert "within 10 s (connectTimeout)" in str(watcher.error)
        assert never.cancelled

    def test_comes_when_the_other_end_does_not_say_who_it_is(
        self, harness: VortexHarness, link: Dialled, other: OtherEnd, watcher: Watcher
    ) -> None:
        harness.advance(9)
        other.write(b"..")
        harness.advance(0.9)
        assert watcher.errors == []
        harness.advance(0.2)

        assert "did not say who it is within 10 s" in str(watcher.error)
        assert other.end is errors.ConnectionLost

    @pytest.mark.parametrize(
        ("beginning", "words"),
        [
            (b"\x15\x03\x03\x00\x02\x02\x50", "tls://"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "http:// or ws://"),
            (
                b"220 mail.example ESMTP\r\n",
                "expected a vortex's raw connection, got '220 mail.example ESMTP'",
            ),
            (b"hello.", "this is no vortex: expected a message, base64 or a JSON object, got b'hello'"),
        ],
    )
    @pytest.mark.parametrize("atOnce", [True, False])
    def test_comes_at_once_when_it_is_no_vortex(
        self,
        harness: VortexHarness,
        link: Dialled,
        other: OtherEnd,
        watcher: Watcher,
        beginning: bytes,
        words: str,
        atOnce: bool,
    ) -> None:
        harness.settle()
        for piece in (beginning,) if atOnce else (beginning[:3], beginning[3:]):
            other.write(piece)
            harness.settle()

        assert type(watcher.error) is NotConnected
        assert words in str(watcher.error)
        assert other.isOver

    def test_before_a_hello_is_none_of_a_vortex(
        self, harness: VortexHarness, link: Dialled, other: OtherEnd, watcher: Watcher
    ) -> None:
        other.transport.loseConnection()
        harness.settle()

        assert type(watcher.error) is NotConnected
        assert "hung up before it said who it is" in str(watcher.error)

    @pytest.mark.parametrize(
        ("result", "kind"),
        [
            ("access-denied: not today", AccessDenied),
            ("unauthenticated: not today", Unauthenticated),
            ("not-connected: not today", NotConnected),
            ("some-code: not today", AccessDenied),
        ],
    )
    def test_is_a_refusal_in_the_other_ends_words(
        self,
        harness: VortexHarness,
        link: Dialled,
        other: OtherEnd,
        watcher: Watcher,
        result: str,
        kind: type[VortexError],
    ) -> None:
        refusal = envelope({}).replace(b'"result": null', b'"result": "' + result.encode() + b'"')
        other.write(refusal + b".")
        other.transport.loseConnection()
        harness.settle()

        assert type(watcher.error) is kind
        assert str(watcher.error) == "tcp://other:1: not today"

    def test_after_a_hello_is_a_loss(
        self, harness: VortexHarness, client: Vortex, link: Dialled, other: OtherEnd, watcher: Watcher
    ) -> None:
        other.write(helloOf())
        other.transport.loseConnection()
        harness.settle()

        assert type(watcher.error) is ConnectionLost
        assert client.peers == ()

    def test_is_found_when_nothing_comes_any_more(
        self, harness: VortexHarness, client: Vortex, link: Dialled, other: OtherEnd, watcher: Watcher
    ) -> None:
        other.write(helloOf())
        harness.settle()
        harness.network.connections[0].halfOpen()

        harness.advance(14.9)
        assert watcher.errors == []
        harness.advance(0.3)

        assert "nothing came for 15 s" in str(watcher.error)
        assert client.peers == ()

    def test_cuts_who_does_not_read(
        self, harness: VortexHarness, client: Vortex, link: Dialled, other: OtherEnd, watcher: Watcher
    ) -> None:
        other.write(helloOf())
        harness.settle()
        other.transport.pauseProducing()

        client.send(LARGE)
        client.send(LARGE)
        for _ in range(26):  # the first of these has taken what two kernels hold
            other.write(b"..")
            harness.advance(1)

        assert "nothing was read for 20 s" in str(watcher.error)
        assert client.counters["slow"] == 1
        harness.network.connections[0].cut()

    def test_cuts_who_lets_too_much_wait(
        self, harness: VortexHarness, client: Vortex, link: Dialled, other: OtherEnd, watcher: Watcher
    ) -> None:
        other.write(helloOf())
        harness.settle()
        other.transport.pauseProducing()

        for _ in range(100):
            client.send(LARGE)
            harness.settle()

        assert "maxOutboxBytes" in str(watcher.error)
        assert client.peers == ()
        harness.network.connections[0].cut()

    def test_cuts_who_sends_more_than_a_message_may_have(
        self, harness: VortexHarness, link: Dialled, other: OtherEnd, watcher: Watcher
    ) -> None:
        other.write(helloOf() + b"x" * ((32 << 20) + 1))
        harness.settle()

        assert "maxFrame" in str(watcher.error)
        assert other.isOver


class TestClosing:
    def test_gives_up_what_was_not_there_yet(self, client: Vortex, watcher: Watcher) -> None:
        never = Never()
        link = dialStream(client, never, watcher, where="tcp://other:1")

        link.close("enough")

        assert never.cancelled
        assert len(watcher.errors) == 1

    def test_comes_after_what_was_written(
        self, harness: VortexHarness, client: Vortex, link: Dialled, other: OtherEnd, watcher: Watcher
    ) -> None:
        other.write(helloOf())
        harness.settle()
        client.send(Payload({"key": "farewell"}))

        link.close("enough")
        assert watcher.errors == []
        harness.settle()

        assert other.messages[-1]["filt"]["key"] == "farewell"
        assert other.end is errors.ConnectionDone
        assert str(watcher.error) == "tcp://other:1: enough"

    def test_waits_two_seconds_for_who_does_not_read(
        self, harness: VortexHarness, client: Vortex, link: Dialled, other: OtherEnd, watcher: Watcher
    ) -> None:
        other.write(helloOf())
        harness.settle()
        other.transport.pauseProducing()
        client.send(LARGE)
        harness.settle()

        link.close("enough")
        harness.advance(1.8)
        assert watcher.errors == []
        harness.advance(0.4)

        assert len(watcher.errors) == 1
        harness.network.connections[0].cut()

    def test_twice_is_closing_once(self, harness: VortexHarness, link: Dialled, watcher: Watcher) -> None:
        link.close("enough")
        link.close("enough")
        harness.settle()
        link.close("enough")

        assert len(watcher.errors) == 1
