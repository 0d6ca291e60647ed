"""The browser client built elsewhere, and its npm package as users get it: packed, then installed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.integration.children import ROOT
from tests.integration.installing import run

__all__ = ["CLIENT", "PAGES", "STATIC", "TYPESCRIPT", "build", "copy", "install", "manifest", "pack"]

CLIENT = ROOT / "js-client"
STATIC = ROOT / "vortex" / "static"
PAGES = ROOT / "docs" / "examples" / "pages"
"""The examples: pages, and programs for Node."""

TYPESCRIPT = CLIENT / "node_modules" / ".bin" / "tsc"

_MADE = shutil.ignore_patterns("build", "dist", "node_modules", "LICENSE")
# What npm says of itself and asks the registry for, beside what it is told to do.
_QUIET = "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"


def manifest(folder: Path = CLIENT) -> dict[str, Any]:
    """The package.json of a folder."""
    read: dict[str, Any] = json.loads((folder / "package.json").read_text())
    return read


def copy(folder: Path) -> None:
    """Make *folder* one in which the client can be built and tested."""
    shutil.copytree(CLIENT, folder, ignore=_MADE)
    (folder / "node_modules").symlink_to(CLIENT / "node_modules")


def build(folder: Path, into: Path) -> dict[str, bytes]:
    """Each file that a copy of the sources in *folder* builds *into* another folder, by its name."""
    copy(folder)
    run("node", folder / "scripts" / "build.mjs", into, at=folder.parent)
    return {path.name: path.read_bytes() for path in into.iterdir()}


def pack(folder: Path) -> Path:
    """The tarball that would be published, in *folder*."""
    packed = run("npm", "pack", *_QUIET, "--json", "--pack-destination", folder, at=CLIENT)
    # Before the JSON stands what the scripts print that npm runs.
    (described,) = json.loads(packed[packed.index("[\n") :])
    return folder / str(described["filename"])


def install(folder: Path, *packages: str | Path, offline: bool = False) -> None:
    """Put these, and what its package.json names, into *folder*; *offline*: without the registry."""
    run("npm", "install", *_QUIET, *(["--offline"] if offline else []), *packages, at=folder)
