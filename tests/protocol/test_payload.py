"""Payload, Envelope and Message as an application and a session use them: made, opened, encoded once."""

from __future__ import annotations

import base64
import json
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.wire_rules import VORTEXPY_FORMS, inflatedJson, messageJson
from vortex.errors import DecodeError, EncodeError, UnknownTupleType
from vortex.limits import Limits
from vortex.protocol.compression import deflate, inflate
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.framing import Framing
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy import beat, decodeMessage, encodeMessage, hello

LIMITS = Limits()
BODY_FORMS = {
    Form.UNIVERSAL: {"data", "encodedPayload"},
    Form.ERA1: {"encodedPayload"},
    Form.ERA2: {"data"},
    Form.RAW: {"data"},
}


def packed(obj: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(obj).encode())).decode()


def received(*tuples: Any, **keys: Any) -> bytes:
    """A raw message of era 2 as a peer sends it."""
    body = packed({"_ct": "rp", "filt": {}, "tuples": list(tuples), "date": None})
    return json.dumps({"_ct": "rpe", "filt": {"key": "k"}, "data": body} | keys).encode()


class TestMaking:
    def test_has_what_it_was_given(self) -> None:
        payload = Payload({"key": "k"}, ["a"], result="no")

        assert (payload.filt, payload.tuples, payload.result) == ({"key": "k"}, ["a"], "no")
        assert datetime.now(UTC) - payload.date < timedelta(seconds=60)
        assert (Payload().filt, Payload().tuples, Payload().result) == ({}, [], None)

    def test_has_a_filt_of_its_own(self) -> None:
        filt = {"key": "k"}
        payload = Payload(filt)

        filt["key"] = "other"

        assert payload.filt == {"key": "k"}

    @pytest.mark.parametrize("filt", ["key", ["key"], 5], ids=repr)
    def test_refuses_a_filt_that_is_no_dict(self, filt: Any) -> None:
        with pytest.raises(TypeError, match="a payload's filt is a dict"):
            Payload(filt)

    @pytest.mark.parametrize(
        "tuples", ["ab", b"ab", {"a": 1}, 5, object()], ids=["str", "bytes", "dict", "int", "object"]
    )
    def test_refuses_tuples_that_are_no_list(self, tuples: Any) -> None:
        with pytest.raises(TypeError, match="a payload's tuples are a list"):
            Payload({}, tuples)

    def test_takes_any_run_of_tuples(self) -> None:
        assert Payload({}, (number for number in (1, 2))).tuples == [1, 2]

    def test_is_shown_without_being_opened(self) -> None:
        payload = Payload.fromVortexMsg(received("?", data="garbage"))

        assert repr(payload) == "<Payload {'key': 'k'} not opened>"
        assert repr(Payload({"key": "k"}, [1, 2], True)) == "<Payload {'key': 'k'} 2 tuples result=True>"


class TestOpening:
    def test_happens_once_and_only_when_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = []

        def inflateAndCount(data: bytes, *, limit: int) -> bytes:
            opened.append(data)
            return inflate(data, limit=limit)

        monkeypatch.setattr("vortex.protocol.body.inflate", inflateAndCount)
        payload = Payload.fromVortexMsg(received("a"))

        assert payload.hasBody
        assert not opened
        assert payload.tuples == ["a"]
        assert payload.tuples is payload.tuples
        assert len(opened) == 1

    def test_says_whether_there_are_tuples_without_opening_twice(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = []

        def inflateAndCount(data: bytes, *, limit: int) -> bytes:
            opened.append(data)
            return inflate(data, limit=limit)

        monkeypatch.setattr("vortex.protocol.body.inflate", inflateAndCount)
        payload = Payload.fromVortexMsg(received({"_ct": "rt", "_c": "no.such"}))

        assert payload.hasTuples
        with pytest.raises(UnknownTupleType):
            assert payload.tuples
        assert len(opened) == 1
        assert not Payload.fromVortexMsg(received()).hasTuples
        assert not Payload.fromVortexMsg(received(data=None)).hasTuples
        assert Payload({}, [0]).hasTuples
        with pytest.raises(DecodeError):
            assert Payload.fromVortexMsg(received(data="garbage")).hasTuples

    def test_of_a_bad_body_fails_each_time_with_the_same_error(self) -> None:
        payload = Payload.fromVortexMsg(received({"_ft": "int", "_fd": "x"}))

        with pytest.raises(DecodeError, match=r"tuples\[0\]") as first:
            assert payload.tuples
        with pytest.raises(DecodeError, match=r"tuples\[0\]") as second:
            assert payload.tuples
        assert first.value is second.value

    def test_is_not_needed_to_see_the_tuples_as_json(self) -> None:
        unknown = {"_ct": "rt", "_c": "nobody.Knows", "at": {"_ft": "datetime", "_fd": "2024-02-29"}}
        payload = Payload.fromVortexMsg(received(unknown, 5))

        assert payload.jsonTuples == [unknown, 5]
        with pytest.raises(UnknownTupleType):
            assert payload.tuples
        assert Payload({}, [5]).jsonTuples == [{"_ft": "int", "_fd": 5}]

    def test_shows_no_json_where_there_is_none(self) -> None:
        bad = json.dumps({"_ct": "rpe", "filt": {"key": "k"}, "data": "no base64!"}).encode()

        with pytest.raises(DecodeError, match="base64"):
            assert Payload.fromVortexMsg(bad).jsonTuples

    def test_can_be_spared_by_giving_other_tuples(self) -> None:
        payload = Payload.fromVortexMsg(received("?", data="garbage"))

        payload.tuples = [1]

        assert payload.tuples == [1]
        assert inflatedJson(messageJson(payload.toVortexMsg())["data"])["tuples"] == [
            {"_ft": "int", "_fd": 1}
        ]

    def test_leaves_a_message_without_a_body_without_one(self) -> None:
        payload = Payload.fromVortexMsg(received(data=None))

        assert payload.tuples == []
        assert not payload.hasBody

    def test_has_the_date_of_the_sender_or_of_the_arrival(self) -> None:
        date = {"_ft": "datetime", "_fd": "2017-06-06 09:40:37.097000+1000"}

        assert (
            Payload.fromVortexMsg(received(date=date)).date.isoformat() == "2017-06-06T09:40:37.097000+10:00"
        )
        arrived = Payload.fromVortexMsg(received(date=None)).date
        assert abs(datetime.now(UTC) - arrived) < timedelta(seconds=60)

    def test_of_an_era_0_message_converts_tuples_when_they_are_read(self) -> None:
        message = packed({"_ct": "rp", "filt": {"key": "k"}, "tuples": [{"_ft": "no", "_fd": 1}]})

        payload = Payload.fromVortexMsg(message.encode())

        assert payload.filt == {"key": "k"}
        with pytest.raises(DecodeError, match="unknown kind of value"):
            assert payload.tuples


class TestMessage:
    @pytest.mark.parametrize("form", VORTEXPY_FORMS)
    def test_is_encoded_once_for_each_form(self, form: Form) -> None:
        message = Message(Payload({"key": "k"}, [1]))

        assert message.encoded(form) is message.encoded(form)
        assert message.webSocketFrame(form) is message.webSocketFrame(form)
        assert message.webSocketFrame(form).endswith(message.encoded(form))

    def test_has_one_body_for_all_forms_but_era_0(self, monkeypatch: pytest.MonkeyPatch) -> None:
        deflated = []

        def deflateAndCount(data: bytes, level: int = 6) -> bytes:
            deflated.append(data)
            return deflate(data, level)

        monkeypatch.setattr("vortex.protocol.body.deflate", deflateAndCount)
        message = Message(Payload({"key": "k"}, [1]))
        bodies = {
            messageJson(message.encoded(form))[key] for form, keys in BODY_FORMS.items() for key in keys
        }

        assert len(bodies) == 1
        assert len(deflated) == 1

    @pytest.mark.parametrize(("form", "keys"), BODY_FORMS.items())
    def test_has_its_body_where_that_form_has_it(self, form: Form, keys: set[str]) -> None:
        sent = messageJson(encodeMessage(Payload({"key": "k"}, ["a"]), form))

        assert sent.keys() == {"_ct", "_c", "filt", "result", "date"} | keys
        for key in keys:
            inner = inflatedJson(sent[key])
            assert inner["filt"] == sent["filt"] == {"key": "k"}
            assert inner["tuples"] == ["a"]
            assert inner["date"] == sent["date"] is not None

    def test_is_raw_json_or_base64_and_always_ascii(self) -> None:
        message = Message(Payload({"key": "caf\u00e9 \u6f22 \U0001f600"}, ["\u6f22"], result="\ud800"))

        for form in VORTEXPY_FORMS:
            assert message.encoded(form).isascii()
            assert b"." not in message.encoded(form) or form is Form.RAW
        raw = message.encoded(Form.RAW)
        assert json.loads(raw)["filt"] == {"key": "caf\u00e9 \u6f22 \U0001f600"}
        assert base64.b64decode(message.encoded(Form.ERA2)) == raw

    def test_without_tuples_has_no_body_and_with_none_of_them_an_empty_one(self) -> None:
        assert messageJson(Message(Payload({"key": "k"})).encoded(Form.ERA2))["data"] is None
        empty = messageJson(Message(Payload({"key": "k"}, [])).encoded(Form.ERA2))["data"]
        assert inflatedJson(empty)["tuples"] == []

    def test_of_a_bare_filt_stays_bare_when_its_tuples_were_looked_at(self) -> None:
        payload = Payload({"key": "k"})
        assert payload.tuples == []
        assert messageJson(payload.toVortexMsg())["data"] is None

        payload.tuples.append("a")

        assert inflatedJson(messageJson(payload.toVortexMsg())["data"])["tuples"] == ["a"]

    @pytest.mark.parametrize("form", VORTEXPY_FORMS)
    def test_says_that_it_is_a_reply_if_it_is(self, form: Form) -> None:
        payload = Payload({"key": "k"})

        assert messageJson(encodeMessage(payload, form, isReply=True))["_isReply"] is True
        assert "_isReply" not in messageJson(encodeMessage(payload, form))

    def test_of_era_0_has_the_filt_for_the_reply_and_dates_without_offset(self) -> None:
        payload = Payload({"key": "k", "at": datetime(2024, 1, 2, 3, tzinfo=UTC)}, ["a"], True)
        payload.date = datetime(2017, 6, 6, 9, 40, 37, 97068, tzinfo=UTC)

        sent = messageJson(Message(payload, replyFilt={"key": "r"}).encoded(Form.ERA0))

        assert sent == {
            "_ct": "rp",
            "_c": "vortex.Payload.Payload",
            "filt": {"key": "k", "at": {"_ft": "datetime", "_fd": "2024-01-02 03:00:00.000000"}},
            "replyFilt": {"key": "r"},
            "tuples": ["a"],
            "result": True,
            "date": {"_ft": "datetime", "_fd": "2017-06-06 09:40:37.097068"},
        }
        assert messageJson(payload.toVortexMsg(0))["replyFilt"] == {}

    def test_passes_on_a_body_that_it_need_not_open(self) -> None:
        payload = Payload.fromVortexMsg(received(data="never opened"))

        for form, keys in BODY_FORMS.items():
            sent = messageJson(Message(payload).encoded(form))
            assert {sent[key] for key in keys} == {"never opened"}
        with pytest.raises(DecodeError):
            Message(payload).encoded(Form.ERA0)

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
        for form in Form:
            with pytest.raises(EncodeError, match=f" - at {place}$"):
                Message(payload).encoded(form)

    def test_can_have_another_filt(self) -> None:
        payload = Payload.fromVortexMsg(received("a", result="no"))

        other = payload.withFilt({"key": "other"})

        assert (other.filt, other.tuples, other.result, other.date) == (
            {"key": "other"},
            ["a"],
            "no",
            payload.date,
        )
        assert payload.filt == {"key": "k"}
        assert not Payload({"key": "k"}).withFilt({}).hasBody

    def test_knows_its_size(self) -> None:
        message = Message(Payload({"key": "k"}, ["a" * 100]))
        assert message.size == 0

        small, large = message.encoded(Form.ERA1), message.encoded(Form.UNIVERSAL)

        assert message.size == len(large) > len(small)

    def test_is_shown_with_its_payload(self) -> None:
        assert (
            repr(Message(Payload({"key": "k"}), isReply=True))
            == "<Message <Payload {'key': 'k'} 0 tuples>, a reply>"
        )


class TestEras:
    @pytest.mark.parametrize(
        ("era", "keys"),
        [(2, {"data", "encodedPayload"}), (1, {"encodedPayload"}), (0, {"replyFilt", "tuples"})],
    )
    def test_to_vortex_msg_writes_each(self, era: int, keys: set[str]) -> None:
        assert messageJson(Payload({"key": "k"}, ["a"]).toVortexMsg(era)).keys() >= keys

    def test_to_vortex_msg_knows_no_other(self) -> None:
        with pytest.raises(ValueError, match="the eras 0, 1 and 2, got 3"):
            Payload().toVortexMsg(3)


class TestHello:
    @pytest.mark.parametrize("form", VORTEXPY_FORMS)
    def test_has_exactly_a_uuid_and_a_name(self, form: Form) -> None:
        sent = messageJson(hello("u-1", "server").encoded(form))

        assert sent["filt"] == {"__vortexUuid__": "u-1", "__vortexName__": "server"}
        assert "_isReply" not in sent
        assert {sent.get(key) for key in ("data", "encodedPayload")} == {None}
        assert not sent.get("tuples")
        assert decodeMessage(hello("u-1", "server").encoded(form), LIMITS).identity == ("u-1", "server")


class TestBeat:
    @pytest.mark.parametrize("form", [Form.UNIVERSAL, Form.ERA1, Form.ERA2, Form.RAW])
    def test_is_an_empty_frame(self, form: Form) -> None:
        assert beat(form) == b""
        assert Framing.DOTS.beat(form) == b"."
        assert Framing.STREAM.beat(form) == b".."
        assert Framing.WEBSOCKET.beat(form) == b"\x81\x01."
        assert Framing.PLAIN.beat(form) == b""

    def test_to_era_0_is_an_empty_payload_and_never_a_bare_dot(self) -> None:
        for frame in (beat(Form.ERA0), Framing.DOTS.beat(Form.ERA0), Framing.PLAIN.beat(Form.ERA0)):
            sent = messageJson(frame)
            assert (sent["_ct"], sent["filt"], sent["replyFilt"], sent["tuples"]) == ("rp", {}, {}, [])
            assert sent["result"] is None
            assert sent["date"]["_ft"] == "datetime"
        assert Framing.STREAM.beat(Form.ERA0) == Framing.DOTS.beat(Form.ERA0)
        assert Framing.DOTS.beat(Form.ERA0).endswith(b".")
        assert Framing.WEBSOCKET.beat(Form.ERA0)[2:4] != b"."


class TestFraming:
    def test_a_message_gets_a_dot_a_header_or_nothing(self) -> None:
        message = Message(Payload({"key": "k"}))
        encoded = message.encoded(Form.ERA2)

        assert Framing.DOTS.frame(message, Form.ERA2) == encoded + b"."
        assert Framing.STREAM.frame(message, Form.ERA2) == encoded + b"."
        assert Framing.PLAIN.frame(message, Form.ERA2) == encoded
        assert 126 <= len(encoded) < 65536
        assert (
            Framing.WEBSOCKET.frame(message, Form.ERA2)
            == b"\x81\x7e" + len(encoded).to_bytes(2, "big") + encoded
        )


class TestNested:
    def test_a_payload_and_an_envelope_travel_inside_values(self) -> None:
        inner = Payload({"key": "in"}, ["x"])
        envelope = Envelope({"key": "e"}, result=True)

        sent = Payload.fromVortexMsg(Payload({}, [inner, envelope]).toVortexMsg())

        first, second = sent.tuples
        assert isinstance(first, Payload)
        assert (first.filt, first.tuples, first.date) == ({"key": "in"}, ["x"], inner.date)
        assert isinstance(second, Envelope)
        assert (second.filt, second.result, second.body) == ({"key": "e"}, True, None)

    @pytest.mark.parametrize(
        ("obj", "place"),
        [
            ({"_ct": "rp", "filt": []}, r"tuples\[0\].filt"),
            ({"_ct": "rp", "filt": {}, "tuples": {}}, r"tuples\[0\].tuples"),
            ({"_ct": "rpe", "filt": 5}, r"tuples\[0\].filt"),
        ],
    )
    def test_a_bad_one_is_refused_with_its_place(self, obj: Any, place: str) -> None:
        with pytest.raises(DecodeError, match=place):
            assert Payload.fromVortexMsg(received(obj)).tuples
