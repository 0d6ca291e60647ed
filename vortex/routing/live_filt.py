"""
What live data is asked for by: the filts of observables and of actions, in VortexPY's words; and what is
answered where a node has neither of that name.

Who answers them otherwise is above: `vortex.handlers.observable` and `vortex.handlers.actions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vortex.errors import UnknownAction, UnknownObservable, VortexError
from vortex.routing.filt import shown

__all__ = ["actionFilt", "notOffered", "observableFilt"]

_ACTIONS = "tupleActionProcessorName"
_OBSERVABLE = "tupleDataObservable"

_OFFERS: dict[object, tuple[type[VortexError], str]] = {
    _ACTIONS: (UnknownAction, "an action processor"),
    _OBSERVABLE: (UnknownObservable, "an observable"),
}


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
    return {**(filt or {}), "key": _ACTIONS, "name": name}


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
    return {**(filt or {}), "key": _OBSERVABLE, "name": name}


def notOffered(filt: Mapping[Any, Any], nodeName: str) -> VortexError | None:
    """
    What who asks for *filt* is told where no endpoint of the node *nodeName* takes it; None if it is not live
    data that is asked for.
    """
    key = filt.get("key")
    if not isinstance(key, str) or key not in _OFFERS:
        return None
    error, what = _OFFERS[key]
    return error(
        f"nothing at {nodeName!r} offers {what} named {shown(filt.get('name'))}: "
        "ask by the name, and the filt=, that it was made with"
    )
