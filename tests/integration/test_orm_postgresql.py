"""Rows of a real PostgreSQL: what differs from SQLite - errors, types, transactions that meet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Numeric,
    String,
    UniqueConstraint,
    create_engine,
    text,
)
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from tests.integration.on_reactor import onReactor
from tests.orm.rows import fill, offTheWire, stored
from vortex import OrmCrudExtension, OrmCrudHandler, Payload, Tuple, Vortex, addTupleType
from vortex.errors import (
    ConstraintViolation,
    DatabaseUnavailable,
    DecodeError,
    StaleRecord,
    VortexError,
    errorText,
)
from vortex.orm.crud_work import CrudWork
from vortex.transports.memory import connectInMemory

FILT = {"key": "parcels"}
SOME_UUID = UUID("12345678-1234-5678-1234-567812345678")
NEVER = ("insert", "select", "update", "psycopg", "sqlalche.me", "detail", "relation", "ck_", "uq_")


LATE = ForeignKey("depot.id", deferrable=True, initially="DEFERRED")  # not looked at before the commit


class Base(DeclarativeBase):
    pass


@addTupleType
class Depot(Tuple, Base):
    __tupleType__ = "pgtest.Depot"
    __tablename__ = "depot"
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    city: Mapped[str | None] = mapped_column(String(10))


@addTupleType
class Parcel(Tuple, Base):
    __tupleType__ = "pgtest.Parcel"
    __tablename__ = "parcel"
    __table_args__ = (
        UniqueConstraint("shelf", "box_number", name="uq_place"),
        CheckConstraint("weight > 0", name="ck_weight"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(unique=True)
    shelf: Mapped[str | None]
    box: Mapped[int | None] = mapped_column("box_number")
    weight: Mapped[Decimal | None] = mapped_column(Numeric(8, 2))
    sent: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    packed: Mapped[datetime | None] = mapped_column(DateTime)
    notes: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    made: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    depotId: Mapped[UUID | None] = mapped_column(LATE)


@pytest.fixture
def engine(postgresqlUrl: str) -> Iterator[Engine]:
    engine = create_engine(postgresqlUrl, connect_args={"options": "-c timezone=Australia/Brisbane"})
    Base.metadata.create_all(engine)
    fill(engine, "insert into parcel (label, shelf, box_number) values ('one', 'A', 1), ('two', 'A', 2)")
    yield engine
    Base.metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def parcels(engine: Engine) -> CrudWork:
    return CrudWork(sessionmaker(engine), [Parcel, Depot])


def parcel(**fields: Any) -> Any:
    return offTheWire(Parcel, **fields)


def refused(kind: type[VortexError], work: Callable[[], Any]) -> str:
    with pytest.raises(kind) as caught:
        work()
    told = errorText(caught.value)
    assert not [word for word in NEVER if word in told.lower()], told
    return told


class TestErrors:
    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"label": "one"}, "another record has the same label"),
            ({"label": "three", "shelf": "A", "box": 1}, "another record has the same shelf, box"),
            ({"label": None}, "label must not be null"),
            ({"label": "three", "weight": -1.0}, "the database has a rule that the record does not keep"),
            (
                {"label": "three", "depotId": str(SOME_UUID)},
                "it refers to a record that is not there, or is still referred to itself",
            ),
        ],
    )
    def test_of_constraints_name_fields_only(
        self, parcels: CrudWork, engine: Engine, fields: dict[str, Any], told: str
    ) -> None:
        tuples = [parcel(label="good"), parcel(**fields)]

        assert refused(ConstraintViolation, lambda: parcels.save(tuples, FILT)) == (
            f"constraint-violation: {told}"
        )

        assert stored(engine, "select label from parcel order by id") == [("one",), ("two",)]

    @pytest.mark.parametrize(
        ("cls", "fields"),
        [
            (Depot, {"city": "much too long for its column"}),
            (Parcel, {"label": "three", "weight": 12345678.0}),
            (Parcel, {"label": "nul \0 byte"}),
            (Parcel, {"label": "lone \ud800 surrogate"}),
            (Parcel, {"label": "three", "box": 1 << 40}),
            (Parcel, {"label": "three", "box": 1 << 70}),
        ],
    )
    def test_of_values_are_bad_payloads(
        self, parcels: CrudWork, engine: Engine, cls: Any, fields: dict[str, Any]
    ) -> None:
        told = refused(DecodeError, lambda: parcels.save([offTheWire(cls, **fields)], FILT))

        assert told.startswith("bad-payload: the database cannot hold one of the values")
        assert stored(engine, "select count(*) from parcel") == [(2,)]

    def test_of_a_key_out_of_range(self, parcels: CrudWork) -> None:
        for key in (1 << 40, 1 << 70):
            told = refused(DecodeError, lambda key=key: parcels.load((key,), FILT))  # type: ignore[misc]
            assert told.startswith("bad-payload: the database cannot hold one of the values")

    def test_of_a_lock_that_is_not_to_be_had(self, parcels: CrudWork, engine: Engine) -> None:
        class Impatient(OrmCrudExtension):
            def beforeUpdate(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                session.execute(text("set local lock_timeout = '1ms'"))

        parcels.addExtension(Parcel, Impatient())

        with engine.begin() as holder:
            holder.execute(text("select * from parcel for update"))
            told = refused(DatabaseUnavailable, lambda: parcels.save([parcel(id=1, label="new")], FILT))

        assert told == "database-unavailable: the database cannot do this at the moment: try again"

    def test_of_transactions_that_cannot_both_be(self, postgresqlUrl: str, engine: Engine) -> None:
        serializable = create_engine(postgresqlUrl, isolation_level="SERIALIZABLE")

        class Overtaken(OrmCrudExtension):
            def beforeUpdate(self, *arguments: Any) -> None:
                fill(engine, "update parcel set shelf = 'B' where id = 1")

        work = CrudWork(sessionmaker(serializable), [Parcel])
        work.addExtension(Parcel, Overtaken())

        refused(StaleRecord, lambda: work.save([parcel(id=1, shelf="C")], FILT))

        assert stored(engine, "select shelf from parcel where id = 1") == [("B",)]
        serializable.dispose()

    def test_of_a_server_that_is_not_there(self) -> None:
        nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")

        told = refused(
            DatabaseUnavailable, lambda: CrudWork(sessionmaker(nowhere), [Parcel]).load((1,), FILT)
        )

        assert "127.0.0.1" not in told

    def test_of_a_connection_that_was_cut(self, parcels: CrudWork, engine: Engine) -> None:
        class Cut(OrmCrudExtension):
            def beforeUpdate(self, tuple_: Any, tuples: Any, session: Session, filt: Any) -> None:
                pid = session.scalar(text("select pg_backend_pid()"))
                stored(engine, f"select pg_terminate_backend({pid})")

        parcels.addExtension(Parcel, Cut())

        refused(DatabaseUnavailable, lambda: parcels.save([parcel(id=1, label="new")], FILT))

        assert [row.label for row in parcels.load((1,), FILT).tuples] == ["one"]


class TestValues:
    def test_come_back_as_the_database_has_them(self, parcels: CrudWork, engine: Engine) -> None:
        when = {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.123456+1000"}
        fields = {"weight": 1.005, "sent": when, "packed": when, "notes": {"a": [1.5, None, "é"]}}

        (row,) = parcels.save([parcel(label="three", **fields)], FILT).tuples

        assert row.weight == Decimal("1.01")
        assert row.sent == datetime(2024, 2, 29, 3, 14, 15, 123456, tzinfo=UTC)
        assert row.packed == datetime(2024, 2, 29, 3, 14, 15, 123456)  # noqa: DTZ001
        assert row.notes == {"a": [1.5, None, "é"]}
        assert row.made is not None
        assert stored(
            engine, "select (packed)::text, sent at time zone 'UTC' = packed from parcel where id = 3"
        ) == [("2024-02-29 03:14:15.123456", True)]

    def test_of_a_key_that_the_database_makes(self, parcels: CrudWork, engine: Engine) -> None:
        (depot,) = parcels.save([offTheWire(Depot, city="Perth")], FILT).tuples

        assert stored(engine, "select id, city from depot") == [(depot.id, "Perth")]
        (again,) = parcels.save([offTheWire(Depot, id=str(depot.id), city="Hobart")], FILT).tuples
        assert again.id == depot.id
        assert stored(engine, "select city from depot") == [("Hobart",)]

    def test_that_different_clients_change_in_one_row_all_survive(
        self, parcels: CrudWork, engine: Engine
    ) -> None:
        barrier = threading.Barrier(2, timeout=10)

        class Together(OrmCrudExtension):
            def beforeUpdate(self, *arguments: Any) -> None:
                barrier.wait()

        parcels.addExtension(Parcel, Together())
        with ThreadPoolExecutor(2) as threads:
            list(
                threads.map(
                    lambda fields: parcels.save([parcel(id=1, **fields)], FILT), [{"shelf": "Z"}, {"box": 9}]
                )
            )

        assert stored(engine, "select shelf, box_number from parcel where id = 1") == [("Z", 9)]


class TestOverALink:
    @onReactor
    async def test_rows_are_made_changed_pushed_and_deleted(self, engine: Engine) -> None:
        server, client = Vortex("server"), Vortex("client")
        handler = OrmCrudHandler(sessionmaker(engine), Parcel, FILT, vortex=server)
        link = connectInMemory(server, client)
        await client.runInThread(lambda: None)
        while not client.peers:
            await client.runInThread(lambda: None)

        made = await client.request(Payload(FILT, [parcel(label="three")]))
        loaded = await client.request(Payload({**FILT, "id": 3}))
        deleted = await client.request(Payload({**FILT, "id": 3, "delete": True}))

        assert [row.id for row in made.tuples] == [3]
        assert [row.label for row in loaded.tuples] == ["three"]
        assert (deleted.tuples, deleted.result) == ([], True)
        assert stored(engine, "select id from parcel order by id") == [(1,), (2,)]
        handler.shutdown()
        link.close()
        await server.shutdown()
