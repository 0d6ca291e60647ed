"""
PayloadResponse: a payload that was sent, and the Deferred of its answer.

The answer is the message that comes from the peer that was asked, with the
messageId that went out, on a filt that contains the one that was sent. Nothing
else ends the wait but time, the loss of that peer, or whoever cancels it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred

from vortex.errors import ConnectionLost, NotConnected, RequestTimeout, VortexError, parseErrorText
from vortex.protocol.envelope import Message
from vortex.protocol.payload import Payload
from vortex.routing.filt import CLIENT_ECHO, MESSAGE_ID, SERVER_ECHO, isSubset, shown
from vortex.routing.ports import Node, Peer, theNode

if TYPE_CHECKING:
    from vortex.clocks import DelayedCall

__all__ = ["PayloadResponse"]


class PayloadResponse(Deferred[Payload]):
    """
    Sends *payload* when it is made, and fires with the payload that answers it.

    Args:
        payload: What to ask. It is sent with a messageId of ours.
        vortex: The node; None: the process's only one.
        toName, toUuid: Whom to ask; neither: the only peer there is.
        peer: Or the very peer to ask, one of that node's.
        timeout: Seconds to wait for the answer; None: for ever.

    Fails with:
        NotConnected: There is nobody to ask, or more than one.
        EncodeError: The payload cannot travel.
        RequestTimeout: No answer came in time.
        ConnectionLost: The peer went before it answered; what was asked for may have been done.
        RemoteError: The answer is an error, with the peer's code and text.
        DecodeError: The answer cannot be read.
        CancelledError: It was cancelled.

    A peer on the native wire is told how long the answer is waited for, and when nobody waits any more: it
    stops what it does for it, as far as it can.
    """

    def __init__(
        self,
        payload: Payload,
        vortex: Node | None = None,
        *,
        toName: str | None = None,
        toUuid: str | None = None,
        peer: Peer | None = None,
        timeout: float | None = 30,
    ) -> None:
        super().__init__(_cancelled)
        node = theNode(vortex)
        self.peer: Peer | None = None
        self._io = node.payloadIO
        self._messageId = node.issueMessageId()
        filt = {**payload.filt, MESSAGE_ID: self._messageId}
        # The peer takes an echo key out before it goes on with the rest.
        self._expected = {key: value for key, value in filt.items() if key not in (SERVER_ECHO, CLIENT_ECHO)}
        self._timeout: DelayedCall | None = None
        self._message = Message(payload.withFilt(filt), expectsAnswer=True, timeout=timeout)
        try:
            self.peer = _theOne(node, toName, toUuid, peer)
            self._io.expect(self._messageId, self, self.peer)
            self.peer.sendMessage(self._message)
        except Exception as error:
            self._end(error)
            return
        if timeout is not None and not self.called:
            self._timeout = node.clock.callLater(timeout, self._timedOut, timeout)

    def offer(self, payload: Payload, peer: Peer) -> bool:
        """For `PayloadIO`: this came with our messageId; take it if it is the answer."""
        if peer is not self.peer or not isSubset(self._expected, payload.filt):
            return False
        if payload.result is None or payload.result is True:
            self._end(payload)
        else:
            self._end(parseErrorText(str(payload.result)))
        return True

    def cannotRead(self, error: VortexError, peer: Peer) -> None:
        """For `PayloadIO`: *peer* has answered, and it cannot be read."""
        if peer is self.peer:
            self._end(error)

    def peerLost(self) -> None:
        """For `PayloadIO`: the peer that was asked is gone."""
        self._end(ConnectionLost(f"{self._whom} went before it answered"))

    @property
    def _whom(self) -> str:
        """Peer and question by name: an error's text may be passed on, so no address is in it."""
        name = None if self.peer is None else self.peer.name
        return f"the peer {name!r}, asked for {shown(self._expected.get('key'))},"

    def _timedOut(self, seconds: float) -> None:
        self._timeout = None
        self._giveUp(RequestTimeout(f"{self._whom} did not answer in {seconds:g} s"))

    def _giveUp(self, why: Exception) -> None:
        if self.peer is not None:
            self.peer.cancelRequest(self._message)
        self._end(why)

    def _end(self, outcome: Payload | Exception) -> None:
        if self.peer is not None:
            self._io.unexpect(self._messageId, self.peer)
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
        if self.called:
            return
        if isinstance(outcome, Exception):
            self.errback(outcome)
        else:
            self.callback(outcome)


def _cancelled(response: Deferred[Any]) -> None:
    if isinstance(response, PayloadResponse):
        response._giveUp(CancelledError())


def _theOne(node: Node, toName: str | None, toUuid: str | None, peer: Peer | None) -> Peer:
    if toName is not None and toUuid is not None:
        raise ValueError("ask a name or a uuid, not both")
    if peer is not None:
        if toName is not None or toUuid is not None:
            raise ValueError("ask a peer, or a name or a uuid, not both")
        return peer
    peers = node.peers
    if toUuid is not None:
        named, whom = [each for each in peers if each.uuid == toUuid], f"with uuid {toUuid!r}"
    elif toName is not None:
        named, whom = [each for each in peers if each.name == toName], f"named {toName!r}"
    else:
        named, whom = list(peers), "at all"
    if len(named) > 1:  # a program that was started anew is there beside its former life's session
        named = [each for each in named if each.isConnected] or named
    if len(named) == 1 or (named and toUuid is not None):
        return named[0]
    if not named:
        raise NotConnected(f"there is no peer {whom} to ask")
    raise NotConnected(
        f"there are {len(named)} peers {whom}: one can be asked at a time, name it with toUuid"
    )
