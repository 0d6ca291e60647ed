"""
The library as its users get it: a wheel, environments that hold it and nothing of the tree, a fresh clone.

Making an environment takes a while, so it is shared by all tests that leave it as it is, whatever process
they run in.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.children import ROOT

__all__ = [
    "freshClone",
    "installed",
    "installedWithOrm",
    "installedWithPytest",
    "ownEnvironment",
    "run",
    "wheel",
]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as a release builds it: from the source distribution, which so has all it needs."""
    folder = _shared(
        tmp_path_factory,
        "wheel",
        lambda folder: run(sys.executable, "-m", "build", "--outdir", folder, ROOT, at=ROOT),
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel with what it needs, and no extra."""
    return _environment(tmp_path_factory, "installed", str(wheel))


@pytest.fixture(scope="session")
def installedWithOrm(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel, SQLAlchemy and PostgreSQL's driver."""
    return _environment(tmp_path_factory, "installed-orm", f"{wheel}[postgresql]")


@pytest.fixture(scope="session")
def installedWithPytest(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel and pytest."""
    return _environment(tmp_path_factory, "installed-pytest", str(wheel), "pytest")


@pytest.fixture(scope="module")
def ownEnvironment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `installedWithOrm`, with pip, and for tests that change it."""
    folder = tmp_path_factory.mktemp("own")
    venv.create(folder, with_pip=True)
    _install(folder, f"{wheel}[postgresql]")
    return folder / "bin"


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


def _environment(factory: pytest.TempPathFactory, name: str, *requirements: str) -> Path:
    def make(folder: Path) -> None:
        venv.create(folder)
        _install(folder, *requirements)

    return _shared(factory, name, make) / "bin"


def _install(folder: Path, *requirements: str) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python")
    # What runs is compiled when it is first run, the rest never.
    run(*pip, "install", "-q", "--no-compile", *requirements, at=folder)
    run(folder / "bin" / "twistd", "--help", at=folder)  # which notes down its commands


def _shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder of that name, made by the first of the processes that share the tests; the others wait."""
    place = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    folder, made = place / name, place / f"{name} is made"
    with (place / f"{name} lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder
