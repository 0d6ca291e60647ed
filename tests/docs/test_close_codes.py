"""docs/reference/errors.md has each word that a connection may end with, as vortex/protocol/codes.py has."""

from __future__ import annotations

import re

from tests.docs.documents import ROOT
from vortex.protocol.codes import CloseCode

_ROW = re.compile(r"^\| `([a-z-]+)` \| (\d+) \| (yes|no) \|", re.MULTILINE)


class TestTheWords:
    def test_are_each_on_their_page(self) -> None:
        page = (ROOT / "docs" / "reference" / "errors.md").read_text()

        shown = [(word, int(number), again == "yes") for word, number, again in _ROW.findall(page)]

        assert sorted(shown) == sorted((code.value, code.number, code.retry) for code in CloseCode)
