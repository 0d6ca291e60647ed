"""
Our server on the native wire, over sockets: what a client by hand gets that is cut, and comes back.

The client's frames are `tests.native_frames`'s; nothing of the library is at its end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from OpenSSL.SSL import Connection
from twisted.internet import reactor
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    UNIXClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.integration.certificates import Issued
from tests.integration.on_reactor import onReactor, until
from tests.native_frames import CLOSE, REPLY, WELCOME, ack, action, hello, message
from tests.transports.event_listeners import Ears
from tests.transports.native_wires import (
    PREAMBLE,
    NativePost,
    NativeStream,
    NativeWebSocket,
    numbers,
    resumeOf,
    send,
)
from vortex import Payload, PayloadEndpoint, TlsOptions, Vortex, VortexResource, VortexSite
from vortex.routing.delivery import Delivery

RAW = ("tcp", "tls", "unix")
KINDS = (*RAW, "websocket", "stream", "sse", "poll")

COUNT = 200
"""Messages, in each direction, of one session that is cut again and again."""


class Socket(Protocol):
    """A connection, as the clients by hand know one."""

    disconnecting = isHalfClosed = False

    def __init__(self) -> None:
        self.disconnected = False
        self._received = b""

    def value(self) -> bytes:
        return self._received

    def dataReceived(self, data: bytes) -> None:
        self._received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.disconnected = True


class _OnSocket:
    wire: Any

    def send(self, data: bytes) -> None:
        self.wire.transport.write(data)

    def lose(self) -> None:
        """Break it: what is under way is lost."""
        if not self.wire.disconnected:
            self.wire.transport.abortConnection()


class StreamLine(_OnSocket, NativeStream):
    def __init__(self, wire: Socket) -> None:
        self.wire = wire

    def begin(self, first: bytes) -> None:
        self.send(PREAMBLE + first)


class WebSocketLine(_OnSocket, NativeWebSocket):
    def __init__(self, wire: Socket) -> None:
        self.wire = wire


class PostLine(_OnSocket, NativePost):
    def __init__(self, wire: Socket) -> None:
        self.wire = wire

    def begin(self, first: bytes) -> None:
        body = PREAMBLE + first
        head = f"POST /vortex HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        self.send(head.encode() + body)


class ListeningLine(_OnSocket, Ears):
    def __init__(self, wire: Socket) -> None:
        self.wire = wire


class Stage:
    """A server that listens in every way, and answers echoes."""

    def __init__(self, folder: Path) -> None:
        self.vortex = Vortex("jobs")
        self.echoed: list[Any] = []
        self._socket = folder / "jobs.sock"
        self._shown = Issued(folder, "jobs", "127.0.0.1")
        self._endpoint = PayloadEndpoint({"key": "echo"}, self._echo, self.vortex)
        self._ports: dict[str, Any] = {}
        self._lines: list[Any] = []

    def _echo(self, payload: Payload, delivery: Delivery) -> None:
        self.echoed += payload.tuples
        delivery.reply(payload.tuples, result=True)

    async def listen(self) -> None:
        local = "tcp:0:interface=127.0.0.1"
        self._ports["tcp"] = await self.vortex.listen(local)
        tls = TlsOptions(self._shown.file, self._shown.keyFile)
        self._ports["tls"] = await self.vortex.listen(local, tls=tls)
        await self.vortex.listen(f"unix:{self._socket}")
        site = VortexSite(VortexResource(self.vortex))
        self._ports["http"] = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site)

    async def close(self) -> None:
        for line in self._lines:
            line.lose()
        await self.vortex.shutdown()
        await self._ports["http"].stopListening()

    def _way(self, kind: str) -> IStreamClientEndpoint:
        if kind == "unix":
            return UNIXClientEndpoint(reactor, str(self._socket))
        port = self._ports[kind if kind in RAW else "http"].getHost().port
        plain = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        if kind != "tls":
            return plain
        wrapped: IStreamClientEndpoint = wrapClientTLS(_Anyone(), plain)
        return wrapped

    async def connect(self, kind: str, lineOf: Callable[[Socket], Any]) -> Any:
        wire: Any = await self._way(kind).connect(Factory.forProtocol(Socket))
        line = lineOf(wire)
        self._lines.append(line)
        return line

    async def knock(self, kind: str, **said: Any) -> Any:
        """Say HELLO over a connection of that *kind*; returns it once the WELCOME is there."""
        if kind in RAW:
            line = await self.connect(kind, StreamLine)
            line.begin(hello(**said))
        elif kind == "websocket":
            line = await self.connect(kind, WebSocketLine)
            line.upgradeNatively()
            await until(lambda: b"\r\n\r\n" in line.received, "the upgrade is answered")
            line.frame(hello(**said), opcode=2)
        else:
            line = await self.connect(kind, PostLine)
            line.begin(hello(via=kind, **said))
        await until(lambda: b"\r\n\r\n" in line.received or kind in RAW, "there is an answer")
        await until(lambda: bool(line.got), "there is a WELCOME")
        return line

    async def say(self, kind: str, line: Any, frames: bytes, welcome: dict[str, Any]) -> None:
        """Send *frames* in the session that *line* carries."""
        if kind in RAW:
            line.send(frames)
        elif kind == "websocket":
            line.frame(frames, opcode=2)
        else:
            post = await self.connect(kind, PostLine)
            post.begin(send(welcome["session"], welcome["token"]) + frames)
            await until(lambda: b"\r\n\r\n" in post.received and bool(post.body), "the SEND is answered")
            assert post.status == 200


@implementer(IOpenSSLClientConnectionCreator)
class _Anyone:
    """Believes whoever is there: this is about what is said to it."""

    def clientConnectionForTLS(self, tlsProtocol: object) -> Connection:
        return Connection(CertificateOptions(verify=False).getContext(), None)


@pytest_twisted.async_yield_fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    await made.listen()
    yield made
    await made.close()


@pytest.mark.parametrize("kind", KINDS)
class TestSessions:
    @onReactor
    async def test_begin_and_carry_a_request(self, stage: Stage, kind: str) -> None:
        line = await stage.knock(kind)

        assert line.welcome["outcome"] == "new"
        asked = action(1, 1, message({"key": "echo"}, ["x" * 100_000]))
        await stage.say(kind, line, asked, line.welcome)
        await until(lambda: line.having(REPLY), "the answer is there")

        assert line.having(REPLY)[0].body == [{"v": ["x" * 100_000]}]
        (peer,) = stage.vortex.peers
        assert peer.transport == {"stream": "post"}.get(kind, kind)

    @onReactor
    async def test_are_told_of_a_shutdown_before_it_is_over(self, stage: Stage, kind: str) -> None:
        line = await stage.knock(kind)

        await stage.vortex.shutdown()
        await until(lambda: line.farewell is not None and line.wire.disconnected, "it is over")

        assert line.farewell["code"] == "shutdown"
        assert line.farewell["again"] is True


class TestCuts:
    @onReactor
    async def test_lose_nothing_whatever_carries_it_next(self, stage: Stage) -> None:
        """Everything is cut in the middle, each kind of connection after each other."""
        line = await stage.knock("tcp")
        session = line.welcome
        (peer,) = stage.vortex.peers
        told: list[int] = []
        asked = 0
        for turn, kind in enumerate(
            each for pair in zip(KINDS, reversed(KINDS), strict=True) for each in pair
        ):
            before = len(told)
            for number in range(COUNT // len(KINDS)):
                peer.send(Payload({"key": "told"}, [f"{turn}-{number}" * 500]))
            if line is not None and turn % 2 == 0:
                line.lose()
            resume = resumeOf(session, len(told))
            line = await stage.knock(kind, resume=resume)
            session = line.welcome
            assert session["outcome"] == "resumed"
            asked = session["taken"] + 1
            await stage.say(kind, line, action(asked, asked, message({"key": "echo"}, [asked])), session)
            came = await self.heard(line)
            assert came == list(range(before + 1, before + 1 + len(came)))
            told += came
            await stage.say(kind, line, ack(len(told)), session)

        await until(lambda: len(stage.echoed) >= asked, "the last is echoed")
        assert stage.echoed == list(range(1, asked + 1))
        assert stage.vortex.peers == (peer,)
        assert [each for each in line.got if each.kind == WELCOME]

    async def heard(self, line: Any) -> list[int]:
        """The numbers of some of what comes by *line*."""
        await until(lambda: len(numbers(line.got)) > 3 or line.isOver, "some of it came")
        return numbers(line.got)

    @onReactor
    async def test_of_a_line_that_nobody_reads_keep_what_it_was_to_say(self, stage: Stage) -> None:
        line = await stage.knock("tcp")
        line.wire.transport.pauseProducing()
        (peer,) = stage.vortex.peers
        for number in range(300):
            peer.send(Payload({"key": "told"}, [f"{number}" * 1000]))
        line.lose()
        await until(lambda: not peer.isConnected, "the cut is known")

        line = await stage.knock("websocket", resume=resumeOf(line.welcome, 0))
        await until(lambda: len(numbers(line.got)) == 300, "all of it came")

        assert numbers(line.got) == list(range(1, 301))


class TestListening:
    @onReactor
    async def test_goes_on_after_a_cut(self, stage: Stage) -> None:
        ears = await stage.connect("http", ListeningLine)
        ears.send(b"GET /vortex HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")
        await until(lambda: b"retry" in ears.received, "it has begun")
        stage.vortex.send(Payload({"key": "news"}, ["tea"]))
        await until(lambda: ears.events, "the first came")
        ears.lose()
        await until(lambda: not stage.vortex.peers[0].isConnected, "the cut is known")
        stage.vortex.send(Payload({"key": "news"}, ["cake"]))

        again = await stage.connect("http", ListeningLine)
        again.send(
            b"GET /vortex HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
            + f"{ears.cookie}Last-Event-ID: {ears.lastId}\r\n\r\n".encode()
        )
        await until(lambda: b"cake" in again.received, "the next came")

        assert [each["tuples"] for each in again.events] == [["cake"]]


class TestTwoWires:
    @onReactor
    async def test_share_a_port(self, stage: Stage) -> None:
        native = await stage.knock("tcp")
        other = await stage.connect("tcp", StreamLine)
        other.send(b"..")
        await until(lambda: other.received.endswith(b"."), "it is greeted in VortexPY's words")

        assert native.got[0].kind == WELCOME
        assert not [each for each in native.got if each.kind == CLOSE]
