"""Marks of actions where transactions meet: in a real PostgreSQL, and in a SQLite file, from threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.integration.on_reactor import onReactor
from tests.orm.rows import FILT, stored
from tests.transports.native_client import NativeClient
from vortex import (
    OrmCrudHandler,
    Payload,
    PayloadEndpoint,
    Tuple,
    Vortex,
    addTupleType,
    createActionMarks,
)
from vortex.errors import Rejected
from vortex.orm.action_marks import ActionMark
from vortex.routing.action import Action
from vortex.routing.delivery import Delivery
from vortex.routing.marks import AlreadyRecorded

Engines = Iterator[Engine]
NEW = ("markstest.Clerk", {"name": "eve"})


class Base(DeclarativeBase):
    pass


@addTupleType
class Clerk(Tuple, Base):
    __tupleType__ = "markstest.Clerk"
    __tablename__ = "clerk"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engines:
    if request.param == "SQLite":
        url = f"sqlite:///{tmp_path / 'marks.sqlite'}"
    else:
        url = request.getfixturevalue("postgresqlUrl")
    engine = create_engine(url)
    Base.metadata.create_all(engine, tables=[Clerk.__table__])  # type: ignore[list-item]
    createActionMarks(engine)
    try:
        yield engine
    finally:
        with engine.begin() as connection:
            connection.execute(text("drop table vortex_action_marks"))
            connection.execute(text("drop table clerk"))
        engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> Callable[[], Session]:
    return sessionmaker(engine)


class Nobody:
    def finished(self, action: Action, reply: bytes | None) -> None: ...

    def sendAnswer(self, message: Any, priority: int) -> None: ...


def mark(number: int = 1, *, settled: int = 0, client: str = "ada") -> ActionMark:
    def inThread(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        raise NotImplementedError

    action = Action(
        number,
        client,
        1,
        expectsAnswer=True,
        deadline=None,
        clock=Clock(),
        settled=settled,
        maxReply=1000,
        way=Nobody(),
        runInThread=inThread,
    )
    return ActionMark(action)


def marks(engine: Engine) -> list[tuple[Any, ...]]:
    return stored(engine, "select client, action from vortex_action_marks order by client, action")


class TestTwoTransactions:
    """Of one action, at the same time."""

    def test_take_effect_once(self, engine: Engine, sessions: Callable[[], Session]) -> None:
        isWritten, mayCommit = threading.Event(), threading.Event()

        def first() -> None:
            with sessions() as session:
                mark().record(session, b"the first's")
                session.add(Clerk(name="first"))
                isWritten.set()
                assert mayCommit.wait(10)
                session.commit()

        def second() -> bytes | None:
            assert isWritten.wait(10)
            with sessions() as session:
                threading.Timer(0.2, mayCommit.set).start()
                try:
                    mark().record(session, b"the second's")
                except AlreadyRecorded as already:
                    return already.reply
                session.add(Clerk(name="second"))
                session.commit()
            return None

        with ThreadPoolExecutor(2) as pool:
            one, two = pool.submit(first), pool.submit(second)
            one.result(20)
            assert two.result(20) == b"the first's"
        assert stored(engine, "select name from clerk") == [("first",)]

    def test_take_effect_by_the_second_where_the_first_comes_to_nothing(
        self, engine: Engine, sessions: Callable[[], Session]
    ) -> None:
        isWritten, mayEnd = threading.Event(), threading.Event()

        def first() -> None:
            with sessions() as session:
                mark().record(session, b"the first's")
                session.add(Clerk(name="first"))
                session.flush()
                isWritten.set()
                assert mayEnd.wait(10)
                session.rollback()

        def second() -> None:
            assert isWritten.wait(10)
            with sessions() as session:
                threading.Timer(0.2, mayEnd.set).start()
                mark().record(session, b"the second's")
                session.add(Clerk(name="second"))
                session.commit()

        with ThreadPoolExecutor(2) as pool:
            one, two = pool.submit(first), pool.submit(second)
            one.result(20)
            two.result(20)
        assert stored(engine, "select name from clerk") == [("second",)]
        assert [bytes(reply) for (reply,) in stored(engine, "select reply from vortex_action_marks")] == [
            b"the second's"
        ]


class TestAMark:
    def test_is_as_large_as_a_number_may_be(self, engine: Engine, sessions: Callable[[], Session]) -> None:
        with sessions() as session:
            mark((1 << 53) - 1).record(session, b"\0\xff")
            session.commit()

        assert marks(engine) == [("ada", (1 << 53) - 1)]

    def test_gets_another_reply_in_its_transaction(
        self, engine: Engine, sessions: Callable[[], Session]
    ) -> None:
        with sessions() as session:
            one = mark()
            one.record(session, b"1")
            one.record(session, b"2")
            session.commit()

        with sessions() as session, pytest.raises(AlreadyRecorded) as raised:
            mark().record(session, b"3")
        assert raised.value.reply == b"2"

    def test_of_a_refusal_leaves_one_that_is_there(
        self, engine: Engine, sessions: Callable[[], Session]
    ) -> None:
        one, two = mark(1), mark(2)
        with sessions() as session:
            one.record(session, b"done")
            session.commit()
        with sessions() as session:
            two.record(session, b"done")
            session.rollback()

        one.refuse(b"refused")
        two.refuse(b"refused")

        replies = stored(engine, "select action, reply from vortex_action_marks order by action")
        assert [(action, bytes(reply)) for action, reply in replies] == [(1, b"done"), (2, b"refused")]

    def test_that_is_settled_goes_when_it_is_time(
        self, engine: Engine, sessions: Callable[[], Session]
    ) -> None:
        for number, client in ((1, "ada"), (2, "ada"), (3, "ada"), (1, "bob")):
            with sessions() as session:
                written = mark(number, client=client, settled=number - 1)
                written.record(session, b"done")
                session.commit()
            if client == "bob":
                written.tidy()

        assert marks(engine) == [("ada", 3), ("bob", 1)]


class TestAServer:
    @onReactor
    async def test_that_works_in_threads_does_each_action_once(
        self, engine: Engine, sessions: Callable[[], Session]
    ) -> None:
        client: NativeClient | None = None
        for _ in range(2):
            server = Vortex("server")
            handler = OrmCrudHandler(sessions, Clerk, FILT, vortex=server)
            client = client or NativeClient(server)
            client.server = server
            client.begin(next=2)
            client.send(1, FILT, [NEW])
            await server.drain()

            assert client.replies == [(1, True)]
            handler.shutdown()
            client.leave()
            await server.shutdown()
        assert stored(engine, "select name from clerk") == [("eve",)]

    @onReactor
    async def test_that_works_in_threads_refuses_as_it_did(
        self, engine: Engine, sessions: Callable[[], Session]
    ) -> None:
        refusals = ["it is too wet", None]
        client: NativeClient | None = None

        def work(delivery: Delivery, refusal: str | None) -> None:
            with sessions() as session:
                delivery.recordIn(session)
                session.add(Clerk(name="eve"))
                session.flush()
                if refusal is not None:
                    raise Rejected(refusal)
                session.commit()

        for refusal in refusals:
            server = Vortex("server")

            async def take(payload: Payload, delivery: Delivery) -> None:
                await server.runInThread(work, delivery, refusal)  # noqa: B023
                delivery.reply()

            endpoint = PayloadEndpoint(FILT, take, server)
            client = client or NativeClient(server)
            client.server = server
            client.begin(next=2)
            client.send(1, FILT)
            await server.drain()
            await server.drain()  # the refusal is written by a thread of its own

            assert client.replies == [(1, "rejected: it is too wet")]
            endpoint.shutdown()
            client.leave()
            await server.shutdown()
        assert stored(engine, "select name from clerk") == []

    @onReactor
    @pytest.mark.parametrize("isInThread", [True, False])
    async def test_writes_a_refusal_where_its_callable_has_worked(
        self, engine: Engine, sessions: Callable[[], Session], isInThread: bool
    ) -> None:
        server = Vortex("server")
        threads: list[bool] = []

        @event.listens_for(engine, "before_cursor_execute")
        def executes(_connection: Any, _cursor: Any, statement: str, *more: Any) -> None:
            if statement.startswith("INSERT INTO vortex_action_marks"):
                threads.append(threading.current_thread() is not threading.main_thread())

        def work(delivery: Delivery) -> None:
            with sessions() as session:
                delivery.recordIn(session)
                raise Rejected("it is too wet")

        def take(payload: Payload, delivery: Delivery) -> Any:
            return server.runInThread(work, delivery) if isInThread else work(delivery)

        endpoint = PayloadEndpoint(FILT, take, server)
        client = NativeClient(server)
        client.begin()
        client.send(1, FILT)
        await server.drain()
        await server.drain()

        assert client.replies == [(1, "rejected: it is too wet")]
        assert threads == [isInThread, isInThread]
        endpoint.shutdown()
        client.leave()
        await server.shutdown()
