"""
Direct writes: hand bytes to the kernel now, where nothing is queued before them.

Twisted's `transport.write` waits for the next turn of the reactor: a change of
the epoll set, an event, a send, another change. For a frame that goes to a
thousand connections that is most of the cost. Where a plain TCP transport has an
empty buffer, the same bytes can be sent at once, and nothing is reordered.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import tcp
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import ITransport
from twisted.protocols.policies import ProtocolWrapper

__all__ = ["unwritten", "writeNow"]


def writeNow(transport: ITransport, data: bytes) -> None:
    """
    Write *data*, at once if nothing waits before it, else behind what waits.

    Any transport but Twisted's own TCP server connection (TLS, a test's double)
    gets an ordinary `write`. So does what the kernel did not take, and a
    connection that turns out to be gone: `write` lets the reactor find out.
    """
    if (
        type(transport) is tcp.Server
        and not transport.dataBuffer
        and not transport._tempDataBuffer
        and transport.connected
        and not transport.disconnecting
    ):
        sent = transport.writeSomeData(data)
        if isinstance(sent, int):
            if sent == len(data):
                return
            data = data[sent:]
    transport.write(data)


def unwritten(transport: Any) -> int | None:
    """How many bytes of what was written the kernel has not taken yet; None where that is not known."""
    while isinstance(transport, ProtocolWrapper):  # TLS
        transport = transport.transport
    if not isinstance(transport, FileDescriptor):
        return None
    return len(transport.dataBuffer) - transport.offset + transport._tempDataLen
