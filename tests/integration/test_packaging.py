"""
What ships: the wheel, built from the tree and installed into an empty environment, far from the tree.

An editable install would hide a file that the wheel lacks, and never shows twistd our command.
"""

from __future__ import annotations

import subprocess
import sys
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

from tests.integration.children import ROOT
from tests.integration.installing import run

LIBRARY = ROOT / "vortex"


class TestTheWheel:
    def test_holds_every_file_of_the_library_and_the_drop_in_and_nothing_else(self, wheel: Path) -> None:
        dropin = LIBRARY / "cli" / "dropin"
        sources = {path for path in LIBRARY.rglob("*.py") if path.parent != dropin}
        folders = LIBRARY / "static", LIBRARY / "cli" / "board"
        served = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
        expected = {path.relative_to(ROOT).as_posix() for path in {*sources, *served, LIBRARY / "py.typed"}}

        with ZipFile(wheel) as archive:
            names = {name for name in archive.namelist() if ".dist-info/" not in name}

        assert names == {*expected, "twisted/plugins/vortex_plugin.py"}

    def test_says_what_it_is_and_under_which_licence(self, wheel: Path) -> None:
        with ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            metadata = HeaderParser().parsestr(archive.read(name).decode())
            licences = [name for name in archive.namelist() if name.endswith("licenses/LICENSE")]

        assert metadata["Name"] == "txvortex"
        assert metadata["Requires-Python"] == ">=3.11"
        assert metadata["License"] == "MIT"
        assert len(licences) == 1
        assert str(metadata.get_payload()).lstrip().startswith("# Vortex")


class TestInstalled:
    def test_runs_from_where_it_was_installed_with_what_it_says_it_needs(self, installed: Path) -> None:
        code = (
            "import vortex; print(vortex.__version__, vortex.__file__); vortex.Vortex; vortex.VortexResource"
        )
        version, path = run(installed / "python", "-c", code, at=installed).split()

        assert Path(path).is_relative_to(installed.parent)
        assert version in run(
            *(sys.executable, "-m", "pip", "--python", installed / "python", "show", "txvortex"), at=installed
        )

    def test_says_how_to_get_sqlalchemy_when_it_is_not_there(self, installed: Path) -> None:
        code = "import vortex; vortex.OrmCrudHandler"
        done = subprocess.run(
            [installed / "python", "-c", code], cwd=installed, capture_output=True, text=True, check=False
        )

        assert "pip install 'txvortex[orm]'" in done.stderr.splitlines()[-1]
