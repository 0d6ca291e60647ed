"""
Credentials: what a connection has shown of who is at its other end, gathered from Twisted's objects.

What it is worth is for `vortex.access` to say.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from vortex.access.principal import Credentials, UnixCredentials
from vortex.transports.tls import peerCertificateOf

__all__ = ["credentialsOf", "ipOf", "unixCredentials"]


def credentialsOf(request: Request) -> Credentials:
    """What an HTTP request, and the connection that it came on, have shown."""
    channel: object = request.channel
    transport = channel.transport if isinstance(channel, HTTPChannel) else None
    raw = request.requestHeaders.getAllRawHeaders()
    cookies = request.received_cookies
    return Credentials(
        headers={name.decode("latin-1").lower(): values[0].decode("latin-1") for name, values in raw},
        cookies={name.decode("latin-1"): value.decode("latin-1") for name, value in cookies.items()},
        peerCertificate=peerCertificateOf(transport),
        unixCredentials=unixCredentials(transport),
        address=ipOf(request.getClientAddress()),
    )


def ipOf(address: object) -> str | None:
    """The IP address as text; None for a transport without one (a Unix socket)."""
    host = getattr(address, "host", None)
    return host if isinstance(host, str) else None


def unixCredentials(transport: Any) -> UnixCredentials | None:
    """What the kernel says of a Unix socket's other end: never its pid, which another may have by now."""
    handle = transport.getHandle() if hasattr(transport, "getHandle") else None
    if not isinstance(handle, socket.socket) or handle.family != socket.AF_UNIX:
        return None
    data = handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, gid = struct.unpack("3i", data)
    return UnixCredentials(uid, gid)
