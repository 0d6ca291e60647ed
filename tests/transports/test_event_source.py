"""A browser's own EventSource, and what it does by RFC 9110 and the HTML standard, by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from sqlalchemy.pool import StaticPool
from twisted.internet.task import Clock

from tests.transports.native_talk import pass_
from tests.transports.wires import PostClient, Server
from vortex import AccessDenied, OrmCrudHandler, Tuple, addTupleType
from vortex.access.principal import Credentials, Principal
from vortex.handlers.model_handler import ModelHandler
from vortex.limits import Limits
from vortex.node.session_events import SessionExpired, SessionResumed
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.payload_endpoint import PayloadEndpoint

JOBS = {"key": "jobs"}


@addTupleType
class Listened(Tuple):
    __tupleType__ = "tests.Listened"

    name: str
    due: datetime | None = None
    seal: bytes | None = None
    ratio: float | None = None
    more: list[Any] | None = None


class Jobs(ModelHandler):
    """Shows what a test puts into it, for as long as *server* is there."""

    def __init__(self, server: Server, *rows: Listened) -> None:
        super().__init__(JOBS, server.vortex)
        server.vortex.onPeerChange(self._stay)
        self.rows: Iterable[Listened] = rows
        self.asked: list[dict[str, Any]] = []

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Listened]:
        self.asked.append(filt)
        return list(self.rows)

    def _stay(self, peer: object, online: bool) -> None: ...

    def show(self, *names: str) -> None:
        for name in names:
            self.rows = [Listened(name=name)]
            self.sendModelUpdate()


class Ears(PostClient):
    """An EventSource: a GET, and what its answer says."""

    def __init__(
        self,
        server: Server,
        *filts: Any,
        method: str = "GET",
        accept: str = "text/event-stream",
        headers: str = "",
        query: str = "",
        address: str = "127.0.0.1",
    ) -> None:
        super().__init__(server.site, address)
        said = [f"filt={quote(json.dumps(filt))}" for filt in filts] + [query]
        self.send(
            (
                f"{method} /vortex?{'&'.join(said)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Accept: {accept}\r\n{headers}\r\n"
            ).encode()
        )

    @property
    def blocks(self) -> list[dict[str, str]]:
        """The fields of each event, comments left out."""
        blocks = []
        for block in self.body.decode("utf-8").split("\n\n"):
            lines = [line for line in block.split("\n") if line and not line.startswith(":")]
            if lines:
                blocks.append(dict(line.split(": ", 1) for line in lines))
        return blocks

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the page gets: the data of events without a name."""
        return [json.loads(b["data"]) for b in self.blocks if "data" in b and "event" not in b]

    @property
    def names(self) -> list[str]:
        return [each["tuples"][0]["name"] for each in self.events]

    @property
    def lastId(self) -> str:
        return [block["id"] for block in self.blocks if "id" in block][-1]

    def comesBack(self, server: Server, *filts: Any, headers: str = "", **more: Any) -> Ears:
        """As a browser does after a cut."""
        headers = f"{self.cookie}Last-Event-ID: {self.lastId}\r\n{headers}"
        return Ears(server, *filts, headers=headers, **more)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


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
        jobs.show("second", "third")
        pass_(clock, 3)

        again = ears.comesBack(server, JOBS)
        jobs.show("fourth")

        assert again.names == ["second", "third", "fourth"]
        assert [each for each in again.blocks if "retry" in each] == []
        assert len(server.vortex.peers) == 1
        assert told == [SessionResumed(replayed=0, after=3.0)]
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
        assert told == [SessionExpired()]
        assert clock.getDelayedCalls() == []

        again = ears.comesBack(server, JOBS)

        assert again.names == ["first"]
        assert {"event": "reset", "data": '{"reason":"unknown"}'} in again.blocks

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


class Names:
    """Everybody is who the header says, until told otherwise."""

    def __init__(self) -> None:
        self.refused: set[str] = set()

    def authenticate(self, credentials: Credentials) -> Principal | None:
        name = credentials.headers.get("x-name")
        if name in self.refused:
            raise AccessDenied("not any more")
        return None if name is None else Principal(name)


class TestOthers:
    """Who knows the id of somebody's session, and is somebody else."""

    @pytest.mark.parametrize("cookie", ["", "Cookie: vortexEvents=" + "x" * 43 + "\r\n"])
    def test_get_nothing_of_it(self, server: Server, cookie: str) -> None:
        Jobs(server, Listened(name="first"))
        ears = Ears(server)
        server.vortex.send(Payload({"key": "secret"}, ["tea"]))
        beginning = ears.lastId.split(".")[0]

        other = Ears(server, headers=f"{cookie}Last-Event-ID: {beginning}.0\r\n")

        assert other.events == []
        assert {"event": "reset", "data": '{"reason":"unknown"}'} in other.blocks
        assert not ears.ended
        assert len(server.vortex.peers) == 2

    def test_get_nothing_of_it_with_the_cookie_of_another_principal(self, clock: Clock) -> None:
        server = Server(clock, authenticator=Names())
        ears = Ears(server, headers="X-Name: ada\r\n")
        server.vortex.send(Payload({"key": "secret"}, ["tea"]))
        beginning = ears.lastId.split(".")[0]

        other = Ears(server, headers=f"X-Name: bob\r\n{ears.cookie}Last-Event-ID: {beginning}.0\r\n")

        assert other.events == []
        assert not ears.ended

    def test_who_were_let_in_once_are_asked_again(self, clock: Clock) -> None:
        names = Names()
        server = Server(clock, authenticator=names)
        ears = Ears(server, headers="X-Name: ada\r\n")
        server.vortex.send(Payload({"key": "secret"}, ["tea"]))
        names.refused.add("ada")

        again = ears.comesBack(server, headers="X-Name: ada\r\n")

        assert again.status == 403

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_who_are_pages_of_other_sites_get_nothing(self, server: Server, site: str) -> None:
        """A page may have such a GET sent without an Origin, and cannot read the answer: it is not to act."""
        jobs = Jobs(server)

        ears = Ears(server, JOBS, headers=f"Sec-Fetch-Site: {site}\r\n")

        assert ears.status == 403
        assert jobs.asked == []

    def test_who_have_a_foreign_origin_get_nothing(self, server: Server) -> None:
        assert Ears(server, JOBS, headers="Origin: https://elsewhere.example\r\n").status == 403

    def test_who_are_an_allowed_page_may_read_it(self, clock: Clock) -> None:
        server = Server(clock, allowedOrigins=["https://board.example"])

        ears = Ears(server, headers="Origin: https://board.example\r\nSec-Fetch-Site: cross-site\r\n")

        assert ears.status == 200
        assert b"Access-Control-Allow-Origin: https://board.example" in ears.head
        assert b"Access-Control-Allow-Credentials: true" in ears.head


class TestReading:
    """Whoever comes by GET changes nothing."""

    def test_calls_no_endpoint_of_an_applications(self, server: Server) -> None:
        called: list[Payload] = []
        endpoint = PayloadEndpoint(JOBS, lambda payload, delivery: called.append(payload), server.vortex)

        ears = Ears(server, JOBS)

        assert called == []
        (event,) = ears.events
        assert event["result"].startswith("access-denied: ")
        assert endpoint.isLive

    def test_reads_records_and_deletes_none(self, server: Server) -> None:
        class Base(DeclarativeBase):
            pass

        @addTupleType
        class Row(Tuple, Base):
            __tablename__ = "Row"
            __tupleType__ = "tests.ListenedRow"
            id: Mapped[int] = mapped_column(primary_key=True)
            text: Mapped[str]

        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        Base.metadata.create_all(engine)
        sessions = sessionmaker(engine)
        with sessions.begin() as session:
            session.add(Row(id=1, text="kept"))
        handler = OrmCrudHandler(sessions, Row, "rows", retrieveAll=True, vortex=server.vortex)

        reader = Ears(server, {"key": "rows", "id": 1})
        deleter = Ears(server, {"key": "rows", "id": 1, "delete": True})

        assert [each["text"] for each in reader.events[0]["tuples"]] == ["kept"]
        assert deleter.events[0]["result"].startswith("access-denied: ")
        with sessions() as session:
            assert session.get(Row, 1) is not None
        handler.shutdown()


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
