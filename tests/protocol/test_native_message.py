"""Native messages: their bytes, and what goes from one wire to the other."""

from __future__ import annotations

import base64
import json
import zlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.protocol.test_codec_vectors import canonical
from tests.vector_files import FILES, loadVectors, notationOf, rawBytes, wireFrames
from tests.wire_messages import era0
from tests.wire_rules import VORTEXPY_FORMS, inflatedJson, messageJson
from vortex.errors import DecodeError, EncodeError, LimitExceeded, UnknownTupleType, VortexError
from vortex.limits import Limits
from vortex.protocol.body import Body
from vortex.protocol.envelope import Form, Message
from vortex.protocol.native_message import decodeNativeMessage, encodeNativeMessage
from vortex.protocol.payload import Payload
from vortex.tuples import Reading, Tuple, addTupleType

LIMITS = Limits()
CASES: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "conformance" / "bodies.json").read_text(encoding="utf-8")
)
MOMENT = datetime(2024, 2, 29, 13, 14, 15, 123456, UTC)
HEAD = b'{"f":{"key":"k"},"d":1709212455123456}'
BEGIN = bytes([len(HEAD)]) + HEAD
"""The length of the head, and the head, of a message with a filt and that date."""


@pytest.fixture(scope="module", autouse=True)
def types() -> None:
    for name, fields in CASES["types"].items():
        names = {"__tupleType__": name, "__annotations__": dict.fromkeys(fields, Any), "__module__": __name__}
        addTupleType(type(name.rpartition(".")[2], (Tuple,), names))


def payloadOf(*tuples: Any, filt: dict[str, Any] | None = None, result: Any = None) -> Payload:
    payload = Payload({"key": "k"} if filt is None else filt, tuples or None, result)
    payload.date = MOMENT
    return payload


def encoded(payload: Payload, **keywords: Any) -> bytes:
    return encodeNativeMessage(Message(payload, **keywords))


def opened(message: bytes, limits: Limits = LIMITS) -> Payload:
    return Payload.fromEnvelope(decodeNativeMessage(message, limits), limits)


def withBody(body: str, flags: int = 4) -> bytes:
    return bytes([flags]) + BEGIN + body.encode()


def assertStrict(message: bytes) -> None:
    """Both texts in *message* are JSON to everybody: no NaN in there."""
    length, start = (message[1], 2) if message[1] < 128 else (message[1] - 128 + 128 * message[2], 3)
    texts = [message[start : start + length]]
    if message[0] & 4:
        body = message[start + length :]
        texts.append(zlib.decompress(body) if message[0] & 2 else body)
    for text in texts:
        json.loads(text, parse_constant=pytest.fail)


class TestConformance:
    @pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
    def test_is_as_the_cases_say(self, case: dict[str, Any]) -> None:
        message = bytes.fromhex(case["hex"])
        if "refused" in case:
            error = LimitExceeded if case["code"] == "limit-exceeded" else DecodeError
            if case["refused"] == "message":
                with pytest.raises(error):
                    decodeNativeMessage(message, LIMITS)
            else:
                payload = opened(message)
                with pytest.raises(error):
                    assert payload.tuples
            return
        envelope = decodeNativeMessage(message, LIMITS)
        payload = Payload.fromEnvelope(envelope, LIMITS)

        assert {
            "filt": notationOf(envelope.filt),
            "result": notationOf(envelope.result),
            "date": notationOf(envelope.date),
            "isReply": envelope.isReply,
            "expectsAnswer": envelope.expectsAnswer,
        } == case["envelope"]
        assert payload.hasBody is (case["tuples"] is not None)
        assert canonical(notationOf(payload.tuples)) == canonical(case["tuples"] or [])

    def test_has_messages_that_are_what_stands_beside_them(self) -> None:
        """So that who reads the cases need not take the bytes apart."""
        for case in CASES["cases"]:
            if "head" in case:
                head = case["head"].encode()
                message = bytes.fromhex(case["hex"])
                body = message[2 + len(head) :]
                assert message[1 : 2 + len(head)] == bytes([len(head)]) + head
                assert (zlib.decompress(body) if message[0] & 2 else body) == case.get("body", "").encode()


class TestWritten:
    def test_is_flags_a_head_and_a_body(self) -> None:
        assert encoded(payloadOf()) == b"\x00" + BEGIN
        assert encoded(payloadOf(), isReply=True) == b"\x01" + BEGIN
        assert encoded(payloadOf(), expectsAnswer=True) == b"\x08" + BEGIN
        assert encoded(payloadOf("a")) == b"\x04" + BEGIN + b'[{"v":["a"]}]'
        assert encoded(payloadOf("a"), isReply=True) == b"\x05" + BEGIN + b'[{"v":["a"]}]'
        assert encoded(payloadOf("a"), expectsAnswer=True) == b"\x0c" + BEGIN + b'[{"v":["a"]}]'

    def test_that_is_an_answer_expects_none(self) -> None:
        assert encoded(payloadOf(), isReply=True, expectsAnswer=True) == b"\x01" + BEGIN

    def test_has_an_empty_list_where_there_is_one(self) -> None:
        payload = payloadOf()
        payload.tuples = []

        assert encoded(payload) == b"\x04" + BEGIN + b"[]"

    def test_has_only_the_keys_that_say_something(self) -> None:
        assert encoded(payloadOf(filt={})) == b'\x00\x16{"d":1709212455123456}'
        assert encoded(payloadOf(filt={}, result=True)) == b'\x00\x1f{"r":true,"d":1709212455123456}'

    def test_has_values_of_the_head_as_on_vortexpys_wire_and_in_strict_json(self) -> None:
        payload = payloadOf(filt={"a": 5, "b": float("nan"), "\u6f22": MOMENT}, result=[1.5, float("-inf")])

        assert json.loads(encoded(payload)[3:].decode(), parse_constant=pytest.fail) == {
            "f": {
                "a": {"_ft": "int", "_fd": 5},
                "b": {"_ft": "float", "_fd": "NaN"},
                "\u6f22": {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.123456+0000"},
            },
            "r": [1.5, {"_ft": "float", "_fd": "-Infinity"}],
            "d": 1709212455123456,
        }
        assert "\u6f22".encode() in encoded(payload)

    @pytest.mark.parametrize(
        ("date", "expected"),
        [
            (datetime(1970, 1, 1, tzinfo=UTC), 0),
            (datetime(1970, 1, 1, 0, 0, 0, 1), 1),  # noqa: DTZ001
            (datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), -1),
            (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), -3_600_000_000),
            (datetime(1, 1, 1, tzinfo=UTC), -62_135_596_800_000_000),
            (datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), 253_402_300_799_999_999),
        ],
        ids=str,
    )
    def test_has_the_date_to_the_microsecond(self, date: datetime, expected: int) -> None:
        payload = payloadOf(filt={})
        payload.date = date
        message = encoded(payload)

        assert message[2:] == b'{"d":%d}' % expected
        came = decodeNativeMessage(message, LIMITS).date
        assert came == (date if date.tzinfo else date.replace(tzinfo=UTC))

    def test_has_a_long_head_with_its_length_in_two_bytes(self) -> None:
        message = encoded(payloadOf(filt={"key": "k" * 300}))

        assert message[:3] == b"\x00\xd1\x02"
        assert len(message) == 3 + 0x51 + 2 * 128
        assert opened(message).filt == {"key": "k" * 300}

    def test_is_compressed_from_256_bytes_where_that_makes_it_smaller(self) -> None:
        # [{"v":[""]}] is 12 bytes.
        short, long = encoded(payloadOf("a" * 243)), encoded(payloadOf("a" * 244))

        assert short[0] == 4
        assert short[1 + len(BEGIN) :] == b'[{"v":["' + b"a" * 243 + b'"]}]'
        assert long[0] == 6
        assert zlib.decompress(long[1 + len(BEGIN) :]) == b'[{"v":["' + b"a" * 244 + b'"]}]'
        assert len(long) < len(short)

    def test_is_not_compressed_where_that_makes_it_larger(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # JSON of 256 bytes hardly ever is so; of fewer it often is.
        monkeypatch.setattr("vortex.protocol.native_body.COMPRESSED_FROM", 0)

        assert encoded(payloadOf("abc")) == b"\x04" + BEGIN + b'[{"v":["abc"]}]'
        assert encoded(payloadOf("a" * 40))[0] == 6

    def test_is_encoded_once(self) -> None:
        message = Message(payloadOf("a"))

        assert encodeNativeMessage(message) is message.encoded(Form.NATIVE)
        assert message.size == len(message.encoded(Form.NATIVE))

    @pytest.mark.parametrize(
        ("payload", "place"),
        [
            (Payload({"a": {"b": object()}}), "filt.a.b"),
            (Payload({}, [1, {"x": object()}]), r"tuples\[1\].x"),
            (Payload({}, [], [object()]), r"result\[0\]"),
        ],
        ids=["filt", "tuples", "result"],
    )
    def test_says_where_something_is_that_cannot_travel(self, payload: Payload, place: str) -> None:
        with pytest.raises(EncodeError, match=f" - at {place}$"):
            encoded(payload)


class TestEnvelope:
    def test_says_what_the_flags_say_and_has_no_numbers_yet(self) -> None:
        envelope = decodeNativeMessage(b"\x08" + BEGIN, LIMITS)

        assert (envelope.form, envelope.expectsAnswer, envelope.isReply) == (Form.NATIVE, True, False)
        assert (envelope.action, envelope.deadline, envelope.unknownFields) == (None, None, 0)
        assert decodeNativeMessage(b"\x01" + BEGIN, LIMITS).isReply
        assert not decodeNativeMessage(b"\x01" + BEGIN, LIMITS).expectsAnswer

    def test_is_not_opened_to_be_routed(self) -> None:
        envelope = decodeNativeMessage(withBody("garbage"), LIMITS)
        payload = Payload.fromEnvelope(envelope, LIMITS)

        assert (payload.filt, payload.date, payload.hasBody) == ({"key": "k"}, MOMENT, True)
        assert payload.unknownFields == 0
        for look in (lambda: payload.tuples, lambda: payload.jsonTuples, lambda: payload.hasTuples):
            with pytest.raises(DecodeError):
                look()

    def test_counts_what_nobody_knows(self) -> None:
        head = b'{"f":{"a":{"_ct":"rt","_c":"conf.Any","zz":1}},"z":1,"y":2,"_x":3}'

        envelope = decodeNativeMessage(b"\x00" + bytes([len(head)]) + head, LIMITS)

        assert envelope.unknownFields == 3

    def test_says_where_the_head_is_wrong(self) -> None:
        for head, place in (
            (b'{"f":{"a":[{"_ft":"zz"}]}}', r"filt\.a\[0\]"),
            (b'{"f":5}', "filt"),
            (b'{"r":[{"_ft":"zz"}]}', r"result\[0\]"),
            (b'{"d":"now"}', "date"),
            (b'{"d":253402300800000000}', "date"),
        ):
            with pytest.raises(DecodeError, match=f" - at {place}$"):
                decodeNativeMessage(b"\x00" + bytes([len(head)]) + head, LIMITS)

    def test_keeps_the_limits(self) -> None:
        long = encoded(payloadOf("a" * 2_000))
        few = Limits(maxInflated=1_000, maxDepth=4, maxNodes=20, maxString=50, maxFiltItems=1)

        def breached(message: bytes) -> str:
            with pytest.raises(LimitExceeded) as caught:
                assert opened(message, few).tuples
            return caught.value.limit

        assert breached(long) == "maxInflated"
        assert breached(withBody('[{"v":["' + "a" * 1_000 + '"]}]')) == "maxInflated"
        assert breached(withBody('[{"v":["' + "a" * 51 + '"]}]')) == "maxString"
        assert breached(withBody('[{"v":[' + "1," * 20 + "1]}]")) == "maxNodes"
        assert breached(withBody('[{"v":[[[[]]]]}]')) == "maxDepth"
        inRow = '[{"t":"conf.Any","f":["v"],"k":"j","r":[[%s]]}]'
        assert breached(withBody(inRow % "[[]]")) == "maxDepth"
        assert opened(withBody(inRow % "[]"), few).tuples[0].v == []
        assert breached(encoded(payloadOf(filt={"a": True, "b": True}))) == "maxFiltItems"
        assert opened(withBody('[{"v":[[[]]]}]'), few).tuples == [[[]]]

    def test_says_whether_there_are_tuples_without_a_class(self) -> None:
        unknown = withBody('[{"t":"nobody.Knows","f":["a"],"k":"i","r":[[5]]}]')
        payload = opened(unknown)

        assert payload.hasTuples
        assert payload.jsonTuples == [{"_ct": "rt", "_c": "nobody.Knows", "a": {"_ft": "int", "_fd": 5}}]
        with pytest.raises(UnknownTupleType, match=r"tuples\[0\]"):
            assert payload.tuples
        assert not opened(withBody("[]")).hasTuples
        assert not opened(withBody('[{"v":[]}]')).hasTuples
        assert not opened(b"\x00" + BEGIN).hasTuples

    def test_says_where_a_tuple_is_wrong_each_time(self) -> None:
        payload = opened(withBody('[{"v":[1]},{"t":"conf.Any","f":["v"],"k":"i","r":[[1],["x"]]}]'))

        for _ in range(2):
            with pytest.raises(DecodeError, match=r" - at tuples\[2\]\.v$"):
                assert payload.tuples


class TestFromOneWireToTheOther:
    NATIVE = withBody(
        '[{"t":"conf.Any","f":["v"],"k":"d","r":[["2024-02-29 13:14:15.123456+0000"]]},{"v":["x"]}]'
    )

    def test_a_closed_body_is_passed_on_as_it_came(self) -> None:
        message = withBody("never opened", flags=6)

        assert encoded(opened(message)) == message

    def test_what_came_natively_goes_out_as_vortexpys_without_a_class(self) -> None:
        unknown = '[{"t":"nobody.Knows","f":["a","b"],"k":"if","r":[[5,"NaN"]]},{"v":[true]}]'

        sent = messageJson(Message(opened(withBody(unknown))).encoded(Form.ERA2))

        assert sent["filt"] == {"key": "k"}
        tuples = inflatedJson(sent["data"])["tuples"]
        assert repr(tuples) == repr(
            [{"_ct": "rt", "_c": "nobody.Knows", "a": {"_ft": "int", "_fd": 5}, "b": float("nan")}, True]
        )

    def test_what_came_natively_goes_out_to_every_era(self) -> None:
        for form in VORTEXPY_FORMS:
            came = Payload.fromVortexMsg(Message(opened(self.NATIVE)).encoded(form))
            assert notationOf(came.tuples) == notationOf(opened(self.NATIVE).tuples)
            assert came.filt == {"key": "k"}
        era0Json = messageJson(Message(opened(self.NATIVE)).encoded(Form.ERA0))
        assert era0Json["tuples"][0]["v"] == {"_ft": "datetime", "_fd": "2024-02-29 13:14:15.123456"}

    def test_what_came_natively_and_cannot_be_opened_goes_nowhere_else(self) -> None:
        for form in VORTEXPY_FORMS:
            with pytest.raises(DecodeError):
                Message(opened(withBody("garbage"))).encoded(form)

    def test_what_came_from_vortexpy_goes_out_natively_without_a_class(self) -> None:
        unknown = {"_ct": "rt", "_c": "nobody.Knows", "a": {"_ft": "int", "_fd": 5}, "b": float("nan")}
        body = json.dumps({"_ct": "rp", "filt": {}, "tuples": [unknown, 1e999], "date": None})
        text = base64.b64encode(zlib.compress(body.encode())).decode()
        payload = Payload.fromVortexMsg(
            json.dumps({"_ct": "rpe", "filt": {"key": "k"}, "data": text}).encode()
        )
        payload.date = MOMENT

        assert encoded(payload) == withBody(
            '[{"v":[{"_ct":"rt","_c":"nobody.Knows","a":{"_ft":"int","_fd":5},"b":{"_ft":"float","_fd":"NaN"}},'
            '{"_ft":"float","_fd":"Infinity"}]}]'
        )

    def test_what_came_without_offsets_goes_out_natively_with_them(self) -> None:
        moment = {"_ft": "datetime", "_fd": "2017-06-06 09:40:37.097068"}
        payload = Payload.fromVortexMsg(era0({"key": "k"}, [moment]))
        payload.date = MOMENT

        assert encoded(payload) == withBody(
            '[{"v":[{"_ft":"datetime","_fd":"2017-06-06 09:40:37.097068+0000"}]}]'
        )

    def test_what_was_opened_is_encoded_anew(self) -> None:
        payload = opened(self.NATIVE)
        payload.tuples.append(5)

        assert opened(encoded(payload)).tuples == [*opened(self.NATIVE).tuples, 5]
        assert encoded(payload) == self.NATIVE.replace(b'"x"]', b'"x",{"_ft":"int","_fd":5}]')


def recordedPayloads() -> list[Any]:
    """Every recorded message and encoded payload: its kind, and its bytes."""
    recorded: dict[bytes, Any] = {}
    for name in FILES:
        for index, vector in enumerate(loadVectors(name)):
            frames = wireFrames(vector) or [] if name.startswith("session") else [rawBytes(vector)]
            for number, frame in enumerate(frames):
                if frame:
                    kind = vector.get("kind", "frame")
                    recorded.setdefault(frame, (f"{name}:{vector.get('name', index)}:{number}", kind, frame))
    return [pytest.param(*rest, id=name) for name, *rest in recorded.values()]


@pytest.mark.usefixtures("vectorTypes")
class TestVectors:
    @staticmethod
    def read(kind: str, frame: bytes) -> Payload | None:
        try:
            if kind == "encoded_payload":
                payload = Payload({"key": "k"}, Body(frame.decode()).decodeTuples(Reading(LIMITS)))
            else:
                payload = Payload.fromVortexMsg(frame)
            assert isinstance(payload.tuples, list)
        except VortexError:
            return None
        return payload

    @pytest.mark.parametrize(("kind", "frame"), recordedPayloads())
    def test_what_was_recorded_comes_back_as_it_was(self, kind: str, frame: bytes) -> None:
        expected = self.read(kind, frame)
        if expected is None:
            return
        ways = [encoded(expected)]
        if kind != "encoded_payload":
            closed = Payload.fromVortexMsg(frame)
            closed.date = expected.date  # if it had none, it has the time at which it came
            ways.append(encoded(closed))
            # And back again by VortexPY's wire, its body never opened by anybody.
            there = Message(opened(ways[1])).encoded(Form.ERA2)
            ways.append(encoded(Payload.fromVortexMsg(there)))
        for message in ways:
            assertStrict(message)
            came = opened(message)
            for part in ("filt", "result", "date", "tuples"):
                assert canonical(notationOf(getattr(came, part))) == canonical(
                    notationOf(getattr(expected, part))
                )
            assert came.hasBody is expected.hasBody

    @pytest.mark.parametrize(("kind", "frame"), recordedPayloads())
    def test_nothing_is_larger_than_in_vortexpys_form(self, kind: str, frame: bytes) -> None:
        payload = self.read(kind, frame)
        if payload is None:
            return
        ours = Message(payload)
        text = frame if frame.startswith(b"{") else base64.b64decode(frame)
        isOfVortexPy = b'"_c": "vortex.PayloadEnvelope' in text

        native = len(encodeNativeMessage(ours))

        assert native <= len(ours.encoded(Form.RAW))
        if isOfVortexPy:
            assert native <= len(frame)

    def test_the_vectors_are_mostly_readable(self) -> None:
        payloads = [self.read(*param.values) for param in recordedPayloads()]

        assert len(payloads) > 250
        assert sum(payload is not None for payload in payloads) > 200
