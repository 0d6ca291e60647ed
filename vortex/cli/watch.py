"""
Watch: ``vortex watch``, what a vortex has to say about a filt, as it comes.

A handler pushes to those who have asked it: so this asks, each time that it is connected.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from vortex.cli.closed_output import watchingOutput
from vortex.cli.exit_codes import Ended, endedBy
from vortex.cli.line import Target, finalEnd, whenOpen
from vortex.cli.output import Output, OutputClosed
from vortex.errors import ConnectionLost, NotConnected, RequestTimeout, VortexError
from vortex.node.peer import VortexPeer
from vortex.node.vortex import Vortex
from vortex.node.vortex_connection import ConnectionState, VortexConnection
from vortex.protocol.payload import Payload
from vortex.routing.delivery import Delivery
from vortex.routing.filt import shown
from vortex.routing.payload_endpoint import PayloadEndpoint

__all__ = ["watch"]


async def watch(
    vortex: Vortex,
    target: Target,
    output: Output,
    filt: dict[str, Any],
    *,
    isAsking: bool = True,
    count: int | None = None,
) -> None:
    """
    Print every payload that matches *filt*, until it is cancelled.

    Args:
        isAsking: Whether to send the filt as a request whenever the line is there.
        count: How many payloads to print; None: there is no end.

    Raises:
        Ended: If there is no line in the target's time, or an answer is an error.
        OutputClosed: If nobody reads this.
    """
    await _Watch(vortex, target, output, filt, isAsking=isAsking, count=count).run()


class _Watch:
    def __init__(
        self,
        vortex: Vortex,
        target: Target,
        output: Output,
        filt: dict[str, Any],
        *,
        isAsking: bool,
        count: int | None,
    ) -> None:
        self._vortex = vortex
        self._target = target
        self._output = output
        self._filt = filt
        self._isAsking = isAsking
        self._left = count
        self._told = ""
        self._ended: Deferred[None] = Deferred()

    async def run(self) -> None:
        with PayloadEndpoint(self._filt, self._came, self._vortex):
            connection = self._target.connect(self._vortex)
            await whenOpen(connection, self._vortex, self._target.timeout, self._output.tell)
            stop = connection.onStateChange(self._changed)
            try:
                self._changed(connection.state, connection)
                with watchingOutput(self._vortex.clock, self._output.out, lambda: self._end(OutputClosed())):
                    await self._ended
            finally:
                stop()

    def _end(self, error: Exception | None = None) -> None:
        if self._ended.called:
            return
        if error is None:
            self._ended.callback(None)
        else:
            self._ended.errback(error)

    def _changed(self, state: ConnectionState, connection: VortexConnection) -> None:
        """The line came, or went."""
        if state is ConnectionState.OPEN and connection.peer is not None:
            self._told = ""
            self._output.tell(f"connected to {connection.peer.name!r} at {self._target.url}")
            if self._isAsking:
                self._ask(connection.peer)
        elif state is ConnectionState.WAITING and connection.error is not None:
            final = finalEnd(connection.error)
            if final is not None:
                self._end(final)
            elif (text := str(connection.error)) != self._told:
                self._told = text
                self._output.tell(f"{text}; trying again")

    def _ask(self, peer: VortexPeer) -> None:
        asked = peer.request(Payload(self._filt), timeout=self._target.timeout)

        def failed(failure: Any) -> None:
            failure.trap(VortexError)
            match failure.value:
                case RequestTimeout():
                    self._output.tell(f"nobody there has answered for {shown(self._filt)} yet; watching on")
                case ConnectionLost() | NotConnected():
                    pass  # the line says so itself, and comes back
                case error:
                    self._end(endedBy(error))

        # The answer itself comes to the endpoint, as all that is about the filt does.
        asked.addCallbacks(lambda _: None, failed)

    def _came(self, payload: Payload, delivery: Delivery) -> None:
        if self._ended.called:
            return
        try:
            self._output.payload(payload)
        except VortexError as error:
            self._output.tell(f"{error.code}: a payload of {shown(self._filt)} cannot be read: {error}")
            return
        except (OutputClosed, Ended) as error:
            self._end(error)
            return
        if self._left is not None:
            self._left -= 1
            if not self._left:
                self._end()
