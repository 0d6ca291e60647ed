"""How large native messages are: never larger than what VortexPY 6.2.2 has for the same payload."""

from __future__ import annotations

import base64
import json
import random
import zlib
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.vector_files import notationOf
from vortex.limits import Limits
from vortex.protocol.envelope import Form, Message
from vortex.protocol.native_message import decodeNativeMessage, encodeNativeMessage
from vortex.protocol.payload import Payload
from vortex.tuples import Tuple, addTupleType

MOMENT = datetime(2024, 2, 29, 13, 14, 15, 123456, UTC)
FILT = {"key": "k"}
KINDS: list[Any] = [
    None,
    True,
    7,
    10**40,
    2.5,
    float("nan"),
    -0.0,
    "text",
    b"bytes",
    MOMENT,
    date(2024, 2, 29),
]
"""A value of each kind."""


@addTupleType
class Bare(Tuple):
    __tupleType__ = "size.Bare"


@addTupleType
class One(Tuple):
    __tupleType__ = "size.One"
    v: Any = None


@addTupleType
class Wide(Tuple):
    __tupleType__ = "size.Wide"
    aFieldWithALongName: Any = None
    anotherFieldWithALongName: Any = None
    yetAnotherFieldWithALongName: Any = None


def noise(length: int) -> bytes:
    """Bytes that no compression makes fewer."""
    return random.Random(length).randbytes(length)


def oftenNested(levels: int) -> Any:
    value: Any = {"q": []}
    for level in range(levels):
        value = [One(v=value)] if level % 2 else {"a": value}
    return value


PAYLOADS: dict[str, tuple[dict[str, Any], list[Any] | None, Any]] = {
    "nothing": ({}, None, None),
    "a filt": (FILT, None, None),
    "an empty list": (FILT, [], None),
    "a result": (FILT, None, KINDS),
    "a tuple in the filt": ({"key": "k", "t": One(v=One(v=1))}, None, None),
    "one tuple without fields": (FILT, [Bare()], None),
    "one tuple": (FILT, [Wide(aFieldWithALongName=1)], None),
    "one tuple of which all is None": (FILT, [Wide()], None),
    "many tuples of which all is None": (FILT, [Wide() for _ in range(1000)], None),
    "many times None": (FILT, [None] * 1000, None),
    "a long text": (FILT, ["\u00e4" * 100_000], None),
    "a long text of noise": (FILT, [noise(50_000).hex()], None),
    "texts of other scripts": ({"\u6f22": "\U0001f600"}, ["\u6f22\U0001f600" * 50, '\x00"\\' * 50], None),
    "bytes": (FILT, [noise(50_000)], None),
    "a tuple with bytes": (FILT, [One(v=noise(50_000))], None),
    "values of each kind": (FILT, KINDS, None),
    "a column of each kind": (FILT, [One(v=value) for value in KINDS], None),
    "one column of many kinds": (FILT, [One(v=value) for value in KINDS * 100], None),
    "nested": (FILT, [One(v=oftenNested(7))], None),
    "often nested": (FILT, [One(v=oftenNested(7)) for _ in range(200)], None),
    "two types in turn": (FILT, [Bare() if n % 2 else One(v=n) for n in range(1000)], None),
    "types and values in turn": (
        FILT,
        [(Bare(), One(v=n), Wide(), n, "x")[n % 5] for n in range(1000)],
        None,
    ),
    "wide ones, each with another field": (
        FILT,
        [Wide(**{(*Wide.__tupleFields__,)[n % 3]: str(n)}) for n in range(300)],
        None,
    ),
}


def ofManyTypes(count: int, fields: int) -> list[Any]:
    """So many tuples, each of another type than the one before."""
    classes: list[Any] = []
    for number in range(20):
        names = dict.fromkeys((f"field{number}{each}" for each in range(fields)), Any)
        name = f"Mixed{fields}x{number}"
        space = {"__tupleType__": f"size.{name}", "__annotations__": names, "__module__": __name__}
        classes.append(addTupleType(type(name, (Tuple,), space)))
    chosen = random.Random(count)
    return [
        cls(**{name: chosen.choice(KINDS) for name in cls.__tupleFields__})
        for cls in (classes[number % len(classes)] for number in range(count))
    ]


def sizeOfVortexPys(payload: Payload) -> int:
    """
    How many bytes VortexPY 6.2.2 has for it at the least, on a WebSocket: without the blanks in its JSON, and
    compressed as much as zlib can.
    """
    message = json.loads(Message(payload).encoded(Form.RAW))
    if message["data"] is not None:
        body = zlib.decompress(base64.b64decode(message["data"]))
        message["data"] = base64.b64encode(zlib.compress(body, 9)).decode()
    return len(json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode())


def assertNotLarger(payload: Payload) -> None:
    payload.date = MOMENT
    native = encodeNativeMessage(Message(payload))

    assert len(native) <= sizeOfVortexPys(payload)
    assert notationOf(Payload.fromEnvelope(decodeNativeMessage(native, Limits()), Limits()).tuples) == (
        notationOf(payload.tuples)
    )


class TestAMessage:
    @pytest.mark.parametrize(("filt", "tuples", "result"), PAYLOADS.values(), ids=PAYLOADS)
    def test_is_no_larger_than_vortexpys(
        self, filt: dict[str, Any], tuples: list[Any] | None, result: Any
    ) -> None:
        assertNotLarger(Payload(filt, tuples, result))

    @pytest.mark.parametrize("count", [1, 2, 3, 5, 10, 30, 100, 1000])
    @pytest.mark.parametrize("fields", [0, 1, 5, 20])
    def test_of_many_types_in_turn_is_no_larger_than_vortexpys(self, count: int, fields: int) -> None:
        assertNotLarger(Payload(FILT, ofManyTypes(count, fields)))

    @pytest.mark.parametrize("of", ["a", "\u00e4", "noise"])
    def test_of_any_length_around_where_it_is_compressed_is_no_larger_than_vortexpys(self, of: str) -> None:
        for length in range(200, 300):
            text = noise(length).hex()[:length] if of == "noise" else of * length
            assertNotLarger(Payload(FILT, [text]))
