from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vector_types import registeredTypes


@pytest.fixture(scope="module")
def vectorTypes() -> Iterator[None]:
    """The tuple types of the recorded programs are registered."""
    with registeredTypes():
        yield
