"""
Admission: whether somebody may come in at all. The one place that decides it, for every transport.

Without an authenticator a node serves its own machine, or everybody if it is `anonymous`. With one it serves
whom that knows; `anonymous` then lets in, as nobody, those who have shown nothing.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import Logger

from vortex.access.local import whyNotLocal
from vortex.access.principal import Authenticator, Credentials, Principal, settled
from vortex.errors import AccessDenied, Unauthenticated, VortexError

__all__ = ["Admission"]

log = Logger()


class Admission:
    """
    Args:
        authenticator: Who finds out who somebody is; None: nobody asks.
        anonymous: Whether those that nobody knows are let in.
    """

    def __init__(self, authenticator: Authenticator | None, anonymous: bool) -> None:
        self.authenticator = authenticator
        self.anonymous = anonymous
        self._revoked: set[str] = set()

    @property
    def letsIn(self) -> str:
        """Whom it lets in, in words that follow on "it lets in"."""
        if self.authenticator is None:
            if self.anonymous:
                return "everybody, without asking who that is"
            return "programs on its own machine only; anonymous=True or an authenticator opens it to others"
        name = getattr(self.authenticator, "name", None) or type(self.authenticator).__name__
        whoElse = ", and as nobody whoever shows nothing" if self.anonymous else ""
        return f"whom its {name} knows{whoElse}"

    def whyNotServed(self, credentials: Credentials) -> str | None:
        """Why somebody that nobody asks is not let in, to follow on "... and"; None if it is."""
        if self.anonymous:
            return None
        return whyNotLocal(credentials.address, credentials.headers, credentials.headers.get("host"))

    def admit(self, credentials: Credentials) -> Deferred[Principal | None]:
        """
        Find out whether to let somebody in.

        Returns:
            A Deferred with who it is; with None for somebody that nobody asks. It fails with
            `Unauthenticated` if an authenticator knows nobody by these, with `AccessDenied` if they are wrong
            or of somebody whose access was revoked, or if nobody asks and it is not of this machine.
        """
        if self.authenticator is not None:
            return Deferred.fromCoroutine(self._identify(self.authenticator, credentials))
        why = self.whyNotServed(credentials)
        if why is None:
            return succeed(None)
        return fail(
            AccessDenied(
                f"this vortex serves programs on its own machine only, and {why}; "
                "to open it to others its owner passes authenticator= or anonymous=True to Vortex()"
            )
        )

    async def _identify(self, authenticator: Authenticator, credentials: Credentials) -> Principal | None:
        principal = await self._ask(authenticator, credentials)
        if principal is None:
            if self.anonymous:
                return None
            raise Unauthenticated("this vortex serves whom it knows, and nothing was shown that it knows")
        if self.isRevoked(principal):
            raise AccessDenied(f"the access of {principal.id!r} was revoked")
        return principal

    def isRevoked(self, principal: Principal) -> bool:
        """Whether *principal* is let in no more."""
        return principal.id in self._revoked

    def revoke(self, id: str) -> None:
        """Let *id* in no more."""
        self._revoked.add(id)

    def restore(self, id: str) -> None:
        """Let *id* in again."""
        self._revoked.discard(id)

    async def _ask(self, authenticator: Authenticator, credentials: Credentials) -> Principal | None:
        try:
            found: object = await settled(authenticator.authenticate(credentials))
        except VortexError as error:
            raise (error if isinstance(error, AccessDenied) else AccessDenied(str(error))) from None
        except CancelledError:  # nobody waits for it any more
            raise
        except Exception:
            log.failure("{authenticator} failed, so nobody is let in", authenticator=authenticator)
            raise AccessDenied("who this is could not be found out") from None
        if not isinstance(found, Principal | None):
            log.error("{who} has found {found!r}, which is no Principal", who=authenticator, found=found)
            raise AccessDenied("who this is could not be found out")
        return found
