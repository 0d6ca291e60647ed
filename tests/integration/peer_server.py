"""
Our server, with the names and handlers that the real peers' scripts ask for: a process of its own.

usage: python -m tests.integration.peer_server DATABASE [PORT]

DATABASE is the path of a SQLite file, made when it is not there. The server has /vortex and /vortexws on
127.0.0.1, and takes raw connections at another port. It prints ``READY port other``, then ``SAW {json}`` for
every message that its echo endpoint gets, and ends when told to. What a peer expects of each name is in
tests/peers: peer_common.py, old_peer.py, scenario.py.
"""

from __future__ import annotations

import json
import signal
import sys
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
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
    TupleAction,
    TupleActionProcessor,
    TupleDataObservableHandler,
    TupleGenericAction,
    TupleSelector,
    Vortex,
    VortexResource,
    addTupleType,
    vortexRpc,
)

NAME = "peer-server"


@addTupleType
class PersonTuple(Tuple):
    __tupleType__ = "acme.PersonTuple"
    id: int | None = None
    name: str | None = None
    height: float | None = None
    born: datetime | None = None
    tags: list[Any] | None = None
    extra: dict[Any, Any] | None = None
    friend: PersonTuple | None = None


@addTupleType
class AddPersonAction(TupleAction):
    __tupleType__ = "acme.AddPersonAction"
    person: PersonTuple | None = None


class Base(DeclarativeBase):
    pass


@addTupleType
class ThingRow(Tuple, Base):
    __tupleType__ = "acme.ThingRow"
    __tablename__ = "thing"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    name: Mapped[str | None]
    weight: Mapped[float | None]
    secret: Mapped[str | None] = mapped_column(default="s3cret")


class Echo:
    """Says back what it is told, or to everybody; or fails when it is asked to."""

    def __init__(self, vortex: Vortex) -> None:
        self.vortex = vortex
        self.endpoints = [
            PayloadEndpoint({"key": "peer.tell"}, self.tell, vortex),
            PayloadEndpoint({"key": "peer.echo"}, self.echo, vortex),
            PayloadEndpoint({"key": "peer.fail"}, self.fail, vortex),
        ]

    def echo(self, payload: Payload, delivery: Delivery) -> None:
        people = payload.tuples
        seen = {"peer": delivery.peer.name, "names": [person.name for person in people]}
        print("SAW", json.dumps(seen), flush=True)
        delivery.reply(people, result=True)

    def tell(self, payload: Payload, delivery: Delivery) -> None:
        self.vortex.send(Payload({"key": "peer.told"}))
        delivery.reply(result=True)

    def fail(self, payload: Payload, delivery: Delivery) -> None:
        raise RuntimeError("deliberate failure")


class People(ModelHandler):
    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Tuple]:
        born = datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
        return [PersonTuple(id=1, name="Zoë", born=born, tags=[1, "x"])]


class BrokenModel(ModelHandler):
    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Tuple]:
        raise ValueError("model broke")


class Observed:
    """People who are watched, and who come by actions."""

    def __init__(self, vortex: Vortex) -> None:
        self._people = [PersonTuple(id=1, name="Zoë", height=1.5, tags=["a", 2, None])]
        self._observable = TupleDataObservableHandler("peer-observable", vortex)
        self._observable.addTupleProvider(PersonTuple, lambda selector, peer: list(self._people))
        self._actions = TupleActionProcessor("peer-actions", vortex)
        self._actions.setDelegate(AddPersonAction, self._add)
        self._actions.setDelegate(TupleGenericAction, self._act)

    def _add(self, action: AddPersonAction) -> PersonTuple:
        if action.person is None:
            raise Rejected("no person in the action")
        self._people.append(action.person)
        self._changed()
        return action.person

    def _act(self, action: TupleGenericAction) -> PersonTuple:
        person = PersonTuple(id=9, name=f"{action.key} {action.data}")
        self._people.append(person)
        self._changed()
        return person

    def _changed(self) -> None:
        self._observable.notifyOfTupleUpdate(TupleSelector(name="acme.PersonTuple", selector={"all": True}))


@vortexRpc(NAME, name="peer_common.rpcAdd")
def rpcAdd(a: Any, b: Any = 0) -> Any:
    return a + b


@vortexRpc(NAME, name="peer_common.rpcFail")
def rpcFail(msg: str) -> None:
    raise Rejected(msg)


def handlersOf(vortex: Vortex, database: str) -> list[object]:
    """Everything that the server offers; it is there for as long as the list is kept."""
    engine = create_engine(f"sqlite:///{database}")
    Base.metadata.create_all(engine)
    sessions = sessionmaker(engine)
    return [
        Echo(vortex),
        Observed(vortex),
        People({"key": "peer.model"}, vortex),
        BrokenModel({"key": "peer.model.fail"}, vortex),
        OrmCrudHandler(sessions, ThingRow, {"key": "peer.crud"}, vortex=vortex),
        OrmCrudHandler(sessions, ThingRow, {"key": "peer.crud.all"}, True, vortex),
    ]


def main(database: str, port: int = 0) -> None:
    from twisted.internet import reactor as installed

    reactor: Any = installed
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    vortex = Vortex(NAME)
    handlers = handlersOf(vortex, database)
    rpcAdd.start()
    rpcFail.start()
    root = Resource()
    root.putChild(b"vortex", VortexResource(vortex))
    root.putChild(b"vortexws", VortexResource(vortex))
    listening = reactor.listenTCP(port, Site(root), interface="127.0.0.1")

    def stop(signalNumber: int, frame: object) -> None:
        reactor.callFromThread(lambda: vortex.shutdown().addBoth(lambda _: reactor.stop()))

    def ready(raw: Any) -> None:
        signal.signal(signal.SIGTERM, stop)
        print("READY", listening.getHost().port, raw.getHost().port, flush=True)

    reactor.callWhenRunning(lambda: vortex.listen("tcp:0:interface=127.0.0.1").addCallback(ready))
    reactor.run()
    assert handlers


if __name__ == "__main__":
    main(sys.argv[1], *(int(port) for port in sys.argv[2:3]))
