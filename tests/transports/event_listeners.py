"""An EventSource by hand, as RFC 9110 and the HTML standard have it, and what it listens to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from tests.transports.wires import PostClient, Server
from vortex import Tuple, addTupleType
from vortex.handlers.model_handler import ModelHandler
from vortex.routing.delivery import Delivery

__all__ = ["JOBS", "Ears", "Jobs", "Listened"]

JOBS = {"key": "jobs"}


@addTupleType
class Listened(Tuple):
    __tupleType__ = "tests.Listened"

    name: str
    due: datetime | None = None
    seal: bytes | None = None
    ratio: float | None = None
    more: list[Any] | None = None


class Jobs(ModelHandler):
    """Shows what a test puts into it, for as long as *server* is there."""

    def __init__(self, server: Server, *rows: Listened) -> None:
        super().__init__(JOBS, server.vortex)
        server.vortex.onPeerChange(self._stay)
        self.rows: Iterable[Listened] = rows
        self.asked: list[dict[str, Any]] = []

    def buildModel(self, filt: dict[str, Any], delivery: Delivery | None = None) -> list[Listened]:
        self.asked.append(filt)
        return list(self.rows)

    def _stay(self, peer: object, online: bool) -> None: ...

    def show(self, *names: str) -> None:
        for name in names:
            self.rows = [Listened(name=name)]
            self.sendModelUpdate()


class Ears(PostClient):
    """An EventSource: a GET, and what its answer says."""

    def __init__(
        self,
        server: Server,
        *filts: Any,
        method: str = "GET",
        accept: str = "text/event-stream",
        headers: str = "",
        query: str = "",
        address: str = "127.0.0.1",
    ) -> None:
        super().__init__(server.site, address)
        said = [f"filt={quote(json.dumps(filt))}" for filt in filts] + [query]
        self.send(
            (
                f"{method} /vortex?{'&'.join(said)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Accept: {accept}\r\n{headers}\r\n"
            ).encode()
        )

    @property
    def blocks(self) -> list[dict[str, str]]:
        """The fields of each event, comments left out."""
        blocks = []
        for block in self.body.decode("utf-8").split("\n\n"):
            lines = [line for line in block.split("\n") if line and not line.startswith(":")]
            if lines:
                blocks.append(dict(line.split(": ", 1) for line in lines))
        return blocks

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the page gets: the data of events without a name."""
        return [json.loads(b["data"]) for b in self.blocks if "data" in b and "event" not in b]

    @property
    def names(self) -> list[str]:
        return [each["tuples"][0]["name"] for each in self.events]

    @property
    def lastId(self) -> str:
        return [block["id"] for block in self.blocks if "id" in block][-1]

    def comesBack(self, server: Server, *filts: Any, headers: str = "", **more: Any) -> Ears:
        """As a browser does after a cut."""
        headers = f"{self.cookie}Last-Event-ID: {self.lastId}\r\n{headers}"
        return Ears(server, *filts, headers=headers, **more)
