"""
What live data is asked for by: the filts of observables and of actions, in VortexPY's words.

Who answers them is above: `vortex.handlers.observable` and `vortex.handlers.actions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["actionFilt", "observableFilt"]


def actionFilt(name: str, filt: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    The filt of the actions that the processor *name* carries out.

    Args:
        filt: Keys of the application's own beside it.

    Raises:
        TypeError: If *name* is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"an action processor has a name, as in 'demo.actions', got {name!r}")
    return {**(filt or {}), "key": "tupleActionProcessorName", "name": name}


def observableFilt(name: str, filt: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    The filt of all that concerns the observable *name*.

    Args:
        filt: Keys of the application's own beside it.

    Raises:
        TypeError: If *name* is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"an observable has a name, as in 'demo.jobs', got {name!r}")
    return {**(filt or {}), "key": "tupleDataObservable", "name": name}
