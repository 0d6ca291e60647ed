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

from vortex.access.principal import Authenticator
from vortex.node.service import STATIC, vortexService
from vortex.node.vortex import Vortex
from vortex.transports.tls import TlsOptions

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
        ["authenticator", None, None, "Who finds out who a peer is, as module:name of an authenticator."],
        ["cert", None, None, "Serve https and wss: a PEM file with the certificate, and its chain."],
        ["key", None, None, "A PEM file with the certificate's key, where it is in a file of its own."],
        ["client-certificates", None, "none", "Whether clients show theirs: none, optional or required."],
        ["trust", None, None, "A PEM file with the CAs that clients' certificates have to come from."],
    ]
    optFlags: ClassVar[list[list[object]]] = [
        ["anonymous", None, "Let in whoever has shown nothing, from other machines too."],
        ["no-static", None, "Do not serve the browser client at static/."],
    ]

    application: Application
    authenticator: Authenticator | None = None
    tls: TlsOptions | None = None

    def postOptions(self) -> None:
        """
        Raises:
            UsageError: With what is wrong, for the person who typed this.
        """
        if not self["app"]:
            raise UsageError("which application? --app module:function")
        parent = getattr(self, "parent", None) or {}
        folder = Path(parent.get("rundir") or ".").absolute()
        self.application = findApplication(self["app"], folder)
        if self["authenticator"]:
            self.authenticator = findAuthenticator(self["authenticator"], folder)
        self.tls = self._tlsOptions()
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

    def _tlsOptions(self) -> TlsOptions | None:
        if not self["cert"]:
            for option in ("key", "trust"):
                if self[option]:
                    raise UsageError(f"--{option} goes with --cert")
            if self["client-certificates"] != "none":
                raise UsageError("--client-certificates goes with --cert")
            return None
        try:
            return TlsOptions(
                certificate=self["cert"],
                privateKey=self["key"],
                clientCertificates=self["client-certificates"],
                trust=self["trust"],
            )
        except ValueError:
            raise UsageError(
                f"--client-certificates takes none, optional or required, got {self['client-certificates']}"
            ) from None


def makeService(options: Options) -> IService:
    """The service that twistd runs."""
    vortex = Vortex(
        options["name"], authenticator=options.authenticator, anonymous=bool(options["anonymous"])
    )
    ownEndpoints = len(vortex.payloadIO.endpoints)
    made = options.application(vortex)
    if len(vortex.payloadIO.endpoints) == ownEndpoints:
        log.warn(
            "{app} has left no handler and no endpoint behind: nobody will be answered. They live for as "
            "long as something refers to them, so return them, or keep them with the resource you return",
            app=options["app"],
        )
    root = _rootOf(made) if IResource.providedBy(made) else None
    hasItsOwn = root is not None and STATIC.encode() in root.children
    static = not (options["no-static"] or hasItsOwn)
    service = vortexService(
        vortex, options["port"], path=options["path"], root=root, static=static, tls=options.tls
    )
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
    found = _find(name, folder, "--app takes module:function, as in --app jobs:board")
    if not callable(found):
        raise UsageError(f"{name} should be a function that takes a Vortex, it is {found!r}")
    application: Application = found
    return application


def findAuthenticator(name: str, folder: Path) -> Authenticator:
    """
    Import what *name*, ``module:name``, says; as `findApplication`.

    Raises:
        UsageError: If there is no such module, or no authenticator of that name in it.
    """
    found = _find(name, folder, "--authenticator takes module:name, as in --authenticator jobs:tokens")
    if isinstance(found, type) or not callable(getattr(found, "authenticate", None)):
        raise UsageError(
            f"{name} should be an authenticator, as SharedSecretAuthenticator(...) makes one, it is {found!r}"
        )
    authenticator: Authenticator = found
    return authenticator


def _find(name: str, folder: Path, expected: str) -> Any:
    moduleName, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in (*moduleName.split("."), *attribute.split("."))):
        raise UsageError(f"{expected}, got {name!r}")
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
    return found


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
