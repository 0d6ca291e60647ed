"""
A vortex for the tests of the JavaScript client: a process of its own.

usage: python server.py DATABASE [PORT]

Prints ``READY port`` once it listens on 127.0.0.1, at /vortex, and ends when it is killed. It echoes on
{"key": "test.echo"}, answers {"key": "test.slow"} when {"key": "test.release"} comes, never answers
{"key": "test.never"}, fails on {"key": "test.fail"} and {"key": "test.refuse"}, pushes to whoever sends
{"key": "test.push"}, counts on {"key": "test.count"}, sending each back on {"key": "test.counted"}, and tells
what it has counted on {"key": "test.counted?"}, has a model at {"key": "test.model"} and rows at
{"key": "test.rows"}, and answers {"key": "test.peers"} with the names and transports of those that are there.
"""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from twisted.internet import reactor as installed
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.web.resource import Resource
from twisted.web.server import Site

from vortex import (
    Delivery,
    ModelHandler,
    OrmCrudHandler,
    Payload,
    PayloadEndpoint,
    Rejected,
    Tuple,
    Vortex,
    VortexResource,
    addTupleType,
)

reactor: Any = installed


@addTupleType
class Note(Tuple):
    __tupleType__ = "test.Note"
    text: str = ""


class Base(DeclarativeBase):
    pass


@addTupleType
class Row(Tuple, Base):
    __tupleType__ = "test.Row"
    __tablename__ = "row"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    title: Mapped[str]


class Model(ModelHandler):
    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Tuple]:
        return [Note(text="a model's row")]


class Endpoints:
    def __init__(self, vortex: Vortex) -> None:
        self._vortex = vortex
        self._held: list[Delivery] = []
        self.endpoints = [
            PayloadEndpoint({"key": f"test.{name}"}, getattr(self, name), vortex)
            for name in ("echo", "slow", "release", "never", "fail", "refuse", "push", "count", "peers")
        ]
        self._counted: list[Tuple] = []
        self.endpoints.append(PayloadEndpoint({"key": "test.counted?"}, self.counted, vortex))

    def echo(self, payload: Payload, delivery: Delivery) -> None:
        delivery.reply(payload.tuples, result=True)

    def slow(self, payload: Payload, delivery: Delivery) -> None:
        self._held.append(delivery)

    def release(self, payload: Payload, delivery: Delivery) -> None:
        held, self._held = self._held, []
        for each in held:
            each.reply([Note(text="at last")])
        delivery.reply([Note(text=str(len(held)))])

    def never(self, payload: Payload, delivery: Delivery) -> None: ...

    def fail(self, payload: Payload, delivery: Delivery) -> None:
        raise RuntimeError("deliberate failure")

    def refuse(self, payload: Payload, delivery: Delivery) -> None:
        raise Rejected("not on a Sunday", code="closed-today")

    def push(self, payload: Payload, delivery: Delivery) -> None:
        for number in range(int(delivery.filt["count"])):
            text = f"{number}:" + "x" * int(delivery.filt.get("size", 0))
            delivery.peer.send(Payload({"key": "test.pushed"}, [Note(text=text)]))

    def count(self, payload: Payload, delivery: Delivery) -> None:
        self._counted += payload.tuples
        delivery.peer.send(Payload({"key": "test.counted"}, payload.tuples))

    def counted(self, payload: Payload, delivery: Delivery) -> None:
        delivery.reply(self._counted)

    def peers(self, payload: Payload, delivery: Delivery) -> None:
        delivery.reply([Note(text=f"{peer.name} {peer.transport}") for peer in self._vortex.peers])


def main(database: str, port: int = 0) -> None:
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    engine = create_engine(f"sqlite:///{database}")
    Base.metadata.create_all(engine)
    vortex = Vortex("test-server")
    kept = [
        Endpoints(vortex),
        Model({"key": "test.model"}, vortex),
        OrmCrudHandler(sessionmaker(engine), Row, {"key": "test.rows"}, True, vortex),
    ]
    root = Resource()
    root.putChild(b"vortex", VortexResource(vortex))
    listening = reactor.listenTCP(port, Site(root), interface="127.0.0.1")
    reactor.callWhenRunning(lambda: print("READY", listening.getHost().port, flush=True))
    reactor.run()
    assert kept


if __name__ == "__main__":
    main(sys.argv[1], *(int(port) for port in sys.argv[2:3]))
