"""
Held-open POSTs of every era, written by hand and read by hand, against our server.

First the raw client of tests/peers through a recorder, then whatever it does not do.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import pytest

from tests.integration.children import Child, peer
from tests.integration.conftest import PeerServer, serving
from tests.integration.wire_by_hand import (
    HeldPostClient,
    WebSocketClient,
    dechunk,
    decode,
    envelope,
    era0,
    person,
    splitFrames,
)

MESSAGE_ID = "PayloadResponse.messageId"
UUID = "22222222-3333-4444-8555-666666666666"
BODY_KEY = {"era1": "encodedPayload", "era2": "data"}


class Recorder:
    """tests/peers/proxy_main.py between a client and our server, and what it has recorded once it ends."""

    SECONDS = 60

    def __init__(self, server: PeerServer, recording: Path) -> None:
        self._recording = recording
        self.child: Child = peer("proxy_main.py", 0, server.port, recording, self.SECONDS)
        self.port = self.child.readyPort()

    def chunks(self) -> list[tuple[float, int, str, bytes]]:
        """Time, number of the connection, what (c2s, s2c, c2s-close, s2c-close), bytes; in order."""
        assert self.child.stop() == 0
        recorded = json.loads(self._recording.read_text())["chunks"]
        return [(at, number, what, base64.b64decode(data)) for at, number, what, data in recorded]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.child.stop()


@pytest.fixture
def client(server: PeerServer) -> Iterator[HeldPostClient]:
    with HeldPostClient(server.port, uuid=UUID) as client:
        yield client


Responses = list[tuple[bytes, bytes, bool]]
"""Of each POST, in order: the response's head, its body, and whether the server ended it."""


@pytest.fixture(scope="module", params=BODY_KEY)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def responses(era: str, realPeers: None, tmp_path_factory: pytest.TempPathFactory) -> Responses:
    """What our server sent to the raw client of that era."""
    folder = tmp_path_factory.mktemp(era)
    with serving(folder) as server, Recorder(server, folder / "recording.json") as recorder:
        with peer("raw_http_client.py", recorder.port, era, 5) as client:
            client.finish()
        coming = sorted(
            (chunk for chunk in recorder.chunks() if chunk[2] == "s2c"), key=lambda chunk: chunk[1]
        )
    found = []
    for _, chunks in groupby(coming, key=lambda chunk: chunk[1]):
        head, _, rest = b"".join(data for *_, data in chunks).partition(b"\r\n\r\n")
        found.append((head, *dechunk(rest)))
    return found


class TestRecordedPosts:
    """Four POSTs of one peer: empty, an echo, two echoes in one body, a blank row."""

    def test_every_request_is_answered_in_its_era(self, responses: Responses, era: str) -> None:
        assert [head.split()[1] for head, _, _ in responses] == [b"200"] * 4
        messages = [decode(frame) for _, body, _ in responses for frame in splitFrames(body)]
        answers = {each["filt"][MESSAGE_ID]: each for each in messages if MESSAGE_ID in each["filt"]}
        zoe = person(id={"_ft": "int", "_fd": 7}, name="Zoë")
        assert answers.keys() == {"m1", "m2", "m3", "m4"}
        assert [answers[name]["result"] for name in ("m1", "m2", "m3", "m4")] == [True, True, True, None]
        assert [self._given(each) for name in ("m1", "m2") for each in answers[name]["tuples"]] == [zoe, zoe]
        assert not answers["m3"]["tuples"]
        (blank,) = answers["m4"]["tuples"]
        assert (blank["_c"], blank["id"], blank["name"]) == ("acme.ThingRow", None, None)
        for name, key in {"m1": "peer.echo", "m2": "peer.echo", "m3": "peer.echo", "m4": "peer.crud"}.items():
            assert answers[name]["filt"] == {"key": key, MESSAGE_ID: name}
            if answers[name]["inner"] is not None:
                assert answers[name]["inner"]["filt"] == answers[name]["filt"]
                assert BODY_KEY[era] in answers[name]["keys"]

    def test_each_response_opens_with_the_hello_and_ends_when_the_next_is_open(
        self, responses: Responses
    ) -> None:
        hellos = [decode(splitFrames(body)[0])["filt"] for _, body, _ in responses]
        assert len({hello.get("__vortexUuid__") for hello in hellos}) == 1
        assert [hello.get("__vortexName__") for hello in hellos] == ["peer-server"] * 4
        assert [ended for _, _, ended in responses] == [True, True, True, False]

    def _given(self, tuple_: dict[str, Any]) -> dict[str, Any]:
        """A tuple as it came back, less the fields that the sender left out and that we name as null."""
        return {name: value for name, value in tuple_.items() if value is not None}


class TestAnswers:
    def test_an_era_0_request_is_answered_in_era_0(self, client: HeldPostClient) -> None:
        sent = person(id={"_ft": "int", "_fd": 7}, name="Zoë", tags=[{"_ft": "int", "_fd": 1}, "x"])
        post = client.post(era0({"key": "peer.echo", MESSAGE_ID: "m1"}, [sent]))

        hello, answer = post.message(), post.message()

        assert hello["era"] == answer["era"] == 0
        assert hello["filt"].keys() == {"__vortexUuid__", "__vortexName__"}
        assert answer["filt"] == {"key": "peer.echo", MESSAGE_ID: "m1"}
        assert answer["result"] is True
        assert {name: answer["tuples"][0][name] for name in sent} == sent

    def test_an_era_0_request_with_a_reply_filt_is_answered_under_it(self, client: HeldPostClient) -> None:
        replyFilt = {"key": "elsewhere", MESSAGE_ID: "m1"}
        post = client.post(era0({"key": "peer.model", MESSAGE_ID: "m1"}, None, replyFilt))

        _, answer = post.message(), post.message()

        assert answer["filt"] == replyFilt
        assert answer["tuples"][0]["born"] == {"_ft": "datetime", "_fd": "2020-01-02 03:04:05.000006"}

    def test_an_old_client_is_never_sent_a_lone_dot(self, client: HeldPostClient) -> None:
        post = client.post(era0({"key": "peer.echo", MESSAGE_ID: "m1"}, []))
        post.message(), post.message(), post.message(within=15, beat=True)

        assert not post.body.startswith(b".")
        assert b".." not in post.body

    def test_every_reply_and_push_is_marked_as_one(self, client: HeldPostClient) -> None:
        post = client.post(envelope(2, {"key": "peer.crud", MESSAGE_ID: "m1"}))

        _, answer = post.message(), post.message()

        assert answer["_isReply"] is True

    def test_an_error_has_a_code_and_nothing_of_the_server(
        self, server: PeerServer, client: HeldPostClient
    ) -> None:
        server.mayLog += ["deliberate failure", "Traceback"]
        post = client.post(envelope(1, {"key": "peer.fail", MESSAGE_ID: "m1"}, []))

        _, answer = post.message(), post.message()

        code, _, reference = answer["result"].partition(": ")
        assert code == "internal"
        assert server.child.stop() == 0  # what it has logged is here when it has ended
        assert reference in server.child.errors
        assert "deliberate" not in str(answer)


class TestPushes:
    def test_a_push_follows_the_writers_own_answer(self, server: PeerServer, client: HeldPostClient) -> None:
        insert = {"key": "peer.crud", MESSAGE_ID: "m1"}
        load = {"key": "peer.crud", "id": {"_ft": "int", "_fd": 1}, MESSAGE_ID: "m2"}
        update = {**load, MESSAGE_ID: "m3"}
        row = {"_ct": "rt", "_c": "acme.ThingRow", "id": None, "name": "anvil"}
        first = client.post(envelope(2, insert, [row]))
        assert [first.message()["result"], first.message()["result"]] == [None, True]
        second = client.post(envelope(2, load))
        assert [second.message()["tuples"], len(second.message()["tuples"])] == [None, 1]

        third = client.post(envelope(2, update, [{**row, "id": {"_ft": "int", "_fd": 1}, "name": "tongs"}]))
        _, answer, push = third.message(), third.message(), third.message()

        assert (answer["filt"], answer["result"]) == (update, True)
        assert (push["filt"], push["result"]) == ({"key": "peer.crud", "id": load["id"]}, None)
        assert push["_isReply"] is True
        assert [each["name"] for each in push["tuples"]] == ["tongs"]
        assert [row["name"] for row in server.rows()] == ["tongs"]

    def test_what_came_while_no_post_was_held_is_on_the_next_one(self, client: HeldPostClient) -> None:
        first = client.post(envelope(1, {"key": "peer.crud", MESSAGE_ID: "m1"}))
        first.message(), first.message()
        first.close()

        second = client.post(envelope(1, {"key": "peer.echo", MESSAGE_ID: "m2"}, []))

        assert "__vortexUuid__" in second.message()["filt"]
        assert second.message()["filt"][MESSAGE_ID] == "m2"


class TestWebSocket:
    REQUEST = {"key": "peer.echo", MESSAGE_ID: "m1"}  # noqa: RUF012

    @pytest.fixture(params=["/vortexws", "/vortex"])
    def socket(self, server: PeerServer, request: pytest.FixtureRequest) -> Iterator[WebSocketClient]:
        with WebSocketClient(server.port, uuid=UUID, path=request.param) as socket:
            yield socket

    def test_the_hello_comes_before_the_client_has_said_anything(self, socket: WebSocketClient) -> None:
        assert socket.message()["filt"].keys() == {"__vortexUuid__", "__vortexName__"}

    @pytest.mark.parametrize(("era", "key"), [(1, "encodedPayload"), (2, "data")])
    def test_base64_is_answered_in_base64_without_a_dot(
        self, socket: WebSocketClient, era: int, key: str
    ) -> None:
        socket.message()

        socket.send(envelope(era, self.REQUEST, [person(name="Zoë")]))

        _, text = socket.frame()
        answer = decode(text)
        assert b"." not in text
        assert not text.startswith(b"{")
        assert key in answer["keys"]
        assert (answer["filt"], answer["result"]) == (self.REQUEST, True)
        assert [each["name"] for each in answer["tuples"]] == ["Zoë"]

    def test_raw_json_is_answered_in_raw_json(self, socket: WebSocketClient) -> None:
        socket.message()

        socket.send(base64.b64decode(envelope(2, self.REQUEST, [])[:-1]))

        _, text = socket.frame()
        assert text.startswith(b"{")
        assert decode(text)["filt"] == self.REQUEST


class TestTheEnd:
    def test_the_server_ends_in_good_order_although_a_peer_without_a_line_has_something_queued(
        self, server: PeerServer, client: HeldPostClient
    ) -> None:
        with HeldPostClient(server.port, uuid="33333333-4444-4555-8666-777777777777") as gone:
            post = gone.post(envelope(2, {"key": "peer.echo", MESSAGE_ID: "m1"}, []))
            assert (post.message()["result"], post.message()["result"]) == (None, True)
        post = client.post(envelope(2, {"key": "peer.tell", MESSAGE_ID: "m2"}))
        assert post.message()["result"] is None
        assert {post.message()["filt"]["key"], post.message()["filt"]["key"]} == {"peer.tell", "peer.told"}

        assert server.child.stop(within=20) == 0

        assert "shuts down with work left" in server.child.errors
