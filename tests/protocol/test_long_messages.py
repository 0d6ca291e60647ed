"""What takes long to be read is known before it is: how much a body holds, and a message as a whole."""

from __future__ import annotations

import base64
import gc
import json
import zlib
from typing import Any

import pytest

from tests import native_frames
from vortex.errors import DecodeError, LimitExceeded
from vortex.limits import Limits
from vortex.protocol.body import Body
from vortex.protocol.compression import inflateShort
from vortex.protocol.envelope import Envelope, Form, Unread
from vortex.protocol.json_codec import loads
from vortex.protocol.native_body import NativeBody
from vortex.protocol.native_message import decodeNativeMessage
from vortex.protocol.vortexpy import decodeMessage, readMessage
from vortex.tuples.convert import Reading

LIMITS = Limits()


def nativeBody(text: bytes, *, isCompressed: bool = True) -> NativeBody:
    return NativeBody(zlib.compress(text) if isCompressed else text, isCompressed=isCompressed)


def vortexpyBody(text: bytes) -> Body:
    return Body(base64.b64encode(zlib.compress(text)).decode())


class TestInflateShort:
    def test_gives_what_there_is_up_to_the_bound(self) -> None:
        assert inflateShort(zlib.compress(b"x" * 100), 100) == b"x" * 100
        assert inflateShort(zlib.compress(b"x" * 101), 100) is None

    @pytest.mark.parametrize(
        "data", [b"", b"no zlib", zlib.compress(b"x" * 50)[:-1], zlib.compress(b"x" * 50) + b"x"]
    )
    def test_leaves_what_is_none_to_who_says_why(self, data: bytes) -> None:
        assert inflateShort(data, 100) == b""

    def test_does_not_read_on_past_the_bound(self) -> None:
        spoilt = zlib.compress(b"x" * 10_000_000)[:-4] + b"none"
        assert inflateShort(spoilt, 100) is None


class TestABody:
    def test_is_short_by_what_it_holds(self) -> None:
        text = b'[{"v":[' + b",".join([b"1"] * 500) + b"]}]"
        assert len(text) == 1009
        for body in (nativeBody(text), nativeBody(text, isCompressed=False)):
            assert body.isShort(1009)
            assert body.inflatedSize == 1009
            assert len(body.decodeTuples(Reading(LIMITS))) == 500
        assert not nativeBody(text).isShort(1008)
        assert not nativeBody(text, isCompressed=False).isShort(1008)

    def test_of_vortexpys_wire_is_so_as_well(self) -> None:
        text = b'{"_ct":"rp","filt":{},"tuples":[' + b",".join([b"1"] * 500) + b"]}"
        body = vortexpyBody(text)
        assert body.isShort(len(text))
        assert body.inflatedSize == len(text)
        assert len(body.decodeTuples(Reading(LIMITS))) == 500
        assert not vortexpyBody(text).isShort(len(text) - 1)

    def test_knows_its_size_once_it_was_opened(self) -> None:
        text = b'[{"v":[' + b",".join([b"1"] * 500) + b"]}]"
        body = nativeBody(text)
        assert body.inflatedSize == 0
        body.decodeTuples(Reading(LIMITS))
        assert body.inflatedSize == 1009
        assert not body.isShort(1008)

    @pytest.mark.parametrize(
        "body", [NativeBody(b"no zlib", isCompressed=True), Body("no base64!"), Body("eJw=")]
    )
    def test_that_is_none_is_short(self, body: Any) -> None:
        assert body.isShort(100)
        with pytest.raises(DecodeError):
            body.decodeTuples(Reading(LIMITS))


class TestAMessageThatIsCompressedWhole:
    def era0(self, count: int) -> bytes:
        obj = {"_ct": "rp", "filt": {"key": "x"}, "tuples": [1] * count}
        return base64.b64encode(zlib.compress(json.dumps(obj).encode()))

    @pytest.mark.parametrize("dot", [b"", b"."])
    def test_is_left_unread_where_it_is_long(self, dot: bytes) -> None:
        frame = self.era0(10_000) + dot

        message = readMessage(frame, LIMITS)

        assert isinstance(message, Unread)
        assert (message.form, message.size, message.isEmpty) == (Form.ERA0, len(frame), False)
        assert message.read().filt == {"key": "x"}

    def test_is_read_where_it_is_not(self) -> None:
        message = readMessage(self.era0(100), LIMITS)

        assert not isinstance(message, Unread)
        assert message.filt == {"key": "x"}


class TestABareEnvelope:
    def raw(self, data: Any) -> bytes:
        return json.dumps({"_ct": "rpe", "filt": {"key": "x"}, "data": data}).encode()

    @pytest.mark.parametrize(("isBase64", "form"), [(True, Form.ERA2), (False, Form.RAW)])
    def test_with_many_values_is_left_unread(self, isBase64: bool, form: Form) -> None:
        frame = self.raw([1] * 10_000)

        message = readMessage(base64.b64encode(frame) if isBase64 else frame, LIMITS)

        assert isinstance(message, Unread)
        assert message.form is form
        read: Envelope = message.read()
        assert read.filt == {"key": "x"}
        assert read.body is not None
        assert not read.body.isShort(16 << 10)

    def test_with_a_long_body_is_read(self) -> None:
        message = readMessage(self.raw("x" * 100_000), LIMITS)

        assert not isinstance(message, Unread)


class TestAHead:
    few = Limits(maxHeadNodes=100)

    def native(self, head: Any) -> bytes:
        text = json.dumps(head).encode()
        return bytes((native_frames.EXPECTS_ANSWER,)) + native_frames.leb(len(text)) + text

    @pytest.mark.parametrize("key", ["f", "r"])
    def test_has_a_bound_of_its_own(self, key: str) -> None:
        many: Any = {"a": [1] * 101}
        with pytest.raises(LimitExceeded, match="maxHeadNodes"):
            decodeNativeMessage(self.native({key: many}), self.few)
        decodeNativeMessage(self.native({key: {"a": [1] * 80}}), self.few)

    @pytest.mark.parametrize("key", ["filt", "result"])
    @pytest.mark.parametrize(
        "many", [{"a": [1] * 101}, {"a": [[[]]] * 60}, {"a": {"b": {str(n): 1 for n in range(99)}}}]
    )
    def test_of_vortexpys_wire_has_it_as_well(self, key: str, many: Any) -> None:
        for obj in ({"_ct": "rpe", "filt": {}}, {"_ct": "rp", "filt": {}}):
            data = json.dumps({**obj, key: many}).encode()
            frame = data if obj["_ct"] == "rpe" else base64.b64encode(zlib.compress(data))
            with pytest.raises(LimitExceeded, match="maxHeadNodes"):
                decodeMessage(frame, self.few)
            few = json.dumps({**obj, key: {"a": [1] * 80}}).encode()
            decodeMessage(few if obj["_ct"] == "rpe" else base64.b64encode(zlib.compress(few)), self.few)


class TestManyObjects:
    def test_are_made_without_a_search_for_garbage(self) -> None:
        text = b"[" + b",".join([b"[]"] * 50_000) + b"]"
        searches: list[str] = []

        def note(phase: str, info: dict[str, int]) -> None:
            searches.append(phase)

        gc.callbacks.append(note)
        try:
            value = loads(text, LIMITS)
            during = len(searches)
        finally:
            gc.callbacks.remove(note)

        assert len(value) == 50_000
        assert during <= 4  # of which there would be more than seventy, each with a beginning and an end
        assert gc.isenabled()

    def test_leave_it_off_where_it_was_off(self) -> None:
        gc.disable()
        try:
            loads(b"[" + b",".join([b"[]"] * 50_000) + b"]", LIMITS)
            assert not gc.isenabled()
        finally:
            gc.enable()
