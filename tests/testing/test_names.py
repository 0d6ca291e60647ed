"""What `vortex.testing` offers: every name is there, and has its place in the reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vortex.testing

REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference" / "testing.md"


class TestNames:
    @pytest.mark.parametrize("name", vortex.testing.__all__)
    def test_each_is_there_and_in_the_reference(self, name: str) -> None:
        assert getattr(vortex.testing, name).__name__ == name
        assert re.search(rf"^\.\. autoclass:: {name}$", REFERENCE.read_text(), re.MULTILINE)

    def test_another_is_an_error(self) -> None:
        with pytest.raises(AttributeError, match=r"'vortex\.testing' has no attribute 'Nothing'"):
            _ = vortex.testing.Nothing
