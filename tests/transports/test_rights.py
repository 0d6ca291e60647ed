"""Who comes back and may do less: what was sent to who might do more is not handed out."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.native_frames import REPLY
from tests.transports.event_listeners import JOBS, Ears, Jobs, Listened
from tests.transports.native_talk import Echo, Talker, asks, push
from tests.transports.native_wires import KINDS, TWO_WAYS, numbers
from tests.transports.wires import Server
from vortex.access.principal import Credentials, Principal
from vortex.protocol.payload import Payload


class Ada:
    """Everybody is ada, with the roles that the test gives her."""

    def __init__(self, *roles: str) -> None:
        self.roles = frozenset(roles)

    def authenticate(self, credentials: Credentials) -> Principal:
        return Principal("ada", self.roles)


@pytest.fixture
def ada() -> Ada:
    return Ada("reader", "manager")


@pytest.fixture
def server(ada: Ada) -> Server:
    return Server(Clock(), authenticator=ada)


def away(server: Server, kind: str, *pushed: str) -> Talker:
    """Begin a session, and have it cut before *pushed* is taken."""
    talker = Talker(server, kind)
    talker.line.lose()
    push(server, *pushed)
    server.clock.advance(0)
    return talker


@pytest.mark.parametrize("kind", KINDS)
class TestASession:
    def test_with_fewer_roles_is_begun_anew_and_nothing_is_handed_out(
        self, server: Server, ada: Ada, kind: str
    ) -> None:
        before = away(server, kind, "for managers")
        (peer,) = server.vortex.peers
        ada.roles = frozenset({"reader"})

        after = before.comesBack()

        assert (after.welcome["outcome"], after.welcome["reason"]) == ("reset", "rights")
        assert numbers(after.line.got) == []
        assert not peer.isOnline
        assert [each.roles for each in server.vortex.peers] == [{"reader"}]

    def test_with_other_roles_is_begun_anew_too(self, server: Server, ada: Ada, kind: str) -> None:
        before = away(server, kind, "for managers")
        ada.roles = frozenset({"reader", "owner"})

        assert before.comesBack().welcome["reason"] == "rights"

    @pytest.mark.parametrize("roles", [{"reader", "manager"}, {"reader", "manager", "owner"}])
    def test_with_as_many_roles_or_more_goes_on(
        self, server: Server, ada: Ada, kind: str, roles: set[str]
    ) -> None:
        before = away(server, kind, "for managers")
        ada.roles = frozenset(roles)

        after = before.comesBack()

        assert after.welcome["outcome"] == "resumed"
        assert numbers(after.line.got) == [1]
        assert [each.roles for each in server.vortex.peers] == [roles]

    def test_of_which_all_was_taken_goes_on_with_fewer_roles(
        self, server: Server, ada: Ada, kind: str
    ) -> None:
        talker = Talker(server, kind)
        push(server, "a")
        server.clock.advance(0)
        taken = max(numbers(talker.line.got))
        talker.line.lose()
        ada.roles = frozenset({"reader"})

        after = talker.comesBack(taken=taken)
        push(server, "b")
        server.clock.advance(0)
        third = after.comesBack(taken=taken)  # what has come since was for a reader

        assert after.welcome["outcome"] == third.welcome["outcome"] == "resumed"
        assert numbers(third.line.got) == [taken + 1]

    def test_has_what_it_got_with_more_roles_in_between_for_those_only(
        self, server: Server, ada: Ada, kind: str
    ) -> None:
        ada.roles = frozenset({"reader"})
        first = away(server, kind)
        ada.roles = frozenset({"reader", "manager"})
        second = first.comesBack()
        second.line.lose()
        push(server, "for managers")
        ada.roles = frozenset({"reader"})

        assert second.comesBack().welcome["outcome"] == "reset"

    def test_that_is_begun_anew_is_answered_what_it_has_asked_and_nothing_is_done_twice(
        self, server: Server, ada: Ada, kind: str
    ) -> None:
        """What was carried out is not told to be refused."""
        echo = Echo(server)
        talker = Talker(server, kind, client="secret")
        talker.say(asks(1, "x"))
        talker.line.lose()
        ada.roles = frozenset({"reader"})

        after = talker.comesBack(client="secret", next=2)
        after.say(asks(1, "x"))
        server.clock.advance(0)

        assert after.welcome["reason"] == "rights"
        assert [each.body for each in after.line.having(REPLY)] == [[{"v": ["x"]}]]
        assert echo.got == ["x"]


@pytest.mark.parametrize("kind", TWO_WAYS)
class TestALineThatIsOpen:
    """Its other end shows a token with fewer roles: the line goes on, but not with what waits for it."""

    def renew(self, server: Server, *roles: str) -> None:
        (peer,) = server.vortex.peers
        peer._link.renew(Principal("ada", frozenset(roles)))

    def test_goes_on(self, server: Server, kind: str) -> None:
        talker = Talker(server, kind)

        self.renew(server, "reader")
        push(server, "a")

        assert not talker.line.isOver
        assert numbers(talker.line.got) == [1]

    def test_ends_where_something_waits(self, server: Server, ada: Ada, kind: str) -> None:
        talker = Talker(server, kind)
        talker.line.stall()
        push(server, "for managers")

        self.renew(server, "reader")
        ada.roles = frozenset({"reader"})

        assert numbers(talker.line.got) == []
        assert talker.line.farewell is not None
        assert (talker.line.farewell["code"], talker.line.farewell["again"]) == ("rights", True)
        assert talker.comesBack().welcome["reason"] == "rights"

    def test_hands_out_no_more_later_than_it_has(self, server: Server, ada: Ada, kind: str) -> None:
        talker = Talker(server, kind)
        push(server, "for managers")
        self.renew(server, "reader")
        talker.line.lose()
        ada.roles = frozenset({"reader"})

        assert talker.comesBack().welcome["reason"] == "rights"


class TestAnEventSource:
    @pytest.mark.parametrize(
        ("roles", "told"),
        [
            pytest.param({"reader"}, ["anew"], id="with fewer roles begins anew"),
            pytest.param({"reader", "manager"}, ["for managers"], id="with as many goes on"),
        ],
    )
    def test_that_comes_back(self, server: Server, ada: Ada, roles: set[str], told: list[str]) -> None:
        jobs = Jobs(server, Listened(name="first"))
        ears = Ears(server, JOBS)
        lastId = ears.lastId
        ears.lose()
        server.vortex.send(Payload(JOBS, [Listened(name="for managers")]))
        jobs.rows = [Listened(name="anew")]
        ada.roles = frozenset(roles)

        again = Ears(server, JOBS, headers=f"{ears.cookie}Last-Event-ID: {lastId}\r\n")

        assert _names(again) == told
        isAnew = {"event": "reset", "data": '{"reason":"rights"}'} in again.blocks
        assert isAnew is (told == ["anew"])
        assert len(server.vortex.peers) == 1


def _names(ears: Any) -> list[str]:
    return [value["name"] for event in ears.events for value in event["tuples"]]
