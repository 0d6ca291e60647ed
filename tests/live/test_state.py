"""A state: which changes are news, and what a view that lags behind has to be told."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.handlers.live_scene import Job, Note, jobs
from vortex import EncodeError, Tuple, TupleField, addTupleType
from vortex.live import row as live_row
from vortex.live.log import Fate, LiveLog
from vortex.live.state import MAX_HEAD, Delta, LiveState
from vortex.tuples import row_sum


@addTupleType
class Line(Tuple):
    __tupleType__ = "livestate.Line"
    order: int = TupleField(key=True)
    item: str = TupleField(key=True)
    count: int = 0


def stateOf(*numbers: int, maxLog: int = 1_000) -> LiveState:
    state = LiveState(maxLog)
    state.replace(jobs(*numbers))
    return state


def ids(records: Sequence[Any]) -> list[int]:
    return [record.id for record in records]


def told(state: LiveState, since: int) -> tuple[list[int], list[list[int]], list[Hashable]]:
    delta = state.since(since)
    assert delta is not None
    assert (delta.before, delta.to) == (since, state.serial)
    return ids(delta.records), delta.places, delta.gone


def applied(order: list[Any], delta: Delta, keyOf: Any) -> list[Any]:
    """*order*, keys, once *delta* was applied as the specification says."""
    keys = [keyOf(record) for record in delta.records]
    placed = {number for number, _ in delta.places}
    out = {*delta.gone, *(keys[number] for number in placed)}
    order = [key for key in order if key not in out]
    order += [key for number, key in enumerate(keys) if number not in placed and key not in order]
    for number, place in delta.places:
        order.insert(place, keys[number])
    return order


class TestASerial:
    def test_is_0_before_there_is_a_state_and_1_for_the_first(self) -> None:
        state = LiveState(10)
        assert state.serial == 0

        assert state.replace([])

        assert (state.serial, state.isKeyed, state.keyFields, state.tuples) == (1, True, {}, [])

    def test_stays_when_the_same_comes_again(self) -> None:
        state = stateOf(1, 2)

        assert not state.replace(jobs(1, 2))
        assert not state.change(jobs(2))
        assert not state.change(gone=[7])
        assert state.serial == 1

    def test_reaches_what_it_has_to(self) -> None:
        state = stateOf(1, 2)

        assert state.replace(jobs(1, 2), least=4)
        assert state.serial == 4
        assert told(state, 1) == ([], [], [])
        assert state.replace(jobs(1), least=4)
        assert state.serial == 5
        assert state.replace(jobs(1, 2), least=9)
        assert state.serial == 9
        assert told(state, 5) == ([2], [], [])

    def test_moves_once_for_a_batch(self) -> None:
        state = stateOf(1, 2, 3)

        state.change([*jobs(4, 5), Job(id=1, title="new")], [2, 3])

        assert (state.serial, ids(state.tuples)) == (2, [1, 4, 5])


class TestWhatIsNews:
    def test_is_what_would_travel_so_that_objects_may_be_changed_in_place(self) -> None:
        mine = jobs(1, 2, 3)
        state = LiveState(100)
        state.replace(mine)

        mine[1].title = "changed in place"

        assert state.replace(mine)
        assert told(state, 1) == ([2], [], [])

    def test_comes_to_the_end_unless_it_is_said_where(self) -> None:
        state = stateOf(1, 2, 3)

        state.replace(jobs(1, 2, 3, 4, 5))
        assert told(state, 1) == ([4, 5], [], [])
        state.replace(jobs(6, 1, 2, 7, 3, 4, 5, 8))
        assert told(state, 2) == ([6, 7, 8], [[0, 0], [1, 3]], [])

    def test_is_as_few_moves_as_there_can_be(self) -> None:
        state = stateOf(1, 2, 3, 4, 5, 6)

        state.replace(jobs(6, 1, 2, 4, 5, 3))

        delta = state.since(1)
        assert delta is not None
        assert sorted(ids(delta.records)) == [3, 6]
        assert applied([1, 2, 3, 4, 5, 6], delta, lambda job: job.id) == [6, 1, 2, 4, 5, 3]

    def test_of_one_that_went_and_came_back_is_its_new_place(self) -> None:
        state = stateOf(1, 2, 3)
        state.change(gone=[1])
        state.change(jobs(1))

        assert ids(state.tuples) == [2, 3, 1]
        assert told(state, 1) == ([1], [[0, 2]], [])
        assert told(state, 2) == ([1], [], [])

    def test_of_one_that_came_and_went_is_nothing(self) -> None:
        state = stateOf(1)
        state.change(jobs(2))
        state.change([Job(id=2, title="again")])
        state.change(gone=[2])

        assert told(state, 1) == ([], [], [])
        assert told(state, 2) == ([], [], [2])

    def test_for_who_may_have_seen_some_of_it_is_all_of_it(self) -> None:
        state = stateOf(1)
        state.change(jobs(2, 3))
        state.change(gone=[2, 3])
        state.change(jobs(4, 2))

        delta = state.since(1, isExact=False)

        assert delta is not None
        assert (ids(delta.records), delta.places, delta.gone) == ([2, 4], [[0, 2]], [3])
        for before in ([1], [1, 2, 3], [1, 4, 2]):
            assert applied(before, delta, lambda job: job.id) == [1, 4, 2]

    def test_is_told_with_places_too(self) -> None:
        state = stateOf(1, 2, 3)

        state.change([*jobs(9), Job(id=3, title="up")], places=[[1, 0], [0, 2]])

        assert ids(state.tuples) == [3, 1, 9, 2]
        delta = state.since(1)
        assert delta is not None
        assert applied([1, 2, 3], delta, lambda job: job.id) == [3, 1, 9, 2]

    def test_with_a_key_of_several_fields_has_that(self) -> None:
        state = LiveState(100)
        state.replace([Line(order=1, item="nut"), Line(order=1, item="bolt")])

        state.change(gone=[(1, "nut")])

        delta = state.since(1)
        assert delta is not None
        assert delta.gone == [(1, "nut")]


class TestAStateThatCannotBeTold:
    def test_has_no_keys(self) -> None:
        state = LiveState(100)
        state.replace([Note(text="a")])

        assert (state.isKeyed, state.keyFields) == (False, None)
        with pytest.raises(ValueError, match="has none"):
            state.change([Note(text="b")])
        assert state.replace([Note(text="a"), Note(text="b")])
        assert state.since(1) is None
        assert not state.replace([Note(text="a"), Note(text="b")])

    def test_has_two_of_one_key(self) -> None:
        state = stateOf(1, 2)

        assert state.replace([*jobs(1), *jobs(1)])

        assert (state.isKeyed, state.since(1), ids(state.tuples)) == (False, None, [1, 1])
        assert state.replace(jobs(1, 2))
        assert (state.isKeyed, state.since(2)) == (True, None)

    def test_has_a_type_that_was_not_there(self) -> None:
        state = LiveState(100)
        state.replace([])
        state.replace(jobs(1))
        assert (state.keyFields, state.since(1)) == ({"livetest.Job": ["id"]}, None)

        with pytest.raises(ValueError, match="has none"):
            state.change([Line(order=1, item="nut")])
        state.replace([*jobs(1), Line(order=1, item="nut")])

        assert state.since(2) is None
        assert state.keyFields == {"livetest.Job": ["id"], "livestate.Line": ["order", "item"]}
        state.replace(jobs(1))
        assert told(state, 3) == ([], [], [("livestate.Line", 1, "nut")])

    def test_is_what_it_was_if_something_cannot_travel(self) -> None:
        state = stateOf(1, 2)
        broken = Job(id=2, title="x")
        broken.title = object()  # type: ignore[assignment]

        with pytest.raises(EncodeError):
            state.change([*jobs(3), broken], [1])
        with pytest.raises(EncodeError):
            state.replace([*jobs(3), broken])

        assert (state.serial, ids(state.tuples), len(state)) == (1, [1, 2], 2)
        assert state.check() == stateOf(1, 2).check()


class TestWhatIsRemembered:
    def test_is_bounded_by_keys(self) -> None:
        state = stateOf(1, maxLog=12)
        for number in range(2, 10):
            state.change(jobs(number))

        assert state.since(1) is None
        assert state.since(2) is None
        assert told(state, 3) == ([4, 5, 6, 7, 8, 9], [], [])

    def test_knows_nothing_of_the_future(self) -> None:
        assert stateOf(1).since(2) is None
        assert stateOf(1).since(-1) is None

    def test_is_not_told_key_by_key_if_there_are_too_many(self) -> None:
        state = stateOf(*range(MAX_HEAD + 2), maxLog=10_000)
        state.change(gone=range(MAX_HEAD))
        assert len(told(state, 1)[2]) == MAX_HEAD

        state.change(gone=[MAX_HEAD])

        assert state.since(1) is None
        assert told(state, 2) == ([], [], [MAX_HEAD])


class TestTheWork:
    def test_of_what_is_told_does_not_grow_with_the_state(self, monkeypatch: pytest.MonkeyPatch) -> None:
        counted: list[Any] = []
        rowBytes = row_sum.rowBytes

        def counting(record: Any) -> bytes:
            counted.append(record.id)
            return rowBytes(record)

        monkeypatch.setattr(live_row, "rowBytes", counting)
        state = stateOf(*range(1_000))
        counted.clear()

        state.change([Job(id=500, title="new"), *jobs(2_000)], [3])
        told(state, 1)
        state.check()

        assert counted == [500, 2_000]


class TestTheLog:
    def test_unites_what_has_become_of_a_key(self) -> None:
        log = LiveLog(1_000)
        log.add(1, {"a": Fate.CHANGED, "b": Fate.APPENDED, "c": Fate.GONE, "d": Fate.APPENDED})
        log.add(2, {"a": Fate.MOVED, "b": Fate.MOVED, "c": Fate.INSERTED, "d": Fate.GONE})
        log.add(3, {"a": Fate.CHANGED, "b": Fate.CHANGED, "d": Fate.APPENDED, "e": Fate.APPENDED})

        net = log.since(0)

        assert net == {
            "a": Fate.MOVED,
            "b": Fate.INSERTED,
            "c": Fate.MOVED,
            "d": Fate.APPENDED,
            "e": Fate.APPENDED,
        }
        assert [key for key, fate in net.items() if fate is Fate.APPENDED] == ["d", "e"]
        assert log.since(3) == {}


class TestWhatIsTaken:
    """Nobody has to be told what differs, so it is not found out."""

    def test_is_another_state_each_time(self) -> None:
        state = stateOf(1)
        for records in (jobs(1), jobs(1), [], [object()]):
            state.take(records)
            assert (state.tuples, len(state), state.since(state.serial - 1)) == (records, len(records), None)

        assert (state.serial, state.size, state.keyFields, state.check()) == (5, 0, None, (0, 0))
        assert "of 1 tuples" in repr(state)

    def test_cannot_be_told_what_has_changed(self) -> None:
        state = stateOf(1)
        state.take(jobs(1))

        with pytest.raises(ValueError, match="by keys"):
            state.change(jobs(2))

    @pytest.mark.parametrize("numbers", [(1, 2), (3,), ()])
    def test_is_followed_by_a_state_that_is_compared_again(self, numbers: tuple[int, ...]) -> None:
        state = stateOf(1)
        state.take(jobs(1, 2))

        assert state.replace(jobs(*numbers))
        assert (state.serial, ids(state.tuples), state.since(2)) == (3, list(numbers), None)
        assert not state.replace(jobs(*numbers))


class TestAnothersState:
    def test_keeps_its_position(self) -> None:
        state = LiveState(100)

        assert state.adopt("theirs", 41, jobs(1, 2), {"livetest.Job": ["id"]})

        assert state.position == "theirs.41"
        assert state.change(jobs(3), least=43)
        assert (state.position, ids(state.tuples)) == ("theirs.43", [1, 2, 3])

    def test_of_the_same_epoch_is_followed(self) -> None:
        state = LiveState(100)
        state.adopt("theirs", 41, jobs(1, 2), {"livetest.Job": ["id"]})

        assert state.adopt("theirs", 50, jobs(2, 3), {"livetest.Job": ["id"]})

        assert state.serial == 50
        assert told(state, 41) == ([3], [], [1])

    @pytest.mark.parametrize(("epoch", "serial"), [("another", 50), ("theirs", 41), ("theirs", 7)])
    def test_that_does_not_follow_is_begun_anew(self, epoch: str, serial: int) -> None:
        state = LiveState(100)
        state.adopt("theirs", 41, jobs(1, 2), {"livetest.Job": ["id"]})

        assert state.adopt(epoch, serial, jobs(2, 3), {"livetest.Job": ["id"]})

        assert (state.epoch, state.serial) == (epoch, serial)
        assert state.since(serial - 1) is None

    def test_is_refused_where_its_keys_do_not_tell_its_tuples_apart(self) -> None:
        with pytest.raises(ValueError, match="not told apart"):
            LiveState(100).adopt("theirs", 1, jobs(1, 1), {"livetest.Job": ["id"]})


STATES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 2)), unique_by=lambda pair: pair[0], max_size=8)


class TestAnyHistory:
    @given(
        steps=st.lists(
            st.one_of(
                st.tuples(st.just("replace"), STATES),
                st.tuples(st.just("change"), STATES, st.lists(st.integers(0, 7), max_size=3)),
            ),
            max_size=12,
        )
    )
    @settings(max_examples=300, deadline=None)
    def test_is_followed_from_each_serial_by_one_delta(self, steps: list[Any]) -> None:
        state = stateOf(0, 1, 2, 3)
        history = {state.serial: {job.id: job.title for job in state.tuples}}
        for step in steps:
            records = [Job(id=key, title=f"title {value}") for key, value in step[1]]
            if step[0] == "replace":
                state.replace(records)
            else:
                state.change(records, step[2])
            history[state.serial] = {job.id: job.title for job in state.tuples}

        for serial, before in history.items():
            delta = state.since(serial)
            assert delta is not None
            assert applied(list(before), delta, lambda job: job.id) == ids(state.tuples)
            loose = state.since(serial, isExact=False)
            assert loose is not None
            for later in range(serial, state.serial + 1):
                assert applied(list(history[later]), loose, lambda job: job.id) == ids(state.tuples)
            after = {**before, **{job.id: job.title for job in delta.records}}
            assert {key: after[key] for key in history[state.serial]} == history[state.serial]
        assert state.check() == LiveStateOf(state.tuples).check()


def LiveStateOf(records: list[Any]) -> LiveState:
    state = LiveState(10)
    state.replace(records)
    return state
