"""
Strangers: what the first bytes of another protocol say, so that a wrong URL is told at once.

Only a beginning is looked at, and only until it is known for what it is. Whether it is a vortex that has sent
it, the session finds out.
"""

from __future__ import annotations

import re
from itertools import islice

from vortex.errors import VortexError
from vortex.limits import Limits
from vortex.protocol.framing import DotDecoder
from vortex.protocol.native import MAX_VARINT_BYTES, Kind
from vortex.protocol.vortexpy import decodeMessage

__all__ = ["BEGINNING", "isNoRequest", "notHttp", "notNativeRaw", "notRaw"]

BEGINNING = 64
"""Bytes by which every protocol is known that is known here at all."""

MAX_HELLO = 4096
"""Bytes within which a whole hello is looked for."""

MAX_SHOWN = 40
"""Bytes of a stranger's first line that are told."""

_TLS_ALERT = b"\x15\x03"
_TLS_HELLO = b"\x16\x03"
_TLS_ALERT_WHOLE = re.compile(rb"\x15\x03[\x00-\x04]")
_NATIVE = b"\0VX1"
_HTTP = b"HTTP/"
_FIRST_KINDS = (Kind.WELCOME, Kind.CLOSE, Kind.PAD, *range(0x80, 0x100))
_REQUEST = re.compile(rb"[A-Z]+ ")

# Beats, then base64 up to its dot, or a JSON object.
_FRAME = re.compile(rb"\.*(?:[A-Za-z0-9+/=]*(?:\.|\Z)|\{)")


def notHttp(beginning: bytes) -> str | None:
    """
    What to tell of an answer to a request that does not begin as one in HTTP; None if it does, or may yet.

    Args:
        beginning: What has come so far, of which the first `BEGINNING` bytes are enough.
    """
    if _HTTP.startswith(beginning[: len(_HTTP)]):
        return None
    if beginning.startswith(_TLS_ALERT):
        return "the other end wants TLS: connect to it by https:// or wss://"
    if _isHello(beginning):
        return "this is a vortex's raw connection: connect to it by tcp://, tls:// or unix://"
    return f"expected HTTP, got {_shown(beginning)}"


def notRaw(beginning: bytes) -> str | None:
    """
    What to tell of a raw connection that does not begin as one of a vortex; None if it does, or may yet.

    Args: as `notHttp` has it.
    """
    if beginning.startswith(_TLS_ALERT):
        return "the other end wants TLS: connect to it by tls://"
    if beginning.startswith(_HTTP):
        return "this is an HTTP server: connect to it by http:// or ws://"
    if _FRAME.match(beginning):
        return None
    return f"expected a vortex's raw connection, got {_shown(beginning)}"


def notNativeRaw(beginning: bytes) -> str | None:
    """
    What to tell of a raw connection that does not begin with a frame of the native wire's server; None if it
    does, or may yet.

    Args: as `notHttp` has it.
    """
    length = beginning[:MAX_VARINT_BYTES]
    kind = next((at + 1 for at, byte in enumerate(length) if byte < 0x80), MAX_VARINT_BYTES)
    if len(beginning) <= kind:
        return None
    if beginning[kind] in _FIRST_KINDS and not _TLS_ALERT_WHOLE.match(beginning):
        return None
    other = notRaw(beginning)
    return other or "this end speaks VortexPY's wire: connect to it with wire='vortexpy'"


def isNoRequest(beginning: bytes) -> bool:
    """
    Whether a client of an HTTP server has begun with what it can only be on the wrong port with: a vortex's
    raw connection, or TLS. Either waits for an answer then, and would wait until it is cut.
    """
    if _REQUEST.match(beginning):
        return False
    return beginning.startswith((_TLS_HELLO, _NATIVE)) or _isHello(beginning)


def _isHello(beginning: bytes) -> bool:
    """Whether it is a whole hello of VortexPY's wire."""
    frames = filter(None, DotDecoder(MAX_HELLO).feed(beginning[:MAX_HELLO]))
    try:
        return any(decodeMessage(frame, Limits()).identity is not None for frame in islice(frames, 1))
    except VortexError:
        return False


def _shown(beginning: bytes) -> str:
    """Its first line, or a part of that, with nothing in it that a terminal would act on."""
    line = beginning.lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")
    return repr(line[:MAX_SHOWN]).removeprefix("b")
