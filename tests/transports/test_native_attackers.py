"""Who claims somebody else's session, over each transport: nothing is got by it, and nothing lost."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.native_frames import DATA, REPLY, ack, hello
from tests.transports.native_talk import Echo, Talker, asks, pass_, push
from tests.transports.native_wires import (
    KINDS,
    TWO_WAYS,
    NativePost,
    NativeStream,
    knock,
    numbers,
    resumeOf,
    send,
)
from tests.transports.wires import Server
from vortex import AccessDenied
from vortex.access.principal import Credentials, Principal

HTTP = ("websocket", "stream", "sse", "poll")


class Names:
    """Everybody is who the header says; who says nothing is anonymous."""

    def __init__(self) -> None:
        self.refused: set[str] = set()

    def authenticate(self, credentials: Credentials) -> Principal | None:
        name = credentials.headers.get("x-name")
        if name in self.refused:
            raise AccessDenied("not any more")
        return None if name is None else Principal(name, frozenset({"reader"}))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


def isUntouched(owner: Talker, server: Server) -> None:
    """The owner's line goes on as if nothing had been, and so does its session after a cut."""
    before = len(numbers(owner.line.got))
    push(server, "still here")
    server.clock.advance(0)
    assert len(numbers(owner.line.got)) == before + 1
    if owner.kind != "poll":
        assert not owner.line.isOver
    owner.line.lose()
    assert owner.comesBack(taken=len(numbers(owner.line.got))).welcome["outcome"] == "resumed"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("of", KINDS)
class TestClaims:
    @pytest.mark.parametrize("token", ["", "x" * 43, "x" * 128])
    def test_without_the_token_get_a_session_of_their_own(
        self, server: Server, kind: str, of: str, token: str
    ) -> None:
        owner = Talker(server, of)

        thief = knock(kind, server, resume=resumeOf(owner.welcome, token=token))
        push(server, "to all")
        server.clock.advance(0)

        assert (thief.welcome["outcome"], thief.welcome["reason"]) == ("reset", "unknown")
        assert thief.welcome["session"] != owner.welcome["session"]
        assert numbers(thief.got) == [1]
        assert len(server.vortex.peers) == 2

    def test_without_the_token_change_nothing_for_the_owner(self, server: Server, kind: str, of: str) -> None:
        owner = Talker(server, of)

        for _ in range(20):
            knock(kind, server, resume=resumeOf(owner.welcome, token="x" * 43)).lose()

        isUntouched(owner, server)

    def test_with_a_hello_that_was_overheard_come_too_late(self, server: Server, kind: str, of: str) -> None:
        """The owner has resumed with it, and been heard since."""
        first = Talker(server, of)
        overheard = resumeOf(first.welcome)
        owner = first.comesBack()
        owner.say(ack(0))

        thief = knock(kind, server, resume=overheard)

        assert (thief.welcome["outcome"], thief.welcome["reason"]) == ("reset", "unknown")
        isUntouched(owner, server)

    def test_from_elsewhere_without_the_token_do_not_move_it(self, clock: Clock, kind: str, of: str) -> None:
        server = Server(clock, anonymous=True)
        owner = Talker(server, of)

        knock(kind, server, resume=resumeOf(owner.welcome, token="x" * 43), address="192.0.2.66")

        assert server.vortex.peers[0].address == "127.0.0.1"
        isUntouched(owner, server)

    def test_of_the_client_by_its_label_get_no_action_of_its(
        self, server: Server, kind: str, of: str
    ) -> None:
        """What is remembered of a client is known by its secret; its uuid and name anybody can say."""
        echo = Echo(server)
        owner = Talker(server, of)
        owner.say(asks(1, "the owner's"))

        thief = Talker(server, kind)
        thief.say(asks(1, "the thief's"))
        server.clock.advance(0)

        assert [each.body for each in thief.line.having(REPLY)] == [[{"v": ["the thief's"]}]]
        assert echo.got == ["the owner's", "the thief's"]


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize("of", HTTP)
class TestOtherPrincipals:
    """They have the token, from wherever, and are somebody else."""

    @pytest.mark.parametrize("thief", ["X-Name: bob\r\n", ""])
    def test_get_a_session_of_their_own(self, clock: Clock, kind: str, of: str, thief: str) -> None:
        server = Server(clock, authenticator=Names(), anonymous=True)
        owner = Talker(server, of, headers="X-Name: ada\r\n")
        push(server, "for ada")
        clock.advance(0)

        other = knock(kind, server, resume=resumeOf(owner.welcome), headers=thief)

        assert (other.welcome["outcome"], other.welcome["reason"]) == ("reset", "auth")
        assert numbers(other.got) == []
        assert owner.comesBack(headers="X-Name: ada\r\n").welcome["outcome"] == "resumed"

    def test_who_are_nobody_any_more_get_none(self, clock: Clock, kind: str, of: str) -> None:
        names = Names()
        server = Server(clock, authenticator=names)
        owner = Talker(server, of, headers="X-Name: ada\r\n")
        push(server, "for ada")
        names.refused.add("ada")

        line = knock(kind, server, resume=resumeOf(owner.welcome), headers="X-Name: ada\r\n")

        assert b"403" in line.head.split(b"\r\n")[0]

    def test_whose_access_was_revoked_get_none(self, clock: Clock, kind: str, of: str) -> None:
        server = Server(clock, authenticator=Names())
        owner = Talker(server, of, headers="X-Name: ada\r\n")
        owner.line.lose()
        push(server, "for ada")

        assert server.vortex.revoke("ada") == 1
        line = knock(kind, server, resume=resumeOf(owner.welcome), headers="X-Name: ada\r\n")

        assert b"403" in line.head.split(b"\r\n")[0]
        assert server.vortex.peers == ()


class TestSends:
    """Requests that only send, and claim a session."""

    @pytest.mark.parametrize("of", KINDS)
    @pytest.mark.parametrize("token", ["", "x" * 43])
    def test_without_the_token_bring_nothing(self, server: Server, of: str, token: str) -> None:
        echo = Echo(server)
        owner = Talker(server, of)

        answer = NativePost(server, send(owner.welcome["session"], token) + asks(1, "x"))

        assert answer.status == 410
        assert echo.got == []
        isUntouched(owner, server)

    def test_with_a_token_that_was_replaced_bring_nothing(self, server: Server) -> None:
        echo = Echo(server)
        first = Talker(server, "stream")
        owner = first.comesBack()
        owner.say(asks(1, "x"))

        answer = NativePost(server, send(first.welcome["session"], first.welcome["token"]) + asks(2, "y"))

        assert answer.status == 410
        assert echo.got == ["x"]

    def test_of_another_principal_bring_nothing(self, clock: Clock) -> None:
        server = Server(clock, authenticator=Names(), anonymous=True)
        echo = Echo(server)
        owner = Talker(server, "stream", headers="X-Name: ada\r\n")
        body = send(owner.welcome["session"], owner.welcome["token"]) + asks(1, "x")

        assert NativePost(server, body, headers="X-Name: bob\r\n").status == 410
        assert NativePost(server, body).status == 410
        assert echo.got == []
        assert NativePost(server, body, headers="X-Name: ada\r\n").status == 200

    @pytest.mark.parametrize("session", ["", "0" * 32])
    def test_of_no_session_bring_nothing(self, server: Server, session: str) -> None:
        assert NativePost(server, send(session, "x" * 43) + asks(1, "x")).status == 410


class TestRevoked:
    @pytest.mark.parametrize("kind", TWO_WAYS)
    def test_between_admission_and_hello_are_told_so(self, clock: Clock, kind: str) -> None:
        server = Server(clock, authenticator=Everybody())
        line: Any
        if kind == "tcp":
            line = NativeStream(server)
        else:
            from tests.transports.native_wires import NativeWebSocket

            line = NativeWebSocket(server)

        server.vortex.revoke("ada")
        line.send(hello()) if kind == "tcp" else line.frame(hello(), opcode=2)

        assert line.farewell["again"] is False
        assert line.farewell["reason"].startswith("access-denied: ")
        assert line.isOver
        assert server.vortex.peers == ()


class Everybody:
    """Everybody is ada."""

    lifetime: float | None = None

    def authenticate(self, credentials: Credentials) -> Principal | None:
        return Principal("ada", lifetime=self.lifetime)


class TestLifetimes:
    @pytest.mark.parametrize("kind", KINDS)
    def test_are_renewed_by_a_resume(self, clock: Clock, kind: str) -> None:
        everybody = Everybody()
        everybody.lifetime = 60
        server = Server(clock, authenticator=everybody)
        first = Talker(server, kind)
        first.line.lose()
        pass_(clock, 50)

        second = first.comesBack()
        push(server, "a")
        clock.advance(0)

        assert second.welcome["outcome"] == "resumed"
        assert [each.number for each in second.line.having(DATA)] == [1]

    @pytest.mark.parametrize("kind", KINDS)
    def test_that_are_over_cut_the_line_and_keep_the_session(self, clock: Clock, kind: str) -> None:
        everybody = Everybody()
        everybody.lifetime = 12
        server = Server(clock, authenticator=everybody)
        first = Talker(server, kind)

        pass_(clock, 11)
        assert server.vortex.peers[0].isConnected
        pass_(clock, 2)

        assert first.line.isOver
        assert first.line.farewell == {
            "code": "expired",
            "reason": "what the peer has shown is good no longer",
            "again": True,
        }
        (peer,) = server.vortex.peers
        assert not peer.isConnected
        assert first.comesBack().welcome["outcome"] == "resumed"
