"""For the tests of vortex.orm: a database in memory, and a server that offers its rows to two clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from twisted.internet.task import Clock

from tests.handlers.nodes import Client
from tests.orm.rows import FILT, Job, Sessions, fill, inMemory, sessionsOf
from vortex.node.vortex import Vortex
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.protocol.envelope import Form


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = inMemory()
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> Sessions:
    return sessionsOf(engine)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Vortex:
    return Vortex("server", reactor=clock)


@pytest.fixture
def twoJobs(engine: Engine) -> None:
    fill(engine, "insert into job (id, title) values (1, 'dig'), (2, 'sow')")


@pytest.fixture
def jobs(server: Vortex, sessions: Sessions, twoJobs: None) -> OrmCrudHandler:
    return OrmCrudHandler(sessions, Job, FILT, vortex=server)


@pytest.fixture
def everything(server: Vortex, sessions: Sessions, twoJobs: None) -> OrmCrudHandler:
    return OrmCrudHandler(sessions, Job, "jobs.all", True, server)


@pytest.fixture
def ada(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "ada")


@pytest.fixture
def bob(server: Vortex, clock: Clock) -> Client:
    return Client(server, clock, "bob", form=Form.ERA1)


@pytest.fixture
def statements(engine: Engine) -> list[str]:
    """What the database is told from here on: the first word of each statement, and commits."""
    told: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: told.append(arguments[2].split()[0]))
    event.listen(engine, "commit", lambda _: told.append("COMMIT"))
    event.listen(engine, "rollback", lambda _: told.append("ROLLBACK"))
    return told
