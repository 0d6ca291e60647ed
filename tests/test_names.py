"""The public names: what `from vortex import ...` finds."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vortex


def importedForTypeCheckers() -> dict[str, str]:
    """The module of each name that only a type checker sees imported, by the name."""
    tree = ast.parse(Path(vortex.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


class TestAPublicName:
    @pytest.mark.parametrize("name", vortex.__all__)
    def test_is_there(self, name: str) -> None:
        assert getattr(vortex, name).__name__ == name

    def test_is_the_same_to_a_type_checker(self) -> None:
        assert importedForTypeCheckers() == vortex._ON_USE

    def test_is_named_once_if_it_is_imported_on_use(self) -> None:
        assert set(vortex._ON_USE) <= set(vortex.__all__)
        assert len(set(vortex.__all__)) == len(vortex.__all__)

    @pytest.mark.parametrize("name", ["Subscription", "AlreadyRecorded"])
    def test_is_imported_on_use(self, name: str) -> None:
        program = (
            "import sys, vortex\n"
            f"module = vortex._ON_USE[{name!r}]\n"
            "assert module not in sys.modules\n"
            f"assert vortex.{name} is getattr(sys.modules[module], {name!r})\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

        assert (done.returncode, done.stderr) == (0, "")
