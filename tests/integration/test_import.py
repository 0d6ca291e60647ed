"""
What importing the library brings with it: no reactor and no SQLAlchemy, whichever module it is.

Each in an interpreter of its own: this one has imported everything long ago.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parent.parent.parent / "vortex"
REACTOR, SQLALCHEMY, OPENSSL = "twisted.internet.reactor", "sqlalchemy", "OpenSSL"

BELOW_THE_TOP = sorted(
    ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts)
    for path in LIBRARY.rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py") and path.parent != LIBRARY / "cli" / "dropin"
)


def importedBy(statements: str, *suspects: str) -> list[str]:
    """Which of the modules are loaded once the statements have run in a new interpreter."""
    code = f"{statements}\nimport sys; print(*[name for name in {suspects!r} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=LIBRARY.parent, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


class TestImportVortex:
    def test_installs_no_reactor_and_needs_no_sqlalchemy(self) -> None:
        assert importedBy("import vortex", REACTOR, SQLALCHEMY, OPENSSL) == []

    def test_offers_the_orm_names_and_only_then_imports_sqlalchemy(self) -> None:
        assert importedBy("from vortex import OrmCrudHandler", REACTOR, SQLALCHEMY) == [SQLALCHEMY]

    def test_has_every_public_name(self) -> None:
        missing = "[name for name in vortex.__all__ if not hasattr(vortex, name)]"

        assert importedBy(f"import vortex; assert vortex.__all__ and not {missing}, {missing}") == []

    def test_every_module_imports_without_a_reactor(self) -> None:
        assert importedBy(f"import {', '.join(BELOW_THE_TOP)}", REACTOR) == []

    def test_only_the_orm_imports_sqlalchemy(self) -> None:
        others = [name for name in BELOW_THE_TOP if not name.startswith(("vortex.orm.", "vortex.cli."))]

        assert importedBy(f"import {', '.join(others)}", SQLALCHEMY) == []


class TestTheSuspicion:
    @pytest.mark.parametrize("module", [REACTOR, "sqlalchemy"])
    def test_an_import_is_seen(self, module: str) -> None:
        assert importedBy(f"import {module}", REACTOR, SQLALCHEMY) == [module]
