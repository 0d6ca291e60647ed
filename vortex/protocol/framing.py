"""
Frames: where one message ends and the next begins.

A held-open HTTP response, a POST body and a TCP stream are each one long run of bytes.
Frames in them end in ``.``, which base64 text never holds; an empty frame is a beat.
VortexPY 6 sends raw JSON there too, which does hold dots: a frame that begins with ``{``
ends where that object ends. A WebSocket frame is whole by itself.

Nothing in here touches a socket, or knows what is in a frame.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

from vortex.errors import LimitExceeded
from vortex.protocol.json_frame import JsonEnd

if TYPE_CHECKING:
    from vortex.protocol.envelope import Form, Message

__all__ = ["DotDecoder", "Framing", "encodeDot", "webSocketHeader"]

MAX_BEATS = 16
"""Beats reported of one run of dots; a peer that sends megabytes of them gets no list of millions."""

_DOT, _BRACE = b".{"
_NO_DOT = re.compile(rb"[^.]")


class Framing(enum.Enum):
    """How a message becomes bytes on one kind of transport."""

    DOTS = "dots"
    """One run of bytes: HTTP bodies."""
    STREAM = "stream"
    """The same on a raw connection, where a beat is a dot that is itself ended by one."""
    WEBSOCKET = "websocket"
    """RFC 6455 text frames from a server, ready for the socket."""
    TEXT = "text"
    """The same in a client, where the transport masks and frames."""
    PLAIN = "plain"
    """Nothing is added: the transport keeps frames apart."""

    @property
    def hasDots(self) -> bool:
        """Whether a dot ends each frame."""
        return self in (Framing.DOTS, Framing.STREAM)

    def frame(self, message: Message, form: Form) -> bytes:
        """
        *message* in *form*, framed; encoded once, however many peers it goes to.

        Raises:
            EncodeError: If the message holds what the wire cannot carry.
        """
        if self is Framing.WEBSOCKET:
            return message.webSocketFrame(form)
        encoded = message.encoded(form)
        return encodeDot(encoded) if self.hasDots else encoded

    def beat(self, form: Form) -> bytes:
        """What says "still here" to a peer that speaks *form*, framed."""
        beat = form.beat
        if self is Framing.TEXT:
            return beat or b"."
        if self is Framing.WEBSOCKET:
            beat = beat or b"."
            return webSocketHeader(len(beat)) + beat
        if self is Framing.STREAM:
            return encodeDot(beat or b".")
        return encodeDot(beat) if self is Framing.DOTS else beat


def encodeDot(frame: bytes) -> bytes:
    """*frame*, which holds no dot or is a raw JSON object, as it stands in a stream."""
    return frame + b"."


def webSocketHeader(length: int, opcode: int = 1, fin: bool = True) -> bytes:
    """
    The header of a server's WebSocket frame (RFC 6455 section 5.2): unmasked, no extension.

    Args:
        length: Bytes in the frame's payload.
        opcode: 1 text, 2 binary, 8 close, 9 ping, 10 pong.
        fin: False if more frames of the same message follow.
    """
    first = (0x80 if fin else 0) | opcode
    if length < 126:
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


class DotDecoder:
    """
    Takes a stream apart into frames, however it was cut into chunks, in time linear in its length.

    Args:
        maxFrame: Largest frame accepted, in bytes, its terminator not counted.
    """

    __slots__ = ("_broken", "_buffer", "_json", "_maxFrame", "_terminatorDue")

    def __init__(self, maxFrame: int) -> None:
        self._maxFrame = maxFrame
        self._buffer = bytearray()  # the beginning of a frame whose end has not come yet
        self._json: JsonEnd | None = None  # where to stop, if that frame is a JSON object
        self._terminatorDue = False  # an object has just ended; a dot right here belongs to it
        self._broken: LimitExceeded | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take the next chunk.

        Returns:
            The frames that end in it, in order; an empty one is a beat.

        Raises:
            LimitExceeded: If a frame is longer than *maxFrame*, as soon as that is known. That is the end of
                the stream: the other frames of the chunk are lost, and feeding more raises again.
        """
        if self._broken is not None:
            raise self._broken
        frames: list[bytes] = []
        position = 0
        try:
            while position < len(data):
                position = self._step(data, position, frames)
        except LimitExceeded as error:
            self._broken = error
            self._buffer.clear()
            raise
        return frames

    def allow(self, maxFrame: int) -> None:
        """Accept frames of so many bytes from now on."""
        self._maxFrame = maxFrame

    def finish(self) -> list[bytes]:
        """
        The stream is over: whatever stands behind its last frame is a frame without a terminator.

        Returns:
            That frame, or nothing. The decoder is then at a new stream's beginning.
        """
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._json = None
        self._terminatorDue = False
        return [rest] if rest else []

    def _step(self, data: bytes, position: int, frames: list[bytes]) -> int:
        """Take one frame, or a part of one, from *data* at *position*; where the next begins."""
        if not self._buffer:
            first = data[position]
            if first == _DOT:
                return self._takeDots(data, position, frames)
            self._terminatorDue = False
            if first == _BRACE:
                self._json = JsonEnd()
        if self._json is None:
            end = data.find(b".", position)
            following = end + 1
        else:
            end = following = self._json.find(data, position)
        size = len(self._buffer) + (end if end >= 0 else len(data)) - position
        if size > self._maxFrame:
            raise LimitExceeded("maxFrame", f"a frame is longer than the {self._maxFrame} bytes accepted")
        if end < 0:
            self._buffer += memoryview(data)[position:]
            return len(data)
        if self._buffer:
            self._buffer += memoryview(data)[position:end]
            frames.append(bytes(self._buffer))
            self._buffer.clear()
        else:
            frames.append(data[position:end])
        self._terminatorDue = self._json is not None
        self._json = None
        return following

    def _takeDots(self, data: bytes, position: int, frames: list[bytes]) -> int:
        """A run of dots at a frame's beginning: beats, less the one that ends a JSON object."""
        other = _NO_DOT.search(data, position)
        end = other.start() if other else len(data)
        beats = end - position - self._terminatorDue
        self._terminatorDue = False
        frames += [b""] * min(beats, MAX_BEATS)
        return end
