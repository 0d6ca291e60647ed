"""Tuples: which fields a class has, and how its instances behave."""

from __future__ import annotations

import copy
import pickle
import types
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from vortex.tuples import Tuple, TupleField, addTupleType, fieldsOf, presentFields
from vortex.tuples.field import UnresolvedHint


@addTupleType
class Job(Tuple):
    __tupleType__ = "test_tuple.Job"

    id: int
    title: str = ""
    tags: list[str] = []  # noqa: RUF012
    note = TupleField(comment="for the gardener")
    at: datetime = TupleField(factory=lambda: datetime(2024, 1, 1, tzinfo=UTC))

    count: ClassVar[int] = 7
    _hidden: int = 3
    plain = "no field"

    def water(self) -> str:
        return f"watering {self.title}"


@addTupleType
class Urgent(Job):
    __tupleType__ = "test_tuple.Urgent"

    title: str = "now"
    deadline: datetime | None = None


def made(cls: type[Any]) -> Any:
    """An instance that nobody has initialised, as a mapper makes them."""
    return object.__new__(cls)


class TestFields:
    def test_are_the_annotated_names_and_the_tuple_fields(self) -> None:
        assert set(Job.__tupleFields__) == {"id", "title", "tags", "note", "at"}

    def test_stand_in_the_order_of_the_annotations(self) -> None:
        assert [name for name in Job.__tupleFields__ if name != "note"] == ["id", "title", "tags", "at"]

    def test_without_annotations_stand_in_the_order_of_the_class(self) -> None:
        @addTupleType
        class Bare(Tuple):
            __tupleType__ = "test_tuple.Bare"
            second = TupleField()
            first = TupleField()
            between: int = TupleField()
            last = TupleField()

        assert list(Bare.__tupleFields__) == ["second", "first", "between", "last"]

    def test_of_bases_come_first_and_keep_their_place_when_declared_again(self) -> None:
        inherited = list(Job.__tupleFields__)

        assert list(Urgent.__tupleFields__) == [*inherited, "deadline"]

    def test_that_are_declared_again_have_the_new_default_and_leave_the_base_alone(self) -> None:
        assert Urgent(id=1).title == "now"
        assert Job(id=1).title == ""

    def test_get_a_new_default_from_a_plain_value_and_keep_the_rest(self) -> None:
        @addTupleType
        class Base(Tuple):
            __tupleType__ = "test_tuple.PlainBase"
            id: int = TupleField(key=True, comment="which")

        @addTupleType
        class Derived(Base):
            __tupleType__ = "test_tuple.PlainDerived"
            id = 5

        field = Derived.__tupleFields__["id"]

        assert (made(Derived).id, field.key, field.comment, field.hint) == (5, True, "which", int)

    def test_of_a_base_that_was_never_decorated_count_too(self) -> None:
        class Named(Tuple):
            name: str = "nobody"

        @addTupleType
        class Person(Named):
            __tupleType__ = "test_tuple.Person"
            age: int

        assert list(Person.__tupleFields__) == ["name", "age"]
        assert Person(age=3).name == "nobody"

    def test_of_a_mixin_that_is_no_tuple_count_if_they_say_so(self) -> None:
        class Stamped:
            by: str = TupleField(default="us")
            unrelated: int = 3

        @addTupleType
        class Note(Stamped, Tuple):
            __tupleType__ = "test_tuple.Note"

        assert list(Note.__tupleFields__) == ["by"]

    @pytest.mark.parametrize(
        "annotation", ["ClassVar[int]", "typing.ClassVar", "t . ClassVar[int]", ClassVar[int]]
    )
    def test_are_never_class_variables(self, annotation: Any) -> None:
        cls: Any = type(
            "Some", (Tuple,), {"__annotations__": {"shared": annotation}, "__tupleType__": "test.Some"}
        )

        assert fieldsOf(cls) == {}

    def test_with_both_a_default_and_a_factory_are_refused(self) -> None:
        with pytest.raises(TypeError, match="not both"):
            TupleField(default=1, factory=int)

    def test_with_a_name_that_every_tuple_has_are_refused(self) -> None:
        with pytest.raises(TypeError, match="'tupleType'"):

            @addTupleType
            class Bad(Tuple):
                __tupleType__ = "test_tuple.Bad"
                tupleType: str  # type: ignore[assignment]

    @pytest.mark.parametrize("name", ["two words", "1st", "class", "x\n    import os", "self"])
    def test_with_a_name_that_is_no_name_are_refused(self, name: str) -> None:
        cls: Any = type("Odd", (Tuple,), {"__annotations__": {name: int}, "__tupleType__": "test_tuple.Odd"})

        with pytest.raises(TypeError, match="Odd"):
            addTupleType(cls)

    def test_that_a_method_hides_are_an_error(self) -> None:
        with pytest.raises(TypeError, match=r"the field 'title' of .*Bad is hidden by .*rename"):

            @addTupleType
            class Bad(Job):
                __tupleType__ = "test_tuple.Bad"

                def title(self) -> str:  # type: ignore[misc, override]
                    return ""


class TestInit:
    def test_takes_fields_by_keyword(self) -> None:
        job = Job(id=1, title="Water the plants", tags=["garden"], note="soon")  # type: ignore[call-arg]

        assert (job.id, job.title, job.tags, job.note) == (1, "Water the plants", ["garden"], "soon")

    def test_leaves_what_is_not_given_at_its_default_or_none(self) -> None:
        job = made(Job)
        job.__init__()

        assert (job.id, job.title, job.tags, job.note) == (None, "", [], None)

    def test_names_the_class_and_the_nearest_field_for_a_keyword_that_is_none(self) -> None:
        with pytest.raises(TypeError, match=r"^Job has no field 'titel': did you mean 'title'\?$"):
            Job(id=1, titel="x")  # type: ignore[call-arg]

    def test_lists_the_fields_where_none_is_near(self) -> None:
        with pytest.raises(
            TypeError, match=r"^Job has no field 'zzz': its fields are id, title, tags, note, at$"
        ):
            Job(id=1, zzz="x")  # type: ignore[call-arg]

    def test_takes_nothing_by_position(self) -> None:
        with pytest.raises(TypeError, match="positional"):
            Job(1)  # type: ignore[call-arg]

    def test_knows_no_field_that_is_a_method_or_private(self) -> None:
        for name in ("water", "_hidden", "__class__", "count", "plain"):
            with pytest.raises(TypeError, match="no field"):
                Job(**{name: 1})  # type: ignore[arg-type]

    def test_of_the_class_itself_is_left_as_it_is_and_can_call_ours(self) -> None:
        @addTupleType
        class Shouting(Job):
            __tupleType__ = "test_tuple.Shouting"
            volume: int = 1

            def __init__(self, title: str, **fields: Any) -> None:
                super().__init__(title=title.upper(), **fields)

        loud = Shouting("hey", volume=11)

        assert (loud.title, loud.volume) == ("HEY", 11)
        with pytest.raises(TypeError, match=r"Shouting has no field 'volum': did you mean 'volume'\?"):
            Shouting("hey", volum=11)

    def test_of_a_class_that_was_never_decorated_works_too(self) -> None:
        class Loose(Tuple):
            a: int
            b: list[int] = []  # noqa: RUF012

        assert repr(Loose(a=1)) == "Loose(a=1, b=[])"
        with pytest.raises(TypeError, match="Loose has no field 'c'"):
            Loose(c=1)  # type: ignore[call-arg]


class TestDefaults:
    def test_that_can_change_are_not_shared(self) -> None:
        one, other = Job(id=1), Job(id=2)
        one.tags.append("mine")

        assert other.tags == []
        assert Job(id=3).tags == []

    def test_are_there_without_init(self) -> None:
        job = made(Job)

        assert (job.id, job.title, job.tags, job.note) == (None, "", [], None)

    def test_that_can_change_stay_with_an_instance_without_init(self) -> None:
        job = made(Job)
        job.tags.append("mine")

        assert job.tags == ["mine"]
        assert made(Job).tags == []

    def test_from_a_factory_are_made_once_for_each_instance_when_it_is_made(self) -> None:
        calls = iter(range(10))

        @addTupleType
        class Numbered(Tuple):
            __tupleType__ = "test_tuple.Numbered"
            number: int = TupleField(factory=lambda: next(calls))

        first, second = Numbered(), Numbered()

        assert (second.number, first.number, first.number) == (1, 0, 0)

    def test_nested_in_a_default_are_not_shared_either(self) -> None:
        @addTupleType
        class Deep(Tuple):
            __tupleType__ = "test_tuple.Deep"
            data: Any = ({"a": [1]},)

        Deep().data[0]["a"].append(2)

        assert Deep().data == ({"a": [1]},)


class TestSetting:
    def test_keeps_the_value_with_the_instance(self) -> None:
        job = made(Job)
        job.title = "x"

        assert job.title == "x"
        assert made(Job).title == ""

    def test_and_deleting_gives_the_default_back(self) -> None:
        job = Job(id=1, title="x")
        del job.title

        assert job.title == ""

    def test_does_not_hide_the_field_of_the_class(self) -> None:
        Job(id=1, title="x")

        assert Job.__dict__["title"] is Job.__tupleFields__["title"]
        assert repr(Job.__dict__["title"]) == "<TupleField Job.title>"


class TestPresentFields:
    def test_are_those_that_were_set(self) -> None:
        assert presentFields(Job(id=1, title="")) >= {"id", "title"}
        assert "note" not in presentFields(Job(id=1))

    def test_do_not_grow_by_reading_a_default(self) -> None:
        job = made(Job)
        assert (job.id, job.title) == (None, "")

        assert presentFields(job) == frozenset()

    def test_grow_by_setting(self) -> None:
        job = made(Job)
        job.note = None

        assert presentFields(job) == {"note"}

    def test_are_fields_only(self) -> None:
        job = made(Job)
        job.other = 1

        assert presentFields(job) == frozenset()


class TestEquality:
    def test_is_by_value(self) -> None:
        assert Job(id=1, tags=["a"]) == Job(id=1, tags=["a"])
        assert Job(id=1) != Job(id=2)

    def test_does_not_tell_a_default_that_was_given_from_one_that_was_not(self) -> None:
        assert Job(id=1, title="") == Job(id=1)

    def test_needs_the_same_class(self) -> None:
        assert Job(id=1, title="now") != Urgent(id=1)
        assert Job(id=1) != object()

    def test_makes_instances_unhashable(self) -> None:
        with pytest.raises(TypeError, match="unhashable"):
            hash(Job(id=1))

    def test_is_the_class_s_own_where_it_has_one(self) -> None:
        @addTupleType
        class ById(Job):
            __tupleType__ = "test_tuple.ById"

            def __eq__(self, other: object) -> bool:
                return isinstance(other, ById) and other.id == self.id

            def __hash__(self) -> int:
                return hash(self.id)

        assert ById(id=1, title="a") == ById(id=1, title="b")
        assert len({ById(id=1), ById(id=1, title="b")}) == 1

    def test_leaves_a_hash_of_the_class_alone(self) -> None:
        @addTupleType
        class Hashed(Tuple):
            __tupleType__ = "test_tuple.Hashed"
            id: int

            def __hash__(self) -> int:
                return self.id

        assert hash(Hashed(id=5)) == 5
        assert Hashed(id=5) == Hashed(id=5)


class TestRepr:
    def test_shows_the_class_and_every_field(self) -> None:
        assert repr(Urgent(id=1, tags=["a"], at=None, deadline=None)) == (  # type: ignore[arg-type]
            "Urgent(id=1, title='now', tags=['a'], note=None, at=None, deadline=None)"
        )

    def test_of_a_tuple_that_contains_itself_ends(self) -> None:
        job = Job(id=1)
        job.note = job

        assert "note=..." in repr(job)


class TestCopies:
    def test_are_equal_and_apart(self) -> None:
        job = Job(id=1, tags=["a"])
        twin = copy.deepcopy(job)
        twin.tags.append("b")

        assert job.tags == ["a"]
        assert copy.copy(job) == job

    def test_survive_a_pickle(self) -> None:
        job = Job(id=1, title="x", tags=["a"])

        assert pickle.loads(pickle.dumps(job)) == job


class TestTupleType:
    def test_is_the_name_on_the_wire(self) -> None:
        assert Job.tupleType() == Job.__tupleType__ == "test_tuple.Job"


class TestAnnotations:
    def test_may_name_the_class_itself_and_classes_that_come_later(self) -> None:
        @addTupleType
        class Node(Tuple):
            __tupleType__ = "test_tuple.Node"
            parent: Node | None = None
            leaves: list[Leaf] = []  # noqa: RUF012

        @addTupleType
        class Leaf(Tuple):
            __tupleType__ = "test_tuple.Leaf"

        assert fieldsOf(Node)["parent"].hint == Node | None
        assert fieldsOf(Node)["leaves"].hint == list[Leaf]

    def test_may_name_what_only_the_function_around_the_class_knows(self) -> None:
        class Own(str):
            pass

        @addTupleType
        class Local(Tuple):
            __tupleType__ = "test_tuple.Local"
            own: Own

        assert fieldsOf(Local)["own"].hint is Own

    def test_that_name_nothing_are_an_error_at_first_use_that_names_class_and_field(self) -> None:
        @addTupleType
        class Broken(Tuple):
            __tupleType__ = "test_tuple.Broken"
            friend: Persn  # type: ignore[name-defined]  # noqa: F821

        with pytest.raises(UnresolvedHint, match=r"Broken\.friend .*'Persn'.* not defined"):
            _ = fieldsOf(Broken)["friend"].hint

    def test_work_in_a_file_that_is_run_without_a_name(self) -> None:
        # As twistd runs a .tac file: with a bare dict for globals.
        code = """
from __future__ import annotations
from decimal import Decimal as Money
from vortex.tuples import Tuple, addTupleType

@addTupleType
class Price(Tuple):
    __tupleType__ = "test_tuple.tac.Price"
    amount: Money
    was: Older | None = None

@addTupleType
class Older(Tuple):
    __tupleType__ = "test_tuple.tac.Older"
"""
        names: dict[str, Any] = {}
        exec(compile(code, "jobs.tac", "exec"), names)
        price = names["Price"]

        assert price.__module__ == "builtins"
        assert fieldsOf(price)["amount"].hint.__name__ == "Decimal"
        assert fieldsOf(price)["was"].hint == names["Older"] | None

    def test_that_are_objects_and_no_texts_work_too(self) -> None:
        code = """
from vortex.tuples import Tuple, addTupleType, TupleField
@addTupleType
class Plain(Tuple):
    __tupleType__ = "test_tuple.Plain"
    a: int
    b: "list[Plain]" = []
    c: list["Plain"] = []
"""
        names: dict[str, Any] = {"__name__": "test_tuple_plain"}
        exec(compile(code, "plain.py", "exec", dont_inherit=True), names)
        hints = [field.hint for field in fieldsOf(names["Plain"]).values()]

        assert hints == [int, *[types.GenericAlias(list, names["Plain"])] * 2]
