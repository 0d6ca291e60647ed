"""
Send: ``vortex send``, one payload to whoever is at a URL.
"""

from __future__ import annotations

from vortex.cli.exit_codes import Ended, ExitCode, endedBy
from vortex.cli.line import Target, whenOpen
from vortex.cli.output import Output
from vortex.errors import VortexError
from vortex.node.vortex import Vortex
from vortex.protocol.payload import Payload

__all__ = ["send"]


async def send(
    vortex: Vortex, target: Target, output: Output, payload: Payload, *, asRequest: bool, priority: int = 100
) -> None:
    """
    Send *payload*; as a request, wait for the answer and print what it carries.

    Without, this ends when all of it is handed over: that somebody there wants it, or takes it, is not said.

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
    await vortex.drain(peer)
    if not peer.isOnline:
        raise Ended(ExitCode.NO_ANSWER, f"connection-lost: {target.url} went before all was handed over")
