"""
Demo jobs: what pages see of the board, and what they do to it - an observable, and a processor of actions.

A page says what it saw of what it changes. If that is something else by now, nothing is changed and the
person is told: the line may have been cut in between, or the server down, for however long. So nobody's
change is written over unseen, and two people may change two things of one job.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from twisted.internet.defer import Deferred

from vortex.cli.demo_board import Board, Job
from vortex.cli.demo_rules import JobRules
from vortex.errors import Rejected, UnknownRecord
from vortex.handlers.actions import TupleActionProcessor
from vortex.handlers.observable import TupleDataObservableHandler
from vortex.node.vortex import Vortex
from vortex.orm.crud_extension import OrmCrudExtension
from vortex.orm.orm_crud_handler import OrmCrudHandler
from vortex.routing.ports import Peer
from vortex.tuples.action_tuples import TupleAction
from vortex.tuples.change import TupleChange
from vortex.tuples.field import TupleField
from vortex.tuples.selector import TupleSelector
from vortex.tuples.tuple import addTupleType, presentFields

__all__ = ["NAME", "AddJob", "BoardJobs", "ChangeJob", "DeleteJob", "TellsOfJobs"]

NAME = "demo.board"
"""Of the observable, and of the processor."""

ALL = TupleSelector(name=Job.tupleType())

RULES = JobRules()


@addTupleType
class AddJob(TupleAction):
    """
    Attributes:
        job: The new one. With the id that it had it comes back as it was.
    """

    __tupleType__ = "demo.AddJob"
    job: Job = TupleField(factory=Job)


@addTupleType
class ChangeJob(TupleAction):
    """
    Attributes:
        seen: The job's id, and what the fields were that are to change.
        job: Its id, and what these are to be.
    """

    __tupleType__ = "demo.ChangeJob"
    seen: Job = TupleField(factory=Job)
    job: Job = TupleField(factory=Job)


@addTupleType
class DeleteJob(TupleAction):
    """
    Attributes:
        seen: The job, as whoever deletes it saw it.
    """

    __tupleType__ = "demo.DeleteJob"
    seen: Job = TupleField(factory=Job)


class BoardJobs:
    """
    Args:
        vortex: Where they are offered.
        board: The jobs.
        handlers: Who tells of the same rows in another way, and is told of what is done here.
    """

    def __init__(self, vortex: Vortex, board: Board, *handlers: OrmCrudHandler) -> None:
        self._vortex = vortex
        self._board = board
        self._handlers = handlers
        self._observable = TupleDataObservableHandler(NAME, vortex)
        self._observable.addTupleProvider(Job, self._all, inThread=True)
        self._actions = TupleActionProcessor(NAME, vortex)
        for kind, delegate in ((AddJob, self._add), (ChangeJob, self._change), (DeleteJob, self._delete)):
            self._actions.setDelegate(kind, delegate, session=board.sessions, then=self._done)

        self._end = vortex.onPeerChange(self._peerChanged)

    def tell(self, changes: list[TupleChange] | None = None) -> Deferred[int]:
        """Tell who watches; None: it is to be found out what has changed."""
        return self._observable.notifyOfTupleUpdate(ALL, changes)

    def tellFromThread(self) -> None:
        """The same from a thread that works for the reactor's."""
        reactor: Any = self._vortex.clock
        if hasattr(reactor, "callFromThread"):
            reactor.callFromThread(self.tell)
        else:  # a test's clock has no threads
            self.tell()

    def shutdown(self) -> None:
        """Show nothing and do nothing from now on."""
        self._end()
        self._actions.shutdown()
        self._observable.shutdown()

    def _peerChanged(self, _peer: Peer, online: bool) -> None:
        # Whoever comes sees what is in the database, though somebody has written into it past this program.
        if online:
            self.tell()

    def _all(self, _selector: TupleSelector, _peer: Peer | None) -> list[Job]:
        with self._board.sessions() as session:
            return list(session.scalars(select(Job).order_by(Job.id)))

    # ---- actions, each in a thread and in one transaction

    def _add(self, action: AddJob, session: Session) -> Job:
        job = action.job
        self._check(job, session)
        if job.id and session.get(Job, job.id) is not None:
            raise Rejected(f"job {job.id} is there", code="exists")
        added = Job(**{name: getattr(job, name) for name in presentFields(job)})
        session.add(added)
        session.flush()
        return added

    def _change(self, action: ChangeJob, session: Session) -> Job:
        job, seen = action.job, action.seen
        self._check(job, session)
        wanted = {name: getattr(job, name) for name in presentFields(job) - {"id"}}
        # Compared and changed in one: nobody comes in between.
        changed = update(Job).where(Job.id == job.id, *_are(seen, wanted)).values(wanted)
        isChanged = bool(wanted) and session.execute(changed).rowcount == 1  # type: ignore[attr-defined]
        session.expire_all()
        found = session.get(Job, job.id)
        if found is None:
            raise UnknownRecord(f"there is no job {job.id} any more")
        now = {name: getattr(found, name) for name in wanted}
        if not isChanged and now != wanted:  # it may be what is wanted already
            self.tellFromThread()
            others = ", ".join(f"{name} is “{value}” by now" for name, value in now.items())
            raise Rejected(f"somebody else was faster: {others}", code="stale")
        return found

    def _delete(self, action: DeleteJob, session: Session) -> None:
        seen = action.seen
        deleted = delete(Job).where(Job.id == seen.id, *_are(seen, presentFields(seen) - {"id"}))
        isDeleted = session.execute(deleted).rowcount == 1  # type: ignore[attr-defined]
        if not isDeleted and session.get(Job, seen.id) is not None:
            self.tellFromThread()
            raise Rejected("somebody else has changed it meanwhile", code="stale")

    def _check(self, job: Job, session: Session) -> None:
        try:
            RULES.beforeUpdate(job, [job], session, {})
        except UnknownRecord:
            self.tellFromThread()
            raise

    def _done(self, action: TupleAction, tuples: list[Any]) -> None:
        """It is committed: tell whoever watches, however they do."""
        change: TupleChange | None = None
        match action:
            case ChangeJob():
                change = TupleChange(op="updated", key=action.job.id, record=tuples[0])
            case DeleteJob():
                change = TupleChange(op="deleted", key=action.seen.id)
            case AddJob() if not action.job.id:
                change = TupleChange(op="created", key=tuples[0].id, record=tuples[0])
        # One that comes back is not at the end, where what is created is put.
        self.tell(None if change is None else [change])
        for handler in self._handlers:
            handler.sendModelUpdate(tuples[0].id if change is None else change.key)


class TellsOfJobs(OrmCrudExtension):
    """
    What is done to rows in another way is told to who watches the board.

    Args:
        jobs: The board's.
    """

    def __init__(self, jobs: BoardJobs) -> None:
        self._jobs = jobs

    def afterUpdateCommit(self, *_: object) -> None:
        self._jobs.tellFromThread()

    def afterDeleteCommit(self, *_: object) -> None:
        self._jobs.tellFromThread()


def _are(seen: Job, names: Collection[str]) -> list[Any]:
    """That these columns are what was *seen*."""
    return [getattr(Job, name).is_not_distinct_from(getattr(seen, name)) for name in sorted(names)]
