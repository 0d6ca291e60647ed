"""A browser's own EventSource: what it hears, what it has missed, and how it ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.transports.event_listeners import JOBS, Ears, Jobs, Listened
from tests.transports.native_talk import pass_
from tests.transports.wires import Server
from vortex import TupleDataObservableHandler, TupleSelector
from vortex.limits import Limits
from vortex.node.session_events import SessionExpired, SessionResumed, SessionSuspended
from vortex.protocol.payload import Payload

BOARD = {"key": "tupleDataObservable", "name": "board"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


def tell(server: Server, *names: str) -> None:
    """Tell all that somebody is there, each by itself."""
    for name in names:
        server.vortex.send(Payload(JOBS, [Listened(name=name)]))


class TestListening:
    def test_begins_with_what_there_is_and_goes_on_with_what_changes(self, server: Server) -> None:
        jobs = Jobs(server, Listened(name="one"), Listened(name="two"))

        ears = Ears(server, JOBS)
        jobs.show("three")

        first, second = ears.events
        assert first["filt"] == JOBS
        assert [each["name"] for each in first["tuples"]] == ["one", "two"]
        assert first["result"] is None
        assert [each["name"] for each in second["tuples"]] == ["three"]

    def test_is_to_observables_too(self, server: Server) -> None:
        names = ["one"]
        selectors: list[TupleSelector] = []

        def provide(selector: TupleSelector, _peer: object) -> list[Listened]:
            selectors.append(selector)
            return [Listened(name=name) for name in names]

        handler = TupleDataObservableHandler("board", server.vortex)
        handler.addTupleProvider("jobs", provide)
        wanted = {"name": "jobs", "selector": {"of": "ada"}}

        ears = Ears(server, {**BOARD, "tupleSelector": wanted})
        names[:] = ["two"]
        handler.notifyOfTupleUpdate(selectors[0])

        assert selectors == [TupleSelector(name="jobs", selector={"of": "ada"})] * 2
        assert ears.names == ["one", "two"]
        told = {"tupleType": "vortex.TupleSelector", **wanted}
        assert [each["filt"]["tupleSelector"] for each in ears.events] == [told, told]

        again = Ears(server, {**BOARD, "tupleSelector": ears.events[0]["filt"]["tupleSelector"]})
        assert again.names == ["two"]
        handler.shutdown()

    @pytest.mark.parametrize(
        "said",
        ["jobs", None, [], {}, {"name": 7}, {"name": "jobs", "selector": []}, {"name": "jobs", "more": 1}],
    )
    def test_is_to_nothing_where_that_is_no_selector(self, server: Server, said: Any) -> None:
        ears = Ears(server, {**BOARD, "tupleSelector": said})

        assert ears.status == 400
        assert b'expected a tupleSelector as in {"name":"demo.Job","selector":{}}, got ' in ears.received
        assert server.vortex.peers == ()

    def test_is_answered_at_once_by_what_nobody_keeps_or_gathers(self, server: Server) -> None:
        ears = Ears(server)

        assert ears.status == 200
        assert b"Content-Type: text/event-stream" in ears.head
        assert b"Cache-Control: no-store, no-transform" in ears.head
        assert b"X-Accel-Buffering: no" in ears.head
        assert b"Connection: close" in ears.head
        assert b"Content-Length" not in ears.head
        assert ears.body.startswith(b":" + b" " * 2048 + b"\n")
        assert ears.blocks == [{"retry": "1000"}]

    def test_is_read_by_people_without_our_client(self, server: Server) -> None:
        Jobs(
            server,
            Listened(
                name="Ärger",
                due=datetime(2024, 2, 29, 13, 14, 15, tzinfo=UTC),
                seal=b"\x00\xff",
                ratio=float("nan"),
                more=[1, {"a": 2}, Listened(name="inner")],
            ),
        )

        ears = Ears(server, JOBS)

        (row,) = ears.events[0]["tuples"]
        inner = row["more"].pop()
        assert row == {
            "tupleType": "tests.Listened",
            "name": "Ärger",
            "due": "2024-02-29T13:14:15+00:00",
            "seal": "AP8=",
            "ratio": "nan",
            "more": [1, {"a": 2}],
        }
        assert (inner["tupleType"], inner["name"]) == ("tests.Listened", "inner")

    @pytest.mark.parametrize(
        "text", ["a\nb", "a\r\nb", "\r", "\n\nid: 7\n\ndata: x\n\n", "\u2028\x85", "\ud800", "\x00"]
    )
    def test_frames_any_text_right(self, server: Server, text: str) -> None:
        Jobs(server, Listened(name=text))

        ears = Ears(server, JOBS)

        assert ears.names == [text]
        assert b"\r" not in ears.body

    def test_is_of_more_than_one_thing(self, server: Server) -> None:
        jobs = Jobs(server)

        Ears(server, {"key": "jobs", "of": "ada"}, {"key": "jobs", "of": "bob"})

        assert jobs.asked == [{"key": "jobs", "of": "ada"}, {"key": "jobs", "of": "bob"}]

    def test_hears_what_is_said_to_all(self, server: Server) -> None:
        ears = Ears(server, query="vortexName=board")

        server.vortex.send(Payload({"key": "news"}, ["tea"]))
        server.vortex.send(Payload({"key": "news"}, result="it is over"), toName="board")

        assert ears.events == [
            {"filt": {"key": "news"}, "tuples": ["tea"], "result": None},
            {"filt": {"key": "news"}, "tuples": [], "result": "it is over"},
        ]

    def test_makes_a_peer(self, server: Server) -> None:
        Ears(server, query="vortexName=board")

        (peer,) = server.vortex.peers
        assert (peer.name, peer.transport, peer.address) == ("board", "eventsource", "127.0.0.1")

    def test_beats(self, server: Server, clock: Clock) -> None:
        ears = Ears(server)
        before = len(ears.body)

        pass_(clock, 21)

        assert ears.body[before:] == b":\n\n:\n\n"

    def test_of_what_was_asked_for_wrongly_is_told(self, server: Server) -> None:
        assert Ears(server, [1]).status == 400
        assert Ears(server, {"no": "key"}).status == 400
        assert Ears(server, query="filt={").status == 400
        assert Ears(server, {"key": "x", **{str(n): n for n in range(64)}}).status == 400
        assert Ears(server, *[JOBS] * 257).status == 400
        assert server.vortex.peers == ()

    def test_is_not_what_a_head_does(self, server: Server) -> None:
        jobs = Jobs(server)

        ears = Ears(server, JOBS, method="HEAD")

        assert ears.status == 200
        assert b"text/event-stream" in ears.head
        assert server.vortex.peers == ()
        assert jobs.asked == []

    def test_is_asked_for(self, server: Server) -> None:
        assert Ears(server, JOBS, accept="text/html").status == 405


class TestComingBack:
    def test_brings_what_was_missed_and_asks_for_nothing_anew(self, server: Server, clock: Clock) -> None:
        told: list[object] = []
        server.vortex.onSessionEvent(lambda event, peer: told.append(event))
        jobs = Jobs(server, Listened(name="first"))
        ears = Ears(server, JOBS)
        ears.lose()
        tell(server, "second", "third")
        pass_(clock, 3)

        again = ears.comesBack(server, JOBS)
        tell(server, "fourth")

        assert again.names == ["second", "third", "fourth"]
        assert [each for each in again.blocks if "retry" in each] == []
        assert len(server.vortex.peers) == 1
        assert told == [SessionSuspended(), SessionResumed(replayed=0, after=3.0)]
        assert all(filt == JOBS for filt in jobs.asked)

    def test_brings_again_what_was_on_its_way(self, server: Server) -> None:
        jobs = Jobs(server, Listened(name="first"))
        ears = Ears(server, JOBS)
        hasHad = ears.lastId
        jobs.show("second", "third")
        ears.lose()

        again = Ears(server, JOBS, headers=f"{ears.cookie}Last-Event-ID: {hasHad}\r\n")

        assert again.names == ["second", "third"]

    def test_begins_anew_where_too_much_was_missed(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(replayFrames=2))
        jobs = Jobs(server, Listened(name="first"))
        ears = Ears(server, JOBS)
        hasHad = ears.lastId
        jobs.show("second", "third", "fourth")
        ears.lose()

        again = Ears(server, JOBS, headers=f"{ears.cookie}Last-Event-ID: {hasHad}\r\n")

        assert again.names == ["fourth"]
        assert {"event": "reset", "data": '{"reason":"overflow"}'} in again.blocks

    def test_begins_anew_after_two_minutes(self, server: Server, clock: Clock) -> None:
        told: list[object] = []
        server.vortex.onSessionEvent(lambda event, peer: told.append(event))
        Jobs(server, Listened(name="first"))
        ears = Ears(server, JOBS)
        ears.lose()
        pass_(clock, 121)
        assert server.vortex.peers == ()
        assert told == [SessionSuspended(), SessionExpired()]
        assert clock.getDelayedCalls() == []

        again = ears.comesBack(server, JOBS)

        assert again.names == ["first"]
        assert {"event": "reset", "data": '{"reason":"unknown"}'} in again.blocks

    def test_for_something_else_begins_anew(self, server: Server) -> None:
        jobs = Jobs(server, Listened(name="first"))
        ears = Ears(server, {"key": "other"})
        server.vortex.send(Payload({"key": "other"}))
        ears.lose()

        again = ears.comesBack(server, JOBS)
        jobs.show("second")

        assert {"event": "reset", "data": '{"reason":"superseded"}'} in again.blocks
        assert again.names == ["first", "second"]
        assert len(server.vortex.peers) == 1

    def test_ends_the_older_line(self, server: Server) -> None:
        Jobs(server, Listened(name="first"))
        ears = Ears(server, JOBS)

        again = ears.comesBack(server, JOBS)

        assert ears.ended
        assert not again.ended
        assert len(server.vortex.peers) == 1

    def test_is_each_tabs_own_business(self, server: Server) -> None:
        """Tabs of a browser share their cookies."""
        jobs = Jobs(server, Listened(name="first"))
        one = Ears(server, JOBS)
        other = Ears(server, JOBS, headers=one.cookie)
        assert b"Set-Cookie" not in other.head
        one.lose()
        jobs.show("second")

        assert one.comesBack(server, JOBS).names == ["second"]
        assert other.names == ["first", "second"]

    def test_shows_a_cookie_that_no_page_can_read(self, server: Server) -> None:
        cookie = next(line for line in Ears(server).head.split(b"\r\n") if line.startswith(b"Set-Cookie"))

        assert b"; HttpOnly" in cookie
        assert b"; SameSite=Strict" in cookie


class TestTheEnd:
    def test_of_a_slow_one_keeps_its_session(self, clock: Clock) -> None:
        server = Server(clock)
        jobs = Jobs(server, Listened(name="first"))
        ears = Ears(server, JOBS)
        ears.stall()
        jobs.show("second")

        pass_(clock, 21)

        assert ears.closed
        assert ears.comesBack(server, JOBS).names == ["second"]

    def test_comes_where_too_much_waits(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(maxOutboxItems=2))
        ears = Ears(server)
        ears.stall()

        for text in "abc":
            server.vortex.send(Payload({"key": "news"}, [text]))

        assert server.vortex.peers == ()
        assert ears.ended

    def test_comes_with_a_shutdown(self, server: Server, clock: Clock) -> None:
        ears = Ears(server)

        server.vortex.shutdown()
        clock.advance(3)

        assert ears.ended
        assert clock.getDelayedCalls() == []

    def test_of_one_too_many_is_no_error_after_which_none_comes_back(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(maxPeers=1))
        Ears(server)

        other = Ears(server, JOBS)

        assert other.status == 200
        assert b"Content-Type: text/event-stream" in other.head
        assert b"retry: 10000\n:this vortex has its 1 peers (maxPeers)\n\n" in other.received
        assert len(server.vortex.peers) == 1

    def test_of_one_that_is_away_makes_room(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(maxPeers=1))
        Ears(server).lose()

        other = Ears(server, query="vortexName=other")

        assert [peer.name for peer in server.vortex.peers] == ["other"]
        assert not other.ended

    @pytest.mark.parametrize("stayed", [True, False], ids=["stayed a while", "came back"])
    def test_of_newcomers_makes_no_way_into_who_is_known(self, clock: Clock, stayed: bool) -> None:
        server = Server(clock, limits=Limits(maxPeers=3))
        Jobs(server, Listened(name="first"))
        ears = Ears(server, JOBS, query="vortexName=known")
        if stayed:
            pass_(clock, 10)
        else:
            ears.lose()
            ears = ears.comesBack(server, JOBS)
        ears.lose()

        for _ in range(10):
            Ears(server, JOBS).lose()

        assert "known" in [peer.name for peer in server.vortex.peers]
        assert server.vortex.counters["evicted"] == 8


class TestManyThatListen:
    def test_are_kept_no_more_for_than_all_sessions_without_a_connection_may_hold(self, clock: Clock) -> None:
        server = Server(clock, limits=Limits(sessionPool=100_000))
        jobs = Jobs(server)
        ears = [Ears(server, JOBS) for _ in range(10)]

        jobs.show(*(f"{number} {'x' * 1000}" for number in range(100)))
        for each in ears:
            each.lose()

        kept = server.vortex.door.kept
        assert len(kept) == 10
        assert 90_000 < kept.bytes <= 100_000
        assert "evicted" not in server.vortex.counters
