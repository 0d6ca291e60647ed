"""What live data costs: makings, encodings, bytes and work, counted; and nothing left when all are gone."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from tests.handlers.live_scene import ALL, FILT, Client, Job, Scene, jobs, scene
from tests.handlers.test_live_promises import created, deleted
from tests.live.test_watches import nothingIsLeft
from tests.routing.peers import FakePeer
from vortex import Limits, Payload, TupleChange, TupleSelector
from vortex.live import feed as live_feed
from vortex.live import row as live_row
from vortex.live import state as live_state
from vortex.protocol.envelope import Form, Message
from vortex.tuples import row_sum

CHANGES = 50
POLICIES: list[dict[str, Any]] = [{}, {"mode": "all"}, {"minInterval": 3600}]


@pytest.fixture
def live() -> Iterator[Scene]:
    with scene() as made:
        yield made


class Counted:
    """How often something of the library is called."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: Any, name: str, real: Any = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        real = real or getattr(owner, name)

        def counting(*arguments: Any) -> Any:
            self.calls.append(arguments)
            return real(*arguments)

        patch.setattr(owner, name, counting)

    def taken(self) -> int:
        """How many calls there were since this was asked last."""
        calls, self.calls = self.calls, []
        return len(calls)


class Sink(FakePeer):
    """
    A peer that reads our own wire and keeps nothing of it.

    Attributes:
        waiting: How many bytes wait for it.
        ready: Fires when nothing does any more.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.waiting = 0
        self.ready: Deferred[None] = Deferred()

    @property
    def queuedBytes(self) -> int:
        return self.waiting

    def whenReady(self) -> Deferred[None]:
        return self.ready if self.waiting else succeed(None)

    def sendMessage(self, message: Message, priority: int = 100, mergeKey: Any = None) -> None:
        message.encoded(Form.NATIVE)
        self.sent.append({})


def asks(live: Scene, peer: FakePeer, policy: dict[str, Any] | None = None, **more: Any) -> None:
    """*peer* asks to watch."""
    asked = {"policy": policy} if policy else {}
    filt = {**FILT, "tupleSelector": ALL, "live": asked, "PayloadResponse.messageId": "theirs", **more}
    live.server.payloadIO.route(Payload(filt), peer)


def goes(live: Scene, peer: FakePeer) -> None:
    peer.isOnline = peer.isConnected = False
    live.server._tellPeerChange(peer, False)  # type: ignore[arg-type]


class TestAThousandWatchers:
    def test_cost_one_making_and_one_encoding_a_change(
        self, live: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        live.jobs = jobs(*range(100))
        bodies = Counted(monkeypatch, live_feed, "encodeNativeBody")
        peers = [Sink(f"peer {number}") for number in range(1_000)]
        for peer in peers:
            asks(live, peer)
        assert (live.made, bodies.taken()) == (1, 1)
        encoded = Counted(monkeypatch, Message, "_encodeNative")

        for number in range(CHANGES):
            live.jobs = jobs(*range(number + 101))
            assert live.notify() == 1_000

        assert (live.made, encoded.taken()) == (1 + CHANGES, CHANGES)
        assert {len(peer.sent) for peer in peers} == {1 + CHANGES}

    def test_cost_no_making_for_what_is_told(self, live: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(1_000):
            asks(live, Sink(f"peer {number}"))
        encoded = Counted(monkeypatch, Message, "_encodeNative")

        for number in range(CHANGES):
            live.notify(changes=created(number + 100))

        assert (live.made, encoded.taken()) == (1, CHANGES)

    def test_of_vortexpys_cost_one_encoding_a_change_too(
        self, live: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        peers = [FakePeer(f"peer {number}", form=Form.RAW) for number in range(100)]
        for peer in peers:
            live.server.payloadIO.route(Payload({**FILT, "tupleSelector": ALL}), peer)
        encoded = Counted(monkeypatch, Message, "_encode")
        live.jobs = jobs(4)

        assert live.notify() == 100

        assert (live.made, encoded.taken()) == (2, 1)


class TestAChangeOfOneRow:
    def test_of_a_thousand_is_two_hundred_bytes_at_most(self, live: Scene) -> None:
        live.jobs = [Job(id=number, title=f"water the plants in room {number}") for number in range(1_000)]
        client = live.client()
        view = client.watch()
        end, sizes = client.link._pipe.server, []
        write = end.writeFrame

        def counting(data: bytes) -> None:
            sizes.append(len(data))
            write(data)

        end.writeFrame = counting
        for number in range(500, 520):
            live.jobs[number] = Job(id=number, title=f"clean the windows of room {number}")
            live.notify()

        assert view.serial == 21
        assert len(sizes) == 20
        assert max(sizes) <= 200

    @pytest.mark.parametrize("size", [10, 1_000, 20_000])
    def test_that_is_told_is_the_same_work_whatever_the_size(
        self, live: Scene, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        live.jobs = jobs(*range(size))
        client = live.client()
        client.watch()
        summed = Counted(monkeypatch, live_row, "rowBytes", row_sum.rowBytes)
        compared = Counted(monkeypatch, live_row.Row, "isLike")
        encoded = Counted(monkeypatch, Message, "_encodeNative")
        rows = Counted(monkeypatch, live_state.LiveState, "_placeOf")

        live.notify(changes=[TupleChange(op="updated", record=Job(id=5, title="new"))])
        live.notify(changes=[*created(size), *deleted(3)])

        assert (summed.taken(), compared.taken(), encoded.taken(), rows.taken()) == (2, 1, 2, 0)
        assert client.pushes[-1]["x"] == [3]


class TestTenThousandWrites:
    def test_during_a_hundred_subscriptions_that_come_and_go(self, live: Scene) -> None:
        random = Random(6)
        clients = [live.client(f"client {number}") for number in range(3)]
        there = {job.id: job for job in live.jobs}
        live.make = lambda _selector, _peer: list(there.values())
        steady = clients[0].watch()
        history = {1: dict(there)}
        subscribed = ended = 0
        for number in range(10_000):
            key = random.randrange(40)
            if key in there and number % 9 == 0:  # as it is already
                changes = [TupleChange(op="updated", record=Job(id=key, title=there[key].title))]
            elif key in there and random.random() < 0.4:
                del there[key]
                changes = deleted(key)
            else:
                there[key] = Job(id=key, title=f"{number}")
                changes = [TupleChange(op="updated", record=there[key])]
            live.observable.notifyOfTupleUpdate(ALL, changes)
            if number % 7 == 0:
                live.harness.settle()
            if number % 50 == 0:
                client = random.choice(clients[1:])
                if client.views:
                    (watch,) = client.numbers
                    client.send(live={"end": watch})
                    view = client.views.pop(watch)
                    ended += 1
                    assert view.repeated == 0
                    assert list(view.states) == list(range(min(view.states), max(view.states) + 1))
                    assert all(view.states[serial] == steady.states[serial] for serial in view.states)
                else:
                    view = client.watch()
                    subscribed += 1
                    assert view.tuples == list(there.values())
            if number % 1_000 == 999:
                live.harness.advance(live.server.limits.checkInterval)
            history[number + 2] = dict(there)
        live.harness.settle()

        assert subscribed + ended == 200
        assert min(subscribed, ended) >= 99
        for client in clients:
            for view in client.views.values():
                assert (view.tuples, view.repeated) == (list(there.values()), 0)
        assert steady.checks >= 9
        assert list(steady.states) == list(range(1, steady.serial + 1))
        changed = [dict(state) for state in _each(history.values())]
        assert [{job.id: job for job in state} for state in steady.states.values()] == changed


def _each(states: Any) -> Iterator[dict[int, Job]]:
    """*states*, those that are like the one before left out."""
    before = None
    for state in states:
        if state != before:
            yield state
        before = state


class TestTenThousandSubscribers:
    def test_come_and_go_and_leave_nothing(self, live: Scene) -> None:
        gone = weakref.WeakSet[FakePeer]()

        def comesAndGoes(number: int) -> None:
            peer = Sink(f"peer {number}")
            gone.add(peer)
            asks(live, peer, POLICIES[number % len(POLICIES)])
            if number % 10 == 0:
                asks(live, peer, tupleSelector=TupleSelector(name="livetest.Job", selector={"n": number}))
            if number % 100 < len(POLICIES):
                live.notify(changes=created(number))
                live.notify(changes=created(number + 1))
            if number % 4 == 0:
                peer.waiting = live.server.limits.mergeBytes
                live.notify(changes=deleted(number))
            goes(live, peer)

        (steps,) = [watch.feed.stepsFor for watch in self.oneThatStays(live)]
        for number in range(10_000):
            comesAndGoes(number)
        assert steps == set()
        live.harness.advance(61)
        gc.collect()
        assert len(gone) == 0
        nothingIsLeft(live)

    def oneThatStays(self, live: Scene) -> tuple[Any, ...]:
        """The watch that they all ask for."""
        peer = Sink("the first")
        asks(live, peer)
        goes(live, peer)
        return live.watches

    def test_end_their_watches_and_leave_nothing_though_they_stay(self, live: Scene) -> None:
        peers = [Sink(f"peer {number}") for number in range(1_000)]
        for number, peer in enumerate(peers):
            asks(live, peer, POLICIES[number % len(POLICIES)])
        (watch,) = live.watches
        live.notify(changes=created(7))
        for peer in peers[::4]:
            peer.waiting = live.server.limits.mergeBytes
        live.notify(changes=created(8))
        had = [len(peer.sent) for peer in peers]
        for peer in peers:
            live.server.payloadIO.route(Payload({**FILT, "live": {"end": watch.number}}), peer)
        for peer in peers[::4]:
            peer.waiting = 0
            peer.ready.callback(None)
        live.harness.advance(61)

        assert [len(peer.sent) for peer in peers] == had
        assert watch.feed.stepsFor == set()
        lines = live.observable._watches._roster._lines
        assert lines.keys() <= set(peers[::4])  # it has to be known what went before
        for peer in peers[::8]:
            asks(live, peer)
        for peer in peers:
            goes(live, peer)
        live.harness.advance(61)
        nothingIsLeft(live)

    def test_all_at_once_leave_nothing(self, live: Scene) -> None:
        peers = [Sink(f"peer {number}") for number in range(10_000)]
        for peer in peers:
            asks(live, peer)
        live.notify(changes=created(7))
        assert {len(peer.sent) for peer in peers} == {2}
        for peer in peers:
            goes(live, peer)
        live.harness.advance(61)

        assert live.made == 1
        nothingIsLeft(live)


def noise(number: int) -> str:
    """A text that compression does not make short, the same for the same number."""
    return Random(number).randbytes(40).hex()


def framesTo(client: Client) -> tuple[list[int], list[bool]]:
    """The sizes of what is written to it; while something is in the list, it reads one after another."""
    end, sizes, oneByOne = client.link._pipe.server, list[int](), list[bool]()
    write = end.writeFrame

    def counting(data: bytes) -> None:
        sizes.append(len(data))
        write(data)
        if oneByOne:
            end.pauseProducing()

    end.writeFrame = counting
    return sizes, oneByOne


class TestAWatcherThatReadsSlowly:
    def test_is_sent_the_whole_in_parts_where_nearly_all_has_changed(self) -> None:
        limits = Limits(mergeBytes=2_000, watchPartBytes=2_000)
        with scene(limits=limits) as live:
            live.jobs = [Job(id=number, title=noise(number)) for number in range(900)]
            slow = live.client("slow")
            held = slow.watch()
            sizes, _ = framesTo(slow)
            slow.link._pipe.server.pauseProducing()
            for start in (1_000, 2_000):
                live.jobs = [Job(id=number, title=noise(start + number)) for number in range(900)]
                live.notify()
            slow.link._pipe.server.resumeProducing()
            live.harness.settle()

            assert (held.tuples, held.wholes, held.deltas) == (live.jobs, 3, 0)
            assert max(sizes) < 3_000

    def test_is_merged_then_sent_all_then_cut_and_is_right_in_the_end(self) -> None:
        limits = Limits(mergeBytes=2_000, maxWatchLog=60, watchPartBytes=2_000, writeStall=10)
        with scene(limits=limits) as live:
            live.jobs = [Job(id=number, title=noise(1_000_000 + number)) for number in range(200)]
            slow, quick = live.client("slow"), live.client("quick")
            held, view = slow.watch(), quick.watch()
            number = 0
            sizes, oneByOne = framesTo(slow)

            def change(times: int) -> None:
                nonlocal number
                for _ in range(times):
                    number += 1
                    key = number % 50
                    if number % 5 == 0:  # gone, and there again before it may have been told
                        key = 1000 + number % 3
                    changes = [TupleChange(record=Job(id=key, title=noise(number)))]
                    if number % 10 == 0:
                        changes = deleted(key)
                    live.notify(changes=changes)
                    assert slow.peer.queuedBytes < 3_000

            slow.link._pipe.server.pauseProducing()
            change(40)
            before = held.deltas
            slow.link._pipe.server.resumeProducing()
            live.harness.settle()
            assert (held.tuples, held.wholes) == (view.tuples, 1)
            assert 0 < held.deltas - before < 30
            assert len(held.changed[-1]) >= 20

            slow.link._pipe.server.pauseProducing()
            change(100)
            oneByOne.append(True)
            for _ in range(30):  # it changes while its parts are on their way
                slow.link._pipe.server.resumeProducing()
                live.harness.settle()
                change(1)
            oneByOne.clear()
            slow.link._pipe.server.resumeProducing()
            live.harness.settle()
            assert (held.tuples, held.wholes) == (view.tuples, 2)

            slow.link._pipe.server.pauseProducing()
            before = held.deltas
            change(3)
            live.harness.advance(11)
            assert (live.server.counters["slow"], slow.link.up) == (1, False)
            change(15)
            slow.link.reconnect()
            live.harness.settle()

            assert held.tuples == view.tuples
            assert held.deltas - before <= 4  # what waited, and all that has changed meanwhile
            assert (held.wholes, view.wholes) == (2, 1)
            assert max(sizes) < 3_000
            assert (view.deltas, view.repeated, held.repeated) == (len(view.states) - 1, 0, 0)
            live.harness.advance(31)
            assert held.checks >= 1
