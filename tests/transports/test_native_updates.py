"""Updates by handlers for a peer of the native wire that reads slowly: the newest follows the one waiting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.pool import StaticPool
from twisted.internet.task import Clock

from tests.native_frames import DATA, action, message
from tests.transports.native_talk import Talker
from tests.transports.native_wires import HELD
from tests.transports.wires import Server
from vortex import OrmCrudHandler, Payload, Tuple, addTupleType
from vortex.handlers.model_handler import ModelHandler
from vortex.limits import Limits
from vortex.routing.delivery import Delivery


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock, limits=Limits(mergeBytes=1))


class Base(DeclarativeBase):
    pass


@addTupleType
class Plant(Tuple, Base):
    __tablename__ = "plant"
    __tupleType__ = "tests.Plant"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Base.metadata.create_all(made)
    yield made
    made.dispose()


class Counts(ModelHandler):
    """How often it was asked."""

    def __init__(self, server: Server, key: str) -> None:
        super().__init__({"key": key}, server.vortex)
        self.count = 0

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[str]:
        self.count += 1
        return [str(self.count)]


def asks(talker: Talker, number: int, filt: dict[str, Any]) -> None:
    talker.say(action(number, number, message(filt)))


def updates(talker: Talker) -> list[tuple[str, Any]]:
    """The key of each, and what it holds."""
    return [(each.json["f"]["key"], each.body[0]["v"]) for each in talker.line.having(DATA)]


@pytest.mark.parametrize("kind", HELD)
class TestUpdates:
    def test_that_wait_are_followed_by_the_newest_of_the_same(
        self, server: Server, clock: Clock, kind: str
    ) -> None:
        one, other = Counts(server, "one"), Counts(server, "other")
        talker = Talker(server, kind)
        asks(talker, 1, {"key": "one"})
        asks(talker, 2, {"key": "other"})
        talker.line.stall()

        for _ in range(5):
            one.sendModelUpdate()
            other.sendModelUpdate()
        talker.line.stall(False)

        told = updates(talker)
        assert dict(told) == {"one": ["6"], "other": ["6"]}  # the last of each
        assert len(told) <= 4

    def test_of_another_filt_are_not(self, server: Server, clock: Clock, kind: str) -> None:
        counts = Counts(server, "one")
        talker = Talker(server, kind)
        asks(talker, 1, {"key": "one", "of": "ada"})
        asks(talker, 2, {"key": "one", "of": "bob"})
        talker.line.stall()

        for _ in range(3):
            counts.sendModelUpdate()
        talker.line.stall(False)

        said = [each.json["f"]["of"] for each in talker.line.having(DATA)]
        assert set(said) == {"ada", "bob"}
        assert said[-2:] in (["ada", "bob"], ["bob", "ada"])

    def test_of_an_applications_own_are_all_kept(self, server: Server, clock: Clock, kind: str) -> None:
        talker = Talker(server, kind)
        talker.line.stall()

        for number in range(5):
            server.vortex.send(Payload({"key": "news"}, [str(number)]))
        talker.line.stall(False)

        assert updates(talker) == [("news", [str(number)]) for number in range(5)]

    def test_of_rows_are_as_they_are_last(
        self, server: Server, clock: Clock, kind: str, engine: Engine
    ) -> None:
        sessions = sessionmaker(engine)
        with sessions.begin() as session:
            session.add(Plant(id=1, name="fern"))
        handler = OrmCrudHandler(sessions, Plant, "plants", retrieveAll=True, vortex=server.vortex)
        talker = Talker(server, kind)
        asks(talker, 1, {"key": "plants"})
        talker.line.stall()

        for name in ("ficus", "palm", "cactus"):
            rename(sessions, name)
            handler.sendModelUpdate()
        talker.line.stall(False)

        told = talker.line.having(DATA)
        assert told[-1].body[0]["r"] == [[1, "cactus"]]
        assert len(told) <= 2


def rename(sessions: sessionmaker[Session], name: str) -> None:
    with sessions.begin() as session:
        plant = session.get(Plant, 1)
        assert plant is not None
        plant.name = name
