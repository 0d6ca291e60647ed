"""
The demo's jobs, with the pages of docs/examples in the place of its own: a process of its own.

usage: python -m tests.browser.pages_server --port PORT

They are at ``demo.jobs``, as in the demo, and at ``jobs`` too, as in the guides; in the same file.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.web.static import Data

from tests.docs.documents import EXAMPLES
from vortex import OrmCrudHandler, Vortex, VortexAssets, VortexResource, VortexSite
from vortex.cli.demo import handlersOf
from vortex.cli.demo_board import Job, openBoard


def main(port: int) -> None:
    from twisted.internet import reactor as installed

    reactor: Any = installed
    vortex = Vortex("pages")
    board = openBoard()
    handlers = [
        *handlersOf(vortex, board),
        OrmCrudHandler(board.sessions, Job, {"key": "jobs"}, True, vortex),
    ]
    root = VortexAssets(EXAMPLES / "pages")
    root.putChild(b"favicon.ico", Data(b"", "image/x-icon"))  # which Chromium asks for
    root.putChild(b"static", VortexAssets())
    root.putChild(b"vortex", VortexResource(vortex))
    listening = reactor.listenTCP(port, VortexSite(root, vortex.limits), interface="127.0.0.1")
    print(f"Pages at http://127.0.0.1:{listening.getHost().port}/", flush=True)
    reactor.run()
    assert handlers


if __name__ == "__main__":
    main(int(sys.argv[2]))
