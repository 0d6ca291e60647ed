"""
Native sessions against a model: any order of messages, cuts, moves, silences, resets and restarts.

What holds at every step, and what in the end, once nothing disturbs them any more, is at the bottom. Run by
itself it takes any number of steps:

usage: python -m tests.protocol.session_machine [STEPS]
"""

from __future__ import annotations

import sys
from collections.abc import Hashable
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.protocol.native_pair import Line, Pair, says
from vortex.errors import QueueOverflow
from vortex.limits import Limits
from vortex.protocol.envelope import Message

__all__ = ["STEPS_EACH", "SessionMachine", "runSteps"]

STEPS_EACH = 100
"""Steps in one example, at most."""

LIMITS = Limits(
    replayFrames=6,
    replayBytes=1500,
    mergeBytes=600,
    slowBytes=2000,
    maxOutboxBytes=6000,
    clientMemory=1e9,
)

keys = st.sampled_from([None, None, "a", "b"])
"""Of merging; None: what may not be replaced."""

places = st.floats(0, 1)
"""Where in what is under way."""


class SessionMachine(RuleBasedStateMachine):
    """A client, a server, and whatever may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair(LIMITS)
        self.pair.server.answersAtOnce = False
        self.pair.principal = "ada"
        self.lines: list[Line] = []
        self.sent: list[str] = []
        self.asked: dict[str, Message] = {}
        self.cancelled: set[str] = set()
        self.pushes = 0
        self.steps = 0  # since the last that has ended sessions
        self.changes = self.excused = 0  # of the principal; how many were sent before the last of them
        self.forgets = 1  # how many that carry actions out may each not know what another has done

    # ---- what is said

    @rule(expectsAnswer=st.booleans(), count=st.integers(1, 4))
    def send(self, expectsAnswer: bool, count: int) -> None:
        for _ in range(count):
            label = f"up {len(self.sent)}"
            message = says(label, expectsAnswer=expectsAnswer)
            try:
                self.pair.send(message)
            except QueueOverflow:
                event("too much waited at the client")
                return
            self.sent.append(label)
            if expectsAnswer:
                self.asked[label] = message

    @precondition(lambda self: self.asked.keys() - self.cancelled)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        label = data.draw(st.sampled_from(sorted(self.asked.keys() - self.cancelled)))
        self.cancelled.add(label)
        self.pair.client.cancel(self.asked[label])
        self.pair.work()

    @precondition(lambda self: self.pair.server.running)
    @rule(which=st.integers(0, 20))
    def answer(self, which: int) -> None:
        self.pair.server.answer(which)
        self.pair.server.work()

    @precondition(lambda self: self.pair.got)
    @rule(key=keys, size=st.sampled_from([0, 0, 100, 400]), count=st.integers(1, 6))
    def push(self, key: Hashable, size: int, count: int) -> None:
        for _ in range(count):
            self.pushes += 1
            self.pair.server.push(f"down {self.pushes}", key, size)

    @precondition(lambda self: self.pair.got)
    @rule(key=keys, count=st.integers(6, 20), seconds=st.sampled_from([0.0, 5.5]))
    def pushMore(self, key: Hashable, count: int, seconds: float) -> None:
        """More than the client reads, for long enough to be cut for it, or even to lose its session."""
        self.push(key, 400, count)
        self.pair.advance(0.0)
        self.pair.advance(seconds)

    # ---- what happens to the lines

    @precondition(lambda self: self.pair.line is None)
    @rule()
    def connect(self) -> None:
        self.lines.append(self.pair.connect())

    @precondition(lambda self: self.pair.line is not None and len(self.lines) < 4)
    @rule()
    def moveToAnother(self) -> None:
        """The client connects a second time, and leaves the first as it is."""
        self.lines.append(self.pair.connect())

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), up=places, down=places)
    def letThrough(self, data: st.DataObject, up: float, down: float) -> None:
        line = data.draw(st.sampled_from(self.lines))
        line.deliverUp(round(up * len(line.up)))
        line.deliverDown(round(down * len(line.down)))

    @rule(rounds=st.integers(1, 4), answers=st.booleans())
    def letAllThrough(self, rounds: int, answers: bool) -> None:
        if self.pair.line is None:
            self.lines.append(self.pair.connect())
        for _ in range(rounds):
            if self.pair.line is not None:
                self.pair.line.deliverUp()
            if self.pair.line is not None:
                self.pair.line.deliverDown()
            while answers and self.pair.server.running:
                self.pair.server.answer(0)
            self.pair.server.work()

    @precondition(lambda self: self.pair.got)
    @rule(count=st.integers(1, 3), rounds=st.integers(1, 2))
    def talk(self, count: int, rounds: int) -> None:
        self.send(expectsAnswer=True, count=count)
        self.push(key=None, size=0, count=count)
        self.letAllThrough(rounds=rounds, answers=True)

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), up=places, down=places)
    def cut(self, data: st.DataObject, up: float, down: float) -> None:
        """Some of what is under way comes through, the rest does not."""
        line = data.draw(st.sampled_from(self.lines))
        line.deliverUp(round(up * len(line.up)))
        line.deliverDown(round(down * len(line.down)))
        self.lines.remove(line)
        line.lose()

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 4.0, 9.0, 16.0]))
    def passTime(self, seconds: float) -> None:
        self.pair.advance(seconds)

    # ---- what ends sessions

    @precondition(lambda self: self.pair.server.present is not None and self.steps > 20)
    @rule()
    def expire(self) -> None:
        self.steps = 0
        self._loseAll()
        self.pair.advance(LIMITS.sessionLinger)
        assert len(self.pair.server.table) == 0
        event("a session has expired")

    @precondition(lambda self: self.steps > 20)
    @rule()
    def becomeSomebodyElse(self) -> None:
        self.steps = 0
        self.pair.principal = "bob" if self.pair.principal == "ada" else "ada"
        event("the client is somebody else")

    @precondition(lambda self: self.steps > 20)
    @rule(keepsStore=st.booleans())
    def restart(self, keepsStore: bool) -> None:
        self.steps = 0
        server = self.pair.server
        server.start()
        if not keepsStore:
            server.store.clear()
            self.forgets += 1
        self._loseAll()
        event(f"the server was started anew, {'with' if keepsStore else 'without'} its store")

    def _loseAll(self) -> None:
        lines, self.lines = self.lines, []
        for line in lines:
            line.lose()

    # ---- what holds

    @invariant()
    def whatWasToldIsWhatWasPushedInItsOrderOnce(self) -> None:
        for session, told in self.pair.got[-1:]:
            checkTold(told, self.pair.server.pushed[session])

    @invariant()
    def actionsAreTakenInTheirOrderOnce(self) -> None:
        self.steps += 1
        for taken in self.pair.server.taken.values():
            numbers = [int(label[3:]) for label in taken]
            assert all(first < second for first, second in pairwise(numbers))

    @invariant()
    def nothingTakesEffectOrIsAnsweredTwice(self) -> None:
        assert all(count <= self.forgets for count in self.pair.server.effects.values())
        assert all(count <= 1 for count in self.pair.answers.values())

    @invariant()
    def whatWasSentAsSomebodyElseIsLetGo(self) -> None:
        changes = self.pair.resets.count("auth")
        if changes > self.changes:
            self.changes, self.excused = changes, len(self.sent)
        told = [
            label
            for label, count in self.pair.unknown.items()
            if count > 1 or self.pair.answers[f"re {label}"]
        ]
        assert not told

    @invariant()
    def theBoundsHold(self) -> None:
        most = LIMITS.maxOutboxBytes + LIMITS.replayBytes + 2 * 700
        for session in (self.pair.client, *self.pair.server.table.sessions):
            assert session.heldBytes <= most
            assert len(session._kept) <= LIMITS.replayFrames

    @invariant()
    def nobodyComplains(self) -> None:
        complaints = [each for each in self.pair.server.complaints if each[0] not in self.cancelled]
        assert not complaints, complaints
        assert self.pair.errors == []
        assert set(self.pair.broken) <= {"silent", "lost"}
        assert set(self.pair.server.broken) <= {"silent", "lost", "slow"}
        assert set(self.pair.resets) <= {"expired", "overflow", "auth", "epoch", "unknown"}

    def teardown(self) -> None:
        """Nothing disturbs them any more."""
        pair, server = self.pair, self.pair.server
        self._loseAll()
        for _ in range(200):
            pair.advance(0.1)
            self.letAllThrough(rounds=3, answers=True)
            if self._isQuiet():
                break
            pair.advance(1.0)
        else:
            raise AssertionError(f"there is no end to it: {self._leftOver()}")
        for check in (
            self.whatWasToldIsWhatWasPushedInItsOrderOnce,
            self.actionsAreTakenInTheirOrderOnce,
            self.nothingTakesEffectOrIsAnsweredTwice,
            self.nobodyComplains,
        ):
            check()
        for session, told in pair.got[:-1]:
            checkTold(told, server.pushed[session])
        session, told = pair.got[-1]
        checkTold(told, server.pushed[session], isAll=True)
        self.whatWasSentAsSomebodyElseIsLetGo()
        meant = [label for label in self.sent[self.excused :] if label not in self.cancelled]
        assert [label for label in meant if not server.effects[label]] == []
        waiting = self.asked.keys() - self.cancelled
        outcomes = {label: pair.answers[f"re {label}"] + pair.unknown[label] for label in waiting}
        assert [label for label, count in outcomes.items() if count != 1] == []

    def _leftOver(self) -> str:
        pair = self.pair
        present = pair.server.present
        return (
            f"client {pair.client.id} {pair.client.state} {pair.client.heldBytes} {pair.client.queued}; "
            f"server {present and (present.id, present.heldBytes, present.queued)}; "
            f"{pair.line and (bytes(pair.line.up), bytes(pair.line.down))}, {pair.broken}, {pair.resets}; "
            f"{pair.line and pair.line.session and (pair.line.session.id, pair.line.session.state)}"
        )

    def _isQuiet(self) -> bool:
        pair = self.pair
        present = pair.server.present
        if pair.line is None or present is None or present.id != pair.client.id:
            return False
        isQuiet = not (pair.client.heldBytes or pair.client.queued or present.heldBytes or present.queued)
        return isQuiet and not (pair.line.up or pair.line.down or pair.server.running)


def checkTold(told: list[str], pushed: list[tuple[str, Hashable]], *, isAll: bool = False) -> None:
    """
    *told* is what was *pushed*, each with its merge key, from the first one on, but for what a later one of
    its key has replaced; with *isAll* to the last.
    """
    places = {label: place for place, (label, _) in enumerate(pushed)}
    came = [places[label] for label in told]
    assert all(first < second for first, second in pairwise(came))
    end = len(pushed) if isAll else came[-1] + 1 if came else 0
    for place in sorted(set(range(end)) - set(came)):
        label, key = pushed[place]
        later = {other for _, other in pushed[place + 1 :]}
        assert key is not None, f"{label} is missing"
        assert key in later, f"{label} is missing, and nothing has replaced it"


def runSteps(steps: int, machine: type[SessionMachine] = SessionMachine, **more: Any) -> None:
    """Take at least as many *steps*, or nearly: those of each example end at `STEPS_EACH`, or before."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(1, steps * 5 // 4 // STEPS_EACH),
            stateful_step_count=STEPS_EACH,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )


def main(steps: int = 2000) -> int:
    count = 0

    class Counting(SessionMachine):
        @invariant()
        def isCounted(self) -> None:
            nonlocal count
            count += 1

    runSteps(steps, Counting, database=None, phases=[Phase.generate, Phase.shrink])
    print(f"{count} steps of native sessions against the model, and all of it holds")
    return 0


if __name__ == "__main__":
    sys.exit(main(*(int(steps) for steps in sys.argv[1:2])))
