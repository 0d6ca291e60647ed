"""Messages of every era, written by hand: how they are read, and what is refused in which words."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest

from vortex.errors import DecodeError, LimitExceeded, UnknownTupleType, VortexError
from vortex.limits import Limits
from vortex.protocol.envelope import Envelope, Form
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy import decodeMessage

pytestmark = pytest.mark.usefixtures("vectorTypes")

LIMITS = Limits()
HELLO = {"__vortexUuid__": "u-1", "__vortexName__": "peer"}


def text(obj: Any) -> bytes:
    return json.dumps(obj).encode()


def packed(obj: Any) -> str:
    return base64.b64encode(zlib.compress(text(obj), 9)).decode()


def rpe(**keys: Any) -> bytes:
    return base64.b64encode(text({"_ct": "rpe", **keys}))


def era0(**keys: Any) -> bytes:
    return packed({"_ct": "rp", **keys}).encode()


def payload(*tuples: Any, **keys: Any) -> str:
    return packed({"_ct": "rp", "filt": {}, "tuples": list(tuples), "date": None, **keys})


def read(frame: bytes, limits: Limits = LIMITS) -> Envelope:
    return decodeMessage(frame, limits)


def problemOf(frame: bytes, limits: Limits = LIMITS) -> str:
    """What is wrong with *frame*, or, if it can be read, with its body."""
    with pytest.raises(VortexError) as caught:
        assert Payload.fromEnvelope(read(frame, limits), limits).tuples is None
    assert isinstance(caught.value, (DecodeError, LimitExceeded))
    return str(caught.value)


class TestForms:
    @pytest.mark.parametrize(
        ("frame", "form"),
        [
            (text({"_ct": "rpe", "filt": {}, "data": None}), Form.RAW),
            (text({"_ct": "rpe", "filt": {}, "encodedPayload": None}), Form.RAW),
            (rpe(filt={}, data=None), Form.ERA2),
            (rpe(filt={}, encodedPayload=None), Form.ERA1),
            (rpe(filt={}, data="a", encodedPayload="a"), Form.ERA2),
            (rpe(filt={}), Form.UNIVERSAL),
            (era0(filt={}), Form.ERA0),
        ],
        ids=repr,
    )
    def test_are_told_apart(self, frame: bytes, form: Form) -> None:
        assert read(frame).form is form

    @pytest.mark.parametrize(
        "frame", [text({"_ct": "rpe", "filt": {"a": 1}}), rpe(filt={"a": 1}), era0(filt={"a": 1})]
    )
    def test_may_have_a_dot_behind(self, frame: bytes) -> None:
        assert read(frame + b".").filt == {"a": 1}

    @pytest.mark.parametrize("level", [0, 1, 6, 9])
    def test_era_0_is_read_at_any_level_of_compression(self, level: int) -> None:
        frame = base64.b64encode(zlib.compress(text({"_ct": "rp", "filt": {"a": "b"}}), level))

        assert read(frame).filt == {"a": "b"}


class TestEnvelope:
    def test_has_everything_but_the_tuples(self) -> None:
        date = {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.123456+0000"}
        envelope = read(
            rpe(filt={"key": "k", "n": {"_ft": "int", "_fd": 3}}, result="it broke", date=date, data="closed")
        )

        assert envelope.filt == {"key": "k", "n": 3}
        assert envelope.result == "it broke"
        assert envelope.date is not None
        assert envelope.date.isoformat() == "2024-02-29T13:14:15.123456+00:00"
        assert envelope.body is not None
        assert envelope.body.text == "closed"
        assert (envelope.isReply, envelope.replyFilt, envelope.unknownFields) == (False, {}, 0)

    @pytest.mark.parametrize("frame", [rpe(filt=None), rpe(), text({"_ct": "rpe"}), era0(), era0(filt=None)])
    def test_without_a_filt_has_an_empty_one(self, frame: bytes) -> None:
        assert read(frame).filt == {}
        assert read(frame).isEmpty

    def test_of_era_0_has_the_filt_for_the_reply(self) -> None:
        envelope = read(era0(filt={"key": "k"}, replyFilt={"key": "r"}))

        assert envelope.replyFilt == {"key": "r"}
        assert envelope.replyFiltOrFilt == {"key": "r"}
        assert read(era0(filt={"key": "k"}, replyFilt={})).replyFiltOrFilt == {"key": "k"}

    def test_knows_a_hello(self) -> None:
        for frame in (rpe(filt=HELLO, data=None), era0(filt=HELLO), text({"_ct": "rpe", "filt": HELLO})):
            assert read(frame).identity == ("u-1", "peer")
            assert read(frame).isEmpty

    @pytest.mark.parametrize(
        "filt",
        [{}, {"__vortexUuid__": "u"}, HELLO | {"key": "k"}, HELLO | {"__vortexName__": None}, {"key": "k"}],
        ids=repr,
    )
    def test_is_no_hello_with_any_other_filt(self, filt: dict[str, Any]) -> None:
        assert read(rpe(filt=filt)).identity is None

    @pytest.mark.parametrize(
        ("frame", "isEmpty"),
        [
            (rpe(filt={}), True),
            (rpe(filt={}, data="", encodedPayload=""), True),
            (rpe(filt={}, result=False), False),
            (rpe(filt=HELLO, data="x"), False),
            (rpe(filt={"key": "k"}), False),
            (rpe(filt={"__vortexUuid__": "u"}), False),
            (era0(filt={}, tuples=[], replyFilt={}, result=None), True),
            (era0(filt={}, tuples=[1]), False),
            (era0(filt=HELLO, replyFilt={"key": "r"}), False),
        ],
    )
    def test_is_empty_if_it_only_says_that_somebody_is_there(self, frame: bytes, isEmpty: bool) -> None:
        assert read(frame).isEmpty is isEmpty

    @pytest.mark.parametrize(("id_", "expected"), [("m-1", "m-1"), (5, None), (None, None)])
    def test_has_a_message_id_if_that_is_a_text(self, id_: Any, expected: str | None) -> None:
        assert read(rpe(filt={"PayloadResponse.messageId": id_})).messageId == expected
        assert read(rpe(filt={})).messageId is None

    @pytest.mark.parametrize("make", [rpe, era0])
    @pytest.mark.parametrize(("mark", "isReply"), [(True, True), (False, False), (1, False), ("true", False)])
    def test_is_a_reply_only_if_it_says_so(self, make: Any, mark: Any, isReply: bool) -> None:
        assert read(make(filt={"key": "k"}, _isReply=mark)).isReply is isReply

    def test_drops_and_counts_what_nobody_knows(self) -> None:
        strange = {"isEmpty": True, "toVortexMsg": "gone", "_hidden": 1, "_c": "x"}

        assert read(rpe(filt={}, **strange)).unknownFields == 2
        assert read(rpe(filt={}, **strange)).isEmpty is True
        assert read(era0(filt={}, **strange)).unknownFields == 2
        selector = {"_ct": "rt", "_c": "vortex.TupleSelector", "name": "n", "else": 1}
        assert read(rpe(filt={"s": selector}, more=1)).unknownFields == 2

    def test_reads_latin_1_as_vortexjs_writes_it(self) -> None:
        frame = base64.b64encode(b'{"_ct":"rpe","filt":{"key":"caf\xe9"}}')

        assert read(frame).filt == {"key": "caf\u00e9"}


class TestBody:
    def test_is_not_looked_at_before_it_is_needed(self) -> None:
        for garbage in (
            "\u2603",
            "no base64!",
            "AAAA",
            {"a": {"_ft": "zzz"}},
            [{"_ct": "rt", "_c": "no.such"}],
        ):
            envelope = read(rpe(filt={"key": "k"}, data=garbage))

            assert envelope.filt == {"key": "k"}
            with pytest.raises(DecodeError):
                assert Payload.fromEnvelope(envelope, LIMITS).tuples is None

    @pytest.mark.parametrize("key", ["data", "encodedPayload"])
    def test_may_have_either_name_and_be_plain_or_tagged(self, key: str) -> None:
        body = payload({"_ct": "rt", "_c": "acme.Vec", "v": "x"})
        tagged = {"_ft": "bytes", "_fd": base64.b64encode(body.encode()).decode()}

        for data in (body, tagged):
            envelope = read(rpe(filt={}, **{key: data}))
            [vec] = Payload.fromEnvelope(envelope, LIMITS).tuples
            assert vec.v == "x"

    def test_comes_from_data_if_both_are_given(self) -> None:
        envelope = read(rpe(filt={}, encodedPayload=payload("old"), data=payload("new")))

        assert Payload.fromEnvelope(envelope, LIMITS).tuples == ["new"]

    def test_comes_from_the_other_if_data_is_null(self) -> None:
        envelope = read(rpe(filt={}, encodedPayload=payload("old"), data=None))

        assert Payload.fromEnvelope(envelope, LIMITS).tuples == ["old"]

    @pytest.mark.parametrize(
        ("data", "tuples"),
        [
            ([{"_ft": "int", "_fd": 1}, "x", None], [1, "x", None]),
            ([], []),
            ({"a": {"_ft": "int", "_fd": 1}}, [{"a": 1}]),
            (5, [5]),
            (False, [False]),
        ],
    )
    def test_may_be_any_value(self, data: Any, tuples: list[Any]) -> None:
        assert Payload.fromEnvelope(read(rpe(filt={}, data=data)), LIMITS).tuples == tuples

    def test_may_hold_no_tuples(self) -> None:
        for body in (payload(), payload(tuples=None), packed({"_ct": "rp"})):
            assert Payload.fromEnvelope(read(rpe(filt={}, data=body)), LIMITS).tuples == []

    def test_has_its_unknown_keys_and_fields_counted(self) -> None:
        vec = {"_ct": "rt", "_c": "acme.Vec", "v": 1, "surprise": 2}
        received = Payload.fromEnvelope(read(rpe(filt={}, data=payload(vec, extra=1), other=1)), LIMITS)

        assert received.unknownFields == 1
        assert [vec.v for vec in received.tuples] == [1]
        assert received.unknownFields == 3


class TestRefused:
    @pytest.mark.parametrize(
        ("frame", "problem"),
        [
            (b"", "expected JSON or zlib within the base64, got b''"),
            (b"hello world", "expected a message, base64 or a JSON object, got b'hello world'"),
            (b"<html>", "expected a message, base64 or a JSON object, got b'<html>'"),
            (b"e30", "expected a message, base64 or a JSON object, got b'e30'"),  # no padding
            (b"e30=\n", "expected a message, base64 or a JSON object, got b'e30=\\n'"),
            (b"e30=e30=", "expected a message, base64 or a JSON object, got b'e30=e30='"),
            (b"_-_-", "expected a message, base64 or a JSON object, got b'_-_-'"),
            (base64.b64encode(b"[]"), "expected JSON or zlib within the base64, got b'[]'"),
            (base64.b64encode(b"xyz"), "expected a zlib stream, and it is none"),
            (base64.b64encode(b"{"), "expected JSON, and it is none"),
            (b"{}", "expected an envelope, with _ct = 'rpe', got _ct = None"),
            (b'{"_ct":"rp","filt":{}}', "expected an envelope, with _ct = 'rpe', got _ct = 'rp'"),
            (b'{"_ct":["rpe"]}', "expected an envelope, with _ct = 'rpe', got _ct = ['rpe']"),
            (
                packed([]).encode(),
                "expected a payload, a JSON object with _ct = 'rp', within the zlib stream",
            ),
            (packed({"_ct": "rpe"}).encode(), "expected a payload, a JSON object with _ct = 'rp'"),
            (era0(tuples={}), "expected a list, got a dict - at tuples"),
            (era0(tuples=[{"_ft": "int", "_fd": "x"}]), "expected an int, got 'x' - at tuples[0]"),
        ],
    )
    def test_what_is_no_message(self, frame: bytes, problem: str) -> None:
        assert problemOf(frame).startswith(problem)

    @pytest.mark.parametrize("make", [rpe, era0])
    @pytest.mark.parametrize(
        ("keys", "problem"),
        [
            ({"filt": []}, "expected an object, got a list - at filt"),
            ({"filt": "key"}, "expected an object, got a str - at filt"),
            ({"filt": 5}, "expected an object, got a int - at filt"),
            ({"filt": True}, "expected an object, got a bool - at filt"),
            ({"filt": {"_ft": "int", "_fd": 5}}, "expected an object, got a int - at filt"),
            ({"filt": {"_ct": "rt", "_c": "acme.Vec"}}, "expected an object, got a Vec - at filt"),
            (
                {"filt": {"due": {"_ft": "datetime", "_fd": "soon"}}},
                "expected an ISO 8601 date, got 'soon' - at filt.due",
            ),
            (
                {"filt": {}, "result": {"_ft": "??", "_fd": 1}},
                "unknown kind of value, _ft = '??' - at result",
            ),
            ({"filt": {}, "date": "today"}, "expected a date and a time, got 'today' - at date"),
            (
                {"filt": {}, "date": {"_ft": "datetime", "_fd": "2024-01-01"}},
                "expected a date and a time, got ",
            ),
            (
                {"filt": {}, "date": {"_ft": "datetime", "_fd": 5}},
                "expected an ISO 8601 date, got 5 - at date",
            ),
        ],
    )
    def test_bad_parts_with_their_place(self, make: Any, keys: dict[str, Any], problem: str) -> None:
        assert problemOf(make(**keys)).startswith(problem)

    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            ("\u00e9", "expected a payload in base64, and it is none"),
            ("zzz", "expected a payload in base64, and it is none"),
            ("AAAA", "expected a zlib stream, and it is none"),
            (base64.b64encode(zlib.compress(b"{}")[:-1]).decode(), "the zlib stream ends early"),
            (
                base64.b64encode(zlib.compress(b"{}") + b"x").decode(),
                "1 bytes follow the end of the zlib stream",
            ),
            (base64.b64encode(zlib.compress(b"{")).decode(), "expected JSON, and it is none"),
            (packed([]), "expected a payload, a JSON object with _ct = 'rp'"),
            (packed({"_ct": "rpe"}), "expected a payload, a JSON object with _ct = 'rp'"),
            (payload(tuples={}), "expected a list, got a dict - at tuples"),
            (payload(tuples="x"), "expected a list, got a str - at tuples"),
            (payload(1, {"_ft": "int", "_fd": "x"}), "expected an int, got 'x' - at tuples[1]"),
            ({"_ft": "bytes", "_fd": "*"}, "expected a payload, base64 within base64, and it is none"),
            ({"_ft": "bytes", "_fd": "w6k="}, "expected a payload, base64 within base64, and it is none"),
            ({"_ft": "bytes", "_fd": 5}, "expected a payload, base64 within base64, and it is none"),
            ({"_ft": "bytes", "_fd": ["x"]}, "expected a payload, base64 within base64, and it is none"),
        ],
    )
    def test_bad_bodies(self, data: Any, problem: str) -> None:
        assert problemOf(rpe(filt={}, data=data)).startswith(problem)

    def test_a_tuple_that_nobody_has_registered(self) -> None:
        frame = rpe(filt={}, data=payload({"_ct": "rt", "_c": "no.such"}))

        with pytest.raises(UnknownTupleType, match=r"'no.such' is not registered here - at tuples\[0\]"):
            assert Payload.fromEnvelope(read(frame), LIMITS).tuples

    def test_says_no_more_of_a_long_frame_than_its_beginning(self) -> None:
        assert len(problemOf(b"!" * 1_000_000)) < 200
        assert len(problemOf(text({"_ct": "x" * 1_000_000}))) < 200


class TestLimits:
    def breached(self, frame: bytes, limits: Limits) -> str:
        with pytest.raises(LimitExceeded) as caught:
            assert Payload.fromEnvelope(read(frame, limits), limits).tuples is None
        return caught.value.limit

    @pytest.mark.parametrize(
        "frame", [rpe(filt={"k": "v" * 50}), era0(filt={"k": "v"}), text({"_ct": "rpe"})]
    )
    def test_a_frame(self, frame: bytes) -> None:
        assert read(frame, Limits(maxFrame=len(frame))).body is None
        assert self.breached(frame, Limits(maxFrame=len(frame) - 1)) == "maxFrame"

    def test_a_bomb(self) -> None:
        bomb = {"_ct": "rp", "filt": {}, "tuples": ["x" * 1_000_000]}
        assert len(packed(bomb)) < 2000

        assert self.breached(packed(bomb).encode(), Limits(maxInflated=100_000)) == "maxInflated"
        assert self.breached(rpe(filt={}, data=packed(bomb)), Limits(maxInflated=100_000)) == "maxInflated"

    @pytest.mark.parametrize("levels", [40, 100_000])
    def test_depth(self, levels: int) -> None:
        deep = "[" * levels + "]" * levels
        inFilt = ('{"_ct":"rpe","filt":{"a":' + deep + "}}").encode()
        body = base64.b64encode(zlib.compress(('{"_ct":"rp","tuples":' + deep + "}").encode()))

        assert self.breached(inFilt, LIMITS) == "maxDepth"
        assert self.breached(base64.b64encode(inFilt), LIMITS) == "maxDepth"
        assert self.breached(body, LIMITS) == "maxDepth"
        assert self.breached(rpe(filt={}, data=body.decode()), LIMITS) == "maxDepth"

    def test_the_number_of_items(self) -> None:
        limits = Limits(maxNodes=1000)

        assert self.breached(text({"_ct": "rpe", "filt": {"a": [1] * 1000}}), limits) == "maxNodes"
        assert self.breached(rpe(filt={}, data=payload(*[1] * 1000)), limits) == "maxNodes"
        assert self.breached(era0(tuples=[1] * 1000), limits) == "maxNodes"

    def test_a_string_that_is_no_body(self) -> None:
        limits = Limits(maxString=1000)
        long = "x" * 1001

        assert self.breached(rpe(filt={"a": long}), limits) == "maxString"
        assert self.breached(rpe(filt={"data": long}, data="short"), limits) == "maxString"
        assert self.breached(rpe(filt={}, result=long), limits) == "maxString"
        assert self.breached(era0(tuples=[long]), limits) == "maxString"
        assert self.breached(rpe(filt={}, data=payload(long)), limits) == "maxString"

    def test_a_body_is_no_string(self) -> None:
        limits = Limits(maxString=1000)
        body = payload(*(f"{number:x}" for number in range(0, 10**9, 10**6)))
        assert len(body) > 2000

        for frame in (rpe(filt={}, data=body, encodedPayload=body), text({"_ct": "rpe", "data": body})):
            assert len(Payload.fromEnvelope(read(frame, limits), limits).tuples) == 1000

    @pytest.mark.parametrize("make", [rpe, era0])
    def test_the_size_of_a_filt(self, make: Any) -> None:
        filt = {f"k{index}": None for index in range(64)}

        assert len(read(make(filt=filt)).filt) == 64
        assert self.breached(make(filt=filt | {"k": 1}), LIMITS) == "maxFiltItems"
        assert self.breached(make(filt={"_ft": "dict", "_fd": filt | {"k": 1}}), LIMITS) == "maxFiltItems"
        assert self.breached(era0(replyFilt=filt | {"k": 1}), LIMITS) == "maxFiltItems"
