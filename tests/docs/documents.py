"""
The README and the pages as tests see them: their blocks of code, and who runs each.

A block's language says what becomes of it:

- ``python`` is run, in order, in one namespace per page. One that begins with a comment that is a file's name
  (``# board.py``) is a file instead: it is there when the others run.
- ``pycon`` is a session of the interpreter in the same namespace: what it shows has to come out.
- ``console`` is typed into a shell, in a folder that holds the page's files: see
  tests/integration/test_consoles.py. ``...`` in what it prints stands for anything.
- ``json`` is a message or a payload as it travels: we have to read it.
- ``html`` is a page, ``js`` what runs in one, in order, and ``ts`` what its types are checked of: see
  tests/browser/test_documents.py.

A block in braces (``{toctree}``) is Sphinx's. Anything else has nobody who runs it, and fails a test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "docs" / "examples"

RUNNERS = ("python", "pycon", "console", "json", "html", "js", "ts")
ANYTHING = "..."

__all__ = [
    "ANYTHING",
    "EXAMPLES",
    "ROOT",
    "RUNNERS",
    "Block",
    "Command",
    "blocksOf",
    "documents",
    "filesOf",
    "withLanguage",
]

_FENCE = re.compile(r"(?P<indent> *)(?P<fence>```+|~~~+|:::+)(?P<info>.*)")
_FILE_NAME = re.compile(r"# (?P<name>[a-z_]+\.(?:py|tac))\b")


@dataclass(frozen=True)
class Block:
    """
    One block of code.

    Attributes:
        document: The page, from the repository's root.
        line: The line of its first line of code.
        language: The word behind the fence; empty if there is none.
        text: The code.
    """

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def isSphinxs(self) -> bool:
        return self.language.startswith("{")

    @property
    def fileName(self) -> str | None:
        """The name of the file that it is; None if it is run as it stands."""
        found = _FILE_NAME.match(self.text) if self.language == "python" else None
        return found["name"] if found else None

    @property
    def commands(self) -> list[Command]:
        """What is typed, and what comes out."""
        commands: list[Command] = []
        lines = iter(self.text.splitlines())
        for line in lines:
            if line.startswith("$ "):
                typed = line[2:]
                while typed.endswith("\\"):
                    typed += f"\n{next(lines)}"
                commands.append(Command(typed, []))
            else:
                assert commands, f"{self}: {line!r} is printed before anything is typed"
                commands[-1].printed.append(line)
        return commands


@dataclass(frozen=True)
class Command:
    """
    One command in a console.

    Attributes:
        typed: The command.
        printed: The lines that it prints, which may hold `ANYTHING`.
    """

    typed: str
    printed: list[str]

    def prints(self, output: str) -> bool:
        """Whether *output* is what the page says."""
        wanted = "\n".join(self.printed).strip()
        parts = [re.escape(part) for part in wanted.split(ANYTHING)]
        return re.fullmatch(".*?".join(parts), output.strip(), re.DOTALL) is not None


def documents() -> list[str]:
    """The READMEs, the changelog and all pages, from the repository's root."""
    tops = [ROOT / "README.md", ROOT / "js-client" / "README.md", ROOT / "CHANGELOG.md"]
    pages = [*tops, *(ROOT / "docs").rglob("*.md")]
    made = (ROOT / "docs" / "_build", ROOT / "docs" / "reference" / "javascript")
    kept = (page for page in pages if not any(folder in page.parents for folder in made))
    return sorted(page.relative_to(ROOT).as_posix() for page in kept)


def withLanguage(*languages: str) -> list[str]:
    """The documents that have a block of one of these."""
    return [name for name in documents() if any(block.language in languages for block in blocksOf(name))]


def blocksOf(document: str) -> list[Block]:
    """The blocks of code of one page, in order."""
    return parsed(document, (ROOT / document).read_text())


def parsed(document: str, text: str) -> list[Block]:
    """The blocks of code in *text*."""
    blocks: list[Block] = []
    opened: tuple[str, str, str] | None = None
    code: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.fullmatch(line)
        if opened is None:
            if fence and not (fence["fence"].startswith(":::")):
                opened = fence["indent"], fence["fence"], fence["info"].strip()
                code, start = [], number + 1
        elif line.strip() == opened[1]:
            blocks.append(Block(document, start, opened[2].partition(" ")[0], "\n".join(code) + "\n"))
            opened = None
        else:
            code.append(line.removeprefix(opened[0]))
    assert opened is None, f"{document}:{start} is never closed"
    return blocks


def filesOf(document: str) -> dict[str, str]:
    """
    The files of one page, by name: those in its blocks, and the examples that it names.

    Where a page has a file of an example's name, the page's counts.
    """
    text = (ROOT / document).read_text()
    files = {
        path.name: path.read_text() for path in EXAMPLES.iterdir() if path.is_file() and path.name in text
    }
    for block in blocksOf(document):
        if block.fileName is not None:
            files[block.fileName] = block.text
    return files
