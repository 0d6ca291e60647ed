"""A clock and a server node for each test of a handler."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from vortex.node.vortex import Vortex


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Vortex:
    return Vortex("server", reactor=clock)
