"""
A session of some messages each way, its line cut at any byte.

The client asks and tells, the server answers and pushes. The line is cut once, when so many bytes have gone
through in one direction; what was written and had not come through is lost. Then the client connects again.

usage: python -m tests.protocol.byte_cut [MESSAGES]
"""

from __future__ import annotations

import sys

from tests.protocol.native_pair import Framing, Pair, Plain, says
from vortex.limits import Limits

__all__ = ["allDelivered", "bytesOf", "everyCut", "run"]


def run(
    messages: int,
    cuts: dict[str, list[int]],
    *,
    up: type[Framing] = Plain,
    down: type[Framing] = Plain,
) -> Pair:
    """
    Have *messages* delivered each way, through all of *cuts*.

    Args:
        cuts: For "up", to the server, and "down": after how many bytes of all lines together one is cut.

    Returns:
        The two ends, with nothing left to say.
    """
    pair = Pair(Limits(), up=up, down=down)
    left = {way: list(places) for way, places in cuts.items()}
    for number in range(messages):
        pair.send(says(f"up {number}", expectsAnswer=number % 2 == 0))
    pushed = 0
    line = None
    for _ in range(100 * messages):
        if line is None or pair.line is not line:
            pair.advance(0.25)
            line = pair.connect()
        if pair.got and pushed < messages:  # before that the client has no session yet
            pair.server.push(f"down {pushed}")
            pushed += 1
        for way, waiting, deliver in (
            ("up", line.up, line.deliverUp),
            ("down", line.down, line.deliverDown),
        ):
            places = left.get(way)
            if places and pair.gone[way] + len(waiting) >= places[0]:
                deliver(places.pop(0) - pair.gone[way])
                line.lose()
                break
            deliver()
        if pushed == messages and not line.up and not line.down and pair.line is line:
            if not pair.client.heldBytes and not sum(each.heldBytes for each in pair.server.table.sessions):
                return pair
            pair.advance(1.0)  # for what is still to be acknowledged
    raise AssertionError(f"there is no end to it: {cuts}")


def bytesOf(messages: int, **framing: type[Framing]) -> dict[str, int]:
    """How many bytes go each way where nothing is cut."""
    return run(messages, {}, **framing).gone


def everyCut(messages: int, *, step: int = 1, **framing: type[Framing]) -> int:
    """
    Cut at every byte of both directions, and see that all was delivered, in its order, once.

    Args:
        step: Cut at every so manieth byte only.

    Returns:
        How often.
    """
    cuts = 0
    for way, size in bytesOf(messages, **framing).items():
        for at in range(0, size + 1, step):
            allDelivered(run(messages, {way: [at]}, **framing), messages)
            cuts += 1
    return cuts


def allDelivered(pair: Pair, messages: int) -> None:
    """What was sent was delivered, in its order, once; and nothing else has happened."""
    ((_, told),) = pair.got
    (taken,) = pair.server.taken.values()
    sent = [f"up {number}" for number in range(messages)]
    assert told == [f"down {number}" for number in range(messages)]
    assert taken == sent
    assert pair.server.effects == dict.fromkeys(sent, 1)
    assert pair.answers == {f"re up {number}": 1 for number in range(0, messages, 2)}
    assert (pair.resets, pair.broken, pair.errors, pair.server.complaints) == ([], [], [], [])


def main(messages: int = 200) -> int:
    cuts = everyCut(messages)
    print(f"{cuts} cuts of a session of {messages} messages each way: all delivered, in order, once")
    return 0


if __name__ == "__main__":
    sys.exit(main(*(int(messages) for messages in sys.argv[1:2])))
