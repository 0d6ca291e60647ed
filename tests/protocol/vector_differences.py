"""
Where we differ from the peers that were recorded: each vector, why, and what we make of it.

A vector that stands here and does not differ any more fails its test.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["DECODED", "ENCODED", "REFUSED", "Difference"]

REFUSED = "<refused>"


class Difference(NamedTuple):
    """
    Attributes:
        why: The reason.
        ours: What we make of it: a notation when reading, the JSON of the field when writing, or `REFUSED`.
    """

    why: str
    ours: Any


def utc(text: str) -> Any:
    return {"datetime": text + "+00:00", "aware": True}


def envelope(**parts: Any) -> Any:
    return {
        "envelope": {"filt": {"dict": [["key", "k"]]}, "data": None, "result": None, "date": None} | parts
    }


UNKNOWN_FIELD = "only declared fields are ever set on an object; what else comes is dropped and counted"
NO_DATE = "the peer makes up a date when none came; we say that there was none"
READABLE = "the peer refuses its own, or another peer's, readable date"

BODY = (
    "eNpFjc0KgzAQhF+l7LVRkqiF5il66qUUCXEFafzBbkUJefduCqF72ZnZ4dsArSMwsC4gWLLa5pVwL2/28LPt8uZrP3huBnjhkWro"
    "OJtS0PaJMEyUEH0HRsUogD6LxzeYR8gvKL+wbsTy/gNsbHeITwGdJfzTkqNhxIwELXVdSF3o60lVRtVGNaXSVd1czpIHYvwC2dM6"
    "8Q=="
)

ONE_TUPLE = "tuples are a list: a body that is one bare value is the only tuple"
DICT_BODY = envelope(data=[{"dict": [["a", {"int": "1"}]]}], date=utc("2024-02-29T13:14:15.123456"))

DECODED: dict[str, Difference] = {
    # ---- bytes of VortexPY 6.2.2, and such as were made by hand and given to it
    "tuple_field.dt_year_1": Difference(READABLE + ": it does not pad years", utc("0001-01-01T00:00:00")),
    "tuple_field.date_only": Difference(READABLE, {"date": "2024-02-29"}),
    "decode_only.dt_no_micro": Difference(READABLE, utc("2017-06-06T09:40:37")),
    "tuple_field.dict_numeric_str_keys": Difference(
        "a key becomes a number only if that number prints as the key, so none is lost",
        {
            "dict": [
                [{"int": "1"}, "a"],
                ["01", "b"],
                ["1e3", "c"],
                [{"float": "1.5"}, "d"],
                [{"float": "nan"}, "e"],
                [" 7 ", "f"],
                ["1_000", "g"],
                [{"float": "inf"}, "h"],
            ]
        },
    ),
    "decode_only.substr_type_s": Difference("the peer takes any part of a type's name for the type", REFUSED),
    "decode_only.empty_type": Difference("the peer takes any part of a type's name for the type", REFUSED),
    "decode_only.tuple_extra_field": Difference(
        UNKNOWN_FIELD, {"tuple": "acme.Vec", "fields": {"v": {"int": "1"}}}
    ),
    "decode_only.tuple_method_overwrite": Difference(
        UNKNOWN_FIELD, {"tuple": "acme.Vec", "fields": {"v": {"int": "1"}}}
    ),
    "decode_only.wkb": Difference(
        "the peer needs shapely; we hand on the well-known binary form as it is", {"bytes": "AAAA"}
    ),
    "decode_only.envelope.no_date": Difference(NO_DATE, envelope()),
    "decode_only.envelope.overwrites_method": Difference(NO_DATE, envelope()),
    "decode_only.envelope.both_fields_reversed": Difference(NO_DATE, envelope(data=BODY)),
    # ---- bytes of VortexJS, which VortexPY 6.2.2 was given too
    "js.envelope.filt_latin1": Difference(
        "the peer reads UTF-8 only; VortexJS writes Latin-1",
        envelope(filt={"dict": [["key", "\xe9"]]}, date=utc("2024-02-29T13:14:15.123000")),
    ),
    # ---- bytes of VortexPY 6.2.2 that only VortexJS's reading was recorded of; against the rules
    "js_decodes.decode_only.tuple_no_c": Difference(
        "a tuple without the name of its type: VortexJS has a generic one, we have none", REFUSED
    ),
    "js_decodes.envelope.data_dict.raw": Difference(ONE_TUPLE, DICT_BODY),
    "js_decodes.envelope.data_dict.b64": Difference(ONE_TUPLE, DICT_BODY),
}
"""By name, what we read."""

CANNOT = "the peer has no form for it, we have"
WRAPPED = "the peer's own dict would be taken for a typed value; ours is wrapped, and read back"
NO_NUMBER = "JavaScript's JSON has no such number"
UNDERSCORE = "VortexJS drops keys that begin with _"
LIST_BODY = {"filt": {"key": "k"}, "tuples": [{"_ft": "int", "_fd": 1}, "x", None]}
NO_LIST_BODY = "we send tuples in a payload, never as a bare list"

ENCODED: dict[str, Difference] = {
    # ---- against VortexPY 6.2.2
    "tuple_field.dt_year_1": Difference(
        "the peer does not pad years, and cannot read that",
        {"_ft": "datetime", "_fd": "0001-01-01 00:00:00.000000+0000"},
    ),
    "tuple_field.dict_empty_key": Difference(
        "the peer drops falsy keys in silence", {"": {"_ft": "int", "_fd": 1}}
    ),
    "tuple_field.dict_none_key": Difference("the peer drops falsy keys in silence; None is no key", REFUSED),
    "tuple_field.dict_with_ft_key": Difference(
        WRAPPED, {"_ft": "dict", "_fd": {"_ft": "hello", "x": {"_ft": "int", "_fd": 1}}}
    ),
    "tuple_field.dict_with_ct_key": Difference(WRAPPED, {"_ft": "dict", "_fd": {"_ct": "hello"}}),
    "tuple_field.frozenset": Difference(CANNOT, [{"_ft": "int", "_fd": 1}]),
    "tuple_field.enum_plain": Difference(CANNOT, {"_ft": "int", "_fd": 1}),
    "tuple_field.raw_field_datetime": Difference(
        "the peer's raw fields go into JSON as they are; we have none, all are typed",
        {
            "_ct": "rt",
            "_c": "acme.Raw",
            "n": {"_ft": "int", "_fd": 1},
            "raw": {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.123456+0000"},
        },
    ),
    "selector_str.mixed_keys": Difference(
        "the peer sorts keys, which it cannot if there are texts and numbers",
        {"name": "acme.Vec", "selector": {"a": {"_ft": "int", "_fd": 1}, "3": "k"}},
    ),
    # ---- against VortexJS 2.4.2, by meaning
    "js.tuple_field.neg_zero": Difference(NO_NUMBER, -0.0),
    "js.tuple_field.nan": Difference(NO_NUMBER, float("nan")),
    "js.tuple_field.inf": Difference(NO_NUMBER, float("inf")),
    "js.tuple_field.map": Difference(CANNOT, {}),
    "js.tuple_field.uint8array": Difference(
        CANNOT + ", once it is a dict", {"0": {"_ft": "int", "_fd": 1}, "1": {"_ft": "int", "_fd": 2}}
    ),
    "js.tuple_field.dict_underscore": Difference(
        UNDERSCORE, {"_x": {"_ft": "int", "_fd": 1}, "y": {"_ft": "int", "_fd": 2}}
    ),
    "js.envelope.filt_underscore": Difference(
        UNDERSCORE, {"filt": {"key": "k", "_internal": "vortexRPC"}, "tuples": None}
    ),
    "js_brisbane.tuple_field.date_no_ms": Difference(
        "VortexJS sends the offset of the place where it runs",
        {"_ft": "datetime", "_fd": "2024-01-01 00:00:00.000000+0000"},
    ),
    "js_brisbane.tuple_field.date_invalid": Difference("Python has no invalid date", REFUSED),
    "envelope.data_list.raw": Difference(NO_LIST_BODY, LIST_BODY),
    "envelope.data_list.b64": Difference(NO_LIST_BODY, LIST_BODY),
}
"""By name, what we write in the field's place; of an envelope its filt, and the tuples in its payload."""
