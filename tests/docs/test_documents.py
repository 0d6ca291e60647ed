"""
What pages say is so: each block of code has somebody who runs it, messages are read, links lead somewhere.

Python is run in tests/integration/test_documents.py, consoles in test_consoles.py there.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path

import pytest

import vortex
from tests.docs.documents import EXAMPLES, ROOT, RUNNERS, Block, Command, blocksOf, documents, filesOf, parsed
from vortex import errors
from vortex.cli.demo_board import Job
from vortex.limits import Limits
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy import decodeMessage

BLOCKS = [block for document in documents() for block in blocksOf(document)]


def ofLanguage(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


class TestEveryBlock:
    @pytest.mark.parametrize("block", [each for each in BLOCKS if not each.isSphinxs], ids=str)
    def test_has_somebody_who_runs_it(self, block: Block) -> None:
        assert block.language in RUNNERS

    @pytest.mark.parametrize("block", [each for each in BLOCKS if each.fileName], ids=str)
    def test_that_is_a_file_is_used_on_its_page(self, block: Block) -> None:
        name = block.fileName or ""
        typed = " ".join(
            command.typed
            for each in BLOCKS
            if each.document == block.document and each.language == "console"
            for command in each.commands
        )

        assert name in typed or f"--app {Path(name).stem}:" in typed

    @pytest.mark.parametrize("block", ofLanguage("json"), ids=str)
    def test_that_is_a_message_is_read_whole(self, block: Block) -> None:
        text = block.text
        if json.loads(text)["_ct"] == "rp":
            body = base64.b64encode(zlib.compress(text.encode())).decode()
            text = json.dumps({"_ct": "rpe", "filt": json.loads(text)["filt"], "data": body})

        payload = Payload.fromEnvelope(decodeMessage(text.strip().encode(), Limits()), Limits())

        (job,) = payload.tuples
        assert isinstance(job, Job)
        assert job.title == "Sharpen the shears"
        assert payload.filt == {"key": "demo.jobs", "PayloadResponse.messageId": "7"}
        assert payload.unknownFields == 0


class TestExamples:
    def test_the_server_of_the_readme_is_the_one_in_the_examples(self) -> None:
        jobs = (EXAMPLES / "jobs.tac").read_text()

        assert blocksOf("README.md")[0].text == jobs
        assert [
            block.text for block in blocksOf("docs/getting-started.md") if block.fileName == "jobs.tac"
        ] == [jobs]

    @pytest.mark.parametrize("name", ["ask.py", "script.py"])
    def test_the_clients_of_the_first_page_are_those_in_the_examples(self, name: str) -> None:
        shown = filesOf("docs/getting-started.md")[name]
        kept = (EXAMPLES / name).read_text()

        assert shown.partition("\n")[2] == kept.partition("\n\n")[2]

    def test_the_server_of_the_readme_is_short(self) -> None:
        lines = [line for line in (EXAMPLES / "jobs.tac").read_text().splitlines() if line.strip()]

        assert len(lines) <= 15


class TestLinks:
    @pytest.mark.parametrize("document", documents())
    def test_lead_to_files_that_are_there(self, document: str) -> None:
        text = (ROOT / document).read_text()
        targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text)
        folder = (ROOT / document).parent

        assert [to for to in targets if "://" not in to and not (folder / to).is_file()] == []

    def test_to_pictures_lead_to_some(self) -> None:
        targets = re.findall(r'(?:src|srcset)="([^"]+)"', (ROOT / "README.md").read_text())

        assert targets
        assert [to for to in targets if not (ROOT / to).is_file()] == []


class TestTheErrors:
    def test_are_each_on_their_page(self) -> None:
        page = (ROOT / "docs" / "reference" / "errors.md").read_text()
        classes = [name for name in errors.__all__ if isinstance(getattr(errors, name), type)]

        assert sorted(re.findall(r"^\.\. autoexception:: (\w+)$", page, re.MULTILINE)) == sorted(classes)

    def test_are_each_importable_from_vortex(self) -> None:
        classes = [name for name in errors.__all__ if isinstance(getattr(errors, name), type)]

        assert [name for name in classes if getattr(vortex, name) is not getattr(errors, name)] == []


class TestTheWayOfAPayload:
    def test_is_a_heading_for_each_of_some_files(self) -> None:
        page = (ROOT / "docs" / "topics" / "one-payload.md").read_text()
        headings = " ".join(re.findall(r"^## (.+)$", page, re.MULTILINE))
        named = re.findall(r"[\w/]+\.(?:py|ts)\b", page)
        folders = {".py": ROOT / "vortex", ".ts": ROOT / "js-client" / "src"}

        assert len(re.findall(r"\.(?:py|ts)\b", headings)) > 30
        assert [to for to in named if "/" in to and not (folders[to[-3:]] / to).is_file()] == []


class TestLimitsOfTheClient:
    def test_are_those_of_its_source(self) -> None:
        page = (ROOT / "docs" / "topics" / "limits.md").read_text()
        source = (ROOT / "js-client" / "src" / "limits.ts").read_text()
        defaults = source.partition("defaultLimits: Limits = {")[2].partition("}")[0]
        # 32 << 20 and 2_000_000 mean the same in Python
        kept = {name: eval(value) for name, value in re.findall(r"(\w+): ([\d_< ]+),", defaults)}
        shown = {
            name: int(value.replace(",", ""))
            for name, value in re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", page, re.MULTILINE)
        }

        assert kept
        assert shown == kept


class TestReference:
    @pytest.mark.parametrize("name", vortex.__all__)
    def test_has_every_public_name(self, name: str) -> None:
        pages = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
        isError = hasattr(vortex.errors, name)

        # errors are in a table that is read off vortex/errors.py
        assert isError or re.search(rf"^\.\. auto\w+:: {name}$", pages, re.MULTILINE)


class TestTheReading:
    """Of pages: a block that were overlooked would never be run."""

    PAGE = (
        "# A page\n\n```python\none = 1\n```\n\n"
        "Text\n\n    ```console\n    $ echo \\\n      two\n    ...\n    ```\n\n"
        ":::{note}\n```pycon\n>>> 3\n```\n:::\n\n```\nfour\n```\n\n```{toctree}\nfive\n```\n"
    )

    def test_finds_every_block_with_its_place(self) -> None:
        found = [(block.language, block.line, block.text) for block in parsed("page.md", self.PAGE)]

        assert found == [
            ("python", 4, "one = 1\n"),
            ("console", 10, "$ echo \\\n  two\n...\n"),
            ("pycon", 17, ">>> 3\n"),
            ("", 22, "four\n"),
            ("{toctree}", 26, "five\n"),
        ]

    def test_a_block_without_a_language_has_nobody(self) -> None:
        block = parsed("page.md", self.PAGE)[3]

        assert block.language not in RUNNERS
        assert not block.isSphinxs

    def test_a_block_that_is_never_closed_is_an_error(self) -> None:
        with pytest.raises(AssertionError, match=r"page\.md:2 is never closed"):
            parsed("page.md", "```python\none = 1\n")

    def test_a_command_goes_on_behind_a_backslash(self) -> None:
        (command,) = parsed("page.md", self.PAGE)[1].commands

        assert command == Command("echo \\\n  two", ["..."])

    @pytest.mark.parametrize(
        ("printed", "output", "fits"),
        [
            (["one", "two"], "one\ntwo\n", True),
            (["one", "two"], "one\n", False),
            (["in /.../a.sqlite (new)"], "in /tmp/x/a.sqlite (new)\n", True),
            (["in /.../a.sqlite"], "in /tmp/x/b.sqlite\n", False),
            (["a...c"], "a\nb\nc", True),
            (["a.c"], "abc", False),
        ],
    )
    def test_dots_stand_for_anything(self, printed: list[str], output: str, fits: bool) -> None:
        assert Command("x", printed).prints(output) is fits
