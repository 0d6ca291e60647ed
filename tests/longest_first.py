"""Files of tests that run beside each other, in an order by which no long one is left at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

__all__ = ["longestFirst"]


def longestFirst(items: list[pytest.Item], folder: Path, names: Sequence[str]) -> None:
    """Have the files ``test_{name}.py`` of *folder* begun in this order, and before all others."""
    order = {folder / f"test_{name}.py": number for number, name in enumerate(names)}
    items.sort(key=lambda item: order.get(item.path, len(order)))
