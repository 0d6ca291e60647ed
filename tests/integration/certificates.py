"""Certificates for tests: a CA, what it has signed, and what nobody has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

__all__ = ["Issued"]


class Issued:
    """
    One certificate, and its key.

    Args:
        folder: Where its files are written.
        name: What its subject is called, and its files.
        hosts: The names and IP addresses that it is for.
        issuer: Who signs it; None: it does so itself.
        isCa: Whether it may sign others.
        expired: Whether its time was over yesterday.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *hosts: str,
        issuer: Issued | None = None,
        isCa: bool = False,
        expired: bool = False,
    ) -> None:
        now = datetime.now(UTC)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Water"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(self.name if issuer is None else issuer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=9))
            .not_valid_after(now + timedelta(days=-1 if expired else 9))
            .add_extension(x509.BasicConstraints(isCa, None), critical=True)
        )
        if hosts:
            names = [
                x509.IPAddress(ip_address(each)) if each[0].isdigit() else x509.DNSName(each)
                for each in hosts
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        self.certificate = builder.sign(self.key if issuer is None else issuer.key, hashes.SHA256())
        self.fingerprint = self.certificate.fingerprint(hashes.SHA256()).hex()
        self.der = self.certificate.public_bytes(Encoding.DER)
        self.pem = self.certificate.public_bytes(Encoding.PEM)
        self.file = folder / f"{name}.pem"
        self.keyFile = folder / f"{name}.key"
        self.file.write_bytes(self.pem)
        self.keyFile.write_bytes(self.keyPem())

    def keyPem(self, passphrase: bytes | None = None) -> bytes:
        encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
