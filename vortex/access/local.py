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

__all__ = ["isLocalAddress", "isLocalRequest"]

PROXY_MARKS = ("forwarded", "x-real-ip")


def isLocalAddress(address: str) -> bool:
    """True for a loopback IP address, as text; an IPv4 one may be mapped into IPv6."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback


def isLocalRequest(address: str | None, headerNames: Iterable[str], host: str | None) -> bool:
    """
    Args:
        address: The peer's IP address as text; None for a Unix socket, which is local.
        headerNames: The names of all headers of the request.
        host: Its Host header.
    """
    if address is not None and not isLocalAddress(address):
        return False
    for name in headerNames:
        name = name.lower()
        if name in PROXY_MARKS or name.startswith("x-forwarded-"):
            return False
    if host is None:
        return True
    try:
        hostname = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return hostname == "localhost" or hostname.endswith(".localhost") or isLocalAddress(hostname)
