"""Calls that block, as a virtual clock sees them: through cuts, until it is too late, and to the end."""

from __future__ import annotations

import threading
from functools import partial
from random import Random
from typing import Any

import pytest

from tests.node.blocking_scene import Scene
from vortex import (
    AccessDenied,
    ConnectionLost,
    Delivery,
    EncodeError,
    LimitExceeded,
    NotConnected,
    Payload,
    PayloadEndpoint,
    Rejected,
    RemoteError,
    RequestTimeout,
)
from vortex.node import blocking_session
from vortex.routing.filt import MESSAGE_ID

DIG = {"key": "dig"}


class Endpoint:
    """Keeps what it is told, and answers it, unless it is to be silent or to refuse."""

    def __init__(self, scene: Scene) -> None:
        self.took: list[Any] = []
        self.outcome: Any = True
        self.deliveries: list[Delivery] = []
        PayloadEndpoint(DIG, self.take, scene.server)

    def take(self, payload: Payload, delivery: Delivery) -> None:
        self.took += payload.tuples
        self.deliveries.append(delivery)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome is not None:
            delivery.reply([f"dug {len(self.took)}"], self.outcome)


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def endpoint(scene: Scene) -> Endpoint:
    return Endpoint(scene)


def ask(scene: Scene, what: Any = 1, timeout: float | None = 30) -> list[Any]:
    return scene.session.ask(Payload(DIG, [what]), timeout).tuples


class TestAQuestion:
    def test_is_answered(self, scene: Scene, endpoint: Endpoint) -> None:
        assert ask(scene) == ["dug 1"]
        assert ask(scene, 2) == ["dug 2"]

        assert (endpoint.took, scene.way.opened) == ([1, 2], 1)
        assert [peer.name for peer in scene.server.peers] == ["script"]

    def test_is_refused_with_code_and_words(self, scene: Scene, endpoint: Endpoint) -> None:
        endpoint.outcome = Rejected("it is raining", code="bad-weather")

        with pytest.raises(RemoteError, match="it is raining") as caught:
            ask(scene)

        assert caught.value.code == "bad-weather"

    @pytest.mark.parametrize("way", ["up", "down"])
    @pytest.mark.parametrize("number", range(1, 5))  # one for the WELCOME, then one for each
    def test_takes_effect_once_wherever_the_connection_breaks(
        self, scene: Scene, endpoint: Endpoint, way: str, number: int
    ) -> None:
        scene.way.lose = lambda exchange: way if exchange == number else None

        answers = [ask(scene, what) for what in ("a", "b", "c")]

        assert answers == [["dug 1"], ["dug 2"], ["dug 3"]]
        assert endpoint.took == ["a", "b", "c"]
        assert scene.way.opened == 2

    def test_waits_for_a_server_that_is_not_there_yet(self, scene: Scene, endpoint: Endpoint) -> None:
        scene.way.isThere = False
        scene.clock.callLater(10, setattr, scene.way, "isThere", True)

        assert ask(scene) == ["dug 1"]
        assert scene.clock.seconds() >= 10

    def test_says_that_there_was_nobody(self, scene: Scene) -> None:
        scene.way.isThere = False

        with pytest.raises(NotConnected, match="nobody listens there"):
            ask(scene, timeout=5)

        assert 5 <= scene.clock.seconds() < 6.1

    def test_says_that_no_answer_came_and_waits_for_it_no_more(
        self, scene: Scene, endpoint: Endpoint
    ) -> None:
        endpoint.outcome = None

        with pytest.raises(RequestTimeout, match=r"memory did not answer in 5 s"):
            ask(scene, timeout=5)
        assert 5 <= scene.clock.seconds() < 5.3
        endpoint.outcome = True

        assert ask(scene, 2) == ["dug 2"]
        assert endpoint.deliveries[0].isCancelled

    def test_that_was_never_sent_is_not_sent_later(self, scene: Scene, endpoint: Endpoint) -> None:
        scene.way.isThere = False
        with pytest.raises(NotConnected):
            ask(scene, "first", timeout=5)
        scene.way.isThere = True

        ask(scene, "second")

        assert endpoint.took == ["second"]

    def test_may_take_as_long_as_it_takes(self, scene: Scene, endpoint: Endpoint) -> None:
        endpoint.outcome = None

        def answer() -> None:
            if scene.clock.seconds() > 300:
                endpoint.deliveries[0].reply(["at last"])

        scene.way.meanwhile = answer

        assert ask(scene, timeout=None) == ["at last"]
        assert scene.way.opened == 1  # with signs of life both ways

    def test_whose_answer_is_too_long_fails_once_and_ends_the_session_at_both_ends(self) -> None:
        """It would come again at each resume."""
        scene = Scene(maxFrame=10_000)
        endpoint = Endpoint(scene)
        ask(scene)
        first = scene.server.peers[0]
        answer = Random(1).randbytes(20_000)  # cannot be compressed
        big = PayloadEndpoint(
            {"key": "all"}, lambda _, delivery: delivery.reply([answer], True), scene.server
        )

        with pytest.raises(LimitExceeded, match="maxFrame"):
            scene.session.ask(Payload({"key": "all"}), 30)

        assert big.isLive
        assert not first.isOnline
        assert ask(scene) == ["dug 2"]
        assert (len(scene.server.peers), endpoint.took) == (1, [1, 1])

    def test_takes_nothing_else_for_its_answer(self, scene: Scene) -> None:
        def take(payload: Payload, delivery: Delivery) -> None:
            delivery.peer.send(Payload(DIG, ["unasked"]))
            delivery.peer.send(Payload({**DIG, MESSAGE_ID: "another"}, ["another's"]))
            delivery.reply(["mine"])

        endpoint = PayloadEndpoint(DIG, take, scene.server)

        assert ask(scene) == ["mine"]
        assert endpoint.isLive

    def test_begins_a_connection_anew_that_was_left_alone(self, scene: Scene, endpoint: Endpoint) -> None:
        ask(scene)
        (peer,) = scene.server.peers
        scene.clock.advance(9)
        ask(scene)
        assert scene.way.opened == 1
        scene.clock.advance(11)

        ask(scene)

        assert scene.way.opened == 2
        assert scene.server.peers == (peer,)  # it is the same session

    def test_goes_on_in_another_session_when_its_own_was_forgotten(
        self, scene: Scene, endpoint: Endpoint
    ) -> None:
        ask(scene)
        scene.clock.advance(10_000)

        assert ask(scene, 2) == ["dug 2"]
        assert endpoint.took == [1, 2]


class TestWhatIsTold:
    def test_is_taken_when_that_returns(self, scene: Scene, endpoint: Endpoint) -> None:
        endpoint.outcome = None

        scene.session.tell(Payload(DIG, ["a"]), 30)

        assert endpoint.took == ["a"]
        assert scene.clock.seconds() < 1  # after which it would be acknowledged without being asked

    def test_is_not_taken_when_it_was_only_written(self, scene: Scene, endpoint: Endpoint) -> None:
        scene.session.tell(Payload(DIG, ["a"]), 30)
        scene.way.lose = lambda number: "silently"

        with pytest.raises(RequestTimeout):
            scene.session.tell(Payload(DIG, ["b"]), 5)

        assert endpoint.took == ["a"]

    @pytest.mark.parametrize("way", ["up", "down"])
    @pytest.mark.parametrize("number", range(1, 5))
    def test_arrives_once_wherever_the_connection_breaks(
        self, scene: Scene, endpoint: Endpoint, way: str, number: int
    ) -> None:
        scene.way.lose = lambda exchange: way if exchange == number else None

        for what in ("a", "b", "c"):
            scene.session.tell(Payload(DIG, [what]), 30)

        assert endpoint.took == ["a", "b", "c"]

    def test_arrives_later_if_it_was_written_when_its_time_was_over(
        self, scene: Scene, endpoint: Endpoint
    ) -> None:
        scene.session.tell(Payload(DIG, ["a"]), 30)
        exchanges = scene.way.exchanges
        scene.way.lose = lambda number: "up" if number > exchanges else None
        with pytest.raises((NotConnected, RequestTimeout)):
            scene.session.tell(Payload(DIG, ["b"]), 3)
        scene.way.lose = lambda number: None

        scene.session.tell(Payload(DIG, ["c"]), 30)

        assert endpoint.took == ["a", "b", "c"]


class TestTheEnd:
    def test_is_told_to_the_server(self, scene: Scene, endpoint: Endpoint) -> None:
        ask(scene)

        scene.session.close()
        scene.session.close()
        scene.clock.advance(0)

        assert scene.server.peers == ()
        assert len(scene.way.said) == 1
        with pytest.raises(NotConnected, match="this client of memory is closed"):
            ask(scene)

    def test_before_anything_was_asked_is_nothing(self, scene: Scene) -> None:
        scene.session.close()

        assert (scene.session.isClosed, scene.way.opened) == (True, 0)

    def test_interrupts_a_call_that_waits_in_another_thread(self, scene: Scene, endpoint: Endpoint) -> None:
        begun, interrupted = threading.Event(), threading.Event()
        raised: list[BaseException] = []

        def wait() -> None:
            begun.set()
            assert interrupted.wait(30)

        def work() -> None:
            try:
                ask(scene)
            except NotConnected as error:
                raised.append(error)

        endpoint.outcome = None
        scene.way.meanwhile = wait
        scene.way.interrupt = interrupted.set  # type: ignore[method-assign]
        thread = threading.Thread(target=work)
        thread.start()
        assert begun.wait(30)

        scene.session.close()

        assert interrupted.is_set()
        thread.join(30)
        assert [str(error) for error in raised] == ["this client of memory is closed"]

    def test_that_waits_no_longer_for_a_call_is_said_when_that_is_over(
        self, scene: Scene, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def closeElsewhere() -> None:
            closing = threading.Thread(target=scene.session.close)
            closing.start()
            closing.join(30)
            assert not closing.is_alive()
            assert scene.way.said == []

        monkeypatch.setattr(blocking_session, "CLOSING", 0.01)
        endpoint.outcome = None
        scene.way.meanwhile = closeElsewhere

        with pytest.raises(NotConnected, match="this client of memory is closed"):
            ask(scene)
        scene.clock.advance(0)

        assert len(scene.way.said) == 1
        assert scene.server.peers == ()

    def test_of_the_session_by_the_server_is_said(self, scene: Scene, endpoint: Endpoint) -> None:
        endpoint.outcome = None
        scene.way.meanwhile = partial(_end, scene, "normal")

        with pytest.raises(ConnectionLost, match="memory has ended the session: normal: enough"):
            ask(scene)
        scene.way.meanwhile = lambda: None
        endpoint.outcome = True

        assert ask(scene, 2) == ["dug 2"]

    def test_of_the_access_is_said(self, scene: Scene, endpoint: Endpoint) -> None:
        endpoint.outcome = None
        scene.way.meanwhile = partial(_end, scene, "revoked")

        with pytest.raises(AccessDenied, match="memory has ended the session: revoked: enough"):
            ask(scene)


class TestASignalHandler:
    """It runs in the midst of a call, in its thread."""

    def test_that_closes_does_not_wait_for_the_call_that_it_interrupts(
        self, scene: Scene, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(blocking_session, "CLOSING", 3600.0)
        endpoint.outcome = None
        scene.way.meanwhile = scene.session.close

        with pytest.raises(NotConnected, match="this client of memory is closed"):
            ask(scene)
        scene.clock.advance(0)

        assert len(scene.way.said) == 1
        assert scene.server.peers == ()

    def test_that_raises_ends_the_call_and_no_other(self, scene: Scene, endpoint: Endpoint) -> None:
        def interrupt() -> None:
            raise KeyboardInterrupt

        endpoint.outcome = None
        scene.way.meanwhile = interrupt
        with pytest.raises(KeyboardInterrupt):
            ask(scene)
        endpoint.outcome = True
        scene.way.meanwhile = lambda: None

        assert ask(scene, 2) == ["dug 2"]
        assert (endpoint.took, len(scene.server.peers)) == ([1, 2], 1)

    def test_cannot_make_another_call(self, scene: Scene, endpoint: Endpoint) -> None:
        raised: list[RuntimeError] = []

        def call() -> None:
            for make in (scene.session.ask, scene.session.tell):
                try:
                    make(Payload(DIG, [2]), None)
                except RuntimeError as error:
                    raised.append(error)
            endpoint.deliveries[0].reply(["at last"])

        endpoint.outcome = None
        scene.way.meanwhile = call

        assert ask(scene) == ["at last"]
        assert ["is in a call of memory already" in str(error) for error in raised] == [True, True]
        assert endpoint.took == [1]


class TestWhatCannotTravel:
    def test_is_refused_and_leaves_the_session_as_it_is(self, scene: Scene, endpoint: Endpoint) -> None:
        ask(scene, 1)
        for call in (scene.session.ask, scene.session.tell):
            with pytest.raises(EncodeError, match="cannot travel"):
                call(Payload(DIG, [object()]), 30)

        assert ask(scene, 2) == ["dug 2"]
        scene.session.tell(Payload(DIG, [3]), 30)
        assert (endpoint.took, scene.way.opened) == ([1, 2, 3], 1)


def _end(scene: Scene, code: str) -> None:
    for peer in scene.server.peers:
        link: Any = peer
        link._link.close(code, "enough")
