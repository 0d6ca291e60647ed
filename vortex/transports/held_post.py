"""
Held POST: an HTTP response that stays open as a `FrameTransport`, and whose it is.

Every message a client sends is a new POST. It takes over from the one before,
which is then finished; what waited in between waits in the session's outbox.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from twisted.web.server import Request

from vortex.access.principal import Principal
from vortex.protocol.codes import CloseCode
from vortex.protocol.framing import Framing
from vortex.protocol.vortexpy_session import VortexPySession
from vortex.transports.held_response import HeldResponse
from vortex.transports.session_driver import SessionDriver
from vortex.transports.transport import LinkHost

__all__ = ["HeldPost", "PostPeers"]

COOKIE = b"vortexPeer"
SECRET = re.compile("[0-9a-f]{32}")


class HeldPost(HeldResponse):
    """
    One held response on VortexPY's wire.

    Args:
        request: A POST whose headers have not been written yet.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(request, b"text/text")

    def hold(self, driver: SessionDriver, frames: Iterable[bytes]) -> None:
        """Carry *driver*'s session; *frames* came in with this request."""
        self.drivenBy(driver)
        driver.attach(self, frames)

    def writeFrame(self, frame: bytes) -> None:
        self.write(frame)


class _PostPeer:
    """A peer that comes by POST, and what it must show to be taken for the same again."""

    __slots__ = ("address", "driver", "proven", "secret")

    def __init__(self, secret: str, address: str, proven: bool) -> None:
        self.secret = secret
        self.address = address
        self.proven = proven
        self.driver: SessionDriver

    @property
    def identity(self) -> str | None:
        principal = self.driver.principal
        return None if principal is None else principal.id


class PostPeers:
    """
    Which session a POST continues.

    A uuid is a label that anybody can say. So a POST continues a peer's session
    only when it bears the cookie that the peer was given, or, as long as that
    cookie has never come back, when it comes from the same address; and only when an
    authenticator finds the same principal in both, or in neither. Any other POST with
    that uuid is a peer of its own.
    """

    def __init__(self, host: LinkHost) -> None:
        self._host = host
        self._peers: dict[str, list[_PostPeer]] = {}

    def find(
        self, request: Request, uuid: str, address: str, principal: Principal | None
    ) -> SessionDriver | None:
        """The session of *principal* that *request* continues, and renews; None where it begins one."""
        secret = _secret(request)
        known = self._known(uuid, secret, address, principal)
        if known is None:
            return None
        if principal is not None:
            known.driver.renew(principal)
        if secret is not None:
            # Two tabs of a browser may both have been given a cookie; the browser keeps one for both.
            known.secret = secret
            known.proven = True
        return known.driver

    def _known(
        self, uuid: str, secret: str | None, address: str, principal: Principal | None
    ) -> _PostPeer | None:
        whose = None if principal is None else principal.id
        candidates = [peer for peer in self._peers.get(uuid, ()) if peer.identity == whose]
        if secret is not None:
            for peer in candidates:
                if secrets.compare_digest(secret, peer.secret):
                    return peer
        return next((p for p in candidates if not p.proven and p.address == address), None)

    def add(
        self, request: Request, uuid: str, name: str, address: str, principal: Principal | None
    ) -> SessionDriver:
        """A new peer's session. It gets a cookie, unless it brought one: tabs of a browser share theirs."""
        secret = _secret(request)
        host = self._host
        if secret is None:
            peer = _PostPeer(secrets.token_hex(16), address, proven=False)
            attributes = b"; HttpOnly; SameSite=Strict" + (b"; Secure" if request.isSecure() else b"")
            request.cookies.append(COOKIE + b"=" + peer.secret.encode() + b"; Path=/" + attributes)
        else:
            peer = _PostPeer(secret, address, proven=True)
        session = VortexPySession(
            uuid=host.uuid,
            name=host.name,
            limits=host.limits,
            framing=Framing.DOTS,
            now=host.clock.seconds(),
            linger=host.limits.postLinger,
            identity=(uuid, name),
        )
        peer.driver = SessionDriver(
            session,
            host,
            kind="post",
            address=address,
            principal=principal,
            onClosed=lambda code, _reason: self._closed(uuid, peer, code),
        )
        self._peers.setdefault(uuid, []).append(peer)
        return peer.driver

    def _closed(self, uuid: str, peer: _PostPeer, code: str) -> None:
        if code == CloseCode.LOST.value:
            self._host.counters["expired"] += 1
        peers = self._peers.get(uuid)
        if peers is not None and peer in peers:
            peers.remove(peer)
            if not peers:
                del self._peers[uuid]


def _secret(request: Request) -> str | None:
    """The cookie that *request* bears, if it is one that we may have given."""
    cookie = (request.getCookie(COOKIE) or b"").decode("ascii", "replace")
    return cookie if SECRET.fullmatch(cookie) else None
