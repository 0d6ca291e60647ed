"""
Line: the one connection of a command, and what to make of how it fares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint

from vortex.cli.exit_codes import Ended, ExitCode
from vortex.errors import AccessDenied, CertificateRefused, VortexError
from vortex.node.peer import VortexPeer
from vortex.node.vortex import Vortex
from vortex.node.vortex_connection import ConnectionState, VortexConnection
from vortex.transports.tls import TlsOptions

__all__ = ["Target", "finalEnd", "whenOpen"]


@dataclass(frozen=True)
class Target:
    """
    What to connect to, and how.

    Attributes:
        url: Where.
        timeout: Seconds until there has to be a line.
        token: What says who we are; None: nothing does.
        tls: What to show and to accept over TLS; None: as `VortexConnection` has it.
        endpoint: What to connect by instead of what the URL says.
    """

    url: str
    timeout: float = 10.0
    token: str | None = None
    tls: TlsOptions | None = None
    endpoint: IStreamClientEndpoint | None = None

    def connect(self, vortex: Vortex) -> VortexConnection:
        """
        Begin to connect.

        Raises:
            Ended: If the URL is none, or does not go with the rest, or TLS cannot be had.
        """
        try:
            return vortex.connect(self.url, token=self.token, tls=self.tls, endpoint=self.endpoint)
        except OSError as error:
            raise Ended(ExitCode.USAGE, f"cannot read {error.filename}: {error.strerror}") from None
        except (ValueError, ImportError) as error:  # of the URL, or what goes with it; for want of pyOpenSSL
            raise Ended(ExitCode.USAGE, str(error)) from None


def finalEnd(error: VortexError | None) -> Ended | None:
    """What a command ends with when *error* keeps it from connecting; None where it is worth trying again."""
    match error:
        case AccessDenied():
            return Ended(ExitCode.ACCESS_DENIED, f"{error.code}: {error}")
        case CertificateRefused():
            return Ended(ExitCode.NOT_CONNECTED, f"{error.code}: {_asTyped(str(error))}")
    return None


def _asTyped(text: str) -> str:
    """*text*, which is for who writes Python, with the names of the options."""
    return text.replace("fingerprints=", "--fingerprint").replace("trust=", "--trust")


async def whenOpen(
    connection: VortexConnection, vortex: Vortex, timeout: float, tell: Callable[[str], object]
) -> VortexPeer:
    """
    The peer at the other end, once there is one. What keeps it from being there is told as it comes.

    Raises:
        Ended: If there is none in *timeout* seconds, or none to be expected.
    """
    ended: Deferred[VortexPeer] = Deferred()
    told = ""

    def changed(state: ConnectionState, _: VortexConnection) -> None:
        nonlocal told
        if ended.called:
            return
        if state is ConnectionState.OPEN and connection.peer is not None:
            ended.callback(connection.peer)
        elif state is ConnectionState.WAITING and connection.error is not None:
            final = finalEnd(connection.error)
            if final is not None:
                ended.errback(final)
            elif (text := str(connection.error)) != told:
                told = text
                tell(f"{text}; trying again")

    def tooLate() -> None:
        why = "" if connection.error is None else f": {connection.error}"
        ended.errback(Ended(ExitCode.NOT_CONNECTED, f"no connection in {timeout:g} s{why}"))

    timer = vortex.clock.callLater(timeout, tooLate)
    stop = connection.onStateChange(changed)
    try:
        changed(connection.state, connection)
        return await ended
    finally:
        stop()
        if timer.active():
            timer.cancel()
