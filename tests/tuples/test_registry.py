"""The registry: one name, one class."""

from __future__ import annotations

from typing import Any

import pytest

from vortex.errors import DuplicateName, UnknownTupleType
from vortex.limits import Limits
from vortex.tuples import Reading, Tuple, addTupleType, fromJsonable, toJsonable, tupleTypeNamed, tupleTypes


def register(tupleType: str, qualname: str = "Job", module: str = "peek.tuples", **body: Any) -> Any:
    """A class of that name, as if it stood in that module."""
    cls: Any = type(
        qualname.rpartition(".")[2],
        (Tuple,),
        {"__tupleType__": tupleType, "__qualname__": qualname, "__module__": module, **body},
    )
    return addTupleType(cls)


class TestRegistering:
    def test_lets_a_name_stand_for_a_class(self) -> None:
        job = register("test_registry.Job")

        assert tupleTypeNamed("test_registry.Job") is job
        assert dict(tupleTypes())["test_registry.Job"] is job

    def test_a_second_class_under_a_name_says_who_has_it_and_the_way_out(self) -> None:
        first = register("test_registry.Taken")

        with pytest.raises(DuplicateName) as caught:
            register("test_registry.Taken", qualname="Other", module="peek.other")

        assert str(caught.value) == (
            "tuple type 'test_registry.Taken' is already registered by peek.tuples.Job: "
            "give peek.other.Other a __tupleType__ of its own"
        )
        assert tupleTypeNamed("test_registry.Taken") is first

    @pytest.mark.parametrize(
        ("qualname", "module"),
        [("Job", "peek.other"), ("Other", "peek.tuples"), ("Outer.Job", "peek.tuples")],
    )
    def test_neither_the_module_nor_the_name_alone_makes_a_class_the_same(
        self, qualname: str, module: str
    ) -> None:
        register("test_registry.Half")

        with pytest.raises(DuplicateName):
            register("test_registry.Half", qualname=qualname, module=module)

    def test_the_same_class_again_replaces_it_as_a_reload_does(self) -> None:
        register("test_registry.Reloaded")
        again = register("test_registry.Reloaded")

        assert tupleTypeNamed("test_registry.Reloaded") is again

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("__main__", "peek.tuples"),
            ("peek.tuples", "__main__"),
            ("builtins", "builtins"),
            ("builtins", "peek"),
        ],
    )
    def test_a_script_that_runs_again_replaces_its_classes(self, before: str, after: str) -> None:
        register("test_registry.Script", module=before)
        again = register("test_registry.Script", module=after)

        assert tupleTypeNamed("test_registry.Script") is again
        # For the next case: the name is free for every module again.
        register("test_registry.Script", module="__main__")

    def test_a_script_does_not_replace_another_class(self) -> None:
        register("test_registry.Kept", module="peek.tuples")

        with pytest.raises(DuplicateName):
            register("test_registry.Kept", qualname="Other", module="__main__")

    def test_what_was_compiled_for_the_old_class_is_not_used_for_the_new_one(self) -> None:
        old = register("test_registry.Changed", __annotations__={"a": int})
        wire = {"_ct": "rt", "_c": "test_registry.Changed", "a": 1, "b": 2}
        assert fromJsonable(wire, Reading(Limits())).a == 1
        assert toJsonable(old(a=1))["a"] == {"_ft": "int", "_fd": 1}

        new = register("test_registry.Changed", __annotations__={"b": int})

        assert type(fromJsonable(wire, Reading(Limits()))) is new
        assert fromJsonable(wire, Reading(Limits())).b == 2
        assert toJsonable(new(b=2)) == {
            "_ct": "rt",
            "_c": "test_registry.Changed",
            "b": {"_ft": "int", "_fd": 2},
        }


class TestTypeName:
    def test_is_asked_for_where_there_is_none(self) -> None:
        with pytest.raises(
            TypeError, match=r"Nameless needs a __tupleType__ of its own: .* \"demo\.Nameless\""
        ):

            @addTupleType
            class Nameless(Tuple):
                pass

    def test_of_a_base_is_not_enough(self) -> None:
        base = register("test_registry.Base")

        with pytest.raises(TypeError, match=r"of its own \(that of its base is 'test_registry\.Base'\)"):
            addTupleType(type("Derived", (base,), {}))

    @pytest.mark.parametrize("name", ["", 5, None, b"demo.Job"])
    def test_must_be_a_text(self, name: Any) -> None:
        with pytest.raises(TypeError, match="needs a __tupleType__ of its own"):
            register(name)


class TestDecorator:
    @pytest.mark.parametrize("thing", [object, 5, lambda: None])
    def test_refuses_what_is_no_tuple(self, thing: Any) -> None:
        with pytest.raises(TypeError, match="derived from Tuple"):
            addTupleType(thing)


class TestUnknownType:
    def test_is_an_error_that_names_it(self) -> None:
        with pytest.raises(UnknownTupleType, match=r"^tuple type 'no\.such' is not registered here$"):
            tupleTypeNamed("no.such")

    def test_is_not_repeated_at_length(self) -> None:
        with pytest.raises(UnknownTupleType) as caught:
            tupleTypeNamed("x" * 1_000_000)

        assert len(str(caught.value)) < 200
