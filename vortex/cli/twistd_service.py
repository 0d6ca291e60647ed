"""
Twistd service: ``twistd vortex --app module:function``.

The function is given a `Vortex` and does what an application does: it makes handlers and endpoints. It may
return a resource, which is served at ``/``. Whatever it returns is kept for as long as the service runs, so
that handlers do not vanish with the function that made them.

What is wrong with the arguments is said before anything is started; what the application itself raises comes
out as it is, with its traceback.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from twisted.application.service import IService, Service
from twisted.internet.endpoints import serverFromString
from twisted.logger import Logger
from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from vortex.node.service import STATIC, vortexService
from vortex.node.vortex import Vortex

__all__ = ["Options", "findApplication", "makeService"]

log = Logger()

Application = Callable[[Vortex], object]


class Options(TwistedOptions):
    """The arguments of ``twistd vortex``."""

    synopsis = "[options] --app module:function"
    longdesc = (
        "Serves an application's vortex over held-open POST and WebSocket. The function is called with the "
        "Vortex. It makes the handlers and returns them, so that they are kept, or a resource to serve at /."
    )
    optParameters: ClassVar[list[list[object]]] = [
        ["app", "a", None, "The application, as module:function. The module may be in this folder."],
        ["port", "p", "tcp:8080", "Where to listen: a server endpoint, as tcp:8080 or unix:/run/jobs.sock."],
        ["name", "n", None, "What the vortex calls itself. Without it, the module's name."],
        ["path", None, "vortex", "Where peers connect: this path, and the same with ws behind it."],
    ]
    optFlags: ClassVar[list[list[object]]] = [
        ["anonymous", None, "Let in programs on other machines, without asking who they are."],
        ["no-static", None, "Do not serve the browser client at static/."],
    ]

    application: Application

    def postOptions(self) -> None:
        """
        Raises:
            UsageError: With what is wrong, for the person who typed this.
        """
        if not self["app"]:
            raise UsageError("which application? --app module:function")
        parent = getattr(self, "parent", None) or {}
        self.application = findApplication(self["app"], Path(parent.get("rundir") or ".").absolute())
        self["name"] = self["name"] or self["app"].partition(":")[0].rpartition(".")[2]
        self["path"] = self["path"].strip("/")
        if not self["path"] or "/" in self["path"]:
            raise UsageError("--path takes one segment, as in --path vortex")
        if self["path"] == STATIC and not self["no-static"]:
            raise UsageError(f"--path {STATIC} is where the browser client is served; see --no-static")
        if self["port"].isdecimal():
            self["port"] = f"tcp:{self['port']}"
        try:
            serverFromString(None, self["port"])
        except (ValueError, TypeError, LookupError) as error:
            raise UsageError(
                f"--port {self['port']} is no server endpoint, as tcp:8080 is: {error}"
            ) from None


def makeService(options: Options) -> IService:
    """The service that twistd runs."""
    vortex = Vortex(options["name"], anonymous=bool(options["anonymous"]))
    made = options.application(vortex)
    if not vortex.payloadIO.endpoints:
        log.warn(
            "{app} has left no handler and no endpoint behind: nobody will be answered. They live for as "
            "long as something refers to them, so return them, or keep them with the resource you return",
            app=options["app"],
        )
    root = _rootOf(made) if IResource.providedBy(made) else None
    hasItsOwn = root is not None and STATIC.encode() in root.children
    static = not (options["no-static"] or hasItsOwn)
    service = vortexService(vortex, options["port"], path=options["path"], root=root, static=static)
    _Keeping(made).setServiceParent(service)
    return service


def findApplication(name: str, folder: Path) -> Application:
    """
    Import what *name*, ``module:function``, says.

    Args:
        folder: Where modules are looked for first.

    Raises:
        UsageError: If there is no such module, or nothing callable of that name in it.
    """
    moduleName, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in (*moduleName.split("."), *attribute.split("."))):
        raise UsageError(f"--app takes module:function, as in --app jobs:board, got {name!r}")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        found: Any = importlib.import_module(moduleName)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{moduleName}.".startswith(f"{error.name}."):
            raise  # the module is there; one that it imports is not
        raise UsageError(f"there is no module {error.name!r}, in {folder} or where Python looks") from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UsageError(f"the module {moduleName!r} has no {attribute!r}")
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{name} should be a function that takes a Vortex, it is {found!r}")
    application: Application = found
    return application


class _Keeping(Service):
    """Holds on to what the application has made."""

    def __init__(self, made: object) -> None:
        self.made = made


class _Leaf(Resource):
    """Beside a vortex, all of a site for a resource that would take every address for itself."""

    def __init__(self, leaf: IResource) -> None:
        super().__init__()
        self._leaf = leaf

    def getChild(self, path: bytes, request: Request) -> IResource:
        # A leaf reads in postpath what of the address is its own: all of it.
        assert request.postpath is not None
        assert request.prepath is not None
        request.postpath.insert(0, request.prepath.pop())
        return self._leaf


def _rootOf(page: Any) -> Any:
    return _Leaf(page) if page.isLeaf else page
