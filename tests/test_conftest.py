"""That a unit test gets no socket."""

from __future__ import annotations

import socket

import pytest


class TestSockets:
    def test_a_unit_test_cannot_bind_one(self) -> None:
        with socket.socket() as each, pytest.raises(AssertionError, match="belongs in tests/integration"):
            each.bind(("127.0.0.1", 0))
