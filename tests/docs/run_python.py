"""
Runs the ``python`` and ``pycon`` blocks of one page, in order, in one namespace.

usage: python -W error -m tests.docs.run_python DOCUMENT FOLDER

The page's files are put into FOLDER, which is where the code runs and looks for modules. A process of its
own, because pages make nodes and tuple types, and both belong to a process.
"""

from __future__ import annotations

import doctest
import os
import sys
from pathlib import Path
from types import ModuleType

from tests.docs.documents import Block, blocksOf, filesOf

OPTIONS = doctest.ELLIPSIS


def main(document: str, folder: Path) -> int:
    for name, text in filesOf(document).items():
        (folder / name).write_text(text)
    (folder / "pages").mkdir(exist_ok=True)  # whose files the first server has at /
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    # A module, so that what it defines has a place where its annotations are looked up.
    page = ModuleType("page")
    sys.modules["page"] = page
    failures = 0
    for block in blocksOf(document):
        if block.language == "pycon":
            failures += session(block, vars(page))
        elif block.language == "python" and not isModule(block):
            exec(compile("\n" * (block.line - 1) + block.text, document, "exec"), vars(page))
    return failures


def isModule(block: Block) -> bool:
    """
    Whether this block is only a file. A .tac file makes names that a page goes on with, so it is run too.
    """
    return block.fileName is not None and not block.fileName.endswith(".tac")


def session(block: Block, names: dict[str, object]) -> int:
    """How many of the examples in a session come out differently."""
    test = doctest.DocTestParser().get_doctest(
        block.text, names, block.document, block.document, block.line - 1
    )
    test.globs = names  # the parser has made a copy
    return doctest.DocTestRunner(optionflags=OPTIONS).run(test, clear_globs=False).failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1], Path(sys.argv[2])), 1))
