"""
Two real clients on one table, nine years apart: 0.3.0 on a held-open POST, 6.2.2 on a WebSocket.

Each has loaded the row; whatever one of them does to it is pushed to both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.children import TalkingPeer, oldPeer, peer
from tests.integration.conftest import PeerServer

pytestmark = pytest.mark.usefixtures("realPeers")

CRUD = {"key": "peer.crud"}
ROW_1 = {**CRUD, "id": 1}


@pytest.fixture
def new(server: PeerServer) -> Iterator[TalkingPeer]:
    """The real 6.2.2 client."""
    with peer("talk.py", server.port) as child:
        yield TalkingPeer(child)


@pytest.fixture
def old(server: PeerServer) -> Iterator[TalkingPeer]:
    """The real 0.3.0 client."""
    with oldPeer("0.3.0", "talk.py", server.port) as child:
        yield TalkingPeer(child)


class TestTwoClientsOfOneTable:
    @pytest.fixture(autouse=True)
    def _bothHaveLoadedTheRow(self, new: TalkingPeer, old: TalkingPeer) -> None:
        anvil = {"id": 1, "name": "anvil", "weight": 9.5}
        assert new.ask(CRUD, [{"name": "anvil", "weight": 9.5}])["rows"] == [anvil]
        assert old.ask(ROW_1)["rows"] == [anvil]
        assert new.ask(ROW_1)["rows"] == [anvil]

    def test_what_the_new_one_changes_is_pushed_to_the_old_one(
        self, server: PeerServer, new: TalkingPeer, old: TalkingPeer
    ) -> None:
        changed = {"id": 1, "name": "hammer", "weight": 2.0}

        assert new.ask(ROW_1, [changed])["answer"] is True

        assert old.push() == self._pushOf(changed)
        assert new.push() == self._pushOf(changed)
        assert server.rows() == [{**changed, "secret": "s3cret"}]

    def test_what_the_old_one_changes_is_pushed_to_the_new_one(
        self, server: PeerServer, new: TalkingPeer, old: TalkingPeer
    ) -> None:
        changed = {"id": 1, "name": "tongs", "weight": None}

        assert old.ask(ROW_1, [changed])["answer"] is True

        assert new.push() == self._pushOf(changed)
        assert old.push() == self._pushOf(changed)
        assert server.rows() == [{**changed, "secret": "s3cret"}]

    def test_a_delete_is_pushed_as_no_row(
        self, server: PeerServer, new: TalkingPeer, old: TalkingPeer
    ) -> None:
        assert old.ask({**ROW_1, "delete": True})["rows"] == []

        assert new.push() == self._pushOf()
        assert old.push() == self._pushOf()
        assert server.rows() == []

    def test_changes_of_each_in_turn_are_pushed_to_both(
        self, server: PeerServer, new: TalkingPeer, old: TalkingPeer
    ) -> None:
        for weight, writer in zip((1.0, 2.0, 3.0, 4.0), (new, old, new, old), strict=True):
            writer.ask(ROW_1, [{"id": 1, "name": "anvil", "weight": weight}])

            for reader in (new, old):
                assert reader.push()["rows"][0]["weight"] == weight

    def _pushOf(self, *rows: dict[str, Any]) -> dict[str, Any]:
        return {"heard": None, "filt": ROW_1, "rows": list(rows)}
