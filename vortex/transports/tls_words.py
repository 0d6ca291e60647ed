"""
What OpenSSL says of a handshake that failed, in words.

Its errors are looked at by their shape and their texts, so nothing in here needs pyOpenSSL.
"""

from __future__ import annotations

from vortex.errors import CertificateRefused, NotConnected, VortexError

__all__ = ["certificateProblem", "isTlsError", "tlsError"]

_PROBLEMS = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is signed by itself",
    19: "it is signed by a CA that is not trusted",
    20: "it is signed by a CA that is not trusted",
    21: "it is signed by a CA that is not trusted, or the CAs between are missing",
    26: "it is not meant for this use",
}

_UNKNOWN_SIGNER = (18, 19, 20, 21)

_NO_TLS = (
    "wrong version number",
    "packet length too long",
    "http request",
    "unknown protocol",
    "record layer",
)


def certificateProblem(error: int, fingerprint: str | None) -> str:
    """
    Why a server's certificate is not believed, and what to do about it.

    Args:
        error: OpenSSL's number for it, an X509_V_ERR.
        fingerprint: Of the certificate, if it is the server's own.
    """
    problem = _PROBLEMS.get(error, f"OpenSSL's error {error}")
    if error not in _UNKNOWN_SIGNER:
        return problem
    own = "" if fingerprint is None else f", or, if {fingerprint} is its fingerprint, that to fingerprints="
    return f"{problem}; give the file of that CA to trust={own}"


def isTlsError(error: BaseException | None) -> bool:
    """Whether *error* is of pyOpenSSL."""
    kind = type(error)
    return f"{kind.__module__}.{kind.__name__}" == "OpenSSL.SSL.Error"


def tlsError(error: BaseException, where: str, *, ofServer: bool = True) -> VortexError:
    """
    What to tell of a connection that ended with an error of pyOpenSSL.

    Args:
        where: The other end, for people to read.
        ofServer: Whether that is a server.
    """
    other = "server" if ofServer else "client"
    reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
    text = ", ".join(reason[-1] for reason in reasons if reason) or "TLS broke off"
    if "certificate" in text or "unknown ca" in text:
        if "alert" not in text:
            return CertificateRefused(f"{where}: the {other}'s certificate is not accepted: {text}")
        return CertificateRefused(
            f"{where}: the {other} does not accept our certificate, or asks for one where there is none: "
            f"{text}; TlsOptions(certificate=..., privateKey=...) says which to show"
        )
    if any(sign in text for sign in _NO_TLS):
        return NotConnected(f"{where}: the other end does not speak TLS: {text}")
    return NotConnected(f"{where}: there is no TLS to be had: {text}")
