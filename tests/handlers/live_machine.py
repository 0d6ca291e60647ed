"""
Live data against a model: random writes, cuts, restarts, slow readers, subscribers that come and go, and a
middle node that is lost.

At every step each view is what the provider had at that view's position, and what it told has led from one
state to the next, in order. In the end, when nothing disturbs them any more, all show what there is.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from tests.handlers.observed import JOBS, Job
from tests.node.links import AlwaysLongest
from vortex import Limits, TupleDataObservableProxy, TupleSelector, Vortex
from vortex.handlers.observable import TupleDataObservableHandler
from vortex.handlers.observer import TupleDataObserver
from vortex.live.delivery_policy import DeliveryPolicy
from vortex.node.vortex_connection import VortexConnection
from vortex.testing import VortexHarness
from vortex.tuples.change import TupleChange

__all__ = ["LiveMachine", "Looking"]

LIMITS = Limits(
    maxWatchLog=12,
    watchLinger=20,
    watchPartBytes=400,
    mergeBytes=500,
    slowBytes=20_000,
    sessionLinger=30,
    checkInterval=10,
)

Rows = list[tuple[int, str]]
keys = st.integers(0, 9)
titles = st.text("ab", max_size=3) | st.just("x" * 300)
writes = st.tuples(st.dictionaries(keys, titles, max_size=3), st.sets(keys, max_size=2))


class Looking:
    """One subscription, what it was told, and whether that can be."""

    def __init__(self, observer: TupleDataObserver, policy: DeliveryPolicy | None) -> None:
        self.rows: dict[Any, str] = {}
        self.seen: list[tuple[str | None, Rows]] = []
        self.problems: list[str] = []
        self.subscription = observer.subscribe(JOBS, self.told, policy=policy)

    def told(self, tuples: Any, changes: list[TupleChange]) -> None:
        now = [(job.id, job.title) for job in tuples]
        before = self.seen[-1][0] if self.seen else None
        position = self.subscription.position
        if before is not None and position is not None:
            (epoch, _, old), (same, _, new) = before.rpartition("."), position.rpartition(".")
            if epoch == same and int(new) <= int(old):
                self.problems.append(f"{position} has come after {before}")
        self.seen.append((position, now))
        for change in changes:
            isThere = change.key in self.rows
            if isThere is (change.op == "created"):
                self.problems.append(f"{change.op} {change.key}, which was there: {isThere}")
            if change.op == "deleted":
                self.rows.pop(change.key, None)
            else:
                self.rows[change.key] = change.record.title
        if self.rows != dict(now):
            self.problems.append(f"changes lead to {self.rows}, and there is {now}")


class Program:
    """A node that watches, and its connection."""

    def __init__(self, node: Vortex, toName: str, link: VortexConnection) -> None:
        self.node = node
        self.toName = toName
        self.link = link
        self.observer = TupleDataObserver("jobs", toName, node)
        self.looking: list[Looking] = []


class LiveMachine(RuleBasedStateMachine):
    """A server, a middle node, and programs that watch at either."""

    programs: Bundle[Program] = Bundle("programs")
    lookings: Bundle[Looking] = Bundle("lookings")

    def __init__(self) -> None:
        super().__init__()
        self.harness = VortexHarness()
        self.server = self.harness.node("server", limits=LIMITS)
        self.relay = self.harness.node("relay", limits=LIMITS)
        self.proxy = TupleDataObservableProxy("jobs", "server", self.relay)
        self.up = self.connect(self.relay, self.server)
        self.rows: Rows = []
        self.history: dict[str, Rows] = {}
        self.all: list[Program] = []
        self.handler = self.serve()
        for isFar in (False, True):
            self.somebodyLooks(self.aNewProgram(isFar), None)

    def connect(self, a: Vortex, b: Vortex) -> VortexConnection:
        return self.harness.connect(a, b, wire="native", random=AlwaysLongest())

    def serve(self) -> TupleDataObservableHandler:
        handler = TupleDataObservableHandler("jobs", self.server)
        handler.addTupleProvider(Job, self.make)
        return handler

    def make(self, selector: TupleSelector, peer: Any) -> list[Any]:
        return [Job(id=key, title=title) for key, title in self.rows]

    def write(self, rows: Rows) -> None:
        self.rows = rows
        self.handler.notifyOfTupleUpdate(JOBS)
        self.note()

    def note(self) -> None:
        """What the provider has is the state at the position that it has now."""
        for watch in self.handler._watches.watches:
            if watch.watchers and watch.state.serial:
                self.history[watch.state.position] = list(self.rows)

    # ---- what may happen

    @rule(target=programs, isFar=st.booleans())
    def aProgramComes(self, isFar: bool) -> Any:
        return multiple() if len(self.all) >= 5 else self.aNewProgram(isFar)

    def aNewProgram(self, isFar: bool) -> Program:
        there = self.relay if isFar else self.server
        node = self.harness.node(f"program {len(self.all)}", limits=LIMITS)
        program = Program(node, there.name, self.connect(node, there))
        self.all.append(program)
        return program

    @rule(target=lookings, program=programs, mode=st.sampled_from([None, "latest", "all"]))
    def somebodyLooks(self, program: Program, mode: Any) -> Looking:
        looking = Looking(program.observer, None if mode is None else DeliveryPolicy(mode=mode))
        program.looking.append(looking)
        self.settle()
        return looking

    @rule(looking=consumes(lookings))
    def somebodyLeaves(self, looking: Looking) -> None:
        looking.subscription.close()
        self.settle()

    @rule(writes=st.lists(st.tuples(writes, st.booleans()), min_size=1, max_size=8))
    def rowsChange(self, writes: list[tuple[tuple[dict[int, str], set[int]], bool]]) -> None:
        for (changes, gone), isSeen in writes:
            rows = {key: title for key, title in self.rows if key not in gone}
            self.write([*{**rows, **changes}.items()])
            if isSeen:
                self.settle()

    @rule(moves=st.lists(st.tuples(keys, st.integers(0, 9), titles), min_size=1, max_size=4))
    def rowsStandElsewhere(self, moves: list[tuple[int, int, str]]) -> None:
        for key, place, title in moves:
            rows = [row for row in self.rows if row[0] != key]
            rows.insert(place, (key, title))
            self.write(rows)
            self.settle()

    @rule()
    def allRowsAreTurnedAround(self) -> None:
        self.write(self.rows[::-1])

    @rule(seconds=st.sampled_from([0, 0.3, 2, 15, 40]))
    def timePasses(self, seconds: float) -> None:
        self.harness.advance(seconds)
        self.note()

    @rule(which=st.integers(0, 20))
    def aConnectionIsCut(self, which: int) -> None:
        there = [each for each in self.harness.network.connections if each.isOpen]
        if there:
            there[which % len(there)].cut()
        self.settle()

    @rule(which=st.integers(0, 20), rate=st.sampled_from([None, None, 100, 1_000]))
    def aReaderIsSlow(self, which: int, rate: float | None) -> None:
        there = [each for each in self.harness.network.connections if each.isOpen]
        if there:
            there[which % len(there)].toClient.bytesPerSecond = rate
        self.settle()

    @rule(program=programs)
    def aProgramConnectsAnew(self, program: Program) -> None:
        program.link.close()
        self.settle()
        program.link = self.connect(program.node, self.relay if program.toName == "relay" else self.server)
        self.settle()

    @rule()
    def theServerStartsAnew(self) -> None:
        self.handler.shutdown()
        for peer in self.server.peers:
            self.server.closePeer(peer, "it starts anew")
        self.handler = self.serve()
        self.settle()

    @rule()
    def theMiddleNodeForgets(self) -> None:
        self.proxy.shutdown()
        for peer in self.relay.peers:
            if peer.name != "server":
                self.relay.closePeer(peer, "it starts anew")
        self.proxy = TupleDataObservableProxy("jobs", "server", self.relay)
        self.settle()

    def settle(self) -> None:
        self.harness.settle()
        self.note()

    # ---- what holds

    @invariant()
    def eachViewIsWhatTheProviderHad(self) -> None:
        for program in self.all:
            for looking in program.looking:
                assert looking.problems == []
                for position, rows in looking.seen:
                    assert position is not None
                    assert self.history.get(position) == rows, position
                looking.seen = looking.seen[-1:]

    def teardown(self) -> None:
        for connection in self.harness.network.connections:
            if connection.isOpen:
                connection.toClient.bytesPerSecond = None
        self.harness.advance(130)
        self.note()
        self.harness.advance(1)
        for program in self.all:
            for looking in program.looking:
                if looking.subscription.state != "closed":
                    assert looking.subscription.state == "current", looking.subscription.error
                    assert [(job.id, job.title) for job in looking.subscription.tuples] == self.rows
        self.eachViewIsWhatTheProviderHad()
        self.handler.shutdown()
        self.proxy.shutdown()
        for program in self.all:
            program.observer.shutdown()
        self.harness.close()
