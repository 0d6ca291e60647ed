"""
A server that kills itself at one point of an action's way, a process of its own.

usage: python -m tests.integration.dying_server SOCKET DATABASE-URL

It listens at the Unix socket SOCKET, serves the rows of ``Sale`` at the filt ``sales``, carries out the
action ``Sell`` of the processor ``shop``, and prints ``READY 0``. Where the variable DIE_AT names one of
`POINTS`, it sends itself SIGKILL there, at the first action that comes. Nothing of this is in the library:
the points are put around its methods here.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from twisted.internet.defer import Deferred
from twisted.internet.task import react

import vortex.protocol.server_session
import vortex.protocol.session
from tests.native_frames import ACTION, REPLY, framesIn
from vortex import (
    OrmCrudHandler,
    Tuple,
    TupleAction,
    TupleActionProcessor,
    Vortex,
    addTupleType,
    createActionMarks,
)
from vortex.handlers.delegates import Delegate
from vortex.orm.action_marks import ActionMark
from vortex.orm.crud_work import CrudWork
from vortex.protocol.once import ClientRecord
from vortex.protocol.session import Session as NativeSession
from vortex.routing.action import Action
from vortex.routing.payload_endpoint import PayloadEndpoint
from vortex.routing.payload_io import PayloadIO
from vortex.transports.native_line import NativeLine
from vortex.transports.session_driver import SessionDriver
from vortex.transports.stream import Stream

__all__ = ["POINTS", "Base", "Sale", "Sell"]

POINTS = (
    "before its bytes are read",
    "before it is decoded",
    "after it was decoded",
    "before it is taken",
    "after it was taken",
    "before it is routed",
    "before the callable",
    "at the beginning in the thread",
    "before the mark",
    "after the mark",
    "before the flush",
    "after the flush",
    "before the reply is recorded",
    "after the reply was recorded",
    "before the commit",
    "after the commit",
    "at the end in the thread",
    "before the reply is encoded",
    "before the reply is kept",
    "after the reply was kept",
    "before the reply is queued",
    "before the reply is written",
    "when the reply is half written",
    "after the reply was written",
    "after the reply was acknowledged",
)


class Base(DeclarativeBase):
    pass


@addTupleType
class Sale(Tuple, Base):
    __tupleType__ = "dying.Sale"
    __tablename__ = "sale"
    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str]


@addTupleType
class Sell(TupleAction):
    __tupleType__ = "dying.Sell"
    item: str


def sell(action: Sell, session: Session) -> Sale:
    sale = Sale(item=action.item)
    session.add(sale)
    return sale


class Death:
    """Where it is to come: not before an action has come in, whatever is said at the beginning."""

    def __init__(self, at: str | None) -> None:
        self.at = at
        self.isArmed = False
        self.isAnswered = False

    def comes(self, point: str) -> None:
        assert point in POINTS
        if self.isArmed and point == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, owner: Any, name: str, point: str) -> None:
        self._around(owner, name, lambda: self.comes(point), lambda: None)

    def after(self, owner: Any, name: str, point: str) -> None:
        self._around(owner, name, lambda: None, lambda: self.comes(point))

    def _around(self, owner: Any, name: str, before: Callable[[], None], after: Callable[[], None]) -> None:
        method = getattr(owner, name)

        @functools.wraps(method)
        def around(*args: Any, **kwargs: Any) -> Any:
            before()
            result = method(*args, **kwargs)
            after()
            return result

        setattr(owner, name, around)


def arrange(death: Death, sessions: sessionmaker[Session]) -> None:
    """Put all points where they are."""
    death.before(vortex.protocol.server_session.ServerSession, "_message", "before it is decoded")
    death.after(vortex.protocol.server_session.ServerSession, "_message", "after it was decoded")
    death.before(ClientRecord, "take", "before it is taken")
    death.after(ClientRecord, "take", "after it was taken")
    death.before(PayloadIO, "route", "before it is routed")
    death.before(PayloadEndpoint, "call", "before the callable")
    death.before(CrudWork, "save", "at the beginning in the thread")
    death.after(CrudWork, "save", "at the end in the thread")
    death.before(Delegate, "_inSession", "at the beginning in the thread")
    death.after(Delegate, "_inSession", "at the end in the thread")
    death.before(Action, "answer", "before the reply is encoded")
    death.before(ClientRecord, "finished", "before the reply is kept")
    death.after(ClientRecord, "finished", "after the reply was kept")
    death.before(SessionDriver, "send", "before the reply is queued")
    inTheTransaction(death, sessions)
    onTheWire(death)


def inTheTransaction(death: Death, sessions: sessionmaker[Session]) -> None:
    record = ActionMark.record
    recorded = 0

    def recording(mark: ActionMark, session: Any, reply: bytes) -> None:
        nonlocal recorded
        recorded += 1
        death.comes("before the mark" if recorded == 1 else "before the reply is recorded")
        record(mark, session, reply)
        death.comes("after the mark" if recorded == 1 else "after the reply was recorded")

    ActionMark.record = recording  # type: ignore[method-assign, assignment]
    for name, point in (
        ("before_flush", "before the flush"),
        ("after_flush", "after the flush"),
        ("before_commit", "before the commit"),
        ("after_commit", "after the commit"),
    ):
        event.listen(sessions, name, lambda *arguments, point=point: death.comes(point))


def onTheWire(death: Death) -> None:
    received, writeFrame, drop = NativeLine.received, Stream.writeFrame, NativeSession._drop

    def receiving(line: NativeLine, data: bytes) -> None:
        if any(frame.kind == ACTION for frame in framesIn(data)):
            death.isArmed = True
        death.comes("before its bytes are read")
        received(line, data)

    def writing(stream: Stream, data: bytes) -> None:
        if any(frame.kind == REPLY for frame in framesIn(data)):
            death.isAnswered = True
            death.comes("before the reply is written")
            handle = stream.transport.getHandle()
            if death.at == "when the reply is half written":
                handle.sendall(data[: len(data) // 2])
                death.comes(death.at)
            if death.at == "after the reply was written":
                handle.sendall(data)
                death.comes(death.at)
        writeFrame(stream, data)

    def dropping(session: NativeSession, number: int, now: float) -> None:
        drop(session, number, now)
        if death.isAnswered and not session._kept:
            death.comes("after the reply was acknowledged")

    for owner, name, method in (
        (NativeLine, "received", receiving),
        (Stream, "writeFrame", writing),
        (NativeSession, "_drop", dropping),
    ):
        setattr(owner, name, method)


async def main(reactor: Any, socket: str, url: str) -> None:
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    createActionMarks(engine)
    sessions = sessionmaker(engine)
    arrange(Death(os.environ.get("DIE_AT")), sessions)
    server = Vortex("server")
    handler = OrmCrudHandler(sessions, Sale, {"key": "sales"}, vortex=server)
    shop = TupleActionProcessor("shop", server)
    shop.setDelegate(Sell, sell, session=sessions)
    await server.listen(f"unix:{socket}")
    print("READY 0", flush=True)
    ended: Deferred[None] = Deferred()
    reactor.addSystemEventTrigger("before", "shutdown", ended.callback, None)
    await ended
    handler.shutdown()
    shop.shutdown()
    await server.shutdown()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
