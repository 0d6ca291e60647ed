"""
The real VortexPY 0.3.0 of 2017, over a held-open POST, against our server.

It prints what it makes of each answer. The lines are those that it prints against the real 0.3.0 server, but
for the two errors, which that server never manages to answer.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.children import Child, oldPeer
from tests.integration.conftest import PeerServer

pytestmark = pytest.mark.usefixtures("realPeers")

ZOE = "[type = acme.PersonTuple, born = 2020-01-02 03:04:05.000006, id = 1, name = Zoë, tags = [1, 'x'],]"

ECHOED = "[type = acme.PersonTuple, born = None, id = 7, name = é漢😀, tags = [1, 'x', None, 2.5, True],]"

PRINTED = [
    "CONNECTED",
    f"echo ok (True, {ECHOED})",
    "endpoint_exception ok ('internal: ID', [])",
    "crud_new_blank ok (None, [type = acme.ThingRow, id = None, name = None, weight = None,])",
    "crud_insert ok (True, [type = acme.ThingRow, id = 1, name = anvil, weight = 9.5,])",
    "crud_load ok (None, [type = acme.ThingRow, id = 1, name = anvil, weight = 9.5,])",
    "crud_update ok (True, [type = acme.ThingRow, id = 1, name = anvil2, weight = 10.0,])",
    "crud_delete ok (True, [])",
    f"model_list ok (None, {ZOE})",
    "model_fail ok ('internal: ID', [])",
    f"model_reply_filt ok (None, {ZOE})",
]


class TestHeldPostClient:
    @pytest.fixture
    def recording(self, tmp_path: Path) -> Path:
        return tmp_path / "recording.json"

    def test_prints_what_it_prints_against_its_own_server(self, server: PeerServer, recording: Path) -> None:
        server.mayLog += ["deliberate failure", "model broke", "Traceback"]
        with self._client(server, recording) as client:
            client.finish(60)

            printed = [self._withoutId(line) for line in client.lines]
        assert printed == PRINTED

    def test_leaves_the_rows_as_it_was_told_they_are(self, server: PeerServer, recording: Path) -> None:
        server.mayLog += ["deliberate failure", "model broke", "Traceback"]
        with self._client(server, recording) as client:
            client.line(lambda line: line.startswith("crud_insert ok"))
            assert server.rows() == [{"id": 1, "name": "anvil", "weight": 9.5, "secret": "s3cret"}]

            client.line(lambda line: line.startswith("crud_delete ok"))
            assert server.rows() == []

    def _client(self, server: PeerServer, recording: Path) -> Child:
        """It talks through a recorder of its own, which takes any free port."""
        return oldPeer("0.3.0", "old_peer.py", "client", "http", server.port, recording, 0)

    def _withoutId(self, line: str) -> str:
        """An error's id differs from run to run; the rest of the line is compared to the letter."""
        return re.sub(r"internal: [0-9a-f]{8}\b", "internal: ID", line)
