"""The way back to who sent a message: answers, errors, and what is never answered."""

from __future__ import annotations

import gc
import json
import re
import weakref
from typing import Any

import pytest
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure

from tests import wire_messages
from tests.routing.peers import ERAS, FakePeer, came
from vortex import Tuple, addTupleType
from vortex.errors import ConnectionLost, DecodeError, EncodeError, Rejected, UnknownRecord, VortexError
from vortex.limits import Limits
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.native_body import NativeBody
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy import decodeMessage
from vortex.routing.delivery import Delivery

REQUEST = {"key": "jobs", "id": {"_ft": "int", "_fd": 5}, "PayloadResponse.messageId": "m1"}
JOB = {"_ct": "rt", "_c": "deliverytest.Job", "id": {"_ft": "int", "_fd": 5}}


@addTupleType
class Job(Tuple):
    __tupleType__ = "deliverytest.Job"
    id: int | None = None


@pytest.fixture
def ada() -> FakePeer:
    return FakePeer()


def delivered(peer: FakePeer, envelope: Envelope | None = None, *, isReply: bool = False) -> Delivery:
    return Delivery(peer, came(REQUEST) if envelope is None else envelope, isReply=isReply)


class TestADelivery:
    def test_says_who_sent_what(self, ada: FakePeer) -> None:
        delivery = delivered(ada)

        assert delivery.peer is ada
        assert delivery.filt == {"key": "jobs", "id": 5, "PayloadResponse.messageId": "m1"}
        assert delivery.messageId == "m1"
        assert delivery.isReply is False
        assert delivery.answered is False
        assert repr(delivery).startswith("<delivery of the message {")
        assert repr(delivery).endswith(" from <peer ada>>")
        assert "the reply" in repr(delivered(ada, isReply=True))

    @pytest.mark.parametrize("messageId", [None, 5, ["m1"]])
    def test_has_no_messageId_that_is_no_text(self, ada: FakePeer, messageId: Any) -> None:
        envelope = Envelope({"key": "jobs", "PayloadResponse.messageId": messageId})

        assert delivered(ada, envelope).messageId is None

    def test_of_a_huge_filt_is_short_in_a_log(self, ada: FakePeer) -> None:
        envelope = Envelope({"key": "jobs", "text": "x" * 100_000, "list": list(range(10_000))})

        assert len(repr(delivered(ada, envelope))) < 500

    def test_gives_a_filt_that_may_be_changed(self, ada: FakePeer) -> None:
        delivery = delivered(ada, came({**REQUEST, "more": [["a"]]}))

        delivery.filt["more"][0].append("b")
        del delivery.filt["key"]
        delivery.reply()

        assert ada.sent[0]["filt"] == {**REQUEST, "more": [["a"]]}

    def test_of_what_cannot_be_copied_gives_it_as_it_is(self, ada: FakePeer) -> None:
        rows = (row for row in "ab")

        assert delivered(ada, Envelope({"key": "jobs", "rows": rows})).filt["rows"] is rows

    def test_keeps_no_body(self, ada: FakePeer) -> None:
        envelope = came(REQUEST, [JOB])
        assert envelope.body is not None
        delivery = delivered(ada, envelope)

        assert not any(each is envelope.body for each in gc.get_referents(delivery))
        assert not any(each is envelope for each in gc.get_referents(delivery))


class TestReply:
    def test_is_sent_on_the_whole_filt_and_marked(self, ada: FakePeer) -> None:
        delivery = delivered(ada)

        delivery.reply([Job(id=5)])

        (answer,) = ada.sent
        assert answer["filt"] == answer["payload"]["filt"] == REQUEST
        assert answer["payload"]["tuples"] == [JOB]
        assert answer["result"] is None
        assert answer["_isReply"] is True
        assert delivery.answered is True

    def test_without_tuples_has_no_body(self, ada: FakePeer) -> None:
        delivered(ada).reply(result=True)

        (answer,) = ada.sent
        assert answer["data"] is None
        assert answer["result"] is True

    def test_with_an_empty_list_has_a_body(self, ada: FakePeer) -> None:
        delivered(ada).reply([])

        assert ada.sent[0]["payload"]["tuples"] == []

    def test_takes_anything_that_gives_tuples(self, ada: FakePeer) -> None:
        delivered(ada).reply(Job(id=number) for number in range(3))

        assert [job["id"]["_fd"] for job in ada.sent[0]["payload"]["tuples"]] == [0, 1, 2]

    def test_takes_a_payload_but_not_its_filt(self, ada: FakePeer) -> None:
        delivered(ada).reply(Payload({"key": "else"}, [Job(id=5)], "half done"))
        delivered(ada).reply(Payload({"key": "else"}))
        delivered(ada).reply(Payload(result="not this"), result=True)

        assert [answer["filt"] for answer in ada.sent] == [REQUEST] * 3
        assert ada.results == ["half done", None, True]
        assert ["payload" in answer for answer in ada.sent] == [True, False, False]

    def test_passes_on_a_payload_that_came_from_elsewhere(self, ada: FakePeer) -> None:
        payload = Payload.fromEnvelope(came({"key": "backend"}, [JOB]), Limits())

        delivered(ada).reply(payload)

        assert ada.sent[0]["payload"]["tuples"] == [JOB]
        assert ada.sent[0]["payload"]["filt"] == REQUEST

    @pytest.mark.parametrize("tuples", [Job(), "text", 5, {"a": 1}])
    def test_of_what_is_no_list_is_refused(self, ada: FakePeer, tuples: Any) -> None:
        delivery = delivered(ada)

        with pytest.raises(TypeError, match="a payload's tuples are a list, got"):
            delivery.reply(tuples)

        assert ada.sent == []
        assert delivery.answered is False

    def test_of_what_cannot_travel_sends_nothing(self, ada: FakePeer) -> None:
        delivery = delivered(ada)

        with pytest.raises(EncodeError, match="tuples"):
            delivery.reply([object()])

        assert ada.sent == []
        assert delivery.answered is False
        delivery.fail(Rejected("so it is refused"))
        assert ada.results == ["rejected: so it is refused"]

    def test_of_a_body_that_cannot_be_opened_sends_nothing(self, ada: FakePeer) -> None:
        payload = Payload.fromEnvelope(came({"key": "backend"}, data="no body"), Limits())

        with pytest.raises(DecodeError):
            delivered(ada).reply(payload)

        assert ada.sent == []

    def test_has_the_priority_that_it_is_given(self, ada: FakePeer) -> None:
        delivered(ada).reply([Job()])
        delivered(ada).reply([Job()], priority=10)
        delivered(ada).fail(Rejected("no"))
        delivered(ada).fail(Rejected("no"), priority=20)
        delivered(ada).fail(ValueError("no"), priority=30)

        assert ada.priorities == [100, 10, 100, 20, 30]

    def test_has_keys_of_its_own_besides(self, ada: FakePeer) -> None:
        delivery = delivered(ada)

        delivery.reply([Job(id=5)], filt={"view": {"s": 1}})
        delivery.reply([])

        first, second = ada.sent
        assert first["filt"] == {**REQUEST, "view": {"s": {"_ft": "int", "_fd": 1}}}
        assert first["payload"]["filt"] == first["filt"]
        assert first["payload"]["tuples"] == [JOB]
        assert second["filt"] == REQUEST

    def test_passes_on_a_body_of_our_own_wire_as_it_is(self, ada: FakePeer) -> None:
        body = NativeBody(b'[{"t":"deliverytest.Job","f":["id"],"k":"i","r":[[5]]}]', isCompressed=False)
        payload = Payload.fromEnvelope(Envelope({"not": "used"}, body=body), Limits())
        native = FakePeer(form=Form.NATIVE)
        native.sendMessage = lambda message, *_: sent.append(message)  # type: ignore[method-assign]
        sent: list[Message] = []

        delivered(ada).reply(payload)
        delivered(native).reply(payload)

        assert ada.sent[0]["payload"]["tuples"] == [JOB]
        assert sent[0].payload.closedBody is body
        assert sent[0].encoded(Form.NATIVE).endswith(body.data)

    def test_more_than_once_sends_more_than_one_message(self, ada: FakePeer) -> None:
        delivery = delivered(ada)

        for number in range(3):
            delivery.reply([Job(id=number)])

        assert len(ada.sent) == 3

    @pytest.mark.parametrize("error", [None, ConnectionLost("cut")])
    def test_to_a_peer_that_is_gone_is_no_error(self, ada: FakePeer, error: Exception | None) -> None:
        if error is None:
            ada.isOnline = False
        else:

            def lose(*args: Any, **kwargs: Any) -> None:
                raise error

            ada.sendMessage = lose  # type: ignore[method-assign]
        delivery = delivered(ada)

        delivery.reply([Job()])

        assert delivery.answered is True

    @pytest.mark.parametrize("form", ERAS)
    def test_is_understood_in_every_era(self, form: Form) -> None:
        peer = FakePeer(form=form)

        delivered(peer).reply([Job(id=5)], result=True)

        (answer,) = peer.sent
        assert answer["filt"] == REQUEST
        assert answer["result"] is True
        assert answer["_isReply"] is True
        assert answer.get("payload", answer)["tuples"] == [JOB]

    @pytest.mark.parametrize(
        ("replyFilt", "filt"), [({"key": "elsewhere"}, {"key": "elsewhere"}), ({}, REQUEST)]
    )
    def test_of_era_0_goes_where_it_was_asked_for(
        self, replyFilt: dict[str, Any], filt: dict[str, Any]
    ) -> None:
        frame = wire_messages.era0(REQUEST, [JOB], replyFilt)
        peer = FakePeer(form=Form.ERA0)
        delivery = delivered(peer, decodeMessage(frame, Limits()))

        delivery.reply([])
        Delivery(peer, decodeMessage(frame, Limits()), isReply=False).fail(Rejected("no"))

        assert [answer["filt"] for answer in peer.sent] == [filt, filt]
        assert delivery.messageId == "m1"


class TestFail:
    @pytest.mark.parametrize(
        ("error", "result"),
        [
            (Rejected("closed"), "rejected: closed"),
            (Rejected("closed", code="out-of-stock"), "out-of-stock: closed"),
            (UnknownRecord("no job 5"), "unknown-record: no job 5"),
            (
                DecodeError("expected a text", "tuples[3].due"),
                "bad-payload: expected a text - at tuples[3].due",
            ),
            (Failure(Rejected("closed")), "rejected: closed"),
            (VortexError("of no kind"), "internal: of no kind"),
        ],
    )
    def test_sends_the_code_and_the_text(self, ada: FakePeer, error: Any, result: str) -> None:
        delivery = delivered(ada)

        with capturedLogs() as logged:
            delivery.fail(error)

        (answer,) = ada.sent
        assert answer["filt"] == REQUEST
        assert answer["result"] == result
        assert answer["data"] is None
        assert answer["_isReply"] is True
        assert delivery.answered is True
        assert [event["log_level"] for event in logged] == [LogLevel.info]

    def test_of_what_was_not_meant_sends_an_id_alone(self, ada: FakePeer) -> None:
        error = OSError(2, "No such file", "/etc/shadow")

        with capturedLogs() as logged:
            delivered(ada).fail(error)

        (result,) = ada.results
        (event,) = logged
        assert re.fullmatch("internal: [0-9a-f]{8}", result)
        assert event["log_failure"].value is error
        assert result == f"internal: {event['errorId']}"
        assert "shadow" not in json.dumps(ada.sent)

    def test_is_only_logged_once_an_answer_was_sent(self, ada: FakePeer) -> None:
        delivery = delivered(ada)

        with capturedLogs() as logged:
            delivery.reply([])
            delivery.fail(Rejected("too late"))
            delivery.fail(ValueError("too late"))

        assert ada.results == [None]
        assert len(logged) == 2

    def test_twice_sends_the_first(self, ada: FakePeer) -> None:
        delivery = delivered(ada)

        delivery.fail(Rejected("first"))
        delivery.fail(Rejected("second"))

        assert ada.results == ["rejected: first"]

    @pytest.mark.parametrize("error", ["no", None, Rejected])
    def test_needs_an_exception(self, ada: FakePeer, error: Any) -> None:
        with pytest.raises(
            TypeError, match=r"fail\(\) takes an exception, as in Rejected\('no such job'\), got"
        ):
            delivered(ada).fail(error)

        assert ada.sent == []

    def test_keeps_no_frame_alive(self, ada: FakePeer) -> None:
        class Big:
            pass

        def fails() -> weakref.ref[Big]:
            big = Big()
            try:
                raise Rejected("no")
            except Rejected as error:
                delivered(ada).fail(error)
            return weakref.ref(big)

        gone = fails()
        gc.collect()

        assert gone() is None


class TestADeliveryOfAReply:
    def test_is_never_answered(self, ada: FakePeer) -> None:
        delivery = delivered(ada, isReply=True)

        with capturedLogs() as logged:
            delivery.reply([Job(id=5)])
            delivery.reply([object()])
            delivery.reply(result=True)

        assert ada.sent == []
        assert delivery.answered is False
        assert [event["log_level"] for event in logged] == [LogLevel.warn] * 3
        assert all("cannot be answered" in event["log_format"] for event in logged)

    def test_is_not_told_of_errors(self, ada: FakePeer) -> None:
        delivery = delivered(ada, isReply=True)

        with capturedLogs() as logged:
            delivery.fail(Rejected("no"))
            delivery.fail(ValueError("x"))

        assert ada.sent == []
        assert [event["log_level"] for event in logged] == [LogLevel.info, LogLevel.critical]
