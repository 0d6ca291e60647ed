"""Our vortex calls functions of a real VortexPY 6.2.2 server, over the WebSocket that it connects by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import gatherResults

from tests.integration.children import peer
from tests.integration.on_reactor import onReactor
from tests.integration.postgresql import freePort
from vortex import RemoteError, RequestTimeout, Vortex, vortexRpc

pytestmark = pytest.mark.usefixtures("realPeers")

SERVER = "peer-server"


@vortexRpc(SERVER, name="peer_common.rpcAdd", timeout=20)
def rpcAdd(a: Any, b: Any = 0) -> Any:
    raise NotImplementedError("it is the real server's")


@vortexRpc(SERVER, name="peer_common.rpcFail", timeout=20)
def rpcFail(msg: str) -> None:
    raise NotImplementedError("it is the real server's")


@vortexRpc(SERVER, name="peer_common.rpcNobodys")
def rpcNobodys() -> None:
    raise NotImplementedError("it is nobody's")


@pytest.fixture
def port() -> Iterator[int]:
    """That of a real server."""
    port = freePort()
    with peer("server_ws.py", port, 60) as child:
        assert child.readyPort() == port
        yield port


class TestTheRealServer:
    @onReactor
    async def test_runs_what_we_call(self, port: int) -> None:
        vortex = Vortex("ours")
        try:
            there = await vortex.connect(f"ws://127.0.0.1:{port}/vortexws").connected
            assert there.name == SERVER

            assert await rpcAdd.on(vortex)(2, b=40) == 42
            assert await rpcAdd.on(vortex)("é\U0001f600", "x") == "é\U0001f600x"
            assert await rpcAdd.on(peer=there)([1, 2.5, None], [{"k": True}]) == [1, 2.5, None, {"k": True}]
            calls = gatherResults([rpcAdd.on(vortex)(number, 1) for number in range(50)])
            assert await calls == list(range(1, 51))
        finally:
            await vortex.shutdown()

    @onReactor
    async def test_says_in_its_own_way_what_went_wrong(self, port: int) -> None:
        vortex = Vortex("ours")
        try:
            await vortex.connect(f"ws://127.0.0.1:{port}/vortexws").connected

            with pytest.raises(RemoteError, match="boom") as caught:
                await rpcFail.on(vortex)("boom")
            assert caught.value.code == "remote-error"
            with pytest.raises(RequestTimeout):
                await rpcNobodys.on(vortex, timeout=1)()
            assert await rpcAdd.on(vortex)(1) == 1
        finally:
            await vortex.shutdown()

    @onReactor
    async def test_does_not_answer_its_namesake(self, port: int) -> None:
        vortex = Vortex(SERVER)
        try:
            await vortex.connect(f"ws://127.0.0.1:{port}/vortexws").connected

            with pytest.raises(RequestTimeout):
                await rpcAdd.on(vortex, timeout=2)(1)
        finally:
            await vortex.shutdown()
