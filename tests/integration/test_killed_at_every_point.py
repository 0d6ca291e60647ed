"""
A server that is killed while it carries out an action, at each point of its way: once it is started anew and
asked again, the action has taken effect once, and the client has its answer.
"""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from twisted.internet.threads import deferToThread

from tests import native_frames
from tests.integration.children import PATIENCE, OurChild
from tests.integration.dying_server import POINTS, Sale, Sell
from tests.integration.on_reactor import onReactor
from tests.native_frames import Frame, framesIn
from vortex import Payload, TupleActionClient, Vortex

SALE = ("dying.Sale", {"item": "shears"})
FILT = {"key": "sales", "PayloadResponse.messageId": "m1"}


class Shop:
    """The server's programs, and what they have in common."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "s"
        self.url = f"sqlite:///{folder / 'shop.sqlite'}"

    def server(self, dieAt: str | None = None) -> OurChild:
        child = OurChild(
            *("tests.integration.dying_server", self.socket, self.url), environment={"DIE_AT": dieAt or ""}
        )
        child.readyPort()
        return child

    @property
    def sales(self) -> list[tuple[Any, ...]]:
        engine = create_engine(self.url)
        with engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(text("select id, item from sale"))]
        engine.dispose()
        return rows


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


class Asker:
    """A client by hand: one session, one action, and the whole of what it is told."""

    def __init__(self, path: Path, secret: str | None) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(path))
        self._came = b""
        self._socket.sendall(b"\0VX1" + native_frames.hello(secret, next=1 if secret is None else 2))
        welcome = self._wait(native_frames.WELCOME)
        assert welcome is not None
        self.secret = secret or welcome.json["client"]

    def ask(self) -> Frame | None:
        """The answer; None if the server goes before it is there."""
        message = native_frames.message(FILT, [SALE])
        self._socket.sendall(native_frames.action(1, 1, message))
        reply = self._wait(native_frames.REPLY)
        if reply is not None:
            self._socket.sendall(native_frames.ack(reply.number, 1))
        return reply

    def hangUp(self) -> None:
        self._socket.close()

    def _wait(self, kind: int) -> Frame | None:
        while True:
            for frame in framesIn(self._came):
                if frame.kind == kind:
                    return frame
            try:
                data = self._socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._came += data


HAD_REPLY = ("after the reply was written", "after the reply was acknowledged")


class TestAnActionOfAServerThatIsKilled:
    @onReactor
    @pytest.mark.parametrize("point", POINTS)
    async def test_takes_effect_once_and_is_answered(self, shop: Shop, point: str) -> None:
        server = await deferToThread(shop.server, point)
        client = Vortex("client")
        try:
            connection = client.connect(f"unix://{shop.socket}", wire="native")
            await connection.connected
            answer = connection.request(Payload({"key": "sales"}, [Sale(item="shears")]), timeout=PATIENCE)
            assert await deferToThread(server.finish) == -signal.SIGKILL
            isCommitted = POINTS.index(point) >= POINTS.index("after the commit")
            assert shop.sales == [(1, "shears")] * isCommitted
            if point in HAD_REPLY:
                reply = await answer
            else:
                assert not answer.called
                server = await deferToThread(shop.server)
                reply = await answer
        finally:
            await client.shutdown()
            server.kill()

        assert reply.result is True
        assert [(sale.id, sale.item) for sale in reply.tuples] == [(1, "shears")]
        assert shop.sales == [(1, "shears")]

    @pytest.mark.parametrize(
        "point", ["before the mark", "after the commit", "when the reply is half written", HAD_REPLY[1]]
    )
    def test_takes_effect_once_and_is_answered_frame_by_frame(self, shop: Shop, point: str) -> None:
        with shop.server(point) as server:
            asker = Asker(shop.socket, None)
            reply = asker.ask()
            assert server.finish() == -signal.SIGKILL
            asker.hangUp()
        assert (reply is not None) is (point in HAD_REPLY)
        if reply is None:
            with shop.server() as server:
                again = Asker(shop.socket, asker.secret)
                reply = again.ask()
                again.hangUp()
                server.kill()

        assert reply is not None
        assert reply.json["r"] is True
        assert reply.body[0]["t"] == "dying.Sale"
        (row,) = reply.body[0]["r"]
        assert dict(zip(reply.body[0]["f"], row, strict=True)) == {"id": 1, "item": "shears"}
        assert shop.sales == [(1, "shears")]


class TestATupleActionOfAServerThatIsKilled:
    @onReactor
    @pytest.mark.parametrize(
        "point",
        [
            "before the callable",
            "before the mark",
            "after the flush",
            "after the reply was recorded",
            "before the commit",
            "after the commit",
            "at the end in the thread",
            "before the reply is kept",
            "after the reply was written",
        ],
    )
    async def test_takes_effect_once_and_is_answered(self, shop: Shop, point: str) -> None:
        server = await deferToThread(shop.server, point)
        client = Vortex("client")
        try:
            await client.connect(f"unix://{shop.socket}", wire="native").connected
            actions = TupleActionClient("shop", "server", client)
            pushed = actions.pushAction(Sell(item="shears"), timeout=PATIENCE)
            assert await deferToThread(server.finish) == -signal.SIGKILL
            isCommitted = POINTS.index(point) >= POINTS.index("after the commit")
            assert shop.sales == [(1, "shears")] * isCommitted
            if point in HAD_REPLY:
                sales = await pushed
            else:
                assert not pushed.called
                server = await deferToThread(shop.server)
                sales = await pushed
        finally:
            await client.shutdown()
            server.kill()

        assert [(sale.id, sale.item) for sale in sales] == [(1, "shears")]
        assert shop.sales == [(1, "shears")]
