"""Observables and action processors that a node has not: on the native wire who asks for one is told so."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.handlers.nodes import Client, settle
from tests.native_link import NativeLink
from tests.routing.peers import ERAS, FakePeer
from vortex.errors import (
    EncodeError,
    NotConnected,
    QueueOverflow,
    RemoteError,
    RequestTimeout,
    VortexError,
)
from vortex.node.vortex import Vortex
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.live_filt import notOffered
from vortex.routing.payload_endpoint import PayloadEndpoint

OBSERVABLE = {"key": "tupleDataObservable", "name": "jbos"}
ACTIONS = {"key": "tupleActionProcessorName", "name": "atcs"}
ASK_BY = ": ask by the name, and the filt=, that it was made with"
WORDS = [
    (OBSERVABLE, "unknown-observable", "nothing at 'server' offers an observable named 'jbos'" + ASK_BY),
    (ACTIONS, "unknown-action", "nothing at 'server' offers an action processor named 'atcs'" + ASK_BY),
]
LIVE = [OBSERVABLE, ACTIONS]


class Pair:
    """
    A client and a server, linked by the native wire.

    Attributes:
        came: The filts of what was taken to the server's endpoints.
        answer: What these answer with; None: they say nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.client = Vortex("client", reactor=clock)
        self.server = Vortex("server", reactor=clock)
        self.came: list[dict[Any, Any]] = []
        self.answer: Any = True
        self.kept: list[PayloadEndpoint] = []
        self.link = NativeLink(self.client, self.server, clock)
        settle(clock)

    def offer(self, filt: dict[str, Any], **options: Any) -> None:
        """The server has an endpoint of *filt* from now on."""
        self.kept.append(PayloadEndpoint(filt, self._take, self.server, **options))

    def ask(self, filt: dict[str, Any], tuples: list[Any] | None = None) -> list[Any]:
        """What has come of it by now, and comes of it later."""
        return self.asked(self.client.request(Payload(filt, tuples)))

    def asked(self, response: Deferred[Payload]) -> list[Any]:
        got: list[Any] = []
        response.addBoth(got.append)
        settle(self.clock)
        return got

    def _take(self, payload: Payload, delivery: Delivery) -> None:
        self.came.append(payload.filt)
        if self.answer is not None:
            delivery.reply(result=self.answer)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pair(clock: Clock) -> Pair:
    return Pair(clock)


def refusal(got: list[Any]) -> tuple[str, str]:
    """The code and the text that were answered."""
    (failure,) = got
    assert isinstance(failure, Failure)
    assert isinstance(failure.value, RemoteError)
    return failure.value.code, str(failure.value)


class TestARequestForWhatIsNotOffered:
    @pytest.mark.parametrize(("filt", "code", "text"), WORDS)
    def test_is_told_so_at_once(self, pair: Pair, filt: dict[str, Any], code: str, text: str) -> None:
        pair.offer({"key": filt["key"], "name": "another"})

        assert refusal(pair.ask(filt)) == (code, text)
        assert pair.came == []

    @pytest.mark.parametrize(("filt", "code", "text"), WORDS)
    def test_of_a_client_is_told_so_too(self, pair: Pair, filt: dict[str, Any], code: str, text: str) -> None:
        (peer,) = pair.server.peers

        got = pair.asked(peer.request(Payload(filt)))

        assert refusal(got) == (code, text.replace("'server'", "'client'"))

    @pytest.mark.parametrize("key", ["jobs", "tupledataobservable", 7, None, ["tupleDataObservable"]])
    def test_of_any_other_kind_is_ignored(self, pair: Pair, key: Any) -> None:
        got = pair.ask({"key": key, "name": "jbos"})
        pair.clock.advance(29)
        assert got == []

        pair.clock.advance(1)

        assert got[0].check(RequestTimeout)

    @pytest.mark.parametrize("filt", LIVE)
    @pytest.mark.parametrize("form", ERAS)
    def test_is_ignored_on_the_other_wire(self, clock: Clock, form: Form, filt: dict[str, Any]) -> None:
        client = Client(Vortex("server", reactor=clock), clock, form=form)
        got: list[Any] = []
        client.request(filt).addBoth(got.append)
        clock.advance(29)
        assert got == []

        clock.advance(1)

        assert got[0].check(RequestTimeout)

    @pytest.mark.parametrize("filt", LIVE)
    def test_is_ignored_where_no_answer_is_waited_for(self, pair: Pair, filt: dict[str, Any]) -> None:
        came: list[Any] = []
        listening = PayloadEndpoint(filt, lambda payload, _: came.append(payload.result), pair.client)
        (server,) = pair.client.peers
        server.sendMessage(Message(Payload(filt)))
        server.sendMessage(Message(Payload(filt), isReply=True))
        settle(pair.clock)

        assert (came, listening.isLive) == ([], True)

    @pytest.mark.parametrize("filt", LIVE)
    def test_is_what_an_endpoint_takes_though_it_says_nothing(self, pair: Pair, filt: dict[str, Any]) -> None:
        pair.answer = None
        pair.offer(filt)

        assert (pair.ask(filt), len(pair.came)) == ([], 1)

    @pytest.mark.parametrize(("filt", "code", "text"), WORDS)
    def test_is_one_without_the_keys_of_the_application(
        self, pair: Pair, filt: dict[str, Any], code: str, text: str
    ) -> None:
        pair.offer({**filt, "shop": 1})

        assert refusal(pair.ask(filt)) == (code, text)
        assert [answer.result for answer in pair.ask({**filt, "shop": 1})] == [True]

    @pytest.mark.parametrize("filt", LIVE)
    def test_is_none_that_somebody_may_not_ask(self, pair: Pair, filt: dict[str, Any]) -> None:
        pair.offer(filt, access={"gardener"})

        assert refusal(pair.ask(filt)) == ("access-denied", "this is not for you")

    @pytest.mark.parametrize(("filt", "code", "text"), WORDS)
    def test_is_the_same_where_it_is_offered_to_others_only(
        self, pair: Pair, filt: dict[str, Any], code: str, text: str
    ) -> None:
        pair.offer(filt, acceptOnlyFrom="somebody else")

        assert refusal(pair.ask(filt)) == (code, text)

    @pytest.mark.parametrize("filt", LIVE)
    def test_is_answered_when_it_is_asked_for_after_it_was_made(
        self, pair: Pair, filt: dict[str, Any]
    ) -> None:
        refusal(pair.ask(filt))
        pair.offer(filt)

        assert [answer.result for answer in pair.ask(filt)] == [True]

    @pytest.mark.parametrize("filt", LIVE)
    def test_is_run_when_it_is_sent_again_to_a_server_that_has_it_by_then(
        self, pair: Pair, filt: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The answer was lost with the session: the same action comes again, by its number."""
        lost: list[Any] = []
        with monkeypatch.context() as lossy:
            lossy.setattr(pair.link.server, "send", lambda message, **_: lost.append(message.payload.result))
            got = pair.ask(filt)
        assert [result.partition(" ")[0] for result in lost] in (["unknown-observable:"], ["unknown-action:"])
        pair.link.cut()
        pair.link.restart()
        pair.offer(filt)
        pair.link.connect()
        settle(pair.clock)

        assert [answer.result for answer in got] == [True]
        assert len(pair.came) == 1

    @pytest.mark.parametrize("error", [NotConnected("gone"), QueueOverflow("full"), EncodeError("strange")])
    def test_costs_nothing_if_it_cannot_be_answered(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch, error: VortexError
    ) -> None:
        node = Vortex("server", reactor=clock)
        ada = FakePeer()
        tried: list[Any] = []

        def fails(message: Message, priority: int) -> None:
            tried.append(message.payload.result)
            raise error

        monkeypatch.setattr(ada, "sendMessage", fails)

        assert node.payloadIO.route(Envelope(dict(OBSERVABLE), expectsAnswer=True), ada) == 0
        assert len(tried) == 1


class TestNotOffered:
    @pytest.mark.parametrize("name", ["x" * 100_000, ["x"] * 100_000, {"x": 1}, None, 7])
    def test_says_any_name_in_few_words(self, name: Any) -> None:
        error = notOffered({**OBSERVABLE, "name": name}, "server")

        assert error is not None
        assert len(str(error)) < 250

    def test_says_that_there_is_no_name(self) -> None:
        assert "an observable named None" in str(notOffered({"key": "tupleDataObservable"}, "server"))
