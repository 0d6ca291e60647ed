"""
A peer that keeps what it is sent, and messages as they come off the wire, both by hand.

What comes in is `tests.wire_messages`' bytes, read by the library; what goes out is taken apart by
`tests.wire_messages` again. No session and no link in between.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from typing import Any

from twisted.internet.defer import Deferred, succeed

from tests import wire_messages
from vortex.errors import NotConnected
from vortex.limits import Limits
from vortex.protocol.envelope import Envelope, Form, Message
from vortex.protocol.payload import Payload
from vortex.protocol.vortexpy import decodeMessage

__all__ = ["ERAS", "FakePeer", "came"]

ERAS = [form for form in Form if form is not Form.NATIVE]
"""How messages look on VortexPY's wire."""


class FakePeer:
    """
    Attributes:
        sent: The messages for it, as JSON objects; each was encoded in *form* when it was sent.
        priorities: The priority of each.
    """

    def __init__(
        self,
        name: str = "ada",
        *,
        identity: str | None = None,
        roles: AbstractSet[str] = frozenset(),
        form: Form = Form.RAW,
    ) -> None:
        self.name = name
        self.uuid = f"uuid of {name}"
        self.identity = identity
        self.roles = roles
        self.isOnline = self.isConnected = True
        self.sent: list[dict[str, Any]] = []
        self.priorities: list[int] = []
        self._form = form

    def __repr__(self) -> str:
        return f"<peer {self.name}>"

    def send(self, payload: Payload, priority: int = 100) -> None:
        self.sendMessage(Message(payload), priority)

    def request(self, payload: Payload, *, timeout: float | None = 30) -> Deferred[Payload]:
        raise NotImplementedError

    def sendMessage(self, message: Message, priority: int = 100, mergeKey: Hashable = None) -> None:
        if not self.isOnline:
            raise NotConnected(f"{self.name} is gone")
        self.sent.append(wire_messages.decode(message.encoded(self._form)))
        self.priorities.append(priority)

    def cancelRequest(self, message: Message) -> None: ...

    @property
    def queuedBytes(self) -> int:
        return 0

    def whenReady(self) -> Deferred[None]:
        return succeed(None)

    @property
    def results(self) -> list[Any]:
        """The result of each message for it."""
        return [message["result"] for message in self.sent]


def came(filt: dict[str, Any], tuples: list[Any] | None = None, *, era: int = 2, **parts: Any) -> Envelope:
    """
    What is routed when a message comes in.

    Args:
        filt, tuples: As JSON.
        parts: Other keys of the envelope, in place of those that it would have.
    """
    message = json.loads(wire_messages.envelope(filt, tuples, era))
    return decodeMessage(json.dumps(message | parts).encode(), Limits())
