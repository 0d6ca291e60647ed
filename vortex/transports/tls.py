"""
TLS: what certificates each end shows and accepts, as one set of options for both.

Whose key a certificate is, is proven in every handshake; whether that is enough is said here. pyOpenSSL is
imported when the first context is made: not everyone has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from zope.interface import implementer

from vortex.access.principal import PeerCertificate

__all__ = ["TlsOptions", "overTls", "peerCertificate", "servedByTls"]

ClientCertificates = Literal["none", "optional", "required"]

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class TlsOptions:
    """
    What an end shows of itself, and what it accepts of the other.

    Attributes:
        certificate: A PEM file with this end's certificate, and those between it and its CA behind it. A
            server needs one; a client has one if the server asks for it.
        privateKey: A PEM file with its key; None: it is in the same file.
        trust: A PEM file with the CAs that the other end's certificate may come from. None: a client trusts
            the system's; a server accepts any certificate whose key the client has, and its fingerprint says
            who that is.
        clientCertificates: Whether a server asks for the client's: "none", "optional" or "required".
        fingerprints: SHA-256 fingerprints, in hexadecimal digits. A client accepts a server's certificate of
            such a fingerprint, and no other, whoever has signed it and whatever name it has.

    Raises:
        ValueError: If *clientCertificates* is none of the three, or a fingerprint is no SHA-256.
    """

    certificate: str | Path | None = None
    privateKey: str | Path | None = None
    trust: str | Path | None = None
    clientCertificates: ClientCertificates = "none"
    fingerprints: Collection[str] = ()

    def __post_init__(self) -> None:
        if self.clientCertificates not in ("none", "optional", "required"):
            raise ValueError(
                f"clientCertificates is 'none', 'optional' or 'required', got {self.clientCertificates!r}"
            )
        given = [self.fingerprints] if isinstance(self.fingerprints, str) else self.fingerprints
        object.__setattr__(self, "fingerprints", frozenset(map(_fingerprint, given)))


def servedByTls(options: TlsOptions, factory: IProtocolFactory) -> IProtocolFactory:
    """
    *factory*'s protocols, over TLS as *options* say.

    Raises:
        ValueError: If there is no certificate.
        ImportError: If pyOpenSSL is not installed.
        OSError: If a file cannot be read.
    """
    if options.certificate is None:
        raise ValueError("a server needs a certificate: TlsOptions(certificate='server.pem', privateKey=...)")
    _openssl()
    from twisted.protocols.tls import TLSMemoryBIOFactory

    served: IProtocolFactory = TLSMemoryBIOFactory(_serverContext(options), False, factory)
    return served


def overTls(options: TlsOptions, host: str, endpoint: IStreamClientEndpoint) -> IStreamClientEndpoint:
    """
    *endpoint*, over TLS as *options* say; the server's certificate has to be *host*'s.

    Raises:
        ImportError: If pyOpenSSL is not installed.
        OSError: If a file cannot be read.
    """
    _openssl()
    wrapped: IStreamClientEndpoint = wrapClientTLS(_connectionCreator(options, host), endpoint)
    return wrapped


def peerCertificate(transport: Any) -> PeerCertificate | None:
    """The certificate that the other end of *transport* has shown; None if it has shown none."""
    get = getattr(transport, "getPeerCertificate", None)
    certificate = None if get is None else get()
    if certificate is None:
        return None
    from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate

    der = dump_certificate(FILETYPE_ASN1, certificate)
    subject = ",".join(
        f"{name.decode('utf-8', 'replace')}={value.decode('utf-8', 'replace')}"
        for name, value in certificate.get_subject().get_components()
    )
    return PeerCertificate(hashlib.sha256(der).hexdigest(), subject, der)


# ---- contexts


def _openssl() -> None:
    try:
        import OpenSSL  # noqa: F401
        import service_identity  # noqa: F401
    except ImportError as error:
        raise ImportError(f"TLS needs {error.name}: pip install 'txvortex[tls]'") from error


def _ownCertificate(options: TlsOptions) -> Any:
    """This end's certificate and key; None where it has none."""
    from twisted.internet.ssl import PrivateCertificate

    if options.certificate is None:
        return None
    pem = Path(options.certificate).read_bytes()
    if options.privateKey is not None:
        pem += b"\n" + Path(options.privateKey).read_bytes()
    return PrivateCertificate.loadPEM(pem)


def _serverContext(options: TlsOptions) -> Any:
    from OpenSSL import SSL

    made = _ownCertificate(options).options()
    context = made.getContext()
    context.use_certificate_chain_file(str(options.certificate))
    if options.clientCertificates == "none":
        return made
    mode = SSL.VERIFY_PEER
    if options.clientCertificates == "required":
        mode |= SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    if options.trust is not None:
        context.load_verify_locations(str(options.trust))
    anyWillDo = options.trust is None

    def accept(_connection: Any, _certificate: Any, _error: int, _depth: int, isVerified: int) -> bool:
        return anyWillDo or bool(isVerified)

    context.set_verify(mode, accept)
    return made


def _connectionCreator(options: TlsOptions, host: str) -> Any:
    from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates

    own = _ownCertificate(options)
    if options.fingerprints:
        return _PinnedCreator(host, frozenset(options.fingerprints), own)
    trust = None
    if options.trust is not None:
        pem, end = Path(options.trust).read_bytes(), b"-----END CERTIFICATE-----"
        parts = [part + end for part in pem.split(end) if b"BEGIN CERTIFICATE" in part]
        trust = trustRootFromCertificates([Certificate.loadPEM(part) for part in parts])
    return optionsForClientTLS(host, trustRoot=trust, clientCertificate=own)


@implementer(IOpenSSLClientConnectionCreator)
class _PinnedCreator:
    """Connections to a server that is known by the fingerprint of its certificate."""

    def __init__(self, host: str, fingerprints: frozenset[str], own: Any) -> None:
        from OpenSSL import SSL
        from twisted.internet.ssl import CertificateOptions

        self._host = host
        made = CertificateOptions() if own is None else own.options()
        self._context = made.getContext()

        def accept(_connection: Any, certificate: Any, _error: int, depth: int, _isVerified: int) -> bool:
            return depth > 0 or _fingerprint(certificate.digest("sha256").decode("ascii")) in fingerprints

        self._context.set_verify(SSL.VERIFY_PEER, accept)

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
        from OpenSSL import SSL

        connection = SSL.Connection(self._context, None)
        if not self._host.replace(".", "").isdigit() and ":" not in self._host:
            connection.set_tlsext_host_name(self._host.encode("idna"))
        return connection


def _fingerprint(text: str) -> str:
    digits = text.replace(":", "").lower()
    if len(digits) != 64 or not _HEX.issuperset(digits):
        raise ValueError(f"a fingerprint is 64 hexadecimal digits, a SHA-256, got {text!r}")
    return digits
