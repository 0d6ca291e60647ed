"""Each action once: what is done with one that comes, and comes again; and that nothing grows for ever."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from vortex.limits import Limits
from vortex.protocol.once import (
    ClientRecord,
    Dropped,
    Gap,
    Once,
    Run,
    Running,
    StaleEpoch,
    Stored,
    Unknown,
)

ADA, BOB = "a" * 32, "b" * 32


def onceOf(**limits: Any) -> Once[str]:
    return Once(Limits(**limits), Counter())


def attached(
    once: Once[str], client: str = ADA, epoch: int = 1, nextAction: int = 1, now: float = 0
) -> ClientRecord[str]:
    record = once.attached(client, epoch, nextAction, now)
    assert record is not None
    return record


def answered(record: ClientRecord[str], *actions: int, reply: bytes = b"done") -> None:
    """Have *actions* taken, carried out and answered."""
    for action in actions:
        assert record.take(action, expectsAnswer=True) == Run()
        record.started(action, f"under {action}")
        record.finished(action, reply)


@pytest.fixture
def once() -> Once[str]:
    return onceOf()


@pytest.fixture
def record(once: Once[str]) -> ClientRecord[str]:
    return attached(once)


class TestAnAction:
    def test_that_is_new_is_run(self, record: ClientRecord[str]) -> None:
        assert [record.take(action, expectsAnswer=True) for action in (1, 2, 3)] == [Run()] * 3
        assert record.last == 3

    def test_that_was_answered_is_answered_so_again(self, record: ClientRecord[str]) -> None:
        answered(record, 1, reply=b"one")
        answered(record, 2, reply=b"two")

        assert record.take(1, expectsAnswer=True) == Stored(b"one")
        assert record.take(2, expectsAnswer=True) == Stored(b"two")
        assert record.take(1, expectsAnswer=True) == Stored(b"one")

    def test_that_still_runs_is_not_run_twice(self, record: ClientRecord[str]) -> None:
        record.take(1, expectsAnswer=True)
        record.started(1, "the first")

        assert record.take(1, expectsAnswer=True) == Running("the first")
        assert record.running(1) == "the first"

    def test_that_is_done_runs_no_more(self, record: ClientRecord[str]) -> None:
        answered(record, 1)

        assert record.running(1) is None

    def test_that_came_to_nothing_is_run_again(self, record: ClientRecord[str]) -> None:
        record.take(1, expectsAnswer=True)
        record.started(1, "the first")
        record.finished(1, None)

        assert record.take(1, expectsAnswer=True) == Run()
        record.started(1, "the second")
        record.finished(1, b"at last")
        assert record.take(1, expectsAnswer=True) == Stored(b"at last")

    def test_that_expects_no_answer_is_taken_once_and_dropped_then(self, record: ClientRecord[str]) -> None:
        assert record.take(1, expectsAnswer=False) == Run()
        assert record.take(1, expectsAnswer=False) == Dropped()

    def test_whose_answer_nobody_has_is_unknown(self, record: ClientRecord[str]) -> None:
        record.take(1, expectsAnswer=True)
        record.started(1, "under way")
        record.dropped(1)

        assert record.take(1, expectsAnswer=True) == Unknown()

    def test_that_is_answered_though_nobody_waits_any_more_is_known_again(
        self, record: ClientRecord[str]
    ) -> None:
        record.take(1, expectsAnswer=True)
        record.started(1, "under way")
        record.dropped(1)
        record.finished(1, b"late")

        assert record.take(1, expectsAnswer=True) == Stored(b"late")

    def test_behind_a_missing_one_is_not_run(self, record: ClientRecord[str]) -> None:
        answered(record, 1)

        assert record.take(3, expectsAnswer=True) == Gap(2)
        assert record.take(3, expectsAnswer=True) == Gap(2)
        assert record.take(2, expectsAnswer=True) == Run()
        assert record.take(3, expectsAnswer=True) == Run()

    def test_of_a_client_that_is_not_known_may_follow_a_gap_below_its_next(self, once: Once[str]) -> None:
        record = attached(once, nextAction=10)

        assert [record.take(action, expectsAnswer=True) for action in (3, 7, 9)] == [Run()] * 3
        assert record.take(5, expectsAnswer=True) == Unknown()
        assert record.take(11, expectsAnswer=True) == Gap(10)
        assert record.take(10, expectsAnswer=True) == Run()
        assert record.take(12, expectsAnswer=True) == Gap(11)

    def test_of_a_client_that_is_not_known_may_be_its_next_at_once(self, once: Once[str]) -> None:
        assert attached(once, nextAction=500).take(500, expectsAnswer=True) == Run()

    def test_may_follow_a_gap_below_the_next_of_a_later_session_too(self, once: Once[str]) -> None:
        """Meanwhile the client was another principal, who is another client: it took the others."""
        answered(attached(once), 1)

        record = attached(once, nextAction=9)

        assert record.take(3, expectsAnswer=True) == Run()
        assert record.take(10, expectsAnswer=True) == Gap(9)
        assert record.take(9, expectsAnswer=True) == Run()

    def test_is_its_clients_own(self, once: Once[str]) -> None:
        ada, bob = attached(once, ADA), attached(once, BOB)
        answered(ada, 1, 2, reply=b"ada's")

        assert bob.take(1, expectsAnswer=True) == Run()
        assert bob.take(3, expectsAnswer=True) == Gap(2)


class TestASettledAction:
    def test_is_forgotten_with_all_before_it(self, once: Once[str], record: ClientRecord[str]) -> None:
        answered(record, 1, 2, 3, reply=b"1234")
        record.settle(2)

        assert [record.take(action, expectsAnswer=True) for action in (1, 2)] == [Unknown()] * 2
        assert record.take(3, expectsAnswer=True) == Stored(b"1234")
        assert once.bytes == 4

    def test_that_runs_still_is_not_kept_when_it_is_done(
        self, once: Once[str], record: ClientRecord[str]
    ) -> None:
        record.take(1, expectsAnswer=True)
        record.started(1, "under way")
        record.settle(1)

        assert record.running(1) is None
        record.finished(1, b"late")
        assert record.take(1, expectsAnswer=True) == Unknown()
        assert once.bytes == 0

    def test_never_comes_back(self, record: ClientRecord[str]) -> None:
        answered(record, 1, 2, 3)
        record.settle(3)
        record.settle(1)

        assert record.settled == 3

    def test_can_be_none_that_was_not_sent(self, record: ClientRecord[str]) -> None:
        answered(record, 1)
        record.settle(1 << 53)

        assert record.settled == 1
        assert record.take(2, expectsAnswer=True) == Run()

    def test_of_another_life_of_the_server_is_not_run(self, once: Once[str]) -> None:
        record = attached(once, nextAction=10)
        record.settle(7)

        assert record.take(7, expectsAnswer=True) == Unknown()
        assert record.take(8, expectsAnswer=True) == Run()


class TestAnEpoch:
    def test_that_is_newer_begins_to_count_anew(self, once: Once[str], record: ClientRecord[str]) -> None:
        answered(record, 1, 2, reply=b"1234")

        newer = attached(once, epoch=2)

        assert newer.take(1, expectsAnswer=True) == Run()
        assert once.bytes == 0

    def test_that_is_over_is_refused_to_begin(self, once: Once[str]) -> None:
        attached(once, epoch=3)

        assert once.attached(ADA, 2, 1, 0) is None
        assert once.attached(BOB, 2, 1, 0) is not None

    def test_that_is_over_takes_nothing_more(self, once: Once[str], record: ClientRecord[str]) -> None:
        record.take(1, expectsAnswer=True)
        record.started(1, "under way")
        attached(once, epoch=2)

        assert record.take(2, expectsAnswer=True) == StaleEpoch()
        assert record.take(1, expectsAnswer=True) == StaleEpoch()
        record.finished(1, b"late")
        assert once.bytes == 0

    def test_that_is_over_does_not_end_the_newer_with_its_session(
        self, once: Once[str], record: ClientRecord[str]
    ) -> None:
        newer = attached(once, epoch=2)
        answered(newer, 1)

        once.detached(record, 0)
        once.detached(newer, 0)

        assert attached(once, epoch=2).take(1, expectsAnswer=True) == Stored(b"done")


class TestAClientThatIsAway:
    def test_is_remembered_for_as_long_as_its_limit_says(self, once: Once[str]) -> None:
        record = attached(once, now=100)
        answered(record, 1)
        once.detached(record, 200)

        assert attached(once, now=799.9) is record

    def test_is_not_remembered_longer(self, once: Once[str]) -> None:
        record = attached(once, now=100)
        answered(record, 1)
        once.detached(record, 200)

        again = attached(once, nextAction=3, now=800)

        assert again is not record
        assert once.bytes == 0
        assert again.take(1, expectsAnswer=True) == Unknown()
        assert again.take(2, expectsAnswer=True) == Run()

    def test_is_known_by_its_last_action_only_so_far(self) -> None:
        once = onceOf(maxClients=1, clientMemory=1)
        for number in range(12):
            record = attached(once, f"c{number}", now=10 * number)
            answered(record, 1)
            once.detached(record, 10 * number)

        taken = [
            attached(once, f"c{number}", nextAction=2, now=999).take(1, expectsAnswer=True)
            for number in range(12)
        ]

        assert taken == [Run(), Run(), *[Unknown()] * 10]

    def test_begins_with_another_epoch_as_ever(self, once: Once[str]) -> None:
        record = attached(once)
        answered(record, 1)
        once.detached(record, 0)

        assert attached(once, epoch=2, now=10_000).take(1, expectsAnswer=True) == Run()

    def test_is_not_away_while_one_of_its_sessions_is_there(self, once: Once[str]) -> None:
        record = attached(once)
        assert attached(once) is record
        answered(record, 1)

        once.detached(record, 0)
        attached(once, BOB, now=10_000)

        assert record.take(1, expectsAnswer=True) == Stored(b"done")

    def test_is_forgotten_at_once_if_it_did_nothing(self, once: Once[str]) -> None:
        once.detached(attached(once), 0)

        assert len(once) == 0

    def test_is_forgotten_first_of_too_many(self) -> None:
        once = onceOf(maxClients=2)
        for number, client in enumerate(("c1", "c2", "c3")):
            record = attached(once, client, now=number)
            answered(record, 1)
            once.detached(record, number)

        assert len(once) == 2
        assert once.counters == {"clientsForgotten": 1}
        assert attached(once, "c1", now=3).take(1, expectsAnswer=True) == Unknown()
        assert attached(once, "c2", now=3).take(1, expectsAnswer=True) == Stored(b"done")

    def test_that_comes_back_and_goes_again_is_away_from_then_on(self) -> None:
        once = onceOf(maxClients=1)
        ada, bob = attached(once, ADA), attached(once, BOB)
        answered(ada, 1)
        answered(bob, 1)
        once.detached(ada, 0)
        once.detached(attached(once, ADA, now=1), 2)

        once.detached(bob, 3)

        assert attached(once, BOB, now=4) is bob
        assert attached(once, ADA, now=4) is not ada

    def test_has_its_answers_kept_that_come_meanwhile(self, once: Once[str]) -> None:
        record = attached(once)
        record.take(1, expectsAnswer=True)
        record.started(1, "under way")
        once.detached(record, 0)
        record.finished(1, b"meanwhile")

        assert attached(once, now=1).take(1, expectsAnswer=True) == Stored(b"meanwhile")

    def test_that_was_forgotten_leaves_nothing_when_its_action_is_done(self) -> None:
        once = onceOf(maxClients=1)
        record = attached(once)
        record.take(1, expectsAnswer=True)
        record.started(1, "under way")
        once.detached(record, 0)
        other = attached(once, BOB)
        answered(other, 1)
        once.detached(other, 1)

        record.finished(1, b"late")

        assert once.bytes == 4


class TestTheBounds:
    def test_on_how_many_answers_are_kept_cost_the_oldest(self) -> None:
        once = onceOf(maxStoredReplies=3)
        record = attached(once)
        answered(record, 1, 2, 3, 4)

        assert record.take(1, expectsAnswer=True) == Unknown()
        assert [record.take(action, expectsAnswer=True) for action in (2, 3, 4)] == [Stored(b"done")] * 3
        assert once.counters == {"repliesForgotten": 1}

    def test_on_how_many_run_cost_the_one_that_began_first_and_its_answer_is_kept(self) -> None:
        once = onceOf(maxStoredReplies=3)
        record = attached(once)
        for action in (1, 2, 3, 4):
            record.take(action, expectsAnswer=True)
            record.started(action, f"under {action}")

        assert record.take(1, expectsAnswer=True) == Unknown()
        assert record.take(2, expectsAnswer=True) == Running("under 2")
        assert once.counters == {"repliesForgotten": 1}

    def test_on_bytes_cost_the_oldest(self) -> None:
        once = onceOf(maxStoredReplyBytes=10)
        record = attached(once)
        answered(record, 1, 2, reply=b"12345")
        answered(record, 3, reply=b"1")

        assert record.take(1, expectsAnswer=True) == Unknown()
        assert record.take(2, expectsAnswer=True) == Stored(b"12345")
        assert once.bytes == 6
        assert once.counters == {"repliesForgotten": 1}

    def test_on_bytes_cost_an_answer_that_is_too_large_itself_and_no_other(self) -> None:
        once = onceOf(maxStoredReplyBytes=10)
        record = attached(once)
        answered(record, 1)
        answered(record, 2, reply=b"x" * 11)

        assert record.take(1, expectsAnswer=True) == Stored(b"done")
        assert record.take(2, expectsAnswer=True) == Unknown()
        assert once.counters == {"repliesForgotten": 1}

    def test_on_the_bytes_of_all_cost_who_is_away_first(self) -> None:
        once = onceOf(maxReplyMemory=10)
        away, here = attached(once, ADA), attached(once, BOB)
        answered(away, 1, reply=b"12345")
        answered(here, 1, reply=b"12345")
        once.detached(away, 0)
        answered(here, 2, reply=b"1")

        assert once.bytes == 6
        assert here.take(1, expectsAnswer=True) == Stored(b"12345")
        assert once.counters == {"clientsForgotten": 1}

    def test_on_the_bytes_of_all_cost_ones_own_oldest_where_nobody_is_away(self) -> None:
        once = onceOf(maxReplyMemory=10)
        ada, bob = attached(once, ADA), attached(once, BOB)
        answered(ada, 1, reply=b"123456")
        answered(bob, 1, reply=b"1234")
        answered(bob, 2, reply=b"12")

        assert ada.take(1, expectsAnswer=True) == Stored(b"123456")
        assert bob.take(1, expectsAnswer=True) == Unknown()
        assert bob.take(2, expectsAnswer=True) == Stored(b"12")
        assert once.bytes == 8

    def test_hold_for_actions_that_came_to_nothing_too(self) -> None:
        once = onceOf(maxStoredReplies=100)
        record = attached(once)
        for action in range(1, 1001):
            record.take(action, expectsAnswer=True)
            record.finished(action, None)

        assert once.counters == {"repliesForgotten": 900}
        assert record.take(901, expectsAnswer=True) == Run()
        assert record.take(900, expectsAnswer=True) == Unknown()

    def test_are_not_touched_by_what_expects_no_answer(self, once: Once[str]) -> None:
        record = attached(once)
        for action in range(1, 5001):
            assert record.take(action, expectsAnswer=False) == Run()

        assert once.counters == {}


class AgainstAModel(RuleBasedStateMachine):
    """
    One client that never loses count, and a server that forgets nothing but what it may: an action has an
    effect twice only if the first time came to nothing, or the client was forgotten.
    """

    @initialize()
    def begin(self) -> None:
        self.once: Once[str] = onceOf(maxStoredReplies=6, maxStoredReplyBytes=40, maxReplyMemory=60)
        self.now = 0.0
        self.sent = 0
        self.record: ClientRecord[str] | None = attached(self.once)
        self.effects: Counter[int] = Counter()
        self.running: set[int] = set()
        self.replies: dict[int, bytes] = {}

    @precondition(lambda self: self.record is not None)
    @rule()
    def sendNew(self) -> None:
        self.sent += 1
        assert self._take(self.sent) == Run()

    @precondition(lambda self: self.record is not None and self.sent > 0)
    @rule(data=st.data())
    def sendAgain(self, data: st.DataObject) -> None:
        action = data.draw(st.integers(1, self.sent))
        match self._take(action):
            case Stored(reply):
                assert reply == self.replies[action]
            case Running(under):
                assert under == f"under {action}"
                assert action in self.running
            case Run():
                assert action not in self.replies
            case other:
                assert other == Unknown()

    def _take(self, action: int) -> Any:
        assert self.record is not None
        verdict = self.record.take(action, expectsAnswer=True)
        if verdict == Run():
            self.effects[action] += 1
            self.running.add(action)
            self.record.started(action, f"under {action}")
        return verdict

    @precondition(lambda self: self.record is not None and self.running)
    @rule(data=st.data(), size=st.integers(0, 50))
    def finish(self, data: st.DataObject, size: int) -> None:
        assert self.record is not None
        action = data.draw(st.sampled_from(sorted(self.running)))
        self.running.discard(action)
        self.replies[action] = b"%d" % action * size
        self.record.finished(action, self.replies[action])

    @precondition(lambda self: self.record is not None and self.running)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        assert self.record is not None
        action = data.draw(st.sampled_from(sorted(self.running)))
        self.running.discard(action)
        self.effects[action] = 0
        self.record.finished(action, None)

    @precondition(lambda self: self.record is not None)
    @rule(action=st.integers(0, 50))
    def settle(self, action: int) -> None:
        assert self.record is not None
        self.record.settle(action)

    @precondition(lambda self: self.record is not None)
    @rule()
    def goAway(self) -> None:
        assert self.record is not None
        if self.record.last:
            self.once.detached(self.record, self.now)
            self.record = None

    @precondition(lambda self: self.record is None)
    @rule(seconds=st.floats(0, 599))
    def comeBack(self, seconds: float) -> None:
        self.now += seconds
        self.record = attached(self.once, nextAction=self.sent + 1, now=self.now)

    @invariant()
    def eachTookEffectOnceAtMost(self) -> None:
        assert all(count <= 1 for count in getattr(self, "effects", Counter()).values())

    @invariant()
    def theBoundsHold(self) -> None:
        if getattr(self, "record", None) is not None:
            assert self.record is not None
            assert len(self.record._running) + len(self.record._replies) <= 6
            kept = sum(len(reply) for reply in self.record._replies.values() if reply is not None)
            assert kept == self.once.bytes <= 40


class TestAgainstAModel:
    def test_each_action_takes_effect_once_and_the_bounds_hold(self) -> None:
        run_state_machine_as_test(AgainstAModel, settings=settings(max_examples=60, deadline=None))
