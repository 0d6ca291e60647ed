"""
Asked: what a peer has asked a handler for, less what is of that one message only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping
from typing import Any

from vortex.errors import EncodeError
from vortex.routing.filt import normalise, shown, watchFilt
from vortex.tuples.convert import toJsonable

__all__ = ["Asked", "keyOf"]


class Asked:
    """
    Args:
        filt: What a request asks with.

    Attributes:
        filt: The same without its messageId and ``rapui`` keys.
        key: Equal for filts that say the same; hashable.
    """

    __slots__ = ("_conditions", "filt", "key")

    def __init__(self, filt: Mapping[str, Any]) -> None:
        self.filt = watchFilt(filt)
        self.key = keyOf(self.filt)[0]
        self._conditions: frozenset[tuple[Hashable, Hashable]] | None = None

    def __repr__(self) -> str:
        return shown(self.filt)

    def contains(self, conditions: frozenset[tuple[Hashable, Hashable]]) -> bool:
        """Whether the filt has all of *conditions*, as `vortex.routing.filt.normalise` gives them."""
        if self._conditions is None:
            self._conditions = normalise(self.filt)
        return conditions <= self._conditions


def keyOf(filt: dict[str, Any]) -> tuple[Hashable, int]:
    """
    What is the same for two filts exactly if they look the same on the wire, whatever the order of their
    keys; and how many bytes they have there.
    """
    try:
        text = json.dumps(toJsonable(filt), sort_keys=True).encode()
    except (EncodeError, TypeError, ValueError, RecursionError):
        return normalise(filt), 0  # one that never was on a wire: its dict values do not count
    return hashlib.blake2b(text, digest_size=32).digest(), len(text)
