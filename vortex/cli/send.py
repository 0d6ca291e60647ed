"""
Send: ``vortex send``, one payload to whoever is at a URL.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from vortex.cli.exit_codes import Ended, ExitCode, endedBy
from vortex.cli.line import Target, whenOpen
from vortex.cli.output import Output
from vortex.clocks import DelayedCall
from vortex.errors import VortexError
from vortex.node.peer import VortexPeer
from vortex.node.vortex import Vortex
from vortex.node.vortex_connection import ConnectionState, VortexConnection
from vortex.protocol.payload import Payload

__all__ = ["send"]


async def send(
    vortex: Vortex, target: Target, output: Output, payload: Payload, *, asRequest: bool, priority: int = 100
) -> None:
    """
    Send *payload*; as a request, wait for the answer and print what it carries.

    Without, this ends when all of it is handed over, if need be by the next line: that somebody there wants
    it, or takes it, is not said.

    Raises:
        Ended: If it cannot be sent, or the answer is an error or does not come.
        OutputClosed: If nobody reads the answer.
    """
    connection = target.connect(vortex)
    peer = await whenOpen(connection, vortex, target.timeout, output.tell)
    try:
        if asRequest:
            output.tuples(await peer.request(payload, timeout=target.timeout))
            return
        await peer.send(payload, priority)
    except VortexError as error:
        raise endedBy(error) from None
    if not await _handedOver(connection, vortex, peer, target.timeout):
        raise Ended(ExitCode.NO_ANSWER, f"connection-lost: {target.url} went before all was handed over")


def _handedOver(
    connection: VortexConnection, vortex: Vortex, peer: VortexPeer, timeout: float
) -> Deferred[bool]:
    """Fires with whether all is; a line that breaks on the way has so many seconds to be there again."""
    done: Deferred[bool] = Deferred()
    timers: list[DelayedCall] = []

    def over(isDone: bool) -> None:
        if not done.called:
            stop()
            for timer in timers:
                timer.cancel()
            done.callback(isDone)

    def changed(state: ConnectionState, _: VortexConnection) -> None:
        if state is ConnectionState.OPEN:
            while timers:
                timers.pop().cancel()
        elif not timers:
            timers.append(vortex.wheel.callLater(timeout, over, False))

    stop = connection.onStateChange(changed)
    vortex.drain(peer).addCallback(lambda _: over(peer.isOnline))
    return done
