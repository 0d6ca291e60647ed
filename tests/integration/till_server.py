"""
A server that takes payments, a process of its own, to be killed and started anew.

usage: python -m tests.integration.till_server DATABASE

DATABASE is the path of a SQLite file, made when it is not there. A payload at the filt ``till`` holds a
number: it becomes a row, and is the answer. The server has /vortex and /vortexws on 127.0.0.1, takes raw
connections at another port, and prints ``READY port other``.
"""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import react

from vortex import Delivery, Payload, PayloadEndpoint, Vortex, VortexResource, VortexSite, createActionMarks


class Base(DeclarativeBase):
    pass


class Payment(Base):
    __tablename__ = "payment"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]


class Till:
    """Writes down each payment, with the mark of its action in the same transaction."""

    def __init__(self, vortex: Vortex, database: str) -> None:
        self.vortex = vortex
        engine = create_engine(f"sqlite:///{database}")
        # The process is killed, the machine is not: what was written is there.
        event.listen(engine, "connect", lambda connection, _: connection.execute("pragma synchronous=off"))
        Base.metadata.create_all(engine)
        createActionMarks(engine)
        self.sessions = sessionmaker(engine)
        PayloadEndpoint({"key": "till"}, self.take, vortex)

    def take(self, payload: Payload, delivery: Delivery) -> Any:
        (number,) = payload.tuples

        def work() -> None:
            with self.sessions.begin() as session:
                delivery.recordIn(session)
                session.add(Payment(number=number))
                delivery.recordIn(session, [number])

        return self.vortex.runInThread(work).addCallback(lambda _: delivery.reply())


async def main(reactor: Any, database: str) -> None:
    reactor.suggestThreadPoolSize(1)  # SQLite has one writer, and the others would only be in its way
    vortex = Vortex("till")
    till = Till(vortex, database)
    raw: Any = await vortex.listen("tcp:0:interface=127.0.0.1")
    site = VortexSite(VortexResource(vortex))
    web: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site)
    print("READY", web.getHost().port, raw.getHost().port, flush=True)
    ended: Deferred[None] = Deferred()
    reactor.addSystemEventTrigger("before", "shutdown", ended.callback, None)
    await ended
    await till.vortex.shutdown()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
