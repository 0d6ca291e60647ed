"""
Action work: one action's session and its one transaction, in whatever thread it is called in.

Where `createActionMarks` was called for the database, the action is recorded in that transaction, so that it
takes effect once even if the server is killed, or a middle node that has passed it on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from vortex.orm.action_marks import recordsActions
from vortex.orm.uuid_marks import AlreadyDone, UuidMark
from vortex.orm.work import SessionFactory, working
from vortex.routing.delivery import Delivery
from vortex.tuples.tuple import Tuple

__all__ = ["inTransaction"]


def inTransaction(
    sessionFactory: SessionFactory,
    function: Callable[[Session], list[Any]],
    action: Tuple,
    delivery: Delivery,
) -> list[Any]:
    """
    Call *function* with a session of *sessionFactory*, and commit what it does.

    Args:
        function: Returns the tuples of the answer; it commits nothing itself.
        action: What is carried out.
        delivery: What it came in.

    Returns:
        These; rows among them are loaded, and no session is needed to read them.

    Raises:
        AlreadyRecorded: If the action has taken effect before.
        VortexError: What the database refused.
    """
    mark = UuidMark(action, delivery.peer.identity)
    try:
        with working(sessionFactory, None, {}) as work:
            session = work.session
            isRecorded = recordsActions(session.get_bind())
            if isRecorded:
                delivery.recordIn(session)
                mark.record(session)
            tuples = function(session)
            session.flush()
            work.complete(each for each in tuples if isinstance(each, Tuple))
            if isRecorded:
                delivery.recordIn(session, tuples)
                mark.answered(session, tuples)
            work.commit()
        return tuples
    except AlreadyDone as already:
        return already.tuples
