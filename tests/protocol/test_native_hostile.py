"""Whatever frames come in: the connection is given up, or the session ends. Nothing gets out or stays."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from tests.protocol import native_wire as wire
from tests.protocol.native_ends import AnyEnd, ClientEnd, ServerEnd, labelsOf, says
from vortex.errors import DecodeError, LimitExceeded
from vortex.limits import Limits
from vortex.protocol.events import Broken, Closed
from vortex.protocol.link_session import State
from vortex.protocol.native import NativeDecoder
from vortex.protocol.session_table import Hello, readSend

pytestmark = pytest.mark.sweep

ROUNDS = 5_000
"""For either end."""

MAY_STAY = 100_000
"""Bytes that so many spoilt frames may leave: what caches and the interpreter's own tables grow by."""


def spoilt(frame: bytes, draw: random.Random) -> bytes:
    """*frame*, one to three times cut, doubled, overwritten or with something put into it."""
    for _ in range(draw.randint(1, 3)):
        at, length = draw.randint(0, len(frame)), draw.randint(1, 12)
        before, after = frame[:at], frame[at:]
        other = draw.choice(
            [
                draw.randbytes(length),
                b"\xff" * length,
                b"\x80" * length,
                b"\x00" * length,
                wire.leb(draw.getrandbits(draw.randint(1, 60))),
                draw.choice(
                    [b"{", b"}", b"[" * 40, b'"', b"\\ud800", b"1e999", b"NaN", b"null", b"-1", b"true"]
                ),
            ]
        )
        frame = draw.choice(
            [
                before,
                before + after[length:],
                before + after[:length] * 3 + after,
                before + other + after[len(other) :],
                before + other + after,
                bytes([draw.randrange(256)]) + frame[1:],
            ]
        )
    return frame


BOTH = [
    wire.ack(1),
    wire.beat(0),
    wire.close("normal", again=False),
    wire.close("slow", again=True),
    b"\x80\x00",
]
OF_SERVERS = [
    *BOTH,
    wire.welcome(),
    wire.welcome(outcome="resumed", n=1, taken=1),
    wire.welcome(outcome="reset", reason="expired", session="s2"),
    wire.data(1),
    wire.data(1, "x" * 500),
    wire.reply(1, 1),
    wire.reply(1, 1, r="bad-payload: none"),
    bytes([wire.PAD]) * 100,
]
OF_CLIENTS = [
    *BOTH,
    wire.hello(),
    wire.hello(resume=wire.resume("s", "t", "life", 1), via="poll", wait=3),
    bytes([wire.SEND]) + b'{"session": "s", "token": "t"}',
    wire.action(1),
    wire.action(1, 5, "x" * 500, deadline=1000, flags=8),
    wire.cancel(1, 1),
]


def clients() -> Iterator[AnyEnd]:
    while True:
        end = ClientEnd()
        end.session.send(says("a", expectsAnswer=True))
        end.frames()
        yield end


def servers() -> Iterator[AnyEnd]:
    while True:
        end = ServerEnd()
        end.session.send(says("a"))
        end.frames()
        yield end


def attack(ends: Iterator[AnyEnd], frames: list[bytes], seed: int, rounds: int) -> int:
    """Have *rounds* spoilt frames received. Returns how many ends were given up, or ended."""
    draw, spent, now = random.Random(seed), 0, 0.0
    end = next(ends)
    for _ in range(rounds):
        frame = spoilt(draw.choice(frames), draw)
        now += 0.01
        events = end.receive(frame, now=now)
        end.session.tick(now)
        assert end.session.heldBytes < 1000
        wire.framesIn(end.session.framesToSend())
        if any(isinstance(event, Broken | Closed) for event in events):
            spent += 1
            end, now = next(ends), 0.0
    return spent


class TestSpoiltFrames:
    @pytest.mark.parametrize(
        ("ends", "frames"), [(clients, OF_SERVERS), (servers, OF_CLIENTS)], ids=["client", "server"]
    )
    def test_raise_nothing_and_leave_nothing(
        self, ends: Callable[[], Iterator[AnyEnd]], frames: list[bytes]
    ) -> None:
        attack(ends(), frames, 0, 500)
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            spent = attack(ends(), frames, 1, ROUNDS)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert spent > ROUNDS / 10
        assert after - before < MAY_STAY

    def test_raise_nothing_before_the_welcome(self) -> None:
        def unwelcomed() -> Iterator[AnyEnd]:
            while True:
                end = ClientEnd()
                end.session.transportLost(0.0)
                end.session.attached(0.0)
                yield end

        assert attack(unwelcomed(), OF_SERVERS, 2, 2000) > 200

    def test_do_nothing_to_the_sessions_beside(self) -> None:
        neighbour = ServerEnd()
        neighbour.session.send(says("a"))
        before = neighbour.numbers()
        hostile = iter(servers())

        for seed in range(20):
            attack(hostile, OF_CLIENTS, seed, 100)
            events = neighbour.receive(wire.action(seed + 1, label=f"u{seed}"))
            assert labelsOf(events) == [f"u{seed}"]

        neighbour.session.transportLost(1.0)
        assert neighbour.resume(0, now=1.0)["outcome"] == "resumed"
        assert neighbour.numbers() == before
        assert neighbour.session.state is State.OPEN

    def test_are_no_hello_or_a_good_one_and_change_no_session(self) -> None:
        owner = ServerEnd()
        shown = wire.resume(owner.session.id, "A" * 43, owner.table.epoch, 0)
        good, draw, read = wire.hello(resume=shown, client="secret"), random.Random(3), 0
        for _ in range(ROUNDS // 4):
            frame = spoilt(good, draw)
            try:
                hello = Hello.read(frame, Limits())
            except (DecodeError, LimitExceeded):
                continue
            read += 1
            session = owner.table.attach(hello, None, 0.0)
            assert session is not owner.session
            owner.table.ended(session, "normal")

        assert read > 20
        assert owner.session.gen == 1
        assert list(owner.table.sessions) == [owner.session]

    def test_are_no_send_or_a_good_one(self) -> None:
        draw, read = random.Random(4), 0
        for _ in range(ROUNDS // 4):
            try:
                session, token = readSend(spoilt(OF_CLIENTS[7], draw), Limits())
            except (DecodeError, LimitExceeded):
                continue
            read += 1
            assert isinstance(session, str)
            assert isinstance(token, str)

        assert read > 5


class TestSpoiltStreams:
    def test_are_frames_or_an_error_however_they_are_cut(self) -> None:
        draw, refused = random.Random(5), 0
        for _ in range(ROUNDS // 2):
            stream = spoilt(wire.framed(*draw.choices([*OF_CLIENTS, *OF_SERVERS], k=4)), draw)
            cut = draw.randint(0, len(stream))
            whole = self.framesOf([stream])
            refused += whole[1]

            inTwo = self.framesOf([stream[:cut], stream[cut:]])

            assert inTwo[1] == whole[1]
            assert inTwo[0][: len(whole[0])] == whole[0]

        assert 100 < refused < ROUNDS

    def framesOf(self, chunks: list[bytes]) -> tuple[list[bytes], bool]:
        """What came out of *chunks*, and whether they were refused."""
        decoder, frames = NativeDecoder(4096), []
        try:
            for chunk in chunks:
                frames += decoder.feed(chunk)
        except (DecodeError, LimitExceeded):
            return frames, True
        return frames, False
