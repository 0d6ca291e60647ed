"""Settings: how much is measured."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "TINY", "Settings"]


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        rounds: How often each contender is measured where a round is short.
        sampleSeconds: How long one measurement of a function that is called in a loop takes, at least.
        tuples: Sizes of payloads.
        endpoints: Numbers of endpoints.
        serverRounds: How often a server is started anew for the measurements of fan-out and echo.
        clients: Numbers of WebSockets.
        postClients: Numbers of held POSTs.
        deliveries: How many messages a round of fan-out delivers, in 5 broadcasts or more.
        resumes: How many sessions are resumed, one after the other.
        missed: How many messages each of them has missed.
        requests: How many requests a round of echo makes.
        concurrent: How many clients make them at the same time.
        idleClients: How many WebSockets are idle.
        idleSeconds: For how long, each time.
        pageRows: How many rows a browser's page has.
        pagePushes: How often they are pushed to it.
    """

    rounds: int
    sampleSeconds: float
    tuples: tuple[int, ...]
    endpoints: tuple[int, ...]
    serverRounds: int
    clients: tuple[int, ...]
    postClients: tuple[int, ...]
    deliveries: int
    resumes: int
    missed: int
    requests: int
    concurrent: int
    idleClients: int
    idleSeconds: float
    pageRows: int
    pagePushes: int


FULL = Settings(
    rounds=9,
    sampleSeconds=0.1,
    tuples=(1, 100, 10_000),
    endpoints=(10, 1_000, 10_000, 100_000),
    serverRounds=5,
    clients=(100, 1_000, 2_500),
    postClients=(100, 1_000, 2_500),
    deliveries=20_000,
    resumes=100,
    missed=100,
    requests=2_000,
    concurrent=64,
    idleClients=1_000,
    idleSeconds=20,
    pageRows=1_000,
    pagePushes=500,
)
QUICK = Settings(
    rounds=5,
    sampleSeconds=0.03,
    tuples=(1, 100),
    endpoints=(10, 1_000, 10_000),
    serverRounds=3,
    clients=(100, 1_000),
    postClients=(100,),
    deliveries=5_000,
    resumes=20,
    missed=20,
    requests=300,
    concurrent=16,
    idleClients=100,
    idleSeconds=10,
    pageRows=1_000,
    pagePushes=100,
)
TINY = Settings(
    rounds=2,
    sampleSeconds=0.0,
    tuples=(1, 3),
    endpoints=(10, 20),
    serverRounds=1,
    clients=(2, 3),
    postClients=(2,),
    deliveries=4,
    resumes=2,
    missed=2,
    requests=6,
    concurrent=2,
    idleClients=2,
    idleSeconds=0.2,
    pageRows=3,
    pagePushes=4,
)
"""Enough to see that everything works; the numbers mean nothing."""
