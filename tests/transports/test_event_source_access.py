"""A browser's own EventSource: whose it is, and what it may ask for."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from sqlalchemy.pool import StaticPool
from twisted.internet.task import Clock

from tests.transports.event_listeners import JOBS, Ears, Jobs, Listened
from tests.transports.wires import Server
from vortex import AccessDenied, OrmCrudHandler, Tuple, addTupleType
from vortex.access.principal import Credentials, Principal
from vortex.protocol.payload import Payload
from vortex.routing.payload_endpoint import PayloadEndpoint


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


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
