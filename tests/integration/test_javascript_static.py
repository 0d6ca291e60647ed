"""The client as a server serves it: built of these sources and no others, small, and in the wheel."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from zipfile import ZipFile

import pytest

import vortex
from tests.integration.javascript import CLIENT, STATIC, build, manifest

SCRIPTS = ("vortex.mjs", "vortex.js")
LATER = "vortex-http.mjs"
"""What both fetch when they need it."""

CODE = (*SCRIPTS, LATER)
FILES = {"vortex.d.ts", *CODE, *(f"{name}.map" for name in CODE)}
LARGEST = 15 * 1024


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What these sources build in a folder that is not this tree."""
    folder = tmp_path_factory.mktemp("elsewhere")
    return build(folder / "a copy" / "of src" / "js-client", folder / "built")


class TestTheBuiltFiles:
    def test_are_these(self, rebuilt: dict[str, bytes]) -> None:
        assert set(rebuilt) == FILES
        assert {path.name for path in STATIC.iterdir()} == FILES

    @pytest.mark.parametrize("name", sorted(FILES))
    def test_are_what_the_sources_build_wherever_that_is(self, name: str, rebuilt: dict[str, bytes]) -> None:
        # Compared first, so that a failure does not show two lines of 30,000 letters.
        isTheSame = (STATIC / name).read_bytes() == rebuilt[name]

        assert isTheSame, f"vortex/static/{name} is of other sources: run `make js` and commit what it builds"

    @pytest.mark.parametrize("name", sorted(FILES))
    def test_name_no_place_of_the_machine_that_built_them(self, name: str) -> None:
        text = (STATIC / name).read_text()

        assert str(CLIENT.parent) not in text
        assert "node_modules" not in text
        assert "file:" not in text

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_are_small_when_compressed(self, name: str) -> None:
        size = len(gzip.compress((STATIC / name).read_bytes(), 9))

        assert size <= LARGEST

    @pytest.mark.parametrize("name", [*CODE, "vortex.d.ts"])
    def test_say_what_they_are_and_under_which_licence(self, name: str) -> None:
        first, _, _ = (STATIC / name).read_text().partition("\n")

        assert first == f"/*! txvortex {vortex.__version__}, MIT licence */"

    @pytest.mark.parametrize("name", CODE)
    def test_have_a_map_that_holds_their_sources(self, name: str) -> None:
        built = (STATIC / name).read_text()
        map_ = json.loads((STATIC / f"{name}.map").read_text())

        assert built.endswith(f"//# sourceMappingURL={name}.map\n")
        sources = dict(zip(map_["sources"], map_["sourcesContent"], strict=True))
        isLater = name == LATER
        assert ("txvortex/src/node/vortex_connection.ts" in sources) is not isLater
        assert ("txvortex/src/transports/http.ts" in sources) is isLater
        for source, text in sources.items():
            assert text == (CLIENT / source.removeprefix("txvortex/")).read_text()

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_go_with_one_build_of_what_they_fetch(self, name: str) -> None:
        # What one takes from the other is called by what that holds: of another build it would not be there.
        shared = re.findall(r"export\{\w+ as (\w+)\}", (STATIC / LATER).read_text())

        assert [bool(re.fullmatch("o[0-9a-f]{6}", each)) for each in shared] == [True]
        assert (STATIC / name).read_text().count(f"{{{shared[0]}:") == 1
        assert (STATIC / name).read_text().count(f'import("./{LATER}")') == 1

    def test_have_no_dependency(self) -> None:
        for name in ("vortex.mjs", LATER):
            assert not re.search(r"\bimport\b[^(]*?[\"']", (STATIC / name).read_text())
        assert not re.search(r"^import\b", (STATIC / "vortex.d.ts").read_text(), re.MULTILINE)
        assert "dependencies" not in manifest()


class TestThePackage:
    def test_has_the_version_of_the_library(self) -> None:
        assert manifest()["version"] == vortex.__version__

    def test_asks_for_exact_versions_and_names_no_registry(self) -> None:
        lock = json.loads((CLIENT / "package-lock.json").read_text())

        assert lock["version"] == vortex.__version__
        assert lock["packages"][""]["devDependencies"] == manifest()["devDependencies"]
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", asked) for asked in manifest()["devDependencies"].values())
        assert [name for name, locked in lock["packages"].items() if "resolved" in locked] == []

    def test_locks_what_other_machines_need_too(self) -> None:
        # Parts for other systems are optional; one that is not locked has `npm ci` refuse the whole.
        packages = json.loads((CLIENT / "package-lock.json").read_text())["packages"]
        optional = {name for locked in packages.values() for name in locked.get("optionalDependencies", ())}

        assert "@esbuild/win32-x64" in optional
        assert [name for name in sorted(optional) if f"node_modules/{name}" not in packages] == []

    def test_says_why_it_needs_each_of_what_it_is_made_with(self) -> None:
        readme = (CLIENT / "README.md").read_text()

        assert [name for name in manifest()["devDependencies"] if f"`{name}`" not in readme] == []


class TestTheWheel:
    def test_holds_the_client_as_it_was_built(self, wheel: Path) -> None:
        with ZipFile(wheel) as archive:
            held = {
                name.removeprefix("vortex/static/"): archive.read(name)
                for name in archive.namelist()
                if name.startswith("vortex/static/")
            }

        assert set(held) == FILES
        assert [name for name in FILES if held[name] != (STATIC / name).read_bytes()] == []
