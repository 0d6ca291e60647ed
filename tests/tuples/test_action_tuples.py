"""What travels of actions and changes: VortexPY's names, and its bytes as they were recorded."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from vortex import DecodeError, Limits, TupleSelector
from vortex.tuples import Reading, fromJsonable, toJsonable
from vortex.tuples.action_tuples import TupleAction, TupleGenericAction, TupleUpdateAction
from vortex.tuples.change import TupleChange

VECTORS = Path(__file__).parent.parent / "vectors"
WHEN = datetime(2024, 2, 29, 13, 14, 15, 123456, tzinfo=UTC)


def recorded(file: str, name: str) -> Any:
    """The JSON of one tuple, as a real peer has written it."""
    vectors = json.loads((VECTORS / f"{file}.json").read_text())["vectors"]
    return next(vector["field_json"] for vector in vectors if vector["name"] == name)


def read(jsonable: Any) -> Any:
    return fromJsonable(jsonable, Reading(Limits()))


class TestGenericAction:
    def test_reads_what_vortexpy_writes(self) -> None:
        action = read(recorded("codec_vortexpy622", "tuple_field.generic_action"))

        assert action == TupleGenericAction(uuid="u-1", dateTime=WHEN, key="k", data={"a": 1})

    def test_reads_what_javascript_writes_whose_uuid_is_a_number(self) -> None:
        action = read(recorded("codec_vortexjs242", "js.tuple_field.generic_action"))

        assert action.uuid == 1700000000000.25
        assert (action.key, action.data) == ("k", {"a": 1})

    def test_is_written_as_vortexpy_writes_it(self) -> None:
        action = TupleGenericAction(uuid="u-1", dateTime=WHEN, key="k", data={"a": 1})

        assert toJsonable(action) == recorded("codec_vortexpy622", "tuple_field.generic_action")


class TestUpdateAction:
    def test_has_the_names_of_the_wire(self) -> None:
        changes = [{"fieldName": "v", "oldValue": 1.5, "newValue": 2.5}]
        action = TupleUpdateAction(
            uuid="u-2", dateTime=WHEN, tupleSelector=TupleSelector(name="acme.Vec"), tupleChanges=changes
        )

        assert toJsonable(action) == {
            "_ct": "rt",
            "_c": "vortex.TupleUpdateAction",
            "data": None,
            "dateTime": {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.123456+0000"},
            "tupleChanges": [{"fieldName": "v", "oldValue": 1.5, "newValue": 2.5}],
            "tupleSelector": {"_ct": "rt", "_c": "vortex.TupleSelector", "name": "acme.Vec", "selector": {}},
            "uuid": "u-2",
        }


class TestAnAction:
    def test_has_a_uuid_of_its_own(self) -> None:
        assert TupleGenericAction().uuid != TupleGenericAction().uuid
        assert isinstance(TupleAction().uuid, str)

    def test_says_when_it_was_made(self) -> None:
        before = datetime.now(UTC)

        assert before <= TupleGenericAction().dateTime <= datetime.now(UTC)

    def test_takes_no_uuid_that_is_neither_a_text_nor_a_number(self) -> None:
        with pytest.raises(DecodeError, match="uuid"):
            read({"_ct": "rt", "_c": "vortex.TupleGenericAction", "uuid": [1]})


class TestAChange:
    def test_has_the_names_of_the_wire(self) -> None:
        change = TupleChange(op="created", key="7", record=TupleSelector(name="a"), fields=["name"])

        assert toJsonable(change) == {
            "_ct": "rt",
            "_c": "vortex.TupleChange",
            "fields": ["name"],
            "key": "7",
            "op": "created",
            "owner": None,
            "record": {"_ct": "rt", "_c": "vortex.TupleSelector", "name": "a", "selector": {}},
        }

    def test_takes_no_other_op(self) -> None:
        with pytest.raises(DecodeError, match="op"):
            read({"_ct": "rt", "_c": "vortex.TupleChange", "op": "vanished"})
