"""The soak program itself, for the shortest time that tells anything."""

from __future__ import annotations

from tests.integration import soak


class TestSoak:
    def test_a_server_gives_back_what_its_clients_left(self) -> None:
        assert soak.soak(5) == []
