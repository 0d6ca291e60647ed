"""
Service: a node as a twistd application, from one call.

Whoever has a `twisted.web` site already puts a `VortexResource` into it instead.
"""

from __future__ import annotations

from typing import cast

from twisted.application import strports
from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import Application, IServiceCollection, MultiService, Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.web.resource import Resource

from vortex.node.vortex import Vortex
from vortex.transports.http import VortexResource
from vortex.transports.http_site import VortexSite

__all__ = ["VortexService", "vortexApplication", "vortexService"]


class VortexService(Service):
    """Shuts the node down, in order, when the application stops."""

    def __init__(self, vortex: Vortex) -> None:
        self._vortex = vortex

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self._vortex.shutdown()


def vortexService(
    vortex: Vortex,
    endpoint: str | IStreamServerEndpoint,
    *,
    path: str = "vortex",
    root: Resource | None = None,
) -> MultiService:
    """
    A service that serves *vortex* by HTTP: held-open POST and WebSocket.

    Args:
        vortex: The node.
        endpoint: Where to listen: a server endpoint, or its description as in
            "tcp:8080" or "tcp:8080:interface=127.0.0.1".
        path: Where peers connect: this path, and the same with "ws" behind it, which
            is where VortexPY looks for WebSockets.
        root: What else the site serves, and at ``/``; the two paths are put into it.
    """
    root = Resource() if root is None else root
    resource = VortexResource(vortex)
    root.putChild(path.encode(), resource)
    root.putChild(path.encode() + b"ws", resource)
    service = MultiService()
    VortexService(vortex).setServiceParent(service)
    site = VortexSite(root, vortex.limits)
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
) -> IServiceCollection:
    """
    A whole application for ``twistd -ny``; arguments as `vortexService` has them.

    ::

        application = vortexApplication(Vortex("jobs"), "tcp:8080")
    """
    application = cast(IServiceCollection, Application(vortex.name))
    vortexService(vortex, endpoint, path=path, root=root).setServiceParent(IServiceCollection(application))
    return application
