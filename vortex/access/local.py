"""
Local: does a request really come from this machine?

A node without an authenticator that is not `anonymous` serves local peers only.
A proxy on the same machine would make everybody look local, so a request that
bears a proxy's marks, or asks for a host that is no loopback name, is not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from vortex.tuples.hints import short

__all__ = ["isLocalAddress", "whyNotLocal"]

PROXY_MARKS = ("forwarded", "x-real-ip")


def isLocalAddress(address: str) -> bool:
    """True for a loopback IP address, as text; an IPv4 one may be mapped into IPv6."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback


def whyNotLocal(address: str | None, headerNames: Iterable[str], host: str | None) -> str | None:
    """
    Args:
        address: The peer's IP address as text; None for a Unix socket, which is local.
        headerNames: The names of all headers of the request.
        host: Its Host header.

    Returns:
        None for a request of this machine; else what shows that it is none, to follow on "... and".
    """
    if address is not None and not isLocalAddress(address):
        return f"this request comes from {address}"
    for name in headerNames:
        if name.lower() in PROXY_MARKS or name.lower().startswith("x-forwarded-"):
            return f"this request was handed on by a proxy, as its header {short(name)} shows"
    if host is None:
        return None
    try:
        hostname = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        hostname = ""
    if hostname == "localhost" or hostname.endswith(".localhost") or isLocalAddress(hostname):
        return None
    return f"this request is for {short(host)}, which is no name of this machine alone"
