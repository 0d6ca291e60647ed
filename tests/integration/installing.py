"""
The library as its users get it: a wheel, environments that hold it and nothing of the tree, a fresh clone.

Making an environment takes a while, so one is shared by all tests of a session.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.integration.children import ROOT

__all__ = ["freshClone", "installed", "installedWithOrm", "run", "wheel"]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as a release builds it: from the source distribution, which so has all it needs."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, at=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel with what it needs, and no extra."""
    return _environment(tmp_path_factory.mktemp("installed"), str(wheel))


@pytest.fixture(scope="session")
def installedWithOrm(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel, SQLAlchemy and PostgreSQL's driver."""
    return _environment(tmp_path_factory.mktemp("installed-orm"), f"{wheel}[postgresql]")


@pytest.fixture(scope="session")
def freshClone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that a clone of this tree has, and nothing that was made since."""
    folder = tmp_path_factory.mktemp("clone")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", at=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def run(*command: str | Path, at: Path) -> str:
    """What the program prints; it has to succeed."""
    done = subprocess.run(
        [str(part) for part in command], cwd=at, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _environment(folder: Path, requirement: str) -> Path:
    venv.create(folder, with_pip=True)
    run(folder / "bin" / "pip", "install", "--disable-pip-version-check", "-q", requirement, at=folder)
    return folder / "bin"
