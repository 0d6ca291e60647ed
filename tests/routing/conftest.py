from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _collectionsLookAtWhatTheTestsMade() -> Iterator[None]:
    """Whatever is there already is left out of garbage collections, which are many in here."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
