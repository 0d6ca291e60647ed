"""
SharedSecretAuthenticator: tokens that whoever has the secret can make, and nobody can change.

A token is ``v1.BODY.SIGNATURE``. The body is base64 of JSON, with who it is for, its roles and when it
expires; the signature is an HMAC with SHA-256 of all before it. Whoever has a token can read what is in it:
it is signed, not hidden.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from vortex.access.principal import Credentials, Principal, checkedId, checkedRoles
from vortex.errors import AccessDenied

__all__ = ["MIN_SECRET", "SharedSecretAuthenticator", "momentText"]

MIN_SECRET = 32
"""Bytes that a secret has at least: as many as the signature."""

MAX_TOKEN = 8192
"""Characters that a token may have."""

_VERSION = "v1"


class SharedSecretAuthenticator:
    """
    Knows whoever shows a token, as ``Authorization: Bearer``, that was signed with one of its secrets.

    Args:
        secrets: The secret: 32 bytes or more that nobody can guess, as
            ``python -c "import secrets; print(secrets.token_urlsafe(32))"`` prints them. Or several, for one
            to take the place of another: the first signs, all are accepted.
        now: Gives the time, in seconds since 1970.

    Raises:
        ValueError: If a secret is too short, or there is none.
    """

    def __init__(
        self, secrets: str | bytes | Sequence[str | bytes], *, now: Callable[[], float] = time.time
    ) -> None:
        given = [secrets] if isinstance(secrets, str | bytes) else list(secrets)
        if not given:
            raise ValueError("expected a secret, or several, got none")
        self._secrets = [_checked(secret) for secret in given]
        self._now = now

    def token(self, id: str, *, roles: Iterable[str] = (), lifetime: float = 3600) -> str:
        """
        A token for somebody.

        Args:
            id: Who it is for.
            roles: What it may do.
            lifetime: Seconds until it expires.
        """
        if not lifetime > 0:
            raise ValueError(f"a token's lifetime is a number of seconds above 0, got {lifetime!r}")
        body = {"exp": int(self._now() + lifetime), "id": checkedId(id), "roles": sorted(checkedRoles(roles))}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        signed = f"{_VERSION}.{_base64(text.encode())}"
        return f"{signed}.{_signature(self._secrets[0], signed)}"

    def authenticate(self, credentials: Credentials) -> Principal | None:
        """Who the token was made for; None without one."""
        token = credentials.token
        if token is None:
            return None
        version, _, rest = token.partition(".")
        body, _, signature = rest.rpartition(".")
        if version != _VERSION or not (body and signature) or len(token) > MAX_TOKEN or not token.isascii():
            raise AccessDenied("that is no token as SharedSecretAuthenticator.token() makes them")
        signed = f"{version}.{body}"
        if not any(hmac.compare_digest(signature, _signature(secret, signed)) for secret in self._secrets):
            raise AccessDenied(
                "the token's signature is not right: it was changed, or made with another secret"
            )
        principal, expires = _read(body)
        left = expires - self._now()
        if left <= 0:
            raise AccessDenied(f"the token expired at {momentText(expires)}")
        return Principal(principal.id, principal.roles, left)


def momentText(seconds: float) -> str:
    """*seconds* since 1970, for people to read."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _checked(secret: str | bytes) -> bytes:
    encoded = secret.encode() if isinstance(secret, str) else bytes(secret)
    if len(encoded) < MIN_SECRET:
        raise ValueError(
            f"a secret has {MIN_SECRET} bytes or more, got one of {len(encoded)}: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))" makes one'
        )
    return encoded


def _signature(secret: bytes, signed: str) -> str:
    return _base64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _read(body: str) -> tuple[Principal, float]:
    """Who a body with a good signature is for, and until when."""
    try:
        found = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return Principal(found["id"], checkedRoles(found["roles"])), float(found["exp"])
    except (Base64Error, ValueError, TypeError, KeyError):
        raise AccessDenied(
            "the token does not say what SharedSecretAuthenticator.token() puts in it"
        ) from None
