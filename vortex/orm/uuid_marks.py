"""
UuidMarks: that an action has taken effect, by the uuid that it bears itself.

Other marks are of a client's numbers. A middle node that was killed comes back as another client, and what it
passes on again has another number; the uuid is what it was. So beside the mark of its number such an action
has one of its uuid, in the same table and the same transaction, for an hour.
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from vortex.errors import Rejected
from vortex.limits import Limits
from vortex.orm.action_marks import UUID_EPOCH, addMark, setReply
from vortex.protocol.envelope import Form, Message
from vortex.protocol.native_message import decodeNativeMessage
from vortex.protocol.payload import Payload
from vortex.tuples.tuple import Tuple, presentFields

__all__ = ["AlreadyDone", "UuidMark"]

MAX_REPLY = 64 << 10
"""Bytes of an answer that are kept by an action's uuid."""


class AlreadyDone(Exception):
    """An action with that uuid has taken effect: leave the transaction without committing it."""

    def __init__(self, reply: bytes | None) -> None:
        super().__init__("an action with this uuid has taken effect already")
        self._reply = reply

    @property
    def tuples(self) -> list[Any]:
        """
        What it was answered with.

        Raises:
            Rejected: If that was too long to be kept.
        """
        if self._reply is None:
            raise Rejected("it was done, and the answer was too large to be kept", code="outcome-unknown")
        limits = Limits()
        return Payload.fromEnvelope(decodeNativeMessage(self._reply, limits), limits).tuples


class UuidMark:
    """
    Args:
        action: What is carried out. It counts only if it came with a uuid that is one; those of VortexJS are
            numbers, which are not unlike enough.
        identity: Who sends it, None for somebody unknown: a uuid is good for its own sender.
    """

    def __init__(self, action: Tuple, identity: str | None) -> None:
        uuid = _uuidOf(action)
        who = f"{identity or ''}\0{uuid}"
        self._client = None if uuid is None else hashlib.sha256(who.encode()).hexdigest()[:32]

    def record(self, session: Session) -> None:
        """
        Write it within *session*'s transaction.

        Raises:
            AlreadyDone: If another transaction has written it.
        """
        if self._client is not None:
            wasThere, reply = addMark(session, self._client, UUID_EPOCH, 0)
            if wasThere:
                raise AlreadyDone(reply)

    def answered(self, session: Session, tuples: list[Any]) -> None:
        """Keep what it is answered with, in that transaction."""
        if self._client is not None:
            reply = Message(Payload(None, tuples), isReply=True).encoded(Form.NATIVE)
            if len(reply) <= MAX_REPLY:
                setReply(session, self._client, UUID_EPOCH, 0, reply)


def _uuidOf(action: Tuple) -> str | None:
    uuid = getattr(action, "uuid", None) if "uuid" in presentFields(action) else None
    try:
        return str(UUID(uuid)) if isinstance(uuid, str) else None
    except ValueError:
        return None
