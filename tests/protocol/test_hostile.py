"""
Whatever bytes come in: a message, or one of our errors. Nothing else gets out, nothing large stays behind.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import gc
import json
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vector_files import FILES, loadVectors, rawBytes, wireFrames
from vortex.errors import DecodeError, LimitExceeded
from vortex.limits import Limits
from vortex.protocol.envelope import Form, Message
from vortex.protocol.framing import DotDecoder
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy import decodeMessage

pytestmark = [pytest.mark.usefixtures("vectorTypes"), pytest.mark.sweep]

SMALL = Limits(
    maxFrame=20_000, maxInflated=20_000, maxDepth=12, maxNodes=500, maxString=2_000, maxFiltItems=10
)
fuzz = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def takeIn(frame: bytes, limits: Limits = SMALL) -> None:
    """Do with *frame* all that anybody does with one: refuse it, or read all of it and pass it on."""
    with contextlib.suppress(DecodeError, LimitExceeded):
        envelope = decodeMessage(frame, limits)
        assert isinstance(envelope.filt, dict)
        assert len(envelope.filt) <= limits.maxFiltItems
        assert envelope.isEmpty in (True, False)
        assert len((envelope.identity, envelope.messageId, repr(envelope), envelope.replyFiltOrFilt)) == 4
        payload = Payload.fromEnvelope(envelope, limits)
        assert Message(payload).encoded(Form.RAW)
        assert isinstance(payload.tuples, list)
        for form in Form:
            assert Message(payload, isReply=True).encoded(form)


@functools.cache
def recordedFrames() -> list[bytes]:
    frames: set[bytes] = set()
    for name in FILES:
        for vector in loadVectors(name):
            if name.startswith("session"):
                frames.update(wireFrames(vector) or [])
            elif vector["kind"].startswith("vortex_msg"):
                frames.add(rawBytes(vector) or b"")
    return sorted(frames)


def layersOf(frame: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The JSON in *frame*, and what makes a frame of JSON in the same way."""
    if frame.startswith(b"{"):
        return frame, lambda text: text
    content = base64.b64decode(frame)
    if content.startswith(b"x"):
        return zlib.decompress(content), lambda text: base64.b64encode(zlib.compress(text))
    return content, base64.b64encode


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A function that spoils a text: cuts, doubles, overwrites or inserts something somewhere."""
    kind = draw(st.sampled_from(["cut", "drop", "double", "overwrite", "insert"]))
    place, length = draw(st.floats(0, 1)), draw(st.integers(1, 40))
    other = draw(
        st.binary(min_size=1, max_size=8)
        | st.sampled_from(
            [b"{", b"}", b"[", b'"', b"\\", b"null", b"-", b"1e999", b"NaN", b"\xff", b'"_ft":"int",']
        )
    )

    def mutate(data: bytes) -> bytes:
        at = int(place * len(data))
        before, after = data[:at], data[at:]
        spoilt = {
            "cut": before,
            "drop": before + after[length:],
            "double": before + after[:length] * 3 + after,
            "overwrite": before + other + after[len(other) :],
            "insert": before + other + after,
        }
        return spoilt[kind]

    return mutate


jsonable = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["_ft", "_fd", "_ct", "_c", "filt", "tuples", "date", "v", "1", ""]), inner
        )
        | st.fixed_dictionaries(
            {
                "_ft": st.sampled_from(
                    ["int", "float", "bool", "str", "bytes", "datetime", "dict", "list", "null", "wkb"]
                ),
                "_fd": inner,
            }
        )
        | st.fixed_dictionaries(
            {
                "_ct": st.sampled_from(["rt", "rp", "rpe", "gen"]),
                "_c": st.sampled_from(["acme.Vec", "acme.Enums", "no"]),
            },
            optional={
                "v": inner,
                "level": inner,
                "filt": inner,
                "tuples": inner,
                "data": inner,
                "date": inner,
            },
        )
    ),
    max_leaves=12,
)


KEYS = ("filt", "replyFilt", "data", "encodedPayload", "tuples", "result", "date", "_isReply", "x")


def packed(obj: Any) -> bytes:
    return base64.b64encode(zlib.compress(json.dumps(obj).encode()))


class TestDecodeMessage:
    @fuzz
    @given(st.binary(max_size=300))
    def test_takes_any_bytes(self, data: bytes) -> None:
        takeIn(data)
        takeIn(b"{" + data)
        takeIn(base64.b64encode(data))
        takeIn(base64.b64encode(b"x" + data))
        takeIn(base64.b64encode(zlib.compress(data)))

    @fuzz
    @given(st.sampled_from(recordedFrames()), st.lists(mutations(), min_size=1, max_size=3))
    def test_takes_spoilt_recordings(self, frame: bytes, spoil: list[Callable[[bytes], bytes]]) -> None:
        text, wrap = layersOf(frame)
        for mutate in spoil:
            frame, text = mutate(frame), mutate(text)
        takeIn(frame)
        takeIn(wrap(text))

    @fuzz
    @given(
        st.fixed_dictionaries(
            {"_ct": st.sampled_from(["rpe", "rp"])},
            optional=dict.fromkeys(KEYS, jsonable),
        )
    )
    def test_takes_any_json_in_any_place(self, message: dict[str, Any]) -> None:
        text = json.dumps(message).encode()
        takeIn(text)
        takeIn(base64.b64encode(text))
        takeIn(packed(message))
        body = packed(message).decode()
        takeIn(json.dumps({"_ct": "rpe", "filt": {}, "data": body}).encode())

    def test_takes_the_recordings_themselves(self) -> None:
        assert len(recordedFrames()) > 100
        for frame in recordedFrames():
            takeIn(frame, Limits())

    @pytest.mark.parametrize(
        "make",
        [
            lambda: packed({"_ct": "rp", "filt": {}, "tuples": [0] * 3_000_000})[:6_000],
            lambda: b'{"_ct":"rpe","filt":' + b"[" * 1_000_000,
            lambda: b'{"_ct":"rpe","filt":{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}}",
            lambda: b'{"_ct":"rpe","filt":{"a":' + b"9" * 1_000_000 + b"}}",
            lambda: b'{"_ct":"rpe","filt":{"a":"' + b"\\ud800" * 500_000 + b'"}}',
            lambda: b'{"_ct":"rpe","result":[' + b"{}," * 3_000_000 + b"{}]}",
            lambda: base64.b64encode(zlib.compress(bytes(200 << 20))),
            lambda: b"{" + b'"a":1,' * 3_000_000 + b"}",
        ],
        ids=["cut bomb", "open", "deep", "digits", "string", "objects", "bomb", "keys"],
    )
    def test_leaves_nothing_behind(self, make: Callable[[], bytes]) -> None:
        frame = make()
        takeIn(b"{}")
        gc.collect()
        tracemalloc.start()
        try:
            with pytest.raises((DecodeError, LimitExceeded)):
                decodeMessage(frame, Limits())
            gc.collect()
            left, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert left < 100_000
        assert peak < 150 << 20


class TestDotDecoder:
    @fuzz
    @given(
        st.lists(
            st.binary(max_size=60) | st.sampled_from([b".", b"{", b"}", b'"', b"\\", *recordedFrames()[:40]])
        )
    )
    def test_takes_any_chunks(self, chunks: list[bytes]) -> None:
        decoder = DotDecoder(2_000)
        with contextlib.suppress(LimitExceeded):
            for chunk in chunks:
                for frame in decoder.feed(chunk):
                    assert len(frame) <= 2_000
                    takeIn(frame)
        assert len(decoder.finish()) <= 1
