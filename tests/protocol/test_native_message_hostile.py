"""Whatever comes as a native message: it is read, or refused with an error of ours, and leaves nothing."""

from __future__ import annotations

import functools
import gc
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tuples.any_thing import Level, Thing
from tests.wire_rules import VORTEXPY_FORMS
from vortex.errors import DecodeError, LimitExceeded
from vortex.limits import Limits
from vortex.protocol.envelope import Form, Message
from vortex.protocol.json_codec import dumps, loads
from vortex.protocol.native_message import decodeNativeMessage
from vortex.protocol.payload import Payload
from vortex.tuples import (
    Reading,
    fromJsonable,
    presentFields,
    toJsonable,
)
from vortex.tuples.column_readers import tableReaders
from vortex.tuples.column_writers import tableWriters
from vortex.tuples.columns import groupsOf

pytestmark = pytest.mark.sweep

SMALL = Limits(
    maxFrame=20_000, maxInflated=20_000, maxDepth=12, maxNodes=500, maxString=2_000, maxFiltItems=10
)
HEAD = b'{"f":{"key":"k"},"d":1709212455123456}'
MOMENT_TEXT = "2024-02-29 13:14:15.123456+0000"


TRAVELLING = sorted(name for name in Thing.__tupleFields__ if name != "hidden")
ROW: list[Any] = [
    5, "x", 1.5, MOMENT_TEXT, "2024-02-29", 1.25, "00000000-0000-0000-0000-000000000005", 9, "eA==", True, [],
    {"a": {"_ft": "int", "_fd": 1}}, [{"_ft": "int", "_fd": 1}], [{"_ft": "int", "_fd": 1}, "x"],
    {"_ct": "rt", "_c": "test_any.Thing"}, "NaN",
]  # fmt: skip
KINDS = "ipfdDfpibpjjjjjf"


def message(head: bytes, body: bytes | None, flags: int = 0) -> bytes:
    """A message; with the flag 2, its body compressed here."""
    length = bytes([len(head)]) if len(head) < 128 else bytes([len(head) & 127 | 128, len(head) >> 7])
    if body is None:
        return bytes([flags]) + length + head
    return bytes([flags | 4]) + length + head + (zlib.compress(body) if flags & 2 else body)


def bodyOf(*groups: Any) -> bytes:
    return json.dumps(groups, separators=(",", ":")).encode()


SEEDS = [
    message(HEAD, None),
    message(HEAD, None, 1),
    message(HEAD, bodyOf({"t": "test_any.Thing", "f": TRAVELLING, "k": KINDS, "r": [ROW, [None] * 16, ROW]})),
    message(
        HEAD,
        bodyOf({"t": "test_any.Thing", "f": ["b", "a"], "k": "pi", "r": [["x", 1]]}, {"v": [1, "x"]}),
        8,
    ),
    message(HEAD, bodyOf({"v": [{"_ct": "rt", "_c": "test_any.Thing", "a": 1}, [[{"x": None}]]]}), 1),
]
"""Messages that are right; the second half of what is tried is spoilt inside the compression."""

PIECES = [
    b"{", b"}", b"[", b"]", b'"', b",", b":", b"null", b"true", b"-", b"9" * 30, b"1e999", b"1e21", b"NaN",
    b"\xff", b"\\u", b"\\ud800", b'"_ft":"int",', b'"k":"', b"p", b"i", b"f", b"d", b"D", b"b", b"j", b'"v"',
    b'"t"', b"[" * 13,
    b'"hidden"', b'"__class__"', b'"a","a"', b'{"_ft":"zz","_fd":1}', b'{"_ct":"rp","filt":5}',
]  # fmt: skip


def spoilt(data: bytes, dice: random.Random) -> bytes:
    """*data*, cut, doubled, overwritten, mixed up or put into once or more."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        at, length = dice.randrange(len(data) + 1), dice.randrange(1, 30)
        before, after = data[:at], data[at:]
        other = dice.choice(PIECES) if dice.random() < 0.7 else dice.randbytes(dice.randrange(1, 4))
        match dice.randrange(6):
            case 0:
                data = before
            case 1:
                data = before + after[length:]
            case 2:
                data = before + after[:length] * 2 + after
            case 3:
                data = before + other + after[len(other) :]
            case 4:
                data = before + other + after
            case 5 if data:
                place = dice.randrange(len(data))
                data = data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]
    return data


def takeIn(data: bytes, limits: Limits = SMALL) -> str:
    """Do with *data* all that anybody does with a message; returns how far that went."""
    try:
        envelope = decodeNativeMessage(data, limits)
    except (DecodeError, LimitExceeded) as error:
        return "no message" if len(str(error)) < 1_000 else str(error)
    assert isinstance(envelope.filt, dict)
    assert len(envelope.filt) <= limits.maxFiltItems
    assert envelope.isEmpty in (True, False)
    payload = Payload.fromEnvelope(envelope, limits)
    assert Message(payload).encoded(Form.NATIVE)
    try:
        assert payload.hasTuples in (True, False)
        assert isinstance(payload.jsonTuples, list)
        tuples = payload.tuples
    except (DecodeError, LimitExceeded) as error:
        return "no body" if len(str(error)) < 1_000 else str(error)
    for one in tuples:
        if isinstance(one, Thing):
            assert vars(one).keys() == presentFields(one) <= set(TRAVELLING)
    for form in (*VORTEXPY_FORMS, Form.NATIVE):
        assert Message(payload, isReply=True).encoded(form)
    return "read"


def openAll(data: bytes) -> list[Any]:
    return Payload.fromEnvelope(decodeNativeMessage(data, Limits()), Limits()).tuples


@functools.cache
def layers() -> list[tuple[bytes, bytes | None]]:
    """The heads and bodies of the right messages."""
    parts: list[tuple[bytes, bytes | None]] = []
    for seed in SEEDS:
        body = seed[2 + len(HEAD) :]
        parts.append((HEAD, body or None))
    return parts


class TestWhateverComes:
    def test_is_right_before_it_is_spoilt(self) -> None:
        assert [takeIn(seed) for seed in SEEDS] == ["read"] * len(SEEDS)

    def test_is_read_or_refused(self) -> None:
        """Ten thousand messages, spoilt as a whole, in the head, in the body, and within the compression."""
        dice = random.Random()
        seen = {"no message": 0, "no body": 0, "read": 0}
        for turn in range(10_000):
            head, body = dice.choice(layers())
            match turn % 4:
                case 0:
                    data = spoilt(dice.choice(SEEDS), dice)
                case 1:
                    data = message(spoilt(head, dice)[:2_000], body)
                case _ if body is None:
                    continue
                case 2:
                    data = message(head, spoilt(body, dice))
                case _:
                    data = message(head, spoilt(body, dice), 2)
            try:
                seen[takeIn(data)] += 1
            except Exception as error:
                raise AssertionError(f"{error!r} of {data!r}") from error
        assert all(count > 200 for count in seen.values()), seen

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=80), st.sampled_from([0, 1, 4, 6, 8, 12]))
    def test_may_be_any_bytes(self, data: bytes, flags: int) -> None:
        takeIn(data)
        takeIn(message(HEAD, data))
        takeIn(message(HEAD, data, 2))
        takeIn(bytes([flags]) + data)

    jsonable = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=4)
        | st.sampled_from([MOMENT_TEXT, "2024-02-29", "eA==", "NaN", 10**400, "9" * 5000]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["_ft", "_fd", "_ct", "_c", "a", "p", ""]), inner, max_size=3)
        ),
        max_leaves=6,
    )

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_may_have_any_value_in_any_column(self, data: st.DataObject) -> None:
        names = data.draw(
            st.just(TRAVELLING)
            | st.lists(st.sampled_from([*TRAVELLING, "hidden", "zz"]), unique=True, max_size=4)
        )
        kinds = data.draw(st.text("pifdDbj", min_size=len(names), max_size=len(names)))
        rows = data.draw(
            st.lists(st.lists(self.jsonable, min_size=len(names), max_size=len(names)), max_size=3)
        )
        takeIn(
            message(HEAD, bodyOf({"t": "test_any.Thing", "f": names, "k": kinds, "r": rows})),
            Limits(maxInflated=200_000),
        )

    @pytest.mark.parametrize(
        "make",
        [
            lambda: message(HEAD, bytes(200 << 20), 2),
            lambda: message(HEAD, b"[" * 1_000_000),
            lambda: message(HEAD, b'[{"v":' + b"[" * 500_000 + b"]" * 500_000 + b"}]", 2),
            lambda: message(HEAD, b'[{"v":[' + b"9" * 1_000_000 + b"]}]"),
            lambda: message(HEAD, b'[{"v":["' + b"a" * 2_000_000 + b'"]}]', 2),
            lambda: message(HEAD, b'[{"t":"a","f":[],"k":"","r":[' + b"[]," * 3_000_000 + b"[]]}]", 2),
            lambda: message(HEAD, b'[{"v":[]},' * 600_000 + b"0]", 2),
            lambda: b"\x00\xff\xff\xff\x7f" + HEAD,
        ],
        ids=["bomb", "open", "deep", "digits", "string", "rows", "groups", "head"],
    )
    def test_leaves_nothing_behind(self, make: Callable[[], bytes]) -> None:
        data = make()
        takeIn(SEEDS[2])
        gc.collect()
        tracemalloc.start()
        try:
            with pytest.raises((DecodeError, LimitExceeded)):
                openAll(data)
            gc.collect()
            left, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert left < 100_000
        assert peak < 150 << 20


zones = st.sampled_from(
    [UTC, timezone(timedelta(hours=10)), timezone(-timedelta(hours=4, minutes=56, seconds=2))]
)
# A key that looks like a number becomes one where no annotation says better.
names = st.text("abc_ é", max_size=3)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=4)
    | st.dates()
    | st.datetimes(timezones=zones)
    | st.uuids()
    | st.sampled_from(Level),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=4,
)
things = st.builds(
    Thing,
    a=st.integers(),
    b=st.text(max_size=5),
    c=st.floats() | st.integers(-(2**53), 2**53),
    d=st.none() | st.datetimes(timezones=zones),
    e=st.none() | st.dates(),
    f=st.none() | st.decimals(-1000, 1000, places=2),
    g=st.none() | st.uuids(),
    h=st.none() | st.sampled_from(Level),
    i=st.none() | st.binary(max_size=5),
    j=st.booleans(),
    k=st.lists(st.builds(Thing, q=anything), max_size=2),
    m=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
    n=st.sets(st.integers(), max_size=3),
    o=st.none() | st.tuples(st.integers(), st.text(max_size=5)),
    p=anything,
    q=anything,
)
payloads = st.lists(things | anything, max_size=5)


class TestWhateverIsSent:
    @settings(max_examples=150, deadline=None)
    @given(payloads)
    def test_means_what_it_means_on_vortexpys_wire(self, tuples: list[Any]) -> None:
        payload = Payload({"key": "k"}, tuples)
        natively = Payload.fromEnvelope(
            decodeNativeMessage(Message(payload).encoded(Form.NATIVE), Limits()), Limits()
        )
        tagged = Payload.fromVortexMsg(Message(payload).encoded(Form.RAW))

        assert repr(natively.jsonTuples).count("'_ct': 'rt'") == repr(tagged.jsonTuples).count("'_ct': 'rt'")
        assert repr(natively.tuples) == repr(tagged.tuples)
        assert natively.date == tagged.date == payload.date

    @settings(max_examples=100, deadline=None)
    @given(payloads)
    def test_is_the_same_to_whoever_has_no_class(self, tuples: list[Any]) -> None:
        """What is shown of it, by its JSON alone, stands for the same."""
        payload = Payload({"key": "k"}, tuples)
        natively = Payload.fromEnvelope(
            decodeNativeMessage(Message(payload).encoded(Form.NATIVE), Limits()), Limits()
        )
        byVortexPy = Payload.fromVortexMsg(Message(natively).encoded(Form.RAW))
        again = Payload.fromEnvelope(
            decodeNativeMessage(Message(byVortexPy).encoded(Form.NATIVE), Limits()), Limits()
        )

        assert repr(again.tuples) == repr(Payload.fromVortexMsg(Message(payload).encoded(Form.RAW)).tuples)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(things, min_size=1, max_size=4))
    def test_is_the_same_the_fast_and_the_slow_way(self, tuples: list[Thing]) -> None:
        """Compiled rows do what columns do one by one, or give up."""
        writer, reader = tableWriters[Thing], tableReaders["test_any.Thing"]
        assert writer is not None
        kinds, rows = writer.writeColumns(tuples, 0)
        slow = {"t": "test_any.Thing", "f": TRAVELLING, "k": kinds, "r": rows}
        for group in (slow, writer.write(tuples, 0)):
            [came] = groupsOf(loads(dumps([group]), Limits()))
            fast = reader.read(came.fields, came.kinds, came.rows, Reading(Limits()), 0)
            slowly = reader.readOneByOne(came.fields, came.kinds, came.rows, Reading(Limits()), 0)
            tagged = fromJsonable(loads(dumps(toJsonable(tuples)), Limits()), Reading(Limits()))
            assert repr(fast) == repr(slowly) == repr(tagged)
