"""
A proxy that ends TLS: nginx, with the configuration that the docs show, in front of a server on this machine.

    with Nginx(folder, port) as proxy:
        ...  # https://localhost:{proxy.port}/board/ is the server's /

What is changed of the configuration are ports, names and files, and what the test says.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.docs.documents import EXAMPLES
from tests.integration.children import PATIENCE, Child
from tests.integration.postgresql import freePort

__all__ = ["Nginx", "makeCertificate"]

BASE = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/board.conf;
}}
"""


class Nginx:
    """
    A running nginx, with a certificate of its own making for localhost and 127.0.0.1.

    Args:
        folder: Where it keeps its files.
        upstream: The port of the server behind it, on 127.0.0.1.
        changes: Texts of docs/examples/nginx.conf, with what stands there instead.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        certificate: The file of its certificate, which is its own authority.
    """

    def __init__(self, folder: Path, upstream: int, changes: Mapping[str, str] | None = None) -> None:
        self.port = freePort()
        folder = folder / "nginx"
        folder.mkdir()
        self.certificate, key = folder / "board.crt", folder / "board.key"
        makeCertificate(self.certificate, key)
        config = (EXAMPLES / "nginx.conf").read_text()
        for text, other in {
            "listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl",
            "board.example;": "localhost;",
            "/etc/ssl/board.example.crt": str(self.certificate),
            "/etc/ssl/board.example.key": str(key),
            "127.0.0.1:8080": f"127.0.0.1:{upstream}",
            **(changes or {}),
        }.items():
            assert text in config, text
            config = config.replace(text, other)
        (folder / "board.conf").write_text(config)
        (folder / "nginx.conf").write_text(BASE.format(folder=folder))
        self.child = Child(
            _program(), "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf", folder=folder
        )
        try:
            self._waitUntilItListens()
        except BaseException:
            self.child.stop()
            raise

    @property
    def url(self) -> str:
        """Of what the server has at ``/``."""
        return f"https://localhost:{self.port}/board/"

    @property
    def context(self) -> ssl.SSLContext:
        """For a client that trusts its certificate, and nobody else's."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def _waitUntilItListens(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
            except ConnectionRefusedError:
                assert self.child.isRunning, str(self.child)
                assert time.monotonic() < deadline, str(self.child)
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        self.child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


def _program() -> str:
    """Debian keeps it where only root looks."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    assert found, "nginx is missing; scripts/need-packages nginx nginx-light installs it"
    return found


def makeCertificate(certificate: Path, key: Path) -> None:
    """A certificate that is signed by itself, for localhost and 127.0.0.1, and its key."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
