"""The real VortexPY 6.2.2, as its programs use it, against our server."""

from __future__ import annotations

import json
import re

import pytest

from tests.integration.children import peer
from tests.integration.conftest import PeerServer

pytestmark = pytest.mark.usefixtures("realPeers")


class TestWebSocketClient:
    STEPS = (
        "connect",
        "echo",
        "endpoint_exception",
        "no_endpoint_timeout",
        "crud_new_blank",
        "crud_insert",
        "crud_load",
        "crud_update",
        "crud_load_missing",
        "crud_insert2",
        "crud_all",
        "crud_delete_by_tuple",
        "crud_delete_by_id",
        "crud_delete_all_returns_rest",
        "crud_error",
        "observe_subscribe",
        "action_ok_and_notify",
        "observe_notified",
        "action_error",
        "observe_poll",
        "observe_unsubscribe",
        "rpc_ok",
        "rpc_error",
    )

    def test_gets_every_answer_that_it_expects(self, server: PeerServer) -> None:
        server.mayLog += ["deliberate failure", "Traceback"]
        with peer("client_ws.py", server.port) as client:
            status = client.finish(60)

            said = [json.loads(line) for line in client.lines]
            assert [(each["step"], each["ok"]) for each in said] == [(step, True) for step in self.STEPS]
            assert status == 0

    def test_is_told_an_error_by_code_and_text_alone(self, server: PeerServer) -> None:
        server.mayLog += ["deliberate failure", "Traceback"]
        with peer("client_ws.py", server.port, "--steps", "endpoint_exception,crud_error") as client:
            client.finish(60)

            (_, broken, refused) = [
                json.loads(line)["result" if '"result"' in line else "value"] for line in client.lines
            ]
        assert re.fullmatch(r"internal: [0-9a-f]{8}", broken)
        assert re.match(r"[a-z]+(-[a-z]+)*: .*acme\.PersonTuple", refused)
        assert not re.search(r"deliberate|File|\.py|SELECT|INSERT", broken + refused)

    def test_leaves_the_rows_as_it_was_told_they_are(self, server: PeerServer) -> None:
        steps = "crud_insert,crud_update,crud_insert2,crud_delete_by_id"
        with peer("client_ws.py", server.port, "--steps", steps) as client:
            assert client.finish(60) == 0

        assert server.rows() == [
            {"id": 1, "name": "anvil2", "weight": 10.0, "secret": "s3cret"},
            {"id": 3, "name": "c", "weight": None, "secret": "s3cret"},
        ]


class TestHttpClient:
    def test_connects_by_held_post_and_what_it_sends_arrives(self, server: PeerServer) -> None:
        with peer("client_http.py", server.port) as client:
            assert server.sawAtEcho() == {"peer": "peer-client", "names": ["é"]}
            status = client.finish()

            connected, sent = (line for line in client.lines if line.startswith(("CONNECTED", "SENT")))
        assert connected.startswith("CONNECTED, server is [('peer-server', '")
        assert sent == "SENT True"
        assert status == 0
