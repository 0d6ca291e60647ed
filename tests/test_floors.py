"""
The floors of the house: who may import whom, read off the source with `ast`.

A module imports its own floor and the floors below it; what comes from outside is allowed floor by
floor, some of it in one file only. The second half tries the reading itself, on small trees that break each
rule.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parent.parent / "vortex"

FLOORS = {
    **dict.fromkeys(("errors", "clocks", "limits", "tuples"), 0),
    **dict.fromkeys(("protocol",), 1),
    **dict.fromkeys(("routing", "access"), 2),
    **dict.fromkeys(("transports",), 3),
    **dict.fromkeys(("node", "backplane"), 4),
    **dict.fromkeys(("live", "handlers", "orm"), 5),
    **dict.fromkeys(("inspector", "codegen", "cli", "testing", "__init__", "__main__"), 6),
}
TOP = 6

STANDARD_LIBRARY = sys.stdlib_module_names | {"annotationlib"}
"""Newer Pythons' modules too: the library asks for the version before it imports one."""

FROM_OUTSIDE = {
    0: ("orjson",),
    1: (),
    2: ("twisted.internet.defer", "twisted.python.failure", "twisted.logger"),
    3: ("twisted", "zope"),
    4: (),
    5: (),
}
"""What each floor may import besides the standard library; a floor may also use what those below it may."""

ONE_PLACE = {
    "autobahn": "transports/websocket",
    "txredisapi": "backplane/redis.py",
    "jwt": "access/jwt.py",
    "cryptography": "access/jwt.py",
    "OpenSSL": "transports/tls.py",
    "service_identity": "transports/tls.py",
    "sqlalchemy": "orm/",
}
"""What only one file, one folder, or files whose names begin so, below the top floor may import."""

AT_CALL_TIME = {
    "twisted.internet.reactor": "take a clock or a reactor argument, and import the default in the function",
    "twisted.internet.ssl": "not everyone has the pyOpenSSL it needs: import it in the function that does",
    "OpenSSL": "not everyone has it: import it in the function that uses it",
    "service_identity": "not everyone has it: import it in the function that uses it",
    "jwt": "not everyone has it: import it in the function that uses it",
    "cryptography": "not everyone has it: import it in the function that uses it",
}
REACTOR = "twisted.internet.reactor"
MOST_FILES_WITH_A_REACTOR = 2


@dataclass(frozen=True)
class Import:
    """One module that a file imports: dotted name, line, and whether a function does it when called."""

    name: str
    line: int
    atCallTime: bool


def submodules(folder: Path) -> set[str]:
    return {entry.stem for entry in folder.iterdir() if entry.suffix == ".py" or entry.is_dir()}


def importsOf(path: Path, library: Path) -> Iterator[Import]:
    """Every import in the file, wherever it stands; ``import_module("literal")`` is one too."""
    package = ("vortex", *path.relative_to(library).parts[:-1])

    def walk(node: ast.AST, inFunction: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            within = inFunction or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from named(child, inFunction)
            yield from walk(child, within)

    def named(node: ast.AST, inFunction: bool) -> Iterator[Import]:
        match node:
            case ast.Import(names=names, lineno=line):
                for alias in names:
                    yield Import(alias.name, line, inFunction)
            case ast.ImportFrom(module=module, names=names, level=level, lineno=line):
                base = ".".join(package[: len(package) - level + 1]) if level else ""
                source = ".".join(part for part in (base, module) if part)
                for alias in names:
                    name = f"{source}.{alias.name}" if namesAModule(source, alias.name, library) else source
                    yield Import(name, line, inFunction)
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_], lineno=line):
                if (isinstance(function, ast.Name) and function.id in ("import_module", "__import__")) or (
                    isinstance(function, ast.Attribute) and function.attr == "import_module"
                ):
                    yield Import(name, line, inFunction)

    return walk(ast.parse(path.read_text()), False)


def namesAModule(source: str, name: str, library: Path) -> bool:
    """Whether ``from source import name`` imports a module: our tree tells, or the case of Twisted's name."""
    if source == "twisted" or source.startswith("twisted."):
        return name.islower()
    return source == "vortex" and name in submodules(library)


def isOf(name: str, root: str) -> bool:
    return name == root or name.startswith(f"{root}.")


def violations(path: Path, library: Path = LIBRARY) -> list[str]:
    """What the file imports that its floor may not, a sentence each: where, what, and the way out."""
    place = path.relative_to(library)
    package = place.parts[0].removesuffix(".py")
    floor = FLOORS.get(package)
    if floor is None:
        return [f"{path}:1 stands on no floor; put {package!r} into the table in {Path(__file__).name}"]
    found = []
    for each in importsOf(path, library):
        where = f"{path}:{each.line} imports {each.name}"
        if isOf(each.name, "vortex"):
            other = each.name.split(".")[1] if "." in each.name else "__init__"
            upper = FLOORS.get(other, TOP)
            if upper > floor:
                found.append(
                    f"{where}: floor {floor} reaches up to floor {upper}; "
                    "move what both need down, or have it passed in through a protocol"
                )
            continue
        for name, wayOut in AT_CALL_TIME.items():
            if isOf(each.name, name) and not each.atCallTime:
                found.append(f"{where} at module level; {wayOut}")
        if not mayImport(each.name, floor, place):
            found.append(f"{where}: floor {floor} may not; {wayOutOf(each.name, floor)}")
    return found


def mayImport(name: str, floor: int, place: Path) -> bool:
    root = name.split(".")[0]
    if floor == TOP or root in STANDARD_LIBRARY:
        return True
    if root in ONE_PLACE:
        return place.as_posix().startswith(ONE_PLACE[root])
    return any(isOf(name, allowed) for each in range(floor + 1) for allowed in FROM_OUTSIDE[each])


def wayOutOf(name: str, floor: int) -> str:
    root = name.split(".")[0]
    if root in ONE_PLACE:
        return f"only vortex/{ONE_PLACE[root]} imports {root}: put the code there"
    allowed = [one for each in range(floor + 1) for one in FROM_OUTSIDE[each]]
    return f"it has the standard library, {', '.join(allowed)}: put the code on a higher floor"


def filesWithAReactor(library: Path) -> list[str]:
    return [
        f"{path}:{each.line}"
        for path in sorted(library.rglob("*.py"))
        for each in importsOf(path, library)
        if isOf(each.name, REACTOR)
    ]


def tooManyReactors(library: Path) -> str | None:
    places = filesWithAReactor(library)
    files = {place.rsplit(":", 1)[0] for place in places}
    if len(files) <= MOST_FILES_WITH_A_REACTOR:
        return None
    return (
        f"{len(files)} files import the reactor, at most {MOST_FILES_WITH_A_REACTOR} may: "
        f"{', '.join(places)}; take a clock or a reactor as an argument instead"
    )


class TestTheHouse:
    @pytest.mark.parametrize(
        "path", sorted(LIBRARY.rglob("*.py")), ids=lambda path: path.relative_to(LIBRARY).as_posix()
    )
    def test_imports_go_down(self, path: Path) -> None:
        assert violations(path) == []

    def test_at_most_two_files_import_the_reactor(self) -> None:
        assert tooManyReactors(LIBRARY) is None

    def test_every_folder_with_modules_is_a_package_and_so_ships(self) -> None:
        folders = {path.parent for path in LIBRARY.rglob("*.py")} - {LIBRARY / "cli" / "dropin"}

        assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


class TestTheReading:
    """The reading finds what it is for: each case is a tree of one bad file."""

    REACTOR = "from twisted.internet import reactor"
    CASES = (
        ("protocol/framing.py", "from vortex.routing.filt import isSubset", "floor 1 reaches up to floor 2"),
        ("tuples/field.py", "import vortex", ":1 imports vortex: floor 0 reaches up to floor 6"),
        ("routing/ports.py", "from vortex import node", "imports vortex.node: floor 2 reaches up to floor 4"),
        (
            "routing/ports.py",
            "from ..node import vortex",
            "imports vortex.node: floor 2 reaches up to floor 4",
        ),
        ("limits.py", "\n\nfrom vortex.protocol import codes", ":3 imports vortex.protocol"),
        ("handlers/rpc.py", "import vortex.cli.main", "floor 5 reaches up to floor 6"),
        ("node/peer.py", "def f():\n    import vortex.orm.work", ":2 imports vortex.orm.work: floor 4"),
        ("node/peer.py", "\nimport_module('vortex.handlers.rpc')", ":2 imports vortex.handlers.rpc"),
        (
            "protocol/outbox.py",
            "from twisted.internet import defer",
            "twisted.internet.defer: floor 1 may not",
        ),
        ("routing/filt.py", "from twisted.internet import task", "twisted.internet.task: floor 2 may not"),
        ("routing/filt.py", "from twisted.web.resource import Resource", "floor 2 may not"),
        ("transports/http.py", "import autobahn.websocket", "only vortex/transports/websocket imports"),
        ("handlers/rpc.py", "import sqlalchemy", "only vortex/orm/ imports sqlalchemy"),
        ("tuples/schema.py", "import requests", "imports requests: floor 0 may not"),
        ("access/jwt.py", "import jwt", "imports jwt at module level"),
        ("node/service.py", REACTOR, "imports twisted.internet.reactor at module level"),
        ("cli/main.py", f"class A:\n    {REACTOR}", ":2 imports twisted.internet.reactor at module level"),
        ("transports/stream.py", "from twisted.internet import ssl", "twisted.internet.ssl at module level"),
        ("attic/old.py", "", "stands on no floor"),
    )

    @pytest.mark.parametrize(("place", "source", "finding"), CASES)
    def test_a_bad_import_is_named_with_its_place(
        self, tmp_path: Path, place: str, source: str, finding: str
    ) -> None:
        path = self._write(tmp_path, place, source)

        (violation,) = violations(path, tmp_path)

        assert finding in violation
        assert violation.startswith(f"{path}:")

    GOOD = (
        ("protocol/json_codec.py", "import json\nimport orjson\nfrom vortex.errors import DecodeError"),
        ("routing/ports.py", "from twisted.internet.defer import Deferred\nfrom vortex.access import local"),
        ("transports/websocket.py", "from autobahn.twisted.websocket import WebSocketServerProtocol"),
        ("orm/work.py", "import sqlalchemy.orm\nfrom vortex.handlers.turns import Turns"),
        ("access/jwt.py", "def f():\n    import jwt"),
        ("node/service.py", f"def f():\n    {REACTOR}"),
        ("cli/demo.py", "import sqlalchemy\nfrom vortex import Vortex"),
    )

    @pytest.mark.parametrize(("place", "source"), GOOD)
    def test_a_good_import_passes(self, tmp_path: Path, place: str, source: str) -> None:
        assert violations(self._write(tmp_path, place, source), tmp_path) == []

    def test_a_third_file_with_a_reactor_is_one_too_many(self, tmp_path: Path) -> None:
        source = f"def f():\n    {self.REACTOR}"
        for name in ("one", "two"):
            self._write(tmp_path, f"cli/{name}.py", source)
        assert tooManyReactors(tmp_path) is None

        third = self._write(tmp_path, "cli/three.py", source)

        assert f"{third}:2" in (tooManyReactors(tmp_path) or "")

    def _write(self, library: Path, place: str, source: str) -> Path:
        for package in ("node", "routing", "orm", "access"):
            (library / package).mkdir(exist_ok=True)
        path = library / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return path
