"""A clock and a server node for each test, as for those of handlers."""

from __future__ import annotations

from tests.handlers.conftest import clock, server

__all__ = ["clock", "server"]
