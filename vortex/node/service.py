"""
Service: a node as a twistd application, from one call.

Whoever has a `twisted.web` site already puts a `VortexResource` into it instead, and a `VortexAssets` where
its pages are to find the browser client.
"""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from twisted.application import strports
from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import Application, IServiceCollection, MultiService, Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Request

from vortex.node.assets import VortexAssets
from vortex.node.vortex import Vortex
from vortex.transports.http import VortexResource
from vortex.transports.http_site import VortexSite
from vortex.transports.tls import TlsOptions, tlsFactory

__all__ = ["STATIC", "VortexService", "vortexApplication", "vortexService"]

log = Logger()

STATIC = "static"
"""Where a site has the browser client: beside the vortex, so that a page finds both by relative URLs."""


class VortexService(Service):
    """
    Shuts the node down, in order, when the application stops.

    Until then the handlers and endpoints that there were when it was made live with it: twistd drops the
    variables of a ``.tac`` file as soon as it has read it.
    """

    def __init__(self, vortex: Vortex) -> None:
        self._vortex = vortex
        self._kept = vortex.payloadIO.keepsakes

    def startService(self) -> None:
        super().startService()
        log.info("the vortex {name!r} lets in {whom}", name=self._vortex.name, whom=self._vortex.letsIn)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self._vortex.shutdown()


class _Client(VortexAssets):
    """The browser client's files, before whatever *root* itself makes of addresses below ``static/``."""

    def __init__(self, root: Resource) -> None:
        super().__init__()
        self._root = root

    def getChild(self, path: bytes, request: Request) -> Resource:
        assert request.postpath is not None
        assert request.prepath is not None
        if b"/".join((path, *request.postpath)).decode("utf-8", "replace") in self.names:
            return super().getChild(path, request)
        request.postpath.insert(0, request.prepath.pop())
        return self._ofRoot(request)

    def render(self, request: Request) -> bytes | int:
        rendered: bytes | int = self._ofRoot(request).render(request)
        return rendered

    def _ofRoot(self, request: Request) -> Resource:
        resource: Resource = self._root.getChild(STATIC.encode(), request)
        return resource


def vortexService(
    vortex: Vortex,
    endpoint: str | IStreamServerEndpoint,
    *,
    path: str = "vortex",
    root: Resource | None = None,
    static: bool = True,
    tls: TlsOptions | None = None,
) -> MultiService:
    """
    A service that serves *vortex* by HTTP: held-open POST and WebSocket.

    Handlers and endpoints that *vortex* has by now are kept for as long as the service is.

    Args:
        vortex: The node.
        endpoint: Where to listen: a server endpoint, or its description as in
            "tcp:8080" or "tcp:8080:interface=127.0.0.1".
        path: Where peers connect: this path, and the same with "ws" behind it, which
            is where VortexPY looks for WebSockets.
        root: What else the site serves, and at ``/``; the paths are put into it.
        static: Whether to serve the browser client too, as ``static/vortex.mjs``. What else
            is asked for below ``static/`` is the root's, as it is without.
        tls: Our certificate, and what is asked of clients; None: no TLS. An endpoint that does TLS itself,
            ``ssl:``, asks for no client certificates.

    Raises:
        ValueError: If ``static`` is taken: *root* has a child of that name, or *path* is it; or if *tls*
            makes no sense.
        OSError: If a file of *tls* cannot be read.
        ImportError: If there is no pyOpenSSL for TLS.
    """
    client = VortexAssets if root is None else partial(_Client, root)
    root = Resource() if root is None else root
    if static:
        if path == STATIC or STATIC.encode() in root.children:
            taken = f"path is {path!r}" if path == STATIC else f"the root has a child {STATIC!r} already"
            raise ValueError(
                f"the browser client is served at {STATIC}/, but {taken}: pass static=False, "
                "and put a VortexAssets() where you like"
            )
        root.putChild(STATIC.encode(), client())
    resource = VortexResource(vortex)
    root.putChild(path.encode(), resource)
    root.putChild(path.encode() + b"ws", resource)
    service = MultiService()
    VortexService(vortex).setServiceParent(service)
    site: Any = VortexSite(root, vortex.limits, counters=vortex.counters)
    if tls is not None:
        site = tlsFactory(tls, site, vortex.clock)
    if isinstance(endpoint, str):
        # raises when it cannot listen, so that twistd ends; the other only logs that
        listening = strports.service(endpoint, site)
    else:
        listening = StreamServerEndpointService(endpoint, site)
    listening.setServiceParent(service)
    return service


def vortexApplication(
    vortex: Vortex,
    endpoint: str | IStreamServerEndpoint,
    *,
    path: str = "vortex",
    root: Resource | None = None,
    static: bool = True,
    tls: TlsOptions | None = None,
) -> IServiceCollection:
    """
    A whole application for ``twistd -ny``; arguments as `vortexService` has them.

    ::

        application = vortexApplication(Vortex("jobs"), "tcp:8080")
    """
    application = cast(IServiceCollection, Application(vortex.name))
    service = vortexService(vortex, endpoint, path=path, root=root, static=static, tls=tls)
    service.setServiceParent(IServiceCollection(application))
    return application
