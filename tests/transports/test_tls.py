"""What TLS is made of: options that do not go together, files that hold something else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Factory

from tests.integration.certificates import Issued
from vortex import TlsOptions, Vortex
from vortex.transports.tls import TlsClient, peerCertificateOf, tlsFactory
from vortex.transports.tls_words import tlsError


class Files:
    """Attributes: good, other: certificates with their keys; the rest are files that are neither."""

    def __init__(self, folder: Path) -> None:
        self.good = Issued(folder, "good")
        self.other = Issued(folder, "other")
        self.text = folder / "notes.txt"
        self.text.write_text("buy milk")
        self.locked = folder / "locked.key"
        self.locked.write_bytes(self.good.keyPem(b"secret"))
        self.missing = folder / "missing.pem"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"privateKey": "a.key"}, "without its certificate"),
            ({"clientCertificates": "maybe"}, "'none', 'optional' or 'required', got 'maybe'"),
            ({"fingerprints": "ab" * 32}, r"a list of fingerprints, got one text: fingerprints=\['abab"),
            ({"fingerprints": ["ab"]}, "64 hexadecimal digits, got 'ab'; openssl x509"),
            ({"fingerprints": ["xy" * 32]}, "64 hexadecimal digits"),
        ],
    )
    def test_that_make_no_sense_are_named(self, options: dict[str, Any], problem: str) -> None:
        with pytest.raises(ValueError, match=problem):
            TlsOptions(**options)

    def test_have_fingerprints_as_they_are_printed(self) -> None:
        digits = "0123456789ABCDEF" * 4
        colons = ":".join(digits[at : at + 2] for at in range(0, 64, 2))

        assert TlsOptions(fingerprints=[colons]).fingerprints == (digits.lower(),)

    def test_to_listen_need_a_certificate(self) -> None:
        with pytest.raises(ValueError, match="takes a certificate"):
            tlsFactory(TlsOptions(), Factory())

    def test_to_listen_have_no_fingerprints(self, files: Files) -> None:
        options = TlsOptions(files.good.file, files.good.keyFile, fingerprints=["ab" * 32])

        with pytest.raises(ValueError, match="fingerprints are of servers"):
            tlsFactory(options, Factory())


def toListen(options: TlsOptions) -> object:
    return tlsFactory(options, Factory())


def toConnect(options: TlsOptions) -> object:
    return TlsClient(options, "localhost")


def byUrl(options: TlsOptions) -> object:
    return Vortex("pump").connect("tls://localhost:1", tls=options)


@pytest.mark.parametrize("use", [toListen, toConnect, byUrl])
class TestFiles:
    @pytest.mark.parametrize(
        ("certificate", "key", "problem"),
        [
            ("text", "key", "expected a certificate in the PEM format, got none in '.*notes.txt'"),
            ("good", "text", "expected a private key in the PEM format, got none in '.*notes.txt'"),
            ("good", "locked", "without a passphrase, got one with it in '.*locked.key'"),
            ("good", None, "expected a private key in the PEM format, got none in '.*good.pem'"),
            ("good", "other", "the key in '.*other.key' is not that of the certificate in '.*good.pem'"),
        ],
    )
    def test_that_hold_something_else_are_named_at_once(
        self,
        files: Files,
        use: Callable[[TlsOptions], object],
        certificate: str,
        key: str | None,
        problem: str,
    ) -> None:
        named = {
            "good": files.good.file,
            "text": files.text,
            "key": files.good.keyFile,
            "locked": files.locked,
            "other": files.other.keyFile,
        }
        options = TlsOptions(named[certificate], None if key is None else named[key])

        with pytest.raises(ValueError, match=problem):
            use(options)

    def test_of_cas_that_hold_something_else_are_named_at_once(
        self, files: Files, use: Callable[[TlsOptions], object]
    ) -> None:
        options = TlsOptions(files.good.file, files.good.keyFile, trust=files.text)

        with pytest.raises(ValueError, match=r"certificates of CAs in the PEM format, got none in '.*txt'"):
            use(options)

    @pytest.mark.parametrize("which", ["certificate", "privateKey", "trust"])
    def test_that_are_not_there_are_named_at_once(
        self, files: Files, use: Callable[[TlsOptions], object], which: str
    ) -> None:
        given: dict[str, Any] = {
            "certificate": files.good.file,
            "privateKey": files.good.keyFile,
            which: files.missing,
        }

        with pytest.raises(FileNotFoundError, match=r"missing\.pem"):
            use(TlsOptions(**given))

    def test_are_of_no_use_without_pyopenssl(
        self, files: Files, use: Callable[[TlsOptions], object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "OpenSSL", None)

        with pytest.raises(ImportError, match=r"pip install 'txvortex\[tls\]'"):
            use(TlsOptions(files.good.file, files.good.keyFile))


class TestPeerCertificate:
    def test_is_none_where_there_is_no_tls(self) -> None:
        assert peerCertificateOf(object()) is None


class TestErrors:
    @pytest.mark.parametrize(
        ("reason", "code", "words"),
        [
            ("certificate verify failed", "certificate-refused", "the server's certificate is not accepted"),
            ("tlsv1 alert unknown ca", "certificate-refused", "does not accept our certificate"),
            ("tlsv13 alert certificate required", "certificate-refused", "asks for one where there is none"),
            ("wrong version number", "not-connected", "does not speak TLS"),
            ("tlsv1 alert protocol version", "not-connected", "there is no TLS to be had"),
        ],
    )
    def test_of_openssl_are_told_in_words(self, reason: str, code: str, words: str) -> None:
        error = tlsError(Exception([("SSL routines", "", reason)]), "tls://jobs:1")

        assert error.code == code
        assert str(error).startswith("tls://jobs:1: ")
        assert words in str(error)
        assert reason in str(error)

    def test_without_a_reason_are_told_too(self) -> None:
        assert "TLS broke off" in str(tlsError(Exception(), "tls://jobs:1"))

    def test_of_a_clients_certificate_say_so(self) -> None:
        error = tlsError(Exception([("", "", "certificate verify failed")]), "192.0.2.7", ofServer=False)

        assert "the client's certificate is not accepted" in str(error)
