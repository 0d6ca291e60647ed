"""
What pytest finds in every environment that has this library: two fixtures, and nothing that runs unasked.

All imports but pytest's are made by the fixtures, so a run that uses none of them pays for none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vortex.testing.harness import VortexHarness
    from vortex.testing.virtual_clock import VirtualClock

__all__ = ["vortexClock", "vortexHarness"]


@pytest.fixture
def vortexClock() -> VirtualClock:
    """A clock that begins at 0 and moves only when the test says so."""
    from vortex.testing.virtual_clock import VirtualClock

    return VirtualClock()


@pytest.fixture
def vortexHarness(vortexClock: VirtualClock) -> Iterator[VortexHarness]:
    """A `VortexHarness` on *vortexClock*, closed after the test: what is left then is an error."""
    from vortex.testing.harness import VortexHarness

    harness = VortexHarness(vortexClock)
    yield harness
    harness.close()
