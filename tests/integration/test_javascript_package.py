"""The npm package as its users get it: packed, and installed far from the tree without a registry."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.demo_server import DemoServer
from tests.integration.children import ROOT, Child
from tests.integration.javascript import CLIENT, PAGES, STATIC, TYPESCRIPT, install, manifest, pack
from tests.integration.test_javascript_static import FILES

RIGHT = """\
import { type AnyTuple, DateTime, type RowsChange, Tuple, VortexConnection, addTupleType } from "txvortex"
import { RemoteError } from "txvortex"

class Job extends Tuple {
  static override tupleType = "demo.Job"
  id: number | null = null
  title = ""
  due: DateTime | null = null
}
addTupleType(Job)

const connection = new VortexConnection("http://127.0.0.1/vortex", { transport: "post", name: "right" })
connection.onStateChange((state) => {
  const known: "connecting" | "open" | "waiting" | "closed" = state
  console.log(known)
})
connection.addEventListener("error", (event) => {
  const code: string = event.detail.code
  console.log(code)
})

const jobs = connection.load<Job>(
  { key: "demo.jobs" },
  (rows: readonly Job[], change: RowsChange<Job>) => {
    console.log(rows[0]?.title.trim(), change.created.length)
  },
  { key: "id", tuple: Job },
)
export async function rename(job: Job): Promise<Job> {
  try {
    return await jobs.save(job, { title: job.title.toUpperCase() })
  } catch (error) {
    if (error instanceof RemoteError) console.log(error.code)
    throw error
  }
}
export async function read(): Promise<void> {
  for await (const rows of jobs) console.log(rows.map((row) => row.due?.text))
}
const rows: readonly AnyTuple[] = connection.load({ key: "people" }).rows
void rows
"""

WRONG = """\
import { Tuple, VortexConnection } from "txvortex"
import { NoSuchName } from "txvortex" // TS2305
import { thing } from "txvortex/dist/vortex.mjs" // TS2307

class Job extends Tuple {
  static override tupleType = "demo.Job"
  title = ""
}
const connection = new VortexConnection(8080) // TS2345
connection.useTransport("carrier-pigeon") // TS2345
connection.state = "open" // TS2540
connection.load({ key: "jobs" }, (rows) => { rows.push() }) // TS2339
const jobs = connection.load<Job>({ key: "jobs" })
jobs.rows[0].titel // TS2551
const title: number = (await jobs.reload())[0].title // TS2322
"""

SCRIPT = """\
/// <reference types="txvortex" />
const line: Vortex.VortexConnection = new Vortex.VortexConnection("vortex")
line.load({ key: "jobs" }, (jobs) => { console.table(jobs) })
"""

HELD = """\
delete globalThis.WebSocket
const { VortexConnection } = await import("txvortex")
const connection = new VortexConnection(process.argv[2])
await connection.connected
console.log(connection.transport)
for await (const rows of connection.load({ key: "demo.jobs" })) {
  console.log(rows.map((row) => row.title).join("\\n"))
  break
}
connection.close()
"""


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What would be published."""
    return pack(tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def project(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package was installed, and nothing else."""
    folder = tmp_path_factory.mktemp("project")
    install(folder, tarball, offline=True)
    return folder


@pytest.fixture(scope="module")
def complaints(project: Path) -> set[tuple[str, int, str]]:
    """What the compiler says: file, line, code."""
    sources = {"right.mts": RIGHT, "wrong.mts": WRONG, "script.ts": SCRIPT}
    for name, text in sources.items():
        (project / name).write_text(text)
    command = [str(TYPESCRIPT), "--strict", "--noEmit", "--pretty", "false", "--target", "es2022"]
    # A script without imports is a script, which has globals, as in a page.
    command += ["--module", "nodenext", "--moduleDetection", "legacy", *sources]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    found = re.findall(r"^(.+?)\((\d+),\d+\): error (TS\d+): ", done.stdout, re.MULTILINE)
    assert len(found) == len(re.findall("error TS", done.stdout)), done.stdout + done.stderr
    return {(name, int(line), code) for name, line, code in found}


class TestTheTarball:
    def test_holds_what_was_built_and_its_papers_and_nothing_else(self, tarball: Path) -> None:
        with tarfile.open(tarball) as archive:
            held = {member.name.removeprefix("package/"): archive.extractfile(member) for member in archive}
            texts = {name: file.read() for name, file in held.items() if file is not None}

        assert set(texts) == {*(f"dist/{name}" for name in FILES), "LICENSE", "README.md", "package.json"}
        assert texts["LICENSE"] == (ROOT / "LICENSE").read_bytes()
        assert [name for name in FILES if texts[f"dist/{name}"] != (STATIC / name).read_bytes()] == []

    def test_leaves_nothing_behind_where_it_was_packed(self, tarball: Path) -> None:
        assert not (CLIENT / "dist").exists()
        assert not (CLIENT / "LICENSE").exists()

    def test_names_no_file_that_it_lacks(self, project: Path) -> None:
        package = project / "node_modules" / "txvortex"
        named = manifest(package)
        exported = named["exports"]["."]
        entries = [*exported.values(), named["exports"]["./vortex.js"]]
        entries.append(named["exports"]["./vortex-http.mjs"])
        entries += [named[field] for field in ("main", "module", "types", "unpkg", "jsdelivr")]

        assert list(exported) == ["types", "import", "default"]
        assert [entry for entry in entries if not (package / entry).is_file()] == []
        assert named["unpkg"] == named["jsdelivr"] == "./dist/vortex.js"

    def test_brings_nothing_else_into_a_project(self, project: Path) -> None:
        installed = {path.name for path in (project / "node_modules").iterdir() if path.name[0] != "."}

        assert installed == {"txvortex"}


class TestItsTypes:
    @pytest.mark.parametrize("name", ["right.mts", "script.ts"])
    def test_let_a_right_program_pass(self, name: str, complaints: set[tuple[str, int, str]]) -> None:
        assert {complaint for complaint in complaints if complaint[0] == name} == set()

    def test_tell_what_is_wrong_and_where(self, complaints: set[tuple[str, int, str]]) -> None:
        marked = {
            ("wrong.mts", number, code)
            for number, line in enumerate(WRONG.splitlines(), 1)
            for code in re.findall(r"// (TS\d+)$", line)
        }

        assert len(marked) == 8
        assert {complaint for complaint in complaints if complaint[0] == "wrong.mts"} == marked

    def test_are_complete_in_themselves(self, complaints: set[tuple[str, int, str]]) -> None:
        assert {name for name, _, _ in complaints} == {"wrong.mts"}


class TestFromNode:
    @pytest.fixture
    def demo(self, tmp_path: Path) -> Iterator[DemoServer]:
        running = DemoServer(tmp_path)
        yield running
        running.stop()
        assert running.child.errors == "", str(running.child)

    def test_the_example_changes_rows(self, demo: DemoServer, tarball: Path, tmp_path: Path) -> None:
        folder = tmp_path / "project"
        folder.mkdir()
        install(folder, tarball, CLIENT / "node_modules" / "ws", offline=True)
        shutil.copy(PAGES / "node_client.mjs", folder)
        before = demo.rows()

        program = Child("node", "node_client.mjs", f"{demo.url}vortex", folder=folder)

        assert program.finish() == 0, str(program)
        assert program.errors == "", str(program)
        assert program.lines == [
            "connected to demo by websocket",
            f"{len(before)} jobs",
            "Sweep the yard: done",
        ]
        assert demo.rows() == before

    def test_a_post_is_held_where_there_is_no_websocket(self, demo: DemoServer, project: Path) -> None:
        (project / "held.mjs").write_text(HELD)

        program = Child("node", "held.mjs", f"{demo.url}vortex", folder=project)

        assert program.finish() == 0, str(program)
        assert program.errors == "", str(program)
        transport, *titles = program.lines
        assert transport == "post"
        assert sorted(titles) == sorted(demo.titles())
