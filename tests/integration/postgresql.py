"""
A PostgreSQL server for tests: a new one in a folder of its own, on 127.0.0.1, gone with the test session.

The programs come from the system (Debian's package ``postgresql``), also where its folder is not on the PATH.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["postgresqlUrl"]


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs, of the newest version that is installed."""
    found = shutil.which(name)
    if found is not None:
        return found
    versions = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3])
    )
    assert versions, f"no {name} here; on Debian: apt-get install postgresql"
    return str(versions[-1])


def freePort() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def postgresqlUrl() -> Iterator[str]:
    """The SQLAlchemy URL of an empty database."""
    # PostgreSQL refuses to run as root: there it gets a user who owns nothing but this folder
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="vortex-postgresql-"))
    try:
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        port = freePort()
        cluster = folder / "cluster"
        initdb = [
            program("initdb"),
            "-D",
            str(cluster),
            "-U",
            "vortex",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        run(initdb, user, folder)
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        )
        control = [program("pg_ctl"), "-D", str(cluster), "-w", "-l", str(folder / "log")]
        run([*control, "-o", options, "start"], user, folder)
        try:
            yield f"postgresql+psycopg://vortex@127.0.0.1:{port}/postgres"
        finally:
            run([*control, "-m", "immediate", "stop"], user, folder)
    finally:
        shutil.rmtree(folder)


def run(command: list[str], user: str | None, folder: Path) -> None:
    # its output goes to a file: the server keeps what pg_ctl gives it open
    with (folder / "output").open("w+") as output:
        status = subprocess.run(
            command, user=user, cwd=folder, stdout=output, stderr=output, check=False
        ).returncode
        output.seek(0)
        assert status == 0, f"{' '.join(command)}\n{output.read()}"
