"""
RPC command: ``vortex rpc``, one call of a function that a vortex offers.

What travels is that of `vortex.handlers.rpc`. The function need not be importable here: it is known by its
name, and what it returns is shown as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vortex.cli.exit_codes import Ended, ExitCode, endedBy
from vortex.cli.line import Target, whenOpen
from vortex.cli.output import Output
from vortex.errors import VortexError
from vortex.handlers.rpc_offer import RpcArguments, RpcResult
from vortex.node.vortex import Vortex
from vortex.protocol.payload import Payload

__all__ = ["call"]


async def call(
    vortex: Vortex,
    target: Target,
    output: Output,
    function: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> None:
    """
    Call *function* and print what it returns.

    Raises:
        Ended: If it cannot be called, or refuses, or does not answer.
        OutputClosed: If nobody reads the result.
    """
    connection = target.connect(vortex)
    peer = await whenOpen(connection, vortex, target.timeout, output.tell)
    payload = Payload(
        {"key": function, "_internal": "vortexRPC"}, [RpcArguments(args=list(args), kwargs=dict(kwargs))]
    )
    try:
        answer = await peer.request(payload, timeout=target.timeout)
        tuples = answer.jsonTuples
    except VortexError as error:
        raise endedBy(error) from None
    match tuples:
        case [{"_ct": "rt", "_c": RpcResult.__tupleType__, "result": result}]:
            output.value(result)
        case _:
            raise Ended(ExitCode.REMOTE_ERROR, f"expected the result of a call, got {len(tuples)} tuples")
