"""
Every recorded codec vector: what we read from a peer's bytes, and what we write of the value it wrote.

Where we differ stands in `tests.protocol.vector_differences`, each with its reason; nothing else may.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.protocol.vector_differences import DECODED, ENCODED, REFUSED
from tests.vector_files import FILES, FOLDER, NOT_ENCODABLE, loadVectors, notationOf, rawBytes, valueOf
from tests.vector_types import TYPES
from tests.wire_rules import inflatedJson, meaningOf, messageJson
from vortex.errors import DecodeError, EncodeError
from vortex.limits import Limits
from vortex.protocol.body import Body
from vortex.protocol.envelope import Form, Message
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy import decodeMessage
from vortex.tuples.convert import Reading, fromJsonable, toJsonable

pytestmark = pytest.mark.usefixtures("vectorTypes")

LIMITS = Limits()
Vector = dict[str, Any]

PY622 = loadVectors("codec_vortexpy622")
JS242 = loadVectors("codec_vortexjs242")
PY030 = loadVectors("codec_vortexpy030")
JS_READS = loadVectors("vortexjs242_decodes_vortexpy622")


def having(vectors: list[Vector], *keys: str) -> list[Any]:
    """Those vectors that have all of *keys*, ready for parametrize."""
    chosen = [vector for vector in vectors if vector.keys() >= set(keys)]
    return [pytest.param(vector, id=vector["name"]) for vector in chosen]


def canonical(notation: Any) -> str:
    """One text for each meaning: NaN is NaN, 1 is not 1.0, the order of a dict does not matter."""

    def ordered(item: Any) -> Any:
        if isinstance(item, list):
            return [ordered(inner) for inner in item]
        if isinstance(item, dict):
            inner = {key: ordered(value) for key, value in item.items()}
            return {"dict": sorted(inner["dict"], key=json.dumps)} if inner.keys() == {"dict"} else inner
        return item

    return json.dumps(ordered(notation), sort_keys=True)


def read(vector: Vector) -> Any:
    """The notation of what we read: the field's value, or the envelope."""
    raw = rawBytes(vector)
    assert raw is not None
    try:
        if vector["kind"] != "encoded_payload":
            return notationOf(decodeMessage(raw, LIMITS))
        [vec] = Body(raw.decode()).decodeTuples(Reading(LIMITS))
    except DecodeError:
        return REFUSED
    return notationOf(vec.v)


def recorded(vector: Vector, key: str = "decoded", error: str = "decode_error") -> Any:
    """What the peer made of its own bytes; of a whole payload the field's value, as everywhere else."""
    if error in vector:
        return REFUSED
    decoded = vector[key]
    if isinstance(decoded, dict) and vector["name"].startswith("zlib_level"):
        [vec] = decoded["payload"]["tuples"]
        return vec["fields"]["v"]
    return decoded


def assertAgrees(ours: Any, theirs: Any, name: str) -> None:
    difference = DECODED.get(name)
    if difference is None:
        assert canonical(ours) == canonical(theirs)
    else:
        assert canonical(ours) == canonical(difference.ours), difference.why
        assert canonical(ours) != canonical(theirs), f"no difference any more: {difference.why}"


class TestFiles:
    def test_every_file_is_known_and_whole(self) -> None:
        assert {path.stem for path in FOLDER.glob("*.json")} == FILES.keys()
        assert {name: len(loadVectors(name)) for name in FILES} == FILES

    def test_every_codec_vector_is_read_or_written_below(self) -> None:
        assert {vector["kind"] for vector in PY622 + JS242} == {
            "encoded_payload",
            "vortex_msg",
            "selector_json_str",
        }
        assert len(having(PY622, "raw_b64")) == 103
        assert len(having(PY622, "raw_b64", "decoded")) + len(having(PY622, "raw_b64", "decode_error")) == 103
        assert len(having(JS242, "raw_b64")) == 35
        assert len(having(PY030, "raw_b64", "json_text")) == 14
        assert len(having(JS_READS, "raw_b64")) == 112
        unread = [vector for vector in PY622 + JS242 + PY030 if "raw_b64" not in vector]
        assert all("value" in vector for vector in unread)
        assert len(unread) == 18

    def test_every_difference_is_of_a_vector(self) -> None:
        names = {vector["name"] for vector in PY622 + JS242 + JS_READS}

        assert DECODED.keys() <= names
        assert ENCODED.keys() <= names
        assert all(difference.why for difference in [*DECODED.values(), *ENCODED.values()])


class TestRead:
    @pytest.mark.parametrize("vector", having(PY622, "raw_b64"))
    def test_vortexpy_622(self, vector: Vector) -> None:
        assertAgrees(read(vector), recorded(vector), vector["name"])

    @pytest.mark.parametrize("vector", having(JS242, "raw_b64"))
    def test_vortexjs_242_as_vortexpy_622_reads_it(self, vector: Vector) -> None:
        theirs = recorded(vector, "decoded_by_vortexpy622", "decode_error_by_vortexpy622")

        assertAgrees(read(vector), theirs, vector["name"])

    @pytest.mark.parametrize("vector", having(JS242, "raw_b64", "decoded"))
    def test_vortexjs_242_as_it_reads_itself(self, vector: Vector) -> None:
        ours = read(vector)
        if ours == REFUSED:
            assert vector["decoded"] == {"date": "Invalid Date"}
        else:
            theirs = notationOf(valueOf(vector["decoded"]))
            assert canonical(asJavaScript(ours)) == canonical(asJavaScript(theirs))

    @pytest.mark.parametrize("vector", having(PY030, "raw_b64"))
    def test_vortexpy_030(self, vector: Vector) -> None:
        theirs = json.loads(vector["json_text"])
        raw = rawBytes(vector)
        assert raw is not None
        assert inflatedJson(raw).keys() == theirs.keys()

        envelope = decodeMessage(raw, LIMITS)

        assert envelope.form is Form.ERA0
        assert notationOf(envelope.filt) == meaningOf(theirs["filt"])
        assert notationOf(envelope.replyFilt) == meaningOf(theirs["replyFilt"])
        assert notationOf(envelope.result) == meaningOf(theirs["result"])
        assert notationOf(envelope.date) == meaningOf(theirs["date"])
        tuples = Payload.fromEnvelope(envelope, LIMITS).tuples
        assert canonical(notationOf(tuples)) == canonical(meaningOf(theirs["tuples"]))

    @pytest.mark.parametrize("vector", having(JS_READS, "raw_b64"))
    def test_vortexpy_622_as_given_to_vortexjs(self, vector: Vector) -> None:
        """What is in VortexPY's own file too means the same here; the rest is read by the rules."""
        twins = [twin for twin in PY622 if twin.get("raw_b64") == vector["raw_b64"]]
        ours = read(vector)
        if twins:
            for twin in twins:
                assertAgrees(ours, recorded(twin), twin["name"])
        else:
            assertAgrees(undated(ours), byTheRules(vector), vector["name"])

    @pytest.mark.parametrize("vector", [*having(PY622, "is_empty"), *having(PY030, "is_empty")])
    def test_what_is_empty(self, vector: Vector) -> None:
        raw = rawBytes(vector)
        assert raw is not None

        assert decodeMessage(raw, LIMITS).isEmpty is vector["is_empty"]

    @pytest.mark.parametrize("level", ["4", "6"])
    def test_a_payload_inside_a_value(self, level: str) -> None:
        [vector] = [vector for vector in PY622 if vector["name"] == f"zlib_level.{level}"]

        payload = fromJsonable(json.loads(vector["payload_json_text"]), Reading(LIMITS))

        assert canonical(notationOf(payload)) == canonical(vector["decoded"])


class TestWritten:
    @pytest.mark.parametrize("vector", having([*PY622, *JS242], "value"))
    def test_a_value_becomes_what_the_peer_makes_of_it(self, vector: Vector) -> None:
        isJs = vector in JS242
        ours, theirs = write(vector, Form.ERA1 if isJs else Form.RAW), written(vector)
        difference = ENCODED.get(vector["name"])
        if difference is not None:
            part = ours if ours == REFUSED else differingPart(ours, vector["kind"])
            assert json.dumps(part) == json.dumps(difference.ours), difference.why
        if REFUSED not in (ours, theirs):
            ours["date"] = theirs["date"] = None  # the time of writing
            if isJs:
                ours, theirs = canonical(meaningOf(ours)), canonical(meaningOf(theirs))
            else:
                assert list(ours) == list(theirs)  # VortexPY's order
                ours, theirs = json.dumps(ours, sort_keys=True), json.dumps(theirs, sort_keys=True)
        assert (ours == theirs) is (difference is None)

    @pytest.mark.parametrize("vector", having(PY030, "json_text"))
    def test_an_era_0_message_becomes_what_vortexpy_030_makes_of_it(self, vector: Vector) -> None:
        theirs = json.loads(vector["json_text"])
        payload = valueOf(meaningOf(theirs))
        payload.result = theirs["result"]

        ours = messageJson(Message(payload).encoded(Form.ERA0))

        assert json.dumps(ours, sort_keys=True) == json.dumps(theirs, sort_keys=True)

    @pytest.mark.parametrize("vector", having(PY622, "envelope_json", "decoded"))
    def test_an_unopened_message_is_passed_on_as_it_came(self, vector: Vector) -> None:
        raw, theirs = rawBytes(vector), vector["envelope_json"]
        assert raw is not None
        payload = Payload.fromVortexMsg(raw)

        ours = messageJson(Message(payload).encoded(Form.ERA2))

        assert ours["filt"] == theirs["filt"]
        assert ours["result"] == theirs.get("result")
        if isinstance(theirs.get("data"), list):
            assert inflatedJson(ours["data"])["tuples"] == theirs["data"]
        else:
            assert ours["data"] == theirs.get("data")
        assert theirs.get("date") is None or ours["date"] == theirs["date"]


def write(vector: Vector, form: Form) -> Any:
    """The JSON of what we write: the payload, the envelope, or the text that names a selector."""
    value = valueOf(vector["value"])
    if value is NOT_ENCODABLE:
        value = object()
    try:
        match vector["kind"]:
            case "selector_json_str":
                return {"name": value.name, "selector": toJsonable(value.selector)}
            case "vortex_msg":
                return messageJson(Message(Payload.fromEnvelope(value, LIMITS)).encoded(form))
        payload = value if isinstance(value, Payload) and vector["name"].startswith("zlib_level") else None
        payload = payload or Payload({"key": "vec"}, [TYPES["acme.Vec"](v=value)])
        envelope = messageJson(Message(payload).encoded(form))
        return inflatedJson(envelope["data" if form is Form.RAW else "encodedPayload"])
    except EncodeError:
        return REFUSED


def written(vector: Vector) -> Any:
    """The JSON of what the peer wrote."""
    if "encode_error" in vector:
        return REFUSED
    if "envelope_json" in vector:
        return vector["envelope_json"]
    return json.loads(vector.get("text") or vector.get("payload_json_text") or vector["envelope_text"])


def differingPart(obj: Any, kind: str) -> Any:
    if kind == "encoded_payload":
        return obj["tuples"][0]["v"]
    if kind == "vortex_msg":
        data = obj.get("data", obj.get("encodedPayload"))
        return {"filt": obj["filt"], "tuples": None if data is None else inflatedJson(data)["tuples"]}
    return obj


def byTheRules(vector: Vector) -> Any:
    """What the bytes mean by `tests.wire_rules`; REFUSED where no rule reads them."""
    raw = rawBytes(vector)
    assert raw is not None
    try:
        if vector["kind"] == "encoded_payload":
            return meaningOf(inflatedJson(raw)["tuples"][0]["v"])
        return meaningOf(messageJson(raw))
    except KeyError:
        return "no rule"


def undated(notation: Any) -> Any:
    """*notation*, without the date that a payload is given when it comes without one: that of right now."""
    if isinstance(notation, dict) and "payload" in notation:
        made = datetime.fromisoformat(notation["payload"]["date"]["datetime"])
        assert abs((datetime.now(UTC) - made).total_seconds()) < 60
        return {"payload": notation["payload"] | {"date": None}}
    return notation


def asJavaScript(notation: Any) -> Any:
    """What is left of *notation* in JavaScript: one kind of number, keys that are texts, instants."""
    if isinstance(notation, list):
        return [asJavaScript(item) for item in notation]
    if not isinstance(notation, dict):
        return notation
    if "int" in notation or "float" in notation:
        return {"number": float(notation.get("int") or notation["float"])}
    if "datetime" in notation:
        return {"date": datetime.fromisoformat(notation["datetime"]).astimezone(UTC).isoformat()}
    if "dict" in notation:
        return {"dict": [[str(valueOf(key)), asJavaScript(item)] for key, item in notation["dict"]]}
    return {key: asJavaScript(item) for key, item in notation.items()}
