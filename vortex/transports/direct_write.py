"""
Direct writes: what is written to a connection in one turn of the reactor goes to the kernel at its end, in
one piece.

Twisted's `transport.write` waits for the connection to be writable: a change of the epoll set, an event, a
send, another change. For a frame that goes to a thousand connections that is most of the cost. Where a plain
TCP transport has an empty buffer, what was put there can be sent without, and nothing is reordered: what
others write meanwhile, control frames for one, waits in the same place.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import tcp
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import ITransport
from twisted.protocols.policies import ProtocolWrapper

__all__ = ["unwritten", "writeSoon"]

PIECE = 64 << 10
"""Bytes with which it is not worth while to wait for the end of the turn."""

_waiting: dict[tcp.Server, None] = {}
"""Those to which something was written in this turn, and nothing before it was left."""


def writeSoon(transport: ITransport, data: bytes) -> None:
    """
    Write *data* with what else is written in this turn, if nothing waits from before that; else behind it.

    Any transport but Twisted's own TCP server connection (TLS, a test's double) gets an ordinary `write`. So
    does what the kernel did not take, and a connection that turns out to be gone: `write` lets the reactor
    find out.
    """
    if (
        type(transport) is not tcp.Server
        or transport.dataBuffer
        or (transport._tempDataBuffer and transport not in _waiting)
        or transport.disconnecting
        or not transport.connected
    ):
        transport.write(data)
        return
    if not _waiting:
        reactor: Any = transport.reactor
        reactor.callLater(0, _sendAll)
    _waiting[transport] = None
    transport._tempDataBuffer.append(data)
    transport._tempDataLen += len(data)
    if transport._tempDataLen >= PIECE:
        del _waiting[transport]
        _send(transport)


def _sendAll() -> None:
    """The turn is over."""
    waiting = tuple(_waiting)
    _waiting.clear()
    for transport in waiting:
        _send(transport)


def _send(transport: tcp.Server) -> None:
    """Send what was put into *transport*'s buffer, unless the reactor has done so."""
    if transport.dataBuffer or not transport._tempDataBuffer or not transport.connected:
        return
    data = b"".join(transport._tempDataBuffer)
    transport._tempDataBuffer.clear()
    transport._tempDataLen = 0
    sent = transport.writeSomeData(data)
    if not isinstance(sent, int):
        sent = 0
    if sent < len(data):
        transport.write(data[sent:])


def unwritten(transport: Any) -> int | None:
    """How many bytes of what was written the kernel has not taken yet; None where that is not known."""
    while isinstance(transport, ProtocolWrapper):  # TLS
        transport = transport.transport
    if not isinstance(transport, FileDescriptor):
        return None
    return len(transport.dataBuffer) - transport.offset + transport._tempDataLen
