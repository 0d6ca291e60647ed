"""What the tests of outgoing connections share: whom they talk to, how they are cut, and what they tell."""

from __future__ import annotations

from random import Random
from typing import Any

from vortex import Payload, Vortex
from vortex.access.principal import Credentials, Principal
from vortex.node.vortex_connection import VortexConnection
from vortex.routing.delivery import Delivery
from vortex.testing import RecordingEndpoint, VortexHarness
from vortex.testing.harness import Over

__all__ = ["OVERS", "AlwaysLongest", "ByToken", "answerer", "cutAll", "eventsOf", "statesOf"]

OVERS: tuple[Over, ...] = ("tcp", "websocket", "post")


class AlwaysLongest(Random):
    """Draws the longest wait that there may be."""

    def uniform(self, a: float, b: float) -> float:
        return b


class ByToken:
    """Knows whoever shows one of its tokens."""

    def __init__(self) -> None:
        self.tokens = {"good": Principal("pump"), "other": Principal("somebody")}

    def authenticate(self, credentials: Credentials) -> Principal | None:
        return self.tokens.get(credentials.headers.get("authorization", "").removeprefix("Bearer "))


def answerer(vortex: Vortex) -> RecordingEndpoint:
    """Answers ``{"key": "echo"}`` with what came."""

    def answer(payload: Payload, delivery: Delivery) -> None:
        delivery.reply(payload.tuples, True)

    return RecordingEndpoint({"key": "echo"}, vortex, answer)


def cutAll(harness: VortexHarness) -> None:
    """Cut every connection that is open."""
    for connection in harness.network.connections:
        if connection.isOpen:
            connection.cut()
    harness.settle()


def eventsOf(connection: VortexConnection) -> list[Any]:
    """What its session tells from now on."""
    events: list[Any] = []
    connection.onSessionEvent(lambda event, _: events.append(event))
    return events


def statesOf(connection: VortexConnection) -> list[str]:
    """The states that it comes to from now on."""
    states: list[str] = []
    connection.onStateChange(lambda state, _: states.append(state.value))
    return states
