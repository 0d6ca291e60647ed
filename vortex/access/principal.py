"""
Principal: who somebody was found to be, and what that was found from.

A transport collects `Credentials` before anything else comes in; an `Authenticator` finds a `Principal` in
them. What peers call themselves, their uuid and name, is neither: anybody can say it.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Protocol

from twisted.internet.defer import Deferred

__all__ = [
    "Authenticator",
    "Credentials",
    "Found",
    "PeerCertificate",
    "Principal",
    "UnixCredentials",
    "checkedId",
    "checkedRoles",
    "settled",
]

_BEARER = "bearer "


@dataclass(frozen=True)
class PeerCertificate:
    """
    The TLS certificate that the other end has proven to have the key of.

    Attributes:
        fingerprint: The SHA-256 digest of its DER form, as 64 lower-case hexadecimal digits.
        subject: Its subject, as "CN=pump-7,O=Water"; trust it only where a CA of yours has signed it.
        der: The certificate itself.
    """

    fingerprint: str
    subject: str = ""
    der: bytes = b""


@dataclass(frozen=True)
class UnixCredentials:
    """
    What the kernel says of the process at the other end of a Unix socket.

    Attributes:
        uid: Its effective user id.
        gid: Its effective group id.
    """

    uid: int
    gid: int


@dataclass(frozen=True)
class Credentials:
    """
    What a connection has shown.

    Attributes:
        headers: Of the HTTP request, by lower-case name; the first of each.
        cookies: Of the HTTP request.
        peerCertificate: Of a TLS connection; None without one.
        unixCredentials: Of a Unix socket; None elsewhere.
        address: The IP address; None for a Unix socket or a link in memory.
    """

    headers: Mapping[str, str] = field(
        default_factory=dict, repr=False
    )  # tokens are in these, and logs are read
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    peerCertificate: PeerCertificate | None = None
    unixCredentials: UnixCredentials | None = None
    address: str | None = None

    @property
    def token(self) -> str | None:
        """The token of an ``Authorization: Bearer`` header; None without one."""
        value = self.headers.get("authorization", "")
        return value[len(_BEARER) :].strip() if value.lower().startswith(_BEARER) else None


@dataclass(frozen=True)
class Principal:
    """
    Who somebody was found to be.

    Attributes:
        id: Stable, and the same on every link: a user's name, a certificate's fingerprint.
        roles: What it may do.
        lifetime: Seconds from now for which this holds; a link is closed then, unless what was shown is
            renewed. None: for as long as the link lives.

    Raises:
        TypeError: If the id is no text, or the roles are no set of texts.
        ValueError: If the id is empty.
    """

    id: str
    roles: AbstractSet[str] = frozenset()
    lifetime: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", checkedId(self.id))
        object.__setattr__(self, "roles", checkedRoles(self.roles))


Found = Principal | None


def checkedId(id: object) -> str:
    """*id*, if it can be a principal's."""
    if not isinstance(id, str):
        raise TypeError(f"a principal's id is a text, got {id!r}")
    if not id:
        raise ValueError("a principal's id is a text that says who it is, got an empty one")
    return id


def checkedRoles(roles: Iterable[str]) -> frozenset[str]:
    """*roles*, if they can be a principal's."""
    if isinstance(roles, str) or not isinstance(roles, Iterable):
        raise TypeError(f"roles are a set of texts, as in {{'reader'}}, got {roles!r}")
    found = frozenset(roles)
    if not all(isinstance(role, str) for role in found):
        raise TypeError(f"roles are a set of texts, as in {{'reader'}}, got {roles!r}")
    return found


async def settled(found: Found | Deferred[Found] | Coroutine[Any, Any, Found]) -> Found:
    """What an authenticator has found, waited for where that takes time."""
    if isinstance(found, Coroutine | Deferred):
        return await found
    return found


class Authenticator(Protocol):
    """Finds out who somebody is; asked once per connection, before any payload is read."""

    def authenticate(self, credentials: Credentials) -> Found | Deferred[Found] | Coroutine[Any, Any, Found]:
        """
        Returns:
            Who it is; None if nobody is known by what was shown.

        Raises:
            AccessDenied: If what was shown is wrong: a bad signature, an expired token. Its text reaches
                the peer.
        """
