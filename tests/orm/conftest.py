"""A database in memory for each test of vortex.orm."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from tests.orm.rows import inMemory, sessionsOf


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = inMemory()
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> Callable[[], Session]:
    return sessionsOf(engine)
