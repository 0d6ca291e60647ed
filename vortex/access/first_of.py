"""
FirstOf: several ways to be known at one node, the first that knows somebody counts.
"""

from __future__ import annotations

from vortex.access.principal import Authenticator, Credentials, Principal, settled
from vortex.errors import AccessDenied

__all__ = ["FirstOf", "firstOf"]


class FirstOf:
    """
    As `firstOf` makes it.

    Attributes:
        name: What it is called in the log.
    """

    def __init__(self, authenticators: tuple[Authenticator, ...]) -> None:
        self._authenticators = authenticators
        self.name = " or ".join(type(each).__name__ for each in authenticators)

    async def authenticate(self, credentials: Credentials) -> Principal | None:
        """Who the first says that it is; None if nothing was shown to any of them."""
        wrong: AccessDenied | None = None
        for authenticator in self._authenticators:
            try:
                principal = await settled(authenticator.authenticate(credentials))
            except AccessDenied as error:
                wrong = wrong or error
            else:
                if principal is not None:
                    return principal
        if wrong is not None:
            raise wrong
        return None


def firstOf(*authenticators: Authenticator) -> Authenticator:
    """
    An authenticator that asks these, in this order, until one knows who it is.

    What is wrong for one may be right for the next: only if nobody knows who it is, the first one's refusal
    counts.

    Raises:
        TypeError: If one of them is no authenticator.
        ValueError: If there is none.
    """
    if not authenticators:
        raise ValueError("expected one authenticator or more, got none")
    for each in authenticators:
        if isinstance(each, type) or not callable(getattr(each, "authenticate", None)):
            raise TypeError(f"an authenticator has a method authenticate(credentials), got {each!r}")
    return FirstOf(authenticators)
