"""
What a type checker knows of RPC: the arguments of a call, and what its Deferred gives.

Checked, not run: a line with an ignore must be an error, or mypy says that the ignore is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import assert_type

from twisted.internet.defer import Deferred, inlineCallbacks

from vortex import PayloadEndpoint, Vortex, VortexPeer, vortexRpc
from vortex.handlers.rpc import RemoteFunction


@vortexRpc("server")
def add(a: int, b: int = 0) -> int:
    return a + b


@vortexRpc("server", timeout=None, acceptOnlyFrom={"ada"}, access={"admin"})
async def words(text: str, *, separator: str | None = None) -> list[str]:
    return text.split(separator)


@vortexRpc("server", acceptOnlyFrom="ada", access=lambda peer, operation, filt: peer.identity == "ada")
def later(text: str) -> Deferred[str]:
    return Deferred()


@vortexRpc("server")
@inlineCallbacks
def generated(text: str) -> Generator[Deferred[str], str, bytes]:
    return (yield later(text)).encode()


@vortexRpc("server", name="jobs.close", inThread=True)
def close(job: int, /, *reasons: str, **options: bool) -> None:
    """Gives nothing."""


class Counter:
    count = 0

    @vortexRpc("server")
    def increase(self, by: int = 1) -> int:
        self.count += by
        return self.count

    @vortexRpc("server")
    async def read(self) -> float:
        return self.count

    def offer(self) -> list[PayloadEndpoint]:
        return [self.increase.start(), self.read.start()]


# ---- a call gives a Deferred of what the function gives in the end
assert_type(add(1), Deferred[int])
assert_type(add(1, b=2), Deferred[int])
assert_type(words("a b", separator=None), Deferred[list[str]])
assert_type(later("x"), Deferred[str])
assert_type(generated("x"), Deferred[bytes])
assert_type(close(1, "old", "done", quietly=True), Deferred[None])

# ---- and takes what the function takes
add()  # type: ignore[call-arg]
add("1")  # type: ignore[arg-type]
add(1, 2, 3)  # type: ignore[call-arg]
add(1, c=2)  # type: ignore[call-arg]
words("a b", ",")  # type: ignore[call-arg]
words(text=5)  # type: ignore[arg-type]
later(b"x")  # type: ignore[arg-type]
close(job=True)  # type: ignore[call-arg]
close(1, 2)  # type: ignore[arg-type]
close(1, quietly="yes")  # type: ignore[arg-type]


# ---- of a method, without the object, by which it may be called or not
def methods(counter: Counter) -> None:
    assert_type(Counter.increase(5), Deferred[int])
    assert_type(counter.increase(by=5), Deferred[int])
    assert_type(Counter.read(), Deferred[float])
    assert_type(counter.read.on(timeout=5)(), Deferred[float])
    Counter.increase(counter, 5)  # type: ignore[call-arg, arg-type]
    counter.increase("5")  # type: ignore[arg-type]
    counter.increase(to=5)  # type: ignore[call-arg]
    Counter.read(5)  # type: ignore[call-arg]


# ---- however it is to be called
def otherwise(vortex: Vortex, peer: VortexPeer) -> None:
    assert_type(add.on(vortex, timeout=5)(2, b=40), Deferred[int])
    assert_type(add.on(peer=peer, timeout=None)(2), Deferred[int])
    add.on(vortex)("2")  # type: ignore[arg-type]
    add.on(vortex, timeout=5)()  # type: ignore[call-arg]
    add.on("server")  # type: ignore[arg-type]
    add.on(vortex, timeout="5")  # type: ignore[arg-type]
    add.on(vortex, 5)  # type: ignore[call-arg, arg-type]


# ---- in a coroutine
async def sums() -> int:
    total = await add(1, await add(2))
    text: str = await add(1)  # type: ignore[assignment]
    return total + len(text)


# ---- passed on
def twice(function: RemoteFunction[[int, int], int]) -> Deferred[int]:
    return function(1, 2)


def thrice(function: Callable[[int], Deferred[int]]) -> Deferred[int]:
    return function(1)


thrice(add)
thrice(Counter.increase)
thrice(later)  # type: ignore[arg-type]


# ---- offered
def offer(vortex: Vortex, counter: Counter) -> None:
    add.start(vortex=vortex).shutdown()
    counter.increase.start(vortex=vortex)
    Counter.increase.start(counter, vortex=vortex)
    Counter.increase.start(funcSelf=counter)
    add.start(vortex="server")  # type: ignore[arg-type]


# ---- decorated as it should be
@vortexRpc  # type: ignore[arg-type]
def bare(a: int) -> int:
    return a


vortexRpc("server", acceptOnlyFrom=["ada"])  # type: ignore[arg-type]
vortexRpc("server", access="admin")  # type: ignore[arg-type]
vortexRpc("server", 30)  # type: ignore[call-arg, arg-type]
