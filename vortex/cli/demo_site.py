"""
Demo site: what a browser gets from the demo - the page, and the client that the page imports.

The page is the folder ``board`` beside this file, as it stands: nothing is put into it here, and whatever it
shows comes to it over its vortex. Its Content-Security-Policy lets it run its own files and talk to its own
server, and nothing else.
"""

from __future__ import annotations

from pathlib import Path

from twisted.web.resource import Resource
from twisted.web.server import Request

from vortex.node.assets import VortexAssets
from vortex.node.vortex import Vortex
from vortex.transports.http import VortexResource, plainAnswer, whyNotServed

__all__ = ["DemoSite"]

BOARD = Path(__file__).parent / "board"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}


class DemoSite(VortexAssets):
    """
    The page at ``/``, the client at ``static/``, the vortex at ``vortex`` and ``vortexws``.

    Args:
        vortex: The demo's node. Whom it does not serve is told so instead of being shown a page that would
            never have any rows.
    """

    def __init__(self, vortex: Vortex) -> None:
        super().__init__(BOARD, headers=HEADERS)
        self._vortex = vortex
        for path in (b"vortex", b"vortexws"):
            self.putChild(path, VortexResource(vortex))
        self.putChild(b"static", VortexAssets())

    def getChild(self, path: bytes, request: Request) -> Resource:
        why = whyNotServed(self._vortex, request)
        return super().getChild(path, request) if why is None else _NotServed(why)


class _NotServed(Resource):
    isLeaf = True

    def __init__(self, why: str) -> None:
        super().__init__()
        self._why = why

    def render(self, request: Request) -> bytes:
        wayOut = "vortex demo --anonymous lets everybody in, also through a proxy"
        text = f"this demo serves its own machine only, and {self._why}; {wayOut}"
        return plainAnswer(request, 403, text)
