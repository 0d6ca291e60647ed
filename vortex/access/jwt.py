"""
JwtAuthenticator: JSON Web Tokens (RFC 7519) that an identity provider has signed.

PyJWT reads and checks them; it is imported when an authenticator is made. Which algorithm a token may be
signed with is said here, never by the token.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from vortex.access.principal import Credentials, Principal, checkedRoles
from vortex.access.shared_secret import MAX_TOKEN, MIN_SECRET, momentText
from vortex.errors import AccessDenied

__all__ = ["JwtAuthenticator"]

Key = str | bytes

_KINDS = {
    "HMAC": ("HS256", "HS384", "HS512"),
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "Ed25519": ("EdDSA",),
}


class JwtAuthenticator:
    """
    Knows whoever shows a JSON Web Token, as ``Authorization: Bearer``, that was signed with a key it has.

    Args:
        key: What the signature is checked with: a secret of 32 bytes or more for HS256 and its kind, a public
            key in PEM form for all others. Or several by the key id, ``kid``, that the token's header names.
        algorithms: What a token may be signed with, as ["RS256"]; of one kind of key. "none" is refused.
        audience: What the token's ``aud`` has to name. None: it has to have none.
        issuer: What its ``iss`` has to be. None: any.
        leeway: Seconds by which clocks may differ.
        idClaim: The claim that says who it is.
        rolesClaim: The claim with the roles: a list of texts, or a text with spaces between them. A token
            without it has none.

    A token needs an ``exp``, when it expires, and is no good before its ``nbf``. It is good for a link until
    it expires.

    Raises:
        ImportError: If PyJWT is not installed, or the cryptography that public keys need.
        ValueError: If an algorithm is unknown or "none", if they are of several kinds, or if the key is none
            for them.
    """

    def __init__(
        self,
        key: Key | Mapping[str, Key],
        *,
        algorithms: Sequence[str],
        audience: str | None = None,
        issuer: str | None = None,
        leeway: float = 0,
        idClaim: str = "sub",
        rolesClaim: str = "roles",
    ) -> None:
        self._algorithms = _checkedAlgorithms(algorithms)
        self._jwt = _pyJwt(self._algorithms[0])
        self._keys: Any = (
            {kid: self._checkedKey(each) for kid, each in key.items()}
            if isinstance(key, Mapping)
            else self._checkedKey(key)
        )
        self._audience = audience
        self._issuer = issuer
        self._leeway = leeway
        self._idClaim = idClaim
        self._rolesClaim = rolesClaim

    def authenticate(self, credentials: Credentials) -> Principal | None:
        """Who the token was made for; None without one."""
        token = credentials.token
        if token is None:
            return None
        jwt = self._jwt
        if len(token) > MAX_TOKEN:
            raise AccessDenied(f"a token may have {MAX_TOKEN} characters, this one has {len(token)}")
        try:
            claims = jwt.decode(
                token,
                self._keyOf(token),
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": ["exp", self._idClaim]},
            )
            return self._principal(claims)
        except jwt.ExpiredSignatureError:
            raise AccessDenied(f"the token expired at {momentText(self._expiry(token))}") from None
        except jwt.InvalidSignatureError:
            raise AccessDenied(
                "the token's signature is not right: it was changed, or made with another key"
            ) from None
        except jwt.InvalidAlgorithmError:
            raise AccessDenied(
                f"expected a token that is signed with {' or '.join(self._algorithms)}, got another"
            ) from None
        except jwt.InvalidAudienceError:
            raise AccessDenied("the token is not for this server (aud)") from None
        except jwt.InvalidIssuerError:
            raise AccessDenied("the token is of an issuer who is not known here (iss)") from None
        except jwt.ImmatureSignatureError:
            raise AccessDenied("the token is not good yet (nbf, iat)") from None
        except jwt.MissingRequiredClaimError as error:
            raise AccessDenied(f"the token has no claim {error.claim!r}, which is needed here") from None
        except jwt.PyJWTError:
            raise AccessDenied("that is no JSON Web Token") from None

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        roles = claims.get(self._rolesClaim, ())
        try:
            return Principal(
                claims[self._idClaim],
                checkedRoles(roles.split() if isinstance(roles, str) else roles),
                max(0.0, claims["exp"] + self._leeway - time.time()),
            )
        except (TypeError, ValueError):
            raise AccessDenied(
                f"expected a text in the token's claim {self._idClaim!r} and a list of texts in "
                f"{self._rolesClaim!r}, got something else"
            ) from None

    def _expiry(self, token: str) -> float:
        """When a token whose signature is good has expired."""
        expires: float = self._jwt.decode(token, options={"verify_signature": False})["exp"]
        return expires

    def _keyOf(self, token: str) -> Any:
        if not isinstance(self._keys, dict):
            return self._keys
        kid = self._jwt.get_unverified_header(token).get("kid")
        if kid not in self._keys:
            raise AccessDenied("the token is signed with a key that is not known here (kid)")
        return self._keys[kid]

    def _checkedKey(self, key: Key) -> Any:
        algorithm = self._algorithms[0]
        encoded = key.encode() if isinstance(key, str) else bytes(key)
        if algorithm in _KINDS["HMAC"] and len(encoded) < MIN_SECRET:
            raise ValueError(f"a secret has {MIN_SECRET} bytes or more, got one of {len(encoded)}")
        try:
            return self._jwt.get_algorithm_by_name(algorithm).prepare_key(encoded)
        except (self._jwt.PyJWTError, TypeError, ValueError) as error:
            raise ValueError(f"expected a key for {algorithm}, got something else: {error}") from None


def _checkedAlgorithms(algorithms: Sequence[str]) -> list[str]:
    names = list(algorithms)
    if isinstance(algorithms, str) or not names:
        raise ValueError(f"algorithms is a list of names, as ['RS256'], got {algorithms!r}")
    kinds = set()
    for name in names:
        kind = next((kind for kind, members in _KINDS.items() if name in members), None)
        if kind is None:
            known = ", ".join(member for members in _KINDS.values() for member in members)
            raise ValueError(f"expected an algorithm of {known}; got {name!r}")
        kinds.add(kind)
    if len(kinds) > 1:
        raise ValueError(f"algorithms are of one kind of key, got {names}, which are of {sorted(kinds)}")
    return names


def _pyJwt(algorithm: str) -> ModuleType:
    wayOut = "JwtAuthenticator needs {}: pip install 'txvortex[jwt]'"
    try:
        import jwt
    except ImportError as error:
        raise ImportError(wayOut.format("PyJWT")) from error
    if algorithm not in _KINDS["HMAC"] and not jwt.algorithms.has_crypto:
        raise ImportError(wayOut.format("cryptography"))
    return jwt
