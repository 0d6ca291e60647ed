"""Fixtures for all tests of nodes: two of them, on one virtual clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vortex import Vortex
from vortex.testing import VortexHarness


@pytest.fixture
def harness() -> Iterator[VortexHarness]:
    with VortexHarness() as made:
        yield made


@pytest.fixture
def server(harness: VortexHarness) -> Vortex:
    return harness.node("server")


@pytest.fixture
def client(harness: VortexHarness) -> Vortex:
    return harness.node("client")
