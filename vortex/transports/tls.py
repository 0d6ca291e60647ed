"""
TLS: what a listener and an outgoing connection are encrypted with, and whom they believe.

The names and files are in `TlsOptions`; what goes over the line is no business of this module. pyOpenSSL is
imported when something is encrypted, not before: it is the extra ``tls``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib import import_module
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from zope.interface import implementer

from vortex.access.principal import PeerCertificate
from vortex.transports.tls_words import certificateProblem

__all__ = ["TlsClient", "TlsOptions", "peerCertificateOf", "tlsFactory"]

Name = str | PathLike[str]

CLIENT_CERTIFICATES = ("none", "optional", "required")

_FINGERPRINT = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class TlsOptions:
    """
    What to show and whom to believe, for `Vortex.listen` and for a connection to a tls, https or wss URL.

    Args:
        certificate: A PEM file with our certificate, and behind it those of the CAs between it and the root.
            To listen there has to be one; to connect, where the server asks for one.
        privateKey: The PEM file of its key, without a passphrase; None: it is in *certificate* too.
        trust: A PEM file with the CAs to believe. None, to connect: those of the system. None, to listen: any
            client certificate is taken whose key the client has, and its fingerprint says who it is.
        clientCertificates: To listen: "none" asks clients for no certificate, "optional" takes one, and
            "required" refuses those that have none.
        fingerprints: To connect: SHA-256 digests of server certificates, in hexadecimal. With them just these
            are believed, whoever has signed them and whatever host they are for: the way to a server that has
            signed its certificate itself.

    The files are read whenever a listener or a connection begins, so renewed ones are used from then on.

    Raises:
        ValueError: If these do not go together.
    """

    certificate: Name | None = None
    privateKey: Name | None = None
    trust: Name | None = None
    clientCertificates: Literal["none", "optional", "required"] = "none"
    fingerprints: Collection[str] = ()

    def __post_init__(self) -> None:
        if self.privateKey is not None and self.certificate is None:
            raise ValueError("a privateKey is of no use without its certificate: pass that too")
        if self.clientCertificates not in CLIENT_CERTIFICATES:
            raise ValueError(
                f"expected clientCertificates to be 'none', 'optional' or 'required', "
                f"got {self.clientCertificates!r}"
            )
        if isinstance(self.fingerprints, str):
            raise ValueError(
                f"expected a list of fingerprints, got one text: fingerprints=[{self.fingerprints!r}]"
            )
        object.__setattr__(self, "fingerprints", tuple(map(_normalFingerprint, self.fingerprints)))


def tlsFactory(options: TlsOptions, factory: IProtocolFactory, clock: Any = None) -> IProtocolFactory:
    """
    *factory* behind TLS, to listen with.

    Args:
        options: What to show to clients, and what to ask of them.
        factory: Makes the protocols, which see what was encrypted.
        clock: A reactor or a test's clock; None: the installed reactor.

    Raises:
        ImportError: If there is no pyOpenSSL.
        OSError: If a file cannot be read.
        ValueError: If *options* are not for listening, or a file holds something else.
    """
    if options.certificate is None:
        raise ValueError(
            "to listen with TLS takes a certificate: TlsOptions(certificate=..., privateKey=...)"
        )
    if options.fingerprints:
        raise ValueError(
            "fingerprints are of servers that one connects to; which clients may come in is for the "
            "Vortex's authenticator to say, or for the CA in trust="
        )
    _requireOpenSsl()
    from twisted.protocols.tls import TLSMemoryBIOFactory

    return TLSMemoryBIOFactory(_Server(options), False, factory, clock)


@implementer(IOpenSSLClientConnectionCreator)
class TlsClient:
    """
    One connection's side of TLS.

    Args:
        options: Whom to believe, and what to show.
        host: The server's name or IP address, which its certificate has to be for.

    Attributes:
        problem: Why the last certificate was not believed, in words; None if none was refused.

    Raises:
        ImportError: If there is no pyOpenSSL.
        OSError: If a file cannot be read.
        ValueError: If a file holds something else than it should.
    """

    def __init__(self, options: TlsOptions, host: str) -> None:
        _requireOpenSsl()
        self.problem: str | None = None
        self._options = options
        self._host = host
        self._isName = not _isAddress(host)
        self._asciiHost = host.encode("idna").decode("ascii") if self._isName else host
        self._context = _contextOf(options, forServer=False)

    def endpoint(self, endpoint: IStreamClientEndpoint, clock: Any = None) -> IStreamClientEndpoint:
        """*endpoint* with TLS over it; *clock* is a reactor or a test's clock."""
        return _TlsEndpoint(self, endpoint, clock)

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
        """For Twisted: the TLS of one connection."""
        from OpenSSL import SSL

        connection = SSL.Connection(self._context, None)
        connection.set_app_data(tlsProtocol)
        if self._isName:
            connection.set_tlsext_host_name(self._asciiHost.encode("ascii"))
        connection.set_verify(SSL.VERIFY_PEER, self._isBelieved)
        return connection

    def _isBelieved(self, connection: Any, certificate: Any, error: int, depth: int, ok: int) -> bool:
        """For OpenSSL, once or more for each certificate of the chain, the server's own at depth 0 last."""
        fingerprints = self._options.fingerprints
        if fingerprints:
            if depth == 0 and _fingerprintOf(certificate) not in fingerprints:
                self.problem = (
                    f"its fingerprint is {_fingerprintOf(certificate)}, which is none of fingerprints="
                )
                return False
            return True
        if not ok:
            self.problem = certificateProblem(error, _fingerprintOf(certificate) if depth == 0 else None)
            return False
        if depth == 0 and not self._isForHost(certificate):
            self.problem = f"it is not for the host {self._host!r}"
            return False
        return True

    def _isForHost(self, certificate: Any) -> bool:
        from service_identity import CertificateError, VerificationError
        from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity
        from service_identity.pyopenssl import extract_patterns

        wanted: ServiceID = DNS_ID(self._asciiHost) if self._isName else IPAddress_ID(self._host)
        try:
            verify_service_identity(extract_patterns(certificate), [wanted], [])
        except (CertificateError, VerificationError):
            return False
        return True


def peerCertificateOf(transport: Any) -> PeerCertificate | None:
    """What the other end of *transport* has shown in its handshake; None without TLS, or a certificate."""
    get = getattr(transport, "getPeerCertificate", None)
    certificate = None if get is None else get()
    if certificate is None:
        return None
    return PeerCertificate(
        fingerprint=_fingerprintOf(certificate),
        subject=certificate.to_cryptography().subject.rfc4514_string(),
        der=_derOf(certificate),
    )


@implementer(IOpenSSLServerConnectionCreator)
class _Server:
    """A listener's side of TLS."""

    def __init__(self, options: TlsOptions) -> None:
        self._options = options
        self._context = _contextOf(options, forServer=True)

    def serverConnectionForTLS(self, tlsProtocol: Any) -> Any:
        from OpenSSL import SSL

        connection = SSL.Connection(self._context, None)
        connection.set_app_data(tlsProtocol)
        mode = {
            "none": SSL.VERIFY_NONE,
            "optional": SSL.VERIFY_PEER,
            "required": SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
        }[self._options.clientCertificates]
        connection.set_verify(mode, _asVerified if self._options.trust is not None else _anyone)
        return connection


@implementer(IStreamClientEndpoint)
class _TlsEndpoint:
    def __init__(self, client: TlsClient, endpoint: IStreamClientEndpoint, clock: Any) -> None:
        self._client = client
        self._endpoint = endpoint
        self._clock = clock

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        from twisted.protocols.tls import TLSMemoryBIOFactory

        factory = TLSMemoryBIOFactory(self._client, True, protocolFactory, self._clock)
        connecting: Deferred[Any] = self._endpoint.connect(factory)
        return connecting.addCallback(lambda protocol: protocol.wrappedProtocol)


def _asVerified(_connection: Any, _certificate: Any, _error: int, _depth: int, ok: int) -> bool:
    return bool(ok)


def _anyone(_connection: Any, _certificate: Any, _error: int, _depth: int, _ok: int) -> bool:
    return True


def _contextOf(options: TlsOptions, *, forServer: bool) -> Any:
    """What *options* mean to OpenSSL."""
    from OpenSSL import SSL

    for name in (options.certificate, options.privateKey, options.trust):
        if name is not None:
            Path(name).read_bytes()  # which tells better than OpenSSL what is wrong
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    # A session that is resumed would bring its certificate without anybody looking at it again.
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if options.certificate is not None:
        _useCertificate(context, options.certificate, options.privateKey or options.certificate)
    if options.trust is not None:
        try:
            context.load_verify_locations(fspath(options.trust))
        except SSL.Error:
            raise ValueError(
                f"expected certificates of CAs in the PEM format, got none in {fspath(options.trust)!r}"
            ) from None
    elif not forServer:
        context.set_default_verify_paths()
    return context


def _useCertificate(context: Any, certificate: Name, key: Name) -> None:
    from OpenSSL import SSL

    try:
        context.use_certificate_chain_file(fspath(certificate))
    except SSL.Error:
        raise ValueError(
            f"expected a certificate in the PEM format, got none in {fspath(certificate)!r}"
        ) from None
    if b" ENCRYPTED" in Path(key).read_bytes():  # OpenSSL would ask for it at the terminal
        raise ValueError(f"expected a private key without a passphrase, got one with it in {fspath(key)!r}")
    try:
        context.use_privatekey_file(fspath(key))
    except SSL.Error as error:
        if "mismatch" in str(error):
            raise ValueError(
                f"the key in {fspath(key)!r} is not that of the certificate in {fspath(certificate)!r}"
            ) from None
        raise ValueError(f"expected a private key in the PEM format, got none in {fspath(key)!r}") from None


def _fingerprintOf(certificate: Any) -> str:
    return hashlib.sha256(_derOf(certificate)).hexdigest()


def _derOf(certificate: Any) -> bytes:
    from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate

    return dump_certificate(FILETYPE_ASN1, certificate)


def _normalFingerprint(text: str) -> str:
    normal = text.replace(":", "").strip().lower()
    if not _FINGERPRINT.fullmatch(normal):
        raise ValueError(
            f"expected a SHA-256 fingerprint, 64 hexadecimal digits, got {text!r}; "
            "openssl x509 -noout -fingerprint -sha256 -in FILE prints it"
        )
    return normal


def _isAddress(host: str) -> bool:
    from twisted.internet.abstract import isIPAddress, isIPv6Address

    return isIPAddress(host) or isIPv6Address(host)


def _requireOpenSsl() -> None:
    try:
        import_module("OpenSSL")
        import_module("service_identity")
    except ImportError as error:
        raise ImportError("TLS needs pyOpenSSL and service_identity: pip install 'txvortex[tls]'") from error
