"""Which session a HELLO gets, and that whoever asks for somebody else's gets nothing and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocol import native_wire as wire
from tests.protocol.native_ends import ServerEnd, says
from vortex.errors import DecodeError
from vortex.limits import Limits
from vortex.protocol.codes import CloseCode
from vortex.protocol.events import Closed
from vortex.protocol.server_session import ServerSession
from vortex.protocol.session_table import Hello, SessionTable, readSend


def helloOf(**changed: Any) -> Hello:
    return Hello.read(wire.hello(**changed), Limits())


def welcomeOf(session: ServerSession, now: float = 0.0) -> dict[str, Any]:
    """Have *session* carried by a connection, and take its WELCOME."""
    session.attached(now)
    (opening,) = session.helloToSend()
    ((kind, said),) = wire.framesIn(opening)
    assert kind == wire.WELCOME
    return dict(said)


@pytest.fixture
def table() -> SessionTable:
    return SessionTable("S", "server", Limits())


class TestHello:
    def test_is_read(self) -> None:
        said = wire.hello(
            client="secret",
            epoch=3,
            next=8,
            via="poll",
            wait=2.5,
            resume=wire.resume("s", "t", "life", 4),
            unheardOf=[1],
        )

        assert Hello.read(said, Limits()) == Hello(
            uuid="C",
            name="client",
            client="secret",
            epoch=3,
            next=8,
            resume=("s", "t", "life", 4),
            via="poll",
            wait=2.5,
        )

    def test_has_little_in_it_at_least(self) -> None:
        assert helloOf() == Hello(
            uuid="C", name="client", client=None, epoch=1, next=1, resume=None, via=None, wait=25
        )

    @pytest.mark.parametrize(
        "changed",
        [
            {"wire": 2},
            {"wire": None},
            {"uuid": None},
            {"uuid": ""},
            {"uuid": 7},
            {"uuid": "x" * 513},
            {"uuid": "x" * 300, "name": "y" * 300},
            {"name": None},
            {"client": 7},
            {"client": "x" * 129},
            {"epoch": 0},
            {"epoch": None},
            {"epoch": "1"},
            {"next": 0},
            {"next": 1 << 53},
            {"via": "pigeon"},
            {"via": []},
            {"wait": -1},
            {"wait": 26},
            {"wait": True},
            {"wait": "25"},
            {"resume": "s"},
            {"resume": {}},
            {"resume": {"session": "s", "token": "t", "epoch": "life"}},
            {"resume": wire.resume(7, "t", "life", 0)},
            {"resume": wire.resume("s", None, "life", 0)},
            {"resume": wire.resume("s", "t", 7, 0)},
            {"resume": wire.resume("s", "t", "life", -1)},
            {"resume": wire.resume("s", "t", "life", 0.5)},
            {"resume": wire.resume("s" * 129, "t", "life", 0)},
        ],
    )
    def test_that_is_none_is_refused(self, changed: dict[str, Any]) -> None:
        with pytest.raises(DecodeError):
            helloOf(**changed)

    @pytest.mark.parametrize(
        "frame", [b"", b"\x01", b"\x01[]", b"\x01{", wire.ack(0), wire.action(1), b"\x01" + b" " * (16 << 10)]
    )
    def test_is_a_frame_of_its_kind_with_a_little_json(self, frame: bytes) -> None:
        with pytest.raises(DecodeError):
            Hello.read(frame, Limits())


class TestSend:
    def test_is_read(self) -> None:
        assert readSend(bytes([wire.SEND]) + b'{"session": "s", "token": "t"}', Limits()) == ("s", "t")

    @pytest.mark.parametrize(
        "frame",
        [
            b"",
            wire.hello(),
            b"\x04{}",
            b'\x04{"session": 1, "token": "t"}',
            b'\x04{"session": "s"}',
            b"\x04x",
        ],
    )
    def test_that_is_none_is_refused(self, frame: bytes) -> None:
        with pytest.raises(DecodeError):
            readSend(frame, Limits())


class TestANewSession:
    def test_is_made_for_who_has_none(self, table: SessionTable) -> None:
        first, second = table.attach(helloOf(), None, 0.0), table.attach(helloOf(), None, 0.0)

        assert first is not second
        assert list(table.sessions) == [first, second]
        assert table.find(first.id) is first
        assert welcomeOf(first)["outcome"] == "new"

    def test_knows_its_client_by_secret_and_principal(self, table: SessionTable) -> None:
        def key(client: str | None, principal: str | None) -> str:
            return table.attach(helloOf(client=client), principal, 0.0).clientKey

        assert key("mine", "ada") == key("mine", "ada")
        assert len({key("mine", "ada"), key("mine", "bob"), key("mine", None), key("other", "ada")}) == 4
        assert key("mine", None) != key("mine", "")
        assert key(None, None) != key(None, None)

    def test_is_of_the_client_whom_it_has_given_the_secret(self, table: SessionTable) -> None:
        first = table.attach(helloOf(), "ada", 0.0)

        again = table.attach(helloOf(client=welcomeOf(first)["client"]), "ada", 0.0)

        assert again.clientKey == first.clientKey
        assert again is not first

    def test_knows_the_clients_epoch_and_its_next_action(self, table: SessionTable) -> None:
        session = table.attach(helloOf(epoch=4, next=9), None, 0.0)

        assert (session.epoch, session.nextAction) == (4, 9)


class TestAReset:
    """Section 3, rule 4: whoever cannot resume gets a session of its own, and the reason."""

    @pytest.mark.parametrize(
        ("code", "reason"),
        [
            (CloseCode.SESSION_EXPIRED, "expired"),
            (CloseCode.OVERFLOW, "overflow"),
            (CloseCode.NORMAL, "unknown"),
            (CloseCode.REVOKED, "unknown"),
        ],
    )
    def test_says_how_the_session_has_ended(self, code: CloseCode, reason: str) -> None:
        end = ServerEnd()
        end.table.ended(end.session, code.value)

        said = self.come(end)

        assert (said["outcome"], said["reason"]) == ("reset", reason)
        assert said["session"] != end.session.id
        assert (said["n"], said["taken"], said["gen"]) == (0, 0, 1)

    @pytest.mark.sweep
    def test_says_so_of_the_last_ten_thousand(self) -> None:
        end = ServerEnd()
        end.table.ended(end.session, "session-expired")
        for _ in range(10_000):
            end.table.ended(end.table.attach(helloOf(), None, 0.0), "session-expired")

        assert self.come(end)["reason"] == "unknown"

    def test_says_that_it_was_another_life_of_the_server(self) -> None:
        end, restarted = ServerEnd(), SessionTable("S", "server", Limits())
        shown = wire.resume(end.session.id, end.token, end.table.epoch, 0)

        said = welcomeOf(restarted.attach(helloOf(resume=shown), None, 0.0))

        assert (said["outcome"], said["reason"]) == ("reset", "epoch")
        assert said["epoch"] != end.table.epoch

    def test_is_given_for_a_session_that_is_over_and_was_not_taken_out_yet(self) -> None:
        end = ServerEnd()
        end.session.close(CloseCode.OVERFLOW, "too much waits")

        said = self.come(end)

        assert (said["outcome"], said["reason"]) == ("reset", "unknown")

    def come(self, end: ServerEnd) -> dict[str, Any]:
        shown = wire.resume(end.session.id, end.token, end.table.epoch, 0)
        return welcomeOf(end.table.attach(helloOf(resume=shown), None, 1.0))


class TestAnAttacker:
    """
    Section 3, rules 2 and 4. Each tries to get at what waits for the owner of a session, which has just
    written three messages of which one was acknowledged.
    """

    @pytest.fixture
    def end(self) -> ServerEnd:
        end = ServerEnd(principal="ada")
        for label in "abc":
            end.session.send(says(label))
        end.frames()
        end.receive(wire.ack(1), now=0.0)
        return end

    def attack(
        self, end: ServerEnd, *, principal: str | None = "ada", now: float = 1.0, **changed: Any
    ) -> dict[str, Any]:
        """Come with what the owner would show, but for *changed*; returns the WELCOME."""
        shown = wire.resume(end.session.id, end.token, end.table.epoch, 1) | changed
        session = end.table.attach(helloOf(resume=shown, client="theirs"), principal, now)
        return welcomeOf(session, now)

    def theOwnerHasEverything(self, end: ServerEnd, now: float = 2.0) -> None:
        """Nothing was told to who carries it; and it is resumed with all that was not acknowledged."""
        assert end.session.isAttached
        assert end.session.events() == []
        assert end.session.framesToSend() == []
        gen = end.session.gen
        end.session.transportLost(now)
        said = end.resume(1, now=now)
        assert (said["outcome"], said["gen"], said["session"]) == ("resumed", gen + 1, end.session.id)
        assert end.numbers() == [2, 3]

    @pytest.mark.parametrize(
        "changed",
        [
            {"token": ""},
            {"token": "A" * 43},
            {"token": "\ud800"},
            {"n": 4},  # above what was written
            {"n": (1 << 53) - 1},
            {"n": 0},  # below what was acknowledged, which is not kept
        ],
    )
    def test_without_the_token_or_with_numbers_that_cannot_be_gets_a_session_of_its_own(
        self, end: ServerEnd, changed: dict[str, Any]
    ) -> None:
        said = self.attack(end, **changed)

        assert (said["outcome"], said["reason"]) == ("reset", "unknown")
        assert said["session"] != end.session.id
        assert (said["n"], said["taken"]) == (0, 0)
        self.theOwnerHasEverything(end)

    @pytest.mark.parametrize("principal", ["bob", None, ""])
    def test_who_is_somebody_else_gets_nothing_for_the_right_token(
        self, end: ServerEnd, principal: str | None
    ) -> None:
        said = self.attack(end, principal=principal)

        assert (said["outcome"], said["reason"]) == ("reset", "auth")
        assert end.session.accepts(end.token, 1.0)
        self.theOwnerHasEverything(end)

    def test_with_an_older_token_gets_nothing_once_something_has_come_in(self, end: ServerEnd) -> None:
        old = end.token
        end.session.transportLost(0.5)
        end.resume(1, now=0.5)
        end.numbers()
        end.receive(wire.ack(1), now=0.6)
        end.session.events()

        said = self.attack(end, token=old)

        assert (said["outcome"], said["reason"]) == ("reset", "unknown")
        self.theOwnerHasEverything(end)

    def test_who_sends_a_resume_again_gets_nothing(self, end: ServerEnd) -> None:
        """The bytes of the owner's own HELLO, as somebody has recorded them."""
        shown = wire.resume(end.session.id, end.token, end.table.epoch, 1)
        recorded = wire.hello(resume=shown, client="secret")
        end.session.transportLost(0.5)
        end._attach(0.5, recorded)
        end.numbers()
        end.receive(wire.ack(1), now=0.6)
        end.session.events()

        session = end.table.attach(Hello.read(recorded, Limits()), "ada", 0.7)

        assert session is not end.session
        assert welcomeOf(session)["reason"] == "unknown"
        self.theOwnerHasEverything(end)

    def test_with_the_older_token_in_time_is_fenced_by_the_owner_who_comes_again(
        self, end: ServerEnd
    ) -> None:
        """Nobody can tell it from an owner whose WELCOME was lost, until the owner is heard."""
        stolen = end.token
        end.session.transportLost(0.5)
        end.resume(1, now=0.5)
        mine = end.token
        end.session.events()

        assert self.attack(end, token=stolen)["outcome"] == "resumed"

        end.token = mine
        assert end.resume(1, now=2.0)["outcome"] == "resumed"
        end.receive(wire.ack(1), now=2.0)
        assert not end.session.accepts(stolen, 2.0)
        assert end.session.gen == 4

    def test_with_a_claim_of_another_life_of_the_server_changes_nothing(self, end: ServerEnd) -> None:
        assert self.attack(end, epoch="another", token="x")["reason"] == "unknown"
        self.theOwnerHasEverything(end)

    def test_who_sends_without_the_token_is_refused(self, end: ServerEnd) -> None:
        assert not end.session.acceptsSend("", 1.0)
        assert not end.session.acceptsSend("A" * 43, 1.0)
        self.theOwnerHasEverything(end)

    def test_who_ends_a_session_of_its_own_ends_no_other(self, end: ServerEnd) -> None:
        said = self.attack(end, token="x")
        theirs = end.table.find(said["session"])
        assert theirs is not None
        theirs.receive(wire.close("normal", again=False), 1.0)
        (_, closed) = theirs.events()
        assert isinstance(closed, Closed)
        end.table.ended(theirs, closed.code)

        assert list(end.table.sessions) == [end.session]
        self.theOwnerHasEverything(end)
