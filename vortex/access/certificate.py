"""
CertificateAuthenticator: who somebody is, by the TLS certificate that it has proven to have the key of.

The server has to ask for one: ``TlsOptions(..., clientCertificates="required")``, or "optional".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from vortex.access.principal import Credentials, PeerCertificate, Principal, checkedRoles
from vortex.errors import AccessDenied

__all__ = ["CertificateAuthenticator"]

Known = Mapping[str, Principal | tuple[str, Iterable[str]]]

_HEX = frozenset("0123456789abcdef")


class CertificateAuthenticator:
    """
    Knows whoever shows a certificate that it knows.

    Args:
        known: By its SHA-256 fingerprint, as ``openssl x509 -fingerprint -sha256`` prints it, with or without
            colons: who has that certificate, as an id and roles or as a `Principal`. Or a function that is
            given the `PeerCertificate`, and returns a Principal, or None for one that it does not know.

    A fingerprint is enough: nobody else has the key. What a certificate says of itself, its subject, is worth
    what the CA is worth that has signed it: only read it where ``TlsOptions(trust=...)`` names that CA.

    Raises:
        ValueError: If a fingerprint is no SHA-256.
    """

    def __init__(self, known: Known | Callable[[PeerCertificate], Principal | None]) -> None:
        if callable(known):
            self._find: Callable[[PeerCertificate], Principal | None] = known
        else:
            principals = {_fingerprint(text): _principal(who) for text, who in known.items()}
            self._find = lambda certificate: principals.get(certificate.fingerprint)

    def authenticate(self, credentials: Credentials) -> Principal | None:
        """Whose certificate it is; None if none was shown."""
        certificate = credentials.peerCertificate
        if certificate is None:
            return None
        principal = self._find(certificate)
        if principal is None:
            raise AccessDenied(
                f"the certificate with the SHA-256 fingerprint {certificate.fingerprint} is not known here"
            )
        return principal


def _principal(who: Principal | tuple[str, Iterable[str]]) -> Principal:
    if isinstance(who, Principal):
        return who
    return Principal(who[0], checkedRoles(who[1]))


def _fingerprint(text: str) -> str:
    digits = text.replace(":", "").lower()
    if len(digits) != 64 or not _HEX.issuperset(digits):
        raise ValueError(f"a fingerprint is 64 hexadecimal digits, a SHA-256, got {text!r}")
    return digits
