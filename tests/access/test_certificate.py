"""Who somebody is by a TLS certificate."""

from __future__ import annotations

import pytest

from vortex.access.certificate import CertificateAuthenticator
from vortex.access.principal import Credentials, PeerCertificate, Principal
from vortex.errors import AccessDenied

PRINT = "0123456789abcdef" * 4
OTHER = "f" * 64


def showing(fingerprint: str = PRINT, subject: str = "CN=pump-7") -> Credentials:
    return Credentials(peerCertificate=PeerCertificate(fingerprint, subject))


class TestFingerprints:
    @pytest.mark.parametrize(
        "written", [PRINT, PRINT.upper(), ":".join(PRINT.upper()[i : i + 2] for i in range(0, 64, 2))]
    )
    def test_are_taken_as_openssl_prints_them(self, written: str) -> None:
        authenticator = CertificateAuthenticator({written: ("pump-7", {"writer"})})

        assert authenticator.authenticate(showing()) == Principal("pump-7", {"writer"})

    def test_may_be_of_a_principal(self) -> None:
        principal = Principal("pump-7", lifetime=60)

        assert CertificateAuthenticator({PRINT: principal}).authenticate(showing()) is principal

    @pytest.mark.parametrize("written", ["", "0123", PRINT[:-1] + "g", PRINT + "00"])
    def test_that_are_none_are_refused(self, written: str) -> None:
        with pytest.raises(ValueError, match="a fingerprint is 64 hexadecimal digits"):
            CertificateAuthenticator({written: ("pump-7", ())})

    def test_that_are_not_known_are_named(self) -> None:
        with pytest.raises(AccessDenied, match=f"fingerprint {OTHER} is not known here"):
            CertificateAuthenticator({PRINT: ("pump-7", ())}).authenticate(showing(OTHER))


class TestFunction:
    def test_finds_who_it_is(self) -> None:
        def find(certificate: PeerCertificate) -> Principal | None:
            name = certificate.subject.removeprefix("CN=")
            return Principal(name) if name.startswith("pump-") else None

        authenticator = CertificateAuthenticator(find)

        assert authenticator.authenticate(showing()) == Principal("pump-7")
        with pytest.raises(AccessDenied, match="is not known here"):
            authenticator.authenticate(showing(subject="CN=tap"))


def test_nobody_is_known_without_a_certificate() -> None:
    assert CertificateAuthenticator({PRINT: ("pump-7", ())}).authenticate(Credentials()) is None
