"""
Testing: nodes on a clock that a test turns, and connections that break where the test wants them to.

Each name is imported when it is first used, because pytest loads this package wherever it is installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vortex.testing.harness import VortexHarness
    from vortex.testing.memory_connection import MemoryConnection
    from vortex.testing.memory_network import MemoryNetwork
    from vortex.testing.memory_way import MemoryWay
    from vortex.testing.recording_endpoint import RecordingEndpoint
    from vortex.testing.virtual_clock import VirtualClock

__all__ = [
    "MemoryConnection",
    "MemoryNetwork",
    "MemoryWay",
    "RecordingEndpoint",
    "VirtualClock",
    "VortexHarness",
]

_ON_USE = {
    "MemoryConnection": "vortex.testing.memory_connection",
    "MemoryNetwork": "vortex.testing.memory_network",
    "MemoryWay": "vortex.testing.memory_way",
    "RecordingEndpoint": "vortex.testing.recording_endpoint",
    "VirtualClock": "vortex.testing.virtual_clock",
    "VortexHarness": "vortex.testing.harness",
}


def __getattr__(name: str) -> Any:
    module = _ON_USE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(module), name)
    return value
