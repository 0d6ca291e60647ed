"""
Leaving order: which of the sessions that nothing carries goes first, when one has to.

Whoever comes in crowds, and goes at once, is to cost others as little as can be: first go those whose client
was never heard of again, then those of whom there are most, and only then the one that is away for longest.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from ipaddress import ip_address
from typing import Generic, TypeVar

__all__ = ["LeavingOrder", "networkOf"]

T = TypeVar("T", bound=Hashable)


def networkOf(address: str) -> str:
    """What counts as one place: an address, or of IPv6 the network that one household is given."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return address if found.version == 4 else found.packed[:8].hex()


class LeavingOrder(Generic[T]):
    """Those that may have to go; each step takes as long however many they are."""

    def __init__(self) -> None:
        self._whose: dict[T, Hashable] = {}  # the one that is here for longest is first, as in all of these
        self._unheard: dict[T, None] = {}
        self._groups: dict[Hashable, dict[T, None]] = {}
        self._bySize: dict[int, dict[Hashable, None]] = {}
        self._largest = 0

    def __len__(self) -> int:
        return len(self._whose)

    def add(self, one: T, whose: Hashable, *, isHeard: bool) -> None:
        """
        *one* may have to go; or was heard meanwhile.

        Args:
            whose: Equal for those that belong together.
        """
        if isHeard:
            self._unheard.pop(one, None)
        if one in self._whose:
            return
        self._whose[one] = whose
        if not isHeard:
            self._unheard[one] = None
        group = self._groups.setdefault(whose, {})
        group[one] = None
        self._moved(whose, len(group) - 1, len(group))

    def discard(self, one: T) -> None:
        """*one* is not to go any more, or is gone."""
        if one not in self._whose:
            return
        whose = self._whose.pop(one)
        self._unheard.pop(one, None)
        group = self._groups[whose]
        del group[one]
        if not group:
            del self._groups[whose]
        self._moved(whose, len(group) + 1, len(group))

    def first(self, mayGo: Callable[[T], bool] | None = None) -> T | None:
        """Who is to go first; None if there is nobody, or nobody of those for whom *mayGo* is true."""
        if mayGo is not None:
            for some in (self._unheard, self._whose):
                for one in some:
                    if mayGo(one):
                        return one
            return None
        if self._unheard:
            return next(iter(self._unheard))
        if self._largest > 1:
            return next(iter(self._groups[next(iter(self._bySize[self._largest]))]))
        return next(iter(self._whose), None)

    def _moved(self, whose: Hashable, before: int, now: int) -> None:
        """There are *now* of them."""
        if before:
            same = self._bySize[before]
            del same[whose]
            if not same:
                del self._bySize[before]
        if now:
            self._bySize.setdefault(now, {})[whose] = None
        if now > self._largest or self._largest not in self._bySize:
            self._largest = now  # by one only, either way
