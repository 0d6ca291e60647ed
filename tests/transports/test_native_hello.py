"""How a session of the native wire begins at a server, over each transport."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.native_frames import CLOSE, ack, hello
from tests.transports.native_talk import Echo, asks, pass_
from tests.transports.native_wires import (
    KINDS,
    TWO_WAYS,
    NativePost,
    NativeStream,
    NativeWebSocket,
    frame,
    knock,
)
from tests.transports.wires import Server
from vortex.tuples import Tuple, TupleField, addTupleType, tupleTypes


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


@pytest.fixture
def echo(server: Server) -> Echo:
    return Echo(server)


@pytest.mark.parametrize("kind", KINDS)
class TestHello:
    def test_begins_a_session(self, server: Server, kind: str) -> None:
        welcome = knock(kind, server).welcome

        assert (welcome["outcome"], welcome["gen"], welcome["n"], welcome["taken"]) == ("new", 1, 0, 0)
        assert (welcome["uuid"], welcome["name"]) == ("server-uuid", "server")
        assert re.fullmatch("[0-9a-f]{32}", welcome["session"])
        assert re.fullmatch("[A-Za-z0-9_-]{43}", welcome["token"])
        assert re.fullmatch("[A-Za-z0-9_-]{43}", welcome["client"])
        ahead = 0 if kind in TWO_WAYS else 512  # of the frames in a body
        assert (welcome["beat"], welcome["maxFrame"]) == (10, (32 << 20) - ahead)
        assert re.fullmatch("[0-9a-f]{16}", welcome["schema"])
        assert "reason" not in welcome

    def test_makes_a_peer(self, server: Server, kind: str) -> None:
        knock(kind, server)

        (peer,) = server.vortex.peers
        assert (peer.uuid, peer.name, peer.address) == ("uuid of ada", "ada", "127.0.0.1")
        assert peer.transport == {"stream": "post"}.get(kind, kind)
        assert peer.isConnected

    def test_with_a_secret_gets_no_other(self, server: Server, kind: str) -> None:
        assert "client" not in knock(kind, server, client="c" * 43).welcome

    @pytest.mark.parametrize("said", [{"wire": 2}, {"epoch": 0}, {"uuid": 5}, {"name": "x" * 600}])
    def test_that_is_none_gets_no_session(self, server: Server, kind: str, said: dict[str, Any]) -> None:
        line = knock(kind, server, **said)

        assert line.isOver
        assert server.vortex.peers == ()
        assert server.vortex.counters["malformed"] == 1
        if kind in TWO_WAYS:
            assert line.farewell["code"] == "protocol"
            assert line.farewell["again"] is False
        else:
            assert line.status == 400


def register(**fields: Any) -> None:
    """A tuple type is registered; with other fields than before as if its module was run again."""
    annotations = dict.fromkeys(fields, Any)
    names = {"__tupleType__": "hello.Late", "__module__": __name__, "__annotations__": annotations}
    addTupleType(type("Late", (Tuple,), {**names, **fields}))


@pytest.mark.parametrize("kind", KINDS)
class TestTheSchema:
    def test_is_that_of_the_types_that_are_known_by_then(self, server: Server, kind: str) -> None:
        def schema() -> str:
            found: str = knock(kind, server).welcome["schema"]
            return found

        register(a=1)
        first = schema()
        assert schema() == first
        register(a=1, b=2)
        second = schema()
        assert second != first
        register(a=5, b=None, c=TupleField(transport=False))
        assert schema() == second
        register(a=1)
        assert schema() == first

    def test_is_found_out_once(self, server: Server, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def types() -> Iterator[tuple[str, type[Any]]]:
            asked.append(1)
            return tupleTypes()

        monkeypatch.setattr("vortex.tuples.schema.tupleTypes", types)
        register()
        for _ in range(3):
            knock(kind, server)

        assert asked == [1]


class TestTheFirstFrame:
    @pytest.mark.parametrize("kind", TWO_WAYS)
    @pytest.mark.parametrize(
        "first", [ack(0), frame(0x04, b"{}"), frame(0x7F), asks(1, "x"), b"\x00", b"\x80" * 9]
    )
    def test_has_to_be_a_hello(self, server: Server, echo: Echo, kind: str, first: bytes) -> None:
        line = {"websocket": NativeWebSocket, "tcp": NativeStream}[kind](server, first)

        assert line.isOver
        assert [each.kind for each in line.got] == [CLOSE]
        assert server.vortex.peers == ()
        assert echo.got == []

    @pytest.mark.parametrize("kind", TWO_WAYS)
    def test_may_not_be_long(self, server: Server, kind: str) -> None:
        beginning = b"\x81\x80\x04\x01"  # 64 KiB and one byte

        line = {"websocket": NativeWebSocket, "tcp": NativeStream}[kind](server, beginning)

        assert line.farewell is not None
        assert line.farewell["code"] == "limit-exceeded"
        assert line.isOver

    @pytest.mark.parametrize("kind", TWO_WAYS)
    @pytest.mark.parametrize("part", [0, 10])
    def test_may_not_be_late(self, server: Server, clock: Clock, kind: str, part: int) -> None:
        line: Any = {"websocket": NativeWebSocket, "tcp": NativeStream}[kind](server)
        if kind == "tcp":
            line.send(hello()[:part])
        else:
            line.frame(hello()[:part], opcode=2, fin=False)

        pass_(clock, 9)
        assert not line.isOver
        clock.advance(1.2)

        assert line.isOver
        assert line.farewell is not None
        assert "helloTimeout" in line.farewell["reason"]

    def test_ends_within_its_message(self, server: Server) -> None:
        line = NativeWebSocket(server, hello()[:10])

        assert line.farewell is not None
        assert line.farewell["code"] == "protocol"

    @pytest.mark.parametrize("kind", TWO_WAYS)
    def test_may_come_in_pieces(self, server: Server, kind: str) -> None:
        line: Any = {"websocket": NativeWebSocket, "tcp": NativeStream}[kind](server)
        whole = hello()

        for at in range(len(whole)):
            if kind == "tcp":
                line.send(whole[at : at + 1])
            else:
                line.frame(whole[at : at + 1], opcode=2 if at == 0 else 0, fin=at == len(whole) - 1)

        assert line.welcome["outcome"] == "new"

    @pytest.mark.parametrize("kind", TWO_WAYS)
    def test_says_via_over_http_only(self, server: Server, kind: str) -> None:
        line = knock(kind, server, via="stream")

        assert line.farewell["code"] == "protocol"

    @pytest.mark.parametrize("kind", ["stream", "sse", "poll"])
    def test_says_via_over_http(self, server: Server, kind: str) -> None:
        assert NativePost(server, hello()).status == 400
