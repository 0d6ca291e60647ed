"""
Every limit on what a peer of VortexPY's wire may send, breached over a held POST, a WebSocket and a raw
connection. What holds on our own wire is in `test_limits_table`.

The peer gets the limit's code, a counter moves, its line goes on where it can, and
another session notices nothing. What is sent is made by hand.
"""

from __future__ import annotations

import base64
import gc
import json
import resource
import zlib
from collections.abc import Callable
from functools import cache
from typing import cast

import pytest
from twisted.internet.task import Clock

from tests.transports.wires import Client, PostClient, Server, WebSocketClient
from tests.wire_messages import DATE, base64Envelope, envelope, era0
from vortex.limits import Limits
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.transports.http_site import VortexSite

LIMITS = Limits(
    maxFrame=2 << 20,
    maxBody=4 << 20,
    maxInflated=1 << 20,
    maxDepth=32,
    maxNodes=10_000,
    maxString=64 << 10,
    maxFiltItems=20,
)
ASK = {"key": "echo", "PayloadResponse.messageId": "m1"}


class Reader:
    """Reads every payload that comes, and answers with the number of tuples."""

    def __init__(self, server: Server) -> None:
        self.read = 0
        PayloadEndpoint({"key": "echo"}, self.take, server.vortex)

    def take(self, payload: Payload, delivery: Delivery) -> None:
        delivery.reply([len(payload.tuples)])
        self.read += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock, limits=LIMITS)


@pytest.fixture
def reader(server: Server) -> Reader:
    return Reader(server)


def rawBody(payload: bytes) -> bytes:
    """A message of era 2 around bytes that stand where an encoded payload does."""
    data = base64.b64encode(payload).decode()
    return json.dumps({"_ct": "rpe", "filt": ASK, "data": data, "result": None, "date": DATE}).encode()


def withTuples(text: str) -> bytes:
    """A message of era 2 whose payload has the JSON *text* as its tuples."""
    payload = f'{{"_ct":"rp","filt":{json.dumps(ASK)},"tuples":{text},"date":{json.dumps(DATE)}}}'
    return rawBody(zlib.compress(payload.encode(), 9))


@cache
def bomb(size: int) -> bytes:
    return zlib.compress(b'{"_ct":"rp","tuples":["' + b"x" * size, 9)


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a bomb of a thousand to one": ("limit-exceeded: ", lambda: rawBody(bomb(64 << 20))),
    "an era 0 bomb": ("limit-exceeded: ", lambda: base64.b64encode(bomb(64 << 20))),
    "lists a hundred thousand deep": (
        "limit-exceeded: ",
        lambda: withTuples("[" * 100_000 + "]" * 100_000),
    ),
    "an envelope a hundred thousand deep": (
        "limit-exceeded: ",
        lambda: b'{"_ct":"rpe","filt":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    ),
    "lists just too deep": ("limit-exceeded: ", lambda: withTuples("[" * 33 + "]" * 33)),
    "too many values": ("limit-exceeded: ", lambda: withTuples(json.dumps(list(range(10_001))))),
    "a string too long": ("limit-exceeded: ", lambda: withTuples(json.dumps(["x" * (65 << 10)]))),
    "a filt too long": (
        "limit-exceeded: ",
        lambda: envelope({**ASK, **{f"k{number}": number for number in range(20)}}, []),
    ),
    "random bytes": ("bad-payload: ", lambda: bytes(range(256)).replace(b".", b"") * 4),
    "a payload that is no zlib": ("bad-payload: ", lambda: rawBody(b"x" * 1000)),
    "a payload that ends early": ("bad-payload: ", lambda: rawBody(zlib.compress(b"{}" * 1000)[:-4])),
    "bytes behind the payload": ("bad-payload: ", lambda: rawBody(zlib.compress(b'{"_ct":"rp"}') + b"more")),
    "JSON that ends early": ("bad-payload: ", lambda: base64.b64encode(b'{"_ct":"rpe","filt":{')),
    "what is no message": ("bad-payload: ", lambda: base64.b64encode(b'{"_ct":"rt"}')),
    "a tuple nobody knows": (
        "unknown-tuple-type: ",
        lambda: withTuples('[{"_ct":"rt","_c":"nobody.Knows"}]'),
    ),
    "a number that no float holds": ("bad-payload: ", lambda: withTuples('[{"_ft":"int","_fd":1e999}]')),
    "an int as a gigantic text": (
        "",
        lambda: withTuples('[{"_ft":"int","_fd":"' + "9" * 60_000 + '"}]'),
    ),
}


def tell(client: Client, message: bytes) -> None:
    """Send *message* as this client's kind does; a POST client holds a new request for each."""
    if isinstance(client, WebSocketClient):
        client.frame(message)
    elif isinstance(client, PostClient):
        client.take()
        client.post(message + b".")


class TestHostileMessages:
    @pytest.mark.parametrize("kind", ["post", "webSocket", "stream"])
    @pytest.mark.parametrize("what", HOSTILE)
    def test_get_a_code_and_cost_nobody_anything(
        self, server: Server, reader: Reader, kind: str, what: str
    ) -> None:
        code, make = HOSTILE[what]
        neighbour = server.webSocket(uuid="neighbour")
        hostile = getattr(server, kind)(uuid="hostile")
        message = make()

        if kind == "post":
            again = PostClient(server.site)
            again.post(message + b".", uuid="hostile")
            hostile = again
        else:
            hostile.frame(message)
        errors = [m["result"] for m in hostile.messages if m["result"] is not None]
        neighbour.frame(envelope(ASK, ["x"]))

        assert len(errors) == 1
        assert errors[0].startswith(code)
        assert not any(word in errors[0] for word in ("Traceback", "site-packages", ".py", "File "))
        assert neighbour.messages[-1]["payload"]["tuples"] == [{"_ft": "int", "_fd": 1}]
        assert reader.read == 1
        assert [peer.uuid for peer in server.vortex.peers] == ["neighbour", "hostile"]

    @pytest.mark.parametrize("kind", ["post", "webSocket", "stream"])
    def test_the_line_goes_on_behind_them(self, server: Server, reader: Reader, kind: str) -> None:
        for _, make in HOSTILE.values():
            client = getattr(server, kind)(uuid="hostile")
            if kind == "post":
                client = PostClient(server.site)
                client.post(make() + b"." + envelope(ASK, ["x"]) + b".", uuid="hostile")
            else:
                client.frame(make())
                client.frame(envelope(ASK, ["x"]))
            assert client.messages[-1]["payload"]["tuples"] == [{"_ft": "int", "_fd": 1}]
        assert reader.read == len(HOSTILE)

    def test_what_cannot_be_read_at_all_is_counted(self, server: Server, reader: Reader) -> None:
        client = server.webSocket()
        for number in range(3):
            client.frame(b"junk%d" % number)

        assert server.vortex.counters["malformed"] == 3


class TestLargeFrames:
    def test_a_websocket_frame_over_the_limit_closes_that_line_with_its_code(
        self, server: Server, reader: Reader
    ) -> None:
        neighbour = server.webSocket(uuid="neighbour")
        client = server.webSocket()
        size = LIMITS.maxFrame + 1
        client.send(b"\x81\xff" + size.to_bytes(8, "big") + b"\0\0\0\0")  # nothing of it has come yet

        assert client.closeCode == 1009
        assert len(server.vortex.peers) == 1
        assert server.vortex.counters["malformed"] == 1
        neighbour.frame(envelope(ASK, []))
        assert reader.read == 1

    def test_fragments_count_together(self, server: Server) -> None:
        client = server.webSocket()
        part = b"x" * (1 << 20)
        client.frame(part, 1, fin=False)
        client.frame(part, 0, fin=False)
        assert client.closeCode is None
        client.frame(b"x", 0, fin=False)

        assert client.closeCode == 1009

    def test_a_frame_over_the_limit_in_a_body_is_refused(self, server: Server) -> None:
        client = server.post(b"x" * (LIMITS.maxFrame + 1) + b".")

        assert client.status == 413
        assert b"maxFrame" in client.received
        assert server.vortex.peers == ()
        assert server.vortex.counters["malformed"] == 1

    def test_a_body_over_the_limit_is_refused_in_any_site(self, clock: Clock) -> None:
        """twisted.web's own site takes any body; the resource still refuses it."""
        from twisted.web.resource import Resource
        from twisted.web.server import Site

        from vortex.node.vortex import Vortex
        from vortex.transports.http import VortexResource

        vortex = Vortex("server", reactor=clock, limits=Limits(maxBody=1000))
        root = Resource()
        root.putChild(b"vortex", VortexResource(vortex))
        client = PostClient(cast(VortexSite, Site(root, reactor=clock)))
        client.post(b"." * 1001)

        assert client.status == 413
        assert b"maxBody" in client.received
        assert vortex.peers == ()

    def test_a_frame_over_the_limit_cuts_a_raw_connection(self, server: Server, reader: Reader) -> None:
        neighbour = server.stream(uuid="neighbour")
        client = server.stream()
        client.send(b"x" * LIMITS.maxFrame)
        assert not client.closed
        client.send(b"x")

        assert client.closed
        assert server.vortex.counters["malformed"] == 1
        neighbour.frame(envelope(ASK, []))
        assert reader.read == 1

    def test_a_body_of_a_million_frames_is_refused(self, server: Server) -> None:
        client = server.post(b"x." * (1 << 20))

        assert client.status == 413
        assert b"maxBodyFrames" in client.received
        assert server.vortex.peers == ()

    @pytest.mark.parametrize("kind", ["post", "webSocket", "stream"])
    def test_a_line_that_brings_nothing_but_junk_is_cut(self, server: Server, kind: str) -> None:
        client = getattr(server, kind)()
        if kind == "post":
            client = PostClient(server.site)
            client.post(b"junk." * 102)
            assert client.ended
        else:
            for _ in range(101):
                client.frame(b"junk")
            assert client.closed if kind == "stream" else client.closeCode == 1009

        assert server.vortex.peers == ()
        assert server.vortex.counters["malformed"] == 101


class TestHalfMessages:
    def test_half_a_websocket_frame_then_silence_ends_that_line(
        self, server: Server, reader: Reader, clock: Clock
    ) -> None:
        client = server.webSocket()
        client.send(b"\x81\xfe\x0f\xff\0\0\0\0half a message")
        for _ in range(76):
            clock.advance(1)

        assert client.closeCode == 4001
        assert server.vortex.peers == ()
        assert reader.read == 0

    def test_an_upgrade_that_never_speaks_ends(self, server: Server, clock: Clock) -> None:
        client = server.webSocket()
        for _ in range(74):
            clock.advance(1)
        assert client.closeCode is None
        for _ in range(2):
            clock.advance(1)

        assert client.closeCode == 4001


@pytest.mark.sweep
class TestMemory:
    @pytest.mark.parametrize("kind", ["post", "webSocket", "stream"])
    def test_a_hundred_bombs_leave_nothing_behind(
        self, server: Server, reader: Reader, clock: Clock, kind: str
    ) -> None:
        message = rawBody(bomb(64 << 20))

        def attack() -> None:
            client = getattr(server, kind)(uuid="hostile")
            if kind == "post":
                client.take()
                client.post(message + b".", uuid="hostile")
            else:
                client.frame(message)
            client.lose()
            clock.advance(20)

        attack()
        gc.collect()
        before, peak = len(gc.get_objects()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(100):
            attack()
        gc.collect()

        assert len(gc.get_objects()) - before < 500
        # ru_maxrss is in KiB: a hundred times 64 MiB passed through, no more than one limit's worth stayed.
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 16 << 10
        assert server.vortex.peers == ()


@pytest.mark.sweep
class TestManyConnections:
    def test_thousands_of_idle_ones_stall_nobody_and_cost_one_timer(
        self, server: Server, reader: Reader, clock: Clock
    ) -> None:
        idle: list[Client] = [server.webSocket(uuid=str(number)) for number in range(1000)]
        idle += [server.post(base64Envelope({}) + b".", uuid=f"p{number}") for number in range(1000)]
        client = server.post(era0(ASK, ["x"]) + b".", uuid="active")

        assert client.messages[-1]["tuples"] == [{"_ft": "int", "_fd": 1}]
        assert len(server.vortex.wheel) == 2001
        wheelTimers = [call for call in clock.getDelayedCalls() if "TimerWheel._turn" in str(call)]
        assert len(wheelTimers) == 1
        for other in idle:
            other.lose()
