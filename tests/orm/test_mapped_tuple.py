"""Mapped tuples: SQLAlchemy classes whose columns are fields, tried on real rows in SQLite."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Engine,
    Enum,
    Float,
    ForeignKey,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    PickleType,
    String,
    Text,
    TypeDecorator,
    Unicode,
    Uuid,
    inspect,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import (
    Mapped,
    Session,
    declarative_base,
    mapped_column,
    relationship,
)

from tests.orm.mapped_rows import (
    Animal,
    Base,
    Cat,
    Colour,
    Dog,
    Job,
    LegacyBase,
    OldFirst,
    OldLast,
    Step,
    engine,
)
from vortex.errors import DecodeError, EncodeError
from vortex.limits import Limits
from vortex.tuples import (
    Reading,
    Tuple,
    addTupleType,
    describe,
    fieldsOf,
    fromJsonable,
    presentFields,
    toJsonable,
)

__all__ = ["engine"]


def read(cls: Any, **fields: Any) -> Any:
    """An object off the wire, its fields given as JSON has them."""
    return fromJsonable({"_ct": "rt", "_c": cls.__tupleType__, **fields}, Reading(Limits()))


class TestFields:
    def test_are_the_columns_of_the_class_its_mixins_and_bases_and_the_tuple_fields(self) -> None:
        columns = {
            "id",
            "title",
            "due",
            "colour",
            "cost",
            "data",
            "token",
            "made",
            "secret",
            "long",
            "by",
            "at",
        }

        assert set(Job.__tupleFields__) == columns | {"mood", "notes"}

    def test_are_no_relationships_hybrids_expressions_synonyms_proxies_or_plain_attributes(self) -> None:
        others = {
            "steps",
            "numbers",
            "heading",
            "answer",
            "counted",
            "loud",
            "helper",
            "_checkTitle",
            "metadata",
        }

        assert not others & set(Job.__tupleFields__)

    def test_go_by_the_name_of_the_attribute_and_not_of_the_column(self) -> None:
        assert "title" in Job.__tupleFields__
        assert "ttl" not in Job.__tupleFields__

    def test_are_found_in_either_order_of_bases_and_with_either_kind_of_base(self) -> None:
        assert list(Step.__tupleFields__) == ["id", "job_id", "number", "mood"]
        assert list(OldFirst.__tupleFields__) == ["id", "name", "mood"]
        assert list(OldLast.__tupleFields__) == ["id", "name", "mood"]

    def test_of_mapped_bases_come_first(self) -> None:
        assert list(Dog.__tupleFields__) == ["id", "kind", "breed", "mood"]
        assert list(Cat.__tupleFields__) == ["id", "kind", "lives", "mood"]

    def test_that_are_the_primary_key_are_the_key(self) -> None:
        for cls in (Job, Step, Animal, Dog, Cat, OldFirst, OldLast):
            assert [field.name for field in fieldsOf(cls).values() if field.key] == ["id"]

    def test_know_what_the_column_allows_and_says_of_itself(self) -> None:
        fields = {field.name: field for field in describe(Job).fields}

        assert (fields["title"].nullable, fields["due"].nullable, fields["id"].nullable) == (
            False,
            True,
            False,
        )
        assert (fields["title"].default, fields["made"].default) == ("untitled", "'here'")
        assert fields["title"].comment == "what to do"
        assert (fields["secret"].transport, fields["title"].transport) == (False, True)
        assert (fields["colour"].type, fields["cost"].type) == ("Literal['red', 'blue']", "Decimal")

    def test_refuse_a_column_whose_info_holds_something_else(self) -> None:
        with pytest.raises(TypeError, match=r"info\['tupleField'\] of .*Wrong\.id needs a TupleField, got 5"):

            @addTupleType
            class Wrong(Tuple, Base):
                __tupleType__ = "test_mapped.Wrong"
                __tablename__ = "wrong"
                id: Mapped[int] = mapped_column(primary_key=True, info={"tupleField": 5})

    def test_are_found_although_a_class_that_is_related_does_not_exist_yet(self) -> None:
        @addTupleType
        class Early(Tuple, LegacyBase):  # type: ignore[misc]
            __tupleType__ = "test_mapped.Early"
            __tablename__ = "early"
            id = Column(Integer, primary_key=True)
            late_id: Any = Column(ForeignKey("late.id"))
            late = relationship("Late")

        assert list(Early.__tupleFields__) == ["id", "late_id"]

        class Late(LegacyBase):  # type: ignore[misc]
            __tablename__ = "late"
            id = Column(Integer, primary_key=True)

        assert read(Early, id=1).id == 1


class Upper(TypeDecorator[str]):
    impl = String
    cache_ok = True


class Cents(TypeDecorator[int]):
    impl = Numeric
    cache_ok = True

    @property
    def python_type(self) -> type[int]:
        return int


class TestColumnTypes:
    @pytest.mark.parametrize(
        ("columnType", "expected"),
        [
            (Integer(), int),
            (BigInteger().with_variant(Integer(), "sqlite"), int),
            (String(), str),
            (Unicode(), str),
            (Text(), str),
            (Boolean(), bool),
            (Float(), float),
            (Double(), float),
            (Numeric(), Decimal),
            (Numeric(asdecimal=False), float),
            (DateTime(), datetime),
            (Date(), date),
            (Interval(), timedelta),
            (LargeBinary(), bytes),
            (Uuid(), UUID),
            (Uuid(as_uuid=False), str),
            (Enum(Colour), Colour),
            (Enum("a", "b"), Literal["a", "b"]),
            (JSON(), Any),
            (postgresql.JSONB(), Any),
            (postgresql.ARRAY(Integer), list),
            (postgresql.TSVECTOR(), Any),
            (postgresql.INT4RANGE(), Any),
            (PickleType(), Any),
            (Upper(), Any),
            (Cents(), int),
        ],
        ids=repr,
    )
    def test_give_the_field_its_type(self, columnType: Any, expected: Any) -> None:
        cls: Any = type(
            "Holder",
            (Tuple, declarative_base()),
            {
                "__tupleType__": "test_mapped.Holder",
                "__tablename__": "holder",
                "id": Column(Integer, primary_key=True),
                "it": Column(columnType),
            },
        )

        assert fieldsOf(addTupleType(cls))["it"].hint == expected


class TestInit:
    @pytest.mark.parametrize("cls", [Job, OldFirst])
    def test_names_the_nearest_field_where_tuple_comes_first(self, cls: Any) -> None:
        with pytest.raises(TypeError, match=r"has no field 'mod': did you mean 'mood'\?"):
            cls(mod="x")

    @pytest.mark.parametrize("cls", [Step, OldLast])
    def test_is_sqlalchemy_s_where_the_base_comes_first(self, cls: Any) -> None:
        assert cls(mood="x").mood == "x"
        with pytest.raises(TypeError, match="'mod' is an invalid keyword"):
            cls(mod="x")

    def test_takes_relationships_too(self) -> None:
        step = Step(number=3)

        assert Job(title="x", steps=[step]).steps == [step]

    def test_takes_nothing_private(self) -> None:
        with pytest.raises(TypeError, match="no field '_sa_instance_state'"):
            Job(_sa_instance_state=None)  # type: ignore[call-arg]

    def test_gives_each_instance_its_own_defaults(self) -> None:
        one, other = Job(title="a"), Job(title="b")
        one.notes.append("x")

        assert (one.notes, other.notes) == (["x"], [])


class TestIdentity:
    def test_is_kept_instead_of_equality_by_value(self) -> None:
        for cls in (Job, Step, OldFirst, OldLast):
            one: Any = cls(id=1)
            assert one != cls(id=1)
            assert len({one, one}) == 1


class TestRows:
    def test_that_were_loaded_have_the_defaults_of_fields_that_are_no_columns(self, engine: Engine) -> None:
        with Session(engine) as session:
            session.add_all([Job(title="x"), Step(), OldFirst(name="a"), OldLast(name="a")])
            session.commit()
        with Session(engine) as session:
            job = session.scalars(select(Job)).one()
            job.notes.append("mine")

            assert (job.mood, job.notes) == ("calm", ["mine"])
            assert session.scalars(select(Step)).one().mood == "eager"
            assert session.scalars(select(OldFirst)).one().mood == "calm"
            assert session.scalars(select(OldLast)).one().mood == "calm"

    def test_travel_as_tuples(self, engine: Engine) -> None:
        with Session(engine) as session:
            session.add(
                Job(
                    title="Water",
                    due=datetime(2024, 2, 29, 13, 14, 15),  # noqa: DTZ001
                    colour=Colour.RED,
                    cost=Decimal("1.50"),
                    data={"a": [1]},
                    token=UUID(int=1),
                    secret="s3cret",
                )
            )
            session.commit()
        with Session(engine) as session:
            sent = toJsonable(session.scalars(select(Job)).one())

        assert sent == {
            "_ct": "rt",
            "_c": "test_mapped.Job",
            "at": None,
            "by": None,
            "colour": "red",
            "cost": 1.5,
            "data": {"a": [{"_ft": "int", "_fd": 1}]},
            "due": {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.000000+0000"},
            "id": {"_ft": "int", "_fd": 1},
            "long": None,
            "made": "here",
            "mood": "calm",
            "notes": [],
            "title": "Water",
            "token": "00000000-0000-0000-0000-000000000001",
        }

    def test_of_derived_classes_travel_as_what_they_are(self, engine: Engine) -> None:
        with Session(engine) as session:
            session.add_all([Dog(kind="dog", breed="x"), Cat(kind="cat", lives=9)])
            session.commit()
            sent = toJsonable(list(session.scalars(select(Animal).order_by(Animal.id))))

        assert [one["_c"] for one in sent] == ["test_mapped.Dog", "test_mapped.Cat"]
        assert (sent[0]["breed"], sent[1]["lives"]) == ("x", {"_ft": "int", "_fd": 9})

    def test_that_are_loaded_again_after_a_commit_travel_with_what_is_in_the_database(
        self, engine: Engine
    ) -> None:
        with Session(engine) as session:
            job = Job(title="x")
            session.add(job)
            session.commit()

            assert toJsonable(job)["made"] == "here"

    def test_that_were_never_saved_travel_with_none_for_what_is_not_set(self) -> None:
        sent = toJsonable(Job(title="x"))

        assert (sent["id"], sent["due"], sent["long"], sent["made"], sent["mood"]) == (None,) * 4 + ("calm",)

    def test_that_expired_and_lost_their_session_are_an_error_that_knows_the_way_out(
        self, engine: Engine
    ) -> None:
        with Session(engine) as session:
            job = Job(title="x")
            session.add(job)
            session.commit()

        with pytest.raises(EncodeError) as caught:
            toJsonable([job])

        assert caught.value.path.startswith("[0].")
        assert "expire_on_commit=False" in str(caught.value)
        assert "test_mapped.Job" in str(caught.value)
        assert "0x" not in str(caught.value)

    def test_that_left_a_deferred_column_behind_are_an_error_and_not_a_null(self, engine: Engine) -> None:
        with Session(engine) as session:
            session.add(Job(title="x"))
            session.commit()
            session.expunge_all()
            job = session.scalars(select(Job)).one()

        with pytest.raises(EncodeError) as caught:
            toJsonable([job])

        assert caught.value.path == "[0].long"

    def test_in_the_list_of_a_relationship_travel_as_a_list(self, engine: Engine) -> None:
        with Session(engine) as session:
            session.add(Job(title="x", steps=[Step(number=1), Step(number=2)]))
            session.commit()
            sent = toJsonable(session.scalars(select(Job)).one().steps)

        assert [one["number"]["_fd"] for one in sent] == [1, 2]

    def test_are_shown_without_asking_the_database(self, engine: Engine) -> None:
        with Session(engine) as session:
            job = Job(title="x")
            session.add(job)
            session.commit()

        assert repr(job) == "Job(mood='calm', notes=[])"
        assert repr(Job(title="y")) == "Job(title='y', mood='calm', notes=[])"


class TestOffTheWire:
    def test_objects_can_be_stored(self, engine: Engine) -> None:
        job = read(Job, title="Water", colour="blue", cost=2.5, token="00000000-0000-0000-0000-000000000002")
        with Session(engine) as session:
            session.add(job)
            session.commit()
        with Session(engine) as session:
            row = session.scalars(select(Job)).one()

            assert (row.title, row.colour, row.cost) == ("Water", Colour.BLUE, Decimal("2.50"))
            assert (row.token, row.made) == (UUID(int=2), "here")

    def test_know_what_came(self) -> None:
        assert presentFields(read(Job, title="x", due=None)) == {"title", "due"}

    def test_touch_only_what_came_when_they_are_merged(self, engine: Engine) -> None:
        with Session(engine) as session:
            job = Job(title="x", colour=Colour.RED)
            job.by = "me"
            session.add(job)
            session.commit()
        with Session(engine) as session:
            session.merge(read(Job, id={"_ft": "int", "_fd": 1}, title="y", colour=None))
            session.commit()
        with Session(engine) as session:
            row = session.scalars(select(Job)).one()

            assert (row.title, row.by, row.colour) == ("y", "me", None)

    def test_are_noticed_by_sqlalchemy_field_by_field(self) -> None:
        job = read(Job, title="x")
        state: Any = inspect(job)

        assert state.attrs.title.history.added == ["x"]
        assert state.attrs.by.history.added == ()

    @pytest.mark.parametrize(
        "name",
        [
            "steps",
            "numbers",
            "heading",
            "answer",
            "counted",
            "loud",
            "helper",
            "secret",
            "metadata",
            "registry",
        ],
    )
    def test_never_have_anything_but_fields_set(self, name: str) -> None:
        reading = Reading(Limits())
        job = fromJsonable({"_ct": "rt", "_c": "test_mapped.Job", "title": "x", name: "evil"}, reading)

        assert set(job.__dict__) == {"_sa_instance_state", "title"}
        assert reading.unknownFields == 1

    @pytest.mark.parametrize("name", ["_sa_instance_state", "__class__", "__mapper__", "__table__"])
    def test_never_have_anything_private_set(self, name: str) -> None:
        job = read(Job, title="x", **{name: "evil"})

        assert job.__mapper__ is Job.__mapper__
        assert type(job) is Job

    def test_know_their_types(self) -> None:
        for field, value, message in (
            ("title", 5, "expected str, got 5 - at title"),
            ("id", "x", "expected int, got 'x' - at id"),
            ("colour", "green", "expected one of 'red', 'blue', got 'green' - at colour"),
            ("cost", "abc", "expected Decimal, got 'abc' - at cost"),
            ("due", "now", "expected datetime, got 'now' - at due"),
        ):
            with pytest.raises(DecodeError) as caught:
                read(Job, **{field: value})
            assert str(caught.value) == message

    def test_that_the_class_itself_refuses_are_refused_without_its_words(self) -> None:
        with pytest.raises(DecodeError) as caught:
            read(Job, title="swordfish")

        assert str(caught.value) == "a test_mapped.Job does not take that value - at title"
        assert "password" in str(caught.value.__cause__)

    def test_hold_utc_in_a_column_with_a_time_zone(self, engine: Engine) -> None:
        at = {"_ft": "datetime", "_fd": "2024-02-29 23:14:15.000000+1000"}
        job = read(Job, title="x", at=at)
        assert job.at == datetime(2024, 2, 29, 13, 14, 15, tzinfo=UTC)
        assert job.at.tzinfo is UTC

        with Session(engine) as session:
            session.add(job)
            session.commit()
            # SQLite keeps no offset: had the local time been stored, another moment would come back.
            assert toJsonable(job)["at"] == {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.000000+0000"}

    def test_hold_utc_without_saying_so_in_a_column_without_a_time_zone(self) -> None:
        wire = {"_ft": "datetime", "_fd": "2024-02-29 23:14:15.000000+1000"}

        assert read(Job, due=wire).due == datetime(2024, 2, 29, 13, 14, 15)  # noqa: DTZ001
        assert read(Job, due={"_ft": "datetime", "_fd": "2024-02-29"}).due == datetime(2024, 2, 29)  # noqa: DTZ001
        assert toJsonable(read(Job, due=wire))["due"]["_fd"] == "2024-02-29 13:14:15.000000+0000"

    def test_refuse_a_moment_that_utc_does_not_have(self) -> None:
        early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=10)))
        with pytest.raises(DecodeError, match=r"that UTC has too, got 0001-01-01 00:00:00\+10:00 - at due"):
            read(Job, due=toJsonable(early))


class TestImport:
    def test_of_vortex_and_of_plain_tuples_brings_no_sqlalchemy(self) -> None:
        code = """
import sys
import vortex
@vortex.addTupleType
class Job(vortex.Tuple):
    __tupleType__ = "demo.Job"
    id: int
Job(id=1)
assert not any(name.startswith("sqlalchemy") for name in sys.modules)
"""
        subprocess.run([sys.executable, "-c", code], check=True)
