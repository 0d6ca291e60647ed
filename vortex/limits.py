"""
Limits: every bound that Vortex keeps, in one place.

Sizes are in bytes, times in seconds. A breach costs the peer that made it an error
(`vortex.errors.LimitExceeded`, which names the limit as it is named here) or its line; every other peer goes
on undisturbed. Nothing in here enforces anything: whoever reads, inflates, decodes, queues or waits takes its
bound from the `Limits` of its `Vortex`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Limits"]

KIB = 1 << 10
MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """
    The bounds of one Vortex. Change what you need: ``Limits(maxFrame=1 << 20, wsIdle=30)``.

    Raises:
        ValueError: If a bound is not a number above 0. Only maxPeersPerAddress may be None: no bound.
    """

    # ---- one message
    maxFrame: int = 32 * MIB
    """Bytes in one message as it stands on the wire, framing taken off."""
    maxInflated: int = 64 * MIB
    """Bytes that one compressed payload may inflate to. Nothing past it is ever unpacked."""
    maxDepth: int = 32
    """Levels of lists and objects inside each other, in JSON and in values."""
    maxNodes: int = 1_000_000
    """Items, keys and values in one body, counted before anything is allocated for them. What takes longest
    is not bytes but these."""
    maxHeadNodes: int = 10_000
    """Those in one filt, and in one result, which are read before it is known what they are for."""
    maxString: int = 1 * MIB
    """Bytes in one JSON string. A payload in its envelope is a body, no string: maxInflated holds for it."""
    maxFiltItems: int = 64
    """Keys in one filt."""

    # ---- what is waiting to be sent to one peer
    maxOutboxBytes: int = 8 * MIB
    """Bytes waiting for one peer. One larger message still passes when nothing else waits."""
    maxOutboxItems: int = 10_000
    """Messages waiting for one peer."""

    # ---- one session of the native wire
    sessionLinger: float = 120
    """Seconds for which a session is kept while no connection carries it."""
    replayFrames: int = 512
    """Messages that may be written and not acknowledged; no further one is written then."""
    replayBytes: int = 1 * MIB
    """Bytes that those may have. One larger message still passes alone."""
    mergeBytes: int = 256 * KIB
    """Bytes waiting for one peer from which on a message replaces a waiting one of the same merge key."""
    slowBytes: int = 2 * MIB
    """Bytes waiting for a connected peer, past which it is cut if it acknowledges nothing for five seconds;
    its session may be resumed."""
    sessionPool: int = 256 * MIB
    """Bytes that all sessions without a connection may hold together; past it some are reset."""

    # ---- what one peer asks for
    maxWaitingRequests: int = 1_000
    """Requests of one peer to one handler that are not answered yet; the next one gets an error."""

    maxMessagesPerSecond: int = 1_000
    """Frames of one session that are taken per second, on average over five; past it they are read slower."""
    maxInflatedPerSecond: int = 16 * MIB
    """Bytes of one peer's bodies, inflated, that are opened per second, on average over five, of those that
    are not opened at once; past it the next one waits, and what is behind it."""
    maxWaitingBytes: int = 8 * MIB
    """Bytes of one peer's messages, as they came, that wait behind a body that is being opened. One larger
    message still passes; then nothing more is read until there are fewer."""

    # ---- what is remembered of a client, so that each of its actions takes effect once
    maxStoredReplies: int = 1_000
    """Actions of one client that run, or whose answers are kept, because it may send them again."""
    maxStoredReplyBytes: int = 1 * MIB
    """Bytes of one client's answers that are kept; past it the oldest is forgotten."""
    maxReplyMemory: int = 256 * MIB
    """Bytes of all clients' answers that are kept; past it those are forgotten who have been away longest."""
    maxClients: int = 10_000
    """Clients that are remembered while they have no session."""
    clientMemory: float = 600
    """Seconds for which they are, after the end of the last one."""

    # ---- one HTTP request
    maxBody: int = 32 * MIB
    """Bytes in the body of one POST."""
    maxBodyFrames: int = 10_000
    """Messages and beats in the body of one POST."""
    headerTimeout: float = 10
    """Seconds from the connection, or the end of the last request, until a request's head is complete."""
    bodyGrace: float = 5
    """Seconds that a body may take before bodyMinRate is asked of it."""
    bodyMinRate: int = 1 * KIB
    """Bytes per second that a body must come at, on average, once bodyGrace is over."""

    # ---- one connection
    connectTimeout: float = 10
    """Seconds that an outgoing connection may take to be there."""
    helloTimeout: float = 10
    """Seconds until the other end of a connection has said who it is, and to find out whether it may."""
    linkIdle: float = 15
    """Seconds of silence after which the other end of an outgoing link, or of a TCP, TLS or Unix one, is
    taken for dead: one and a half of the ten between two beats."""
    writeStall: float = 20
    """Seconds for which a peer may read nothing while something waits to be written to it."""
    maxMalformed: int = 100
    """Frames that are no message which one link may bring at once, or in an hour; past it it is cut."""
    wsIdle: float = 75
    """Seconds of silence after which a WebSocket peer is taken for dead."""
    postLinger: float = 15
    """Seconds for which a peer that uses POST is kept while it holds no request open."""

    # ---- one node
    maxPeers: int = 20_000
    """Peers at the same time."""
    maxPeersPerAddress: int | None = None
    """Peers at the same time from one address; None: as many as maxPeers lets in (a proxy is one address)."""
    maxWatchesPerPeer: int = 256
    """Filts that one handler remembers of a peer, to tell it of changes; past it the oldest is forgotten. An
    observable refuses the next one, and so does each handler to who reads live data."""
    maxWatchBytesPerPeer: int = 1 * MIB
    """Bytes that those filts may have on the wire; past it the oldest is forgotten, as is a longer one. The
    next one is refused as with maxWatchesPerPeer."""
    watchPartBytes: int = 256 * KIB
    """About how many bytes of tuples one message has of a state that comes in parts."""
    maxWatchLog: int = 10_000
    """Keys of changes that a watch remembers; who is behind by more gets the whole state."""
    watchLinger: float = 60
    """Seconds for which a watch is kept that nobody watches any more."""
    maxLingerBytes: int = 64 * MIB
    """Bytes that the watches of one handler that are kept so take, about: their tuples, what they are asked
    by, and 8 KiB for each; past it the oldest is forgotten."""
    watchTimeout: float = 60
    """Seconds that a program has to make what is watched, or asked a handler of models or of rows for; then
    who has asked gets an error."""
    checkInterval: float = 30
    """Seconds after which who watches is told again what the state comes to."""
    drainTimeout: float = 5
    """Seconds that a shutdown waits for what is still to be sent."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name == "maxPeersPerAddress":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ValueError(f"the limit {field.name} needs a number above 0, got {value!r}")
