"""
Assets: the files of a folder, served from memory - the browser client's, or a page's own.

All files are read when the resource is made, so a request is a look into a dict: no disk, no path that
leads out of the folder. What a browser keeps it may use again only after it has asked, which costs an answer
without a body (304), unless the URL says which content it means: ``vortex.mjs?v=...`` may be kept for ever.

Nothing in here knows a node; who may see the files is for the resource that these are put into.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from vortex.transports.header_texts import headerTexts
from vortex.transports.http import plainAnswer

__all__ = ["VortexAssets"]

CLIENT = Path(__file__).parent.parent / "static"
"""The browser client, as it was built."""

INDEX = "index.html"

REVALIDATE = "no-cache"
FOR_EVER = "public, max-age=31536000, immutable"

_UTF8 = "; charset=utf-8"
# Not the system's table of types: what a file is sent as must not depend on the machine.
_TYPES = {
    ".css": f"text/css{_UTF8}",
    ".gif": "image/gif",
    ".html": f"text/html{_UTF8}",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": f"text/javascript{_UTF8}",
    ".json": "application/json",
    ".map": "application/json",
    ".md": f"text/markdown{_UTF8}",
    ".mjs": f"text/javascript{_UTF8}",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ts": f"text/plain{_UTF8}",
    ".txt": f"text/plain{_UTF8}",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_COMPRESSIBLE = (
    "text/",
    "application/json",
    "application/manifest+json",
    "image/svg+xml",
    "application/wasm",
)
_ENTITY_TAG = re.compile(r'"[^"]*"')  # what stands before a weak one, W/, does not count here
_QUALITY = re.compile(r"[01](?:\.[0-9]{0,3})?")


@dataclass(frozen=True)
class _Form:
    """One way in which a file may be sent."""

    body: bytes
    etag: str
    encoding: str | None = None


@dataclass(frozen=True)
class _File:
    """
    A file in memory.

    Attributes:
        version: What its content is known by.
        plain: As it is.
        packed: By gzip, where that is shorter.
    """

    contentType: str
    version: str
    plain: _Form
    packed: _Form | None

    @classmethod
    def of(cls, name: str, body: bytes) -> _File:
        contentType = _TYPES.get(Path(name).suffix.lower(), "application/octet-stream")
        version = hashlib.sha256(body).hexdigest()[:20]
        packed = None
        if contentType.startswith(_COMPRESSIBLE):
            shorter = gzip.compress(body, 9, mtime=0)
            if len(shorter) < len(body):
                packed = _Form(shorter, f'"{version}-gzip"', "gzip")
        return cls(contentType, version, _Form(body, f'"{version}"'), packed)


class VortexAssets(Resource):
    """
    A `twisted.web` resource with the files of a folder::

        root.putChild(b"static", VortexAssets())  # the browser client: static/vortex.mjs
        root = VortexAssets("page")  # page/index.html is at /

    Args:
        folder: Whose files; None: the browser client (vortex.mjs and vortex.js, the vortex-http.mjs that
            they fetch when it is needed, their source maps and types).
            Files and folders whose names begin with a dot are left out. ``index.html`` is served for the
            folder itself.
        headers: Sent with every file, as a Content-Security-Policy; they count before those that are sent
            anyway: ``X-Content-Type-Options: nosniff`` and ``Cross-Origin-Resource-Policy: same-origin``.

    A file has an ETag by its content, and comes packed by gzip to whoever accepts that. A browser asks again
    before it uses it again (``Cache-Control: no-cache``), unless the URL has ``?v=`` with its `version`,
    which may be kept for a year. Children put into this resource come before the files.

    Raises:
        ValueError: If there is no such folder.
    """

    def __init__(self, folder: str | Path | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        path = CLIENT if folder is None else Path(folder)
        if not path.is_dir():
            wayOut = "; in a clone, make js builds the browser client" if folder is None else ""
            raise ValueError(f"VortexAssets serves the files of a folder, and {path} is none{wayOut}")
        self._files = {name: _File.of(name, each.read_bytes()) for name, each in _filesOf(path)}
        self._headers = {
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            **(headers or {}),
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The files that there are, as paths from the folder: ``"vortex.mjs"``, ``"images/logo.svg"``."""
        return tuple(self._files)

    def version(self, name: str) -> str:
        """
        What the content of a file is known by, for URLs that may be kept: ``f"vortex.mjs?v={version}"``.

        Raises:
            KeyError: If there is no such file.
        """
        return self._files[name].version

    def getChild(self, path: bytes, request: Request) -> Resource:
        name = b"/".join((path, *(request.postpath or ()))).decode("utf-8", "replace")
        if name == "" or name.endswith("/"):
            name += INDEX
        file = self._files.get(name)
        if file is not None:
            return _Asset(file, self._headers)
        isFolder = f"{name}/{INDEX}" in self._files
        return _Folder(name.rpartition("/")[2]) if isFolder else _NotHere()

    def render(self, request: Request) -> bytes | int:
        # Put at /board and asked for as that: what index.html refers to is relative to /board/.
        own = (request.prepath or [b""])[-1].decode("utf-8", "replace")
        page = _Folder(own) if own and INDEX in self._files else _NotHere()
        return page.render(request)


class _Asset(Resource):
    """One file."""

    isLeaf = True

    def __init__(self, file: _File, headers: Mapping[str, str]) -> None:
        super().__init__()
        self._file = file
        self._headers = headers

    def render(self, request: Request) -> bytes | int:
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader("Allow", "GET, HEAD")
            return plainAnswer(request, 405, "this is a file: it can be had by GET, and no more")
        file = self._file
        form = file.plain
        if file.packed is not None:
            request.setHeader("Vary", "Accept-Encoding")
            if _prefersGzip(_list(request, "Accept-Encoding")):
                form = file.packed
        isVersion = (request.args or {}).get(b"v") == [file.version.encode()]
        request.setHeader("Cache-Control", FOR_EVER if isVersion else REVALIDATE)
        request.setHeader("ETag", form.etag)
        for name, value in self._headers.items():
            request.setHeader(name, value)
        if _has(_list(request, "If-None-Match"), form.etag):
            request.setResponseCode(304)
            request.finish()  # what is returned would get a Content-Length, which is of a 200 here
            return NOT_DONE_YET
        request.setHeader("Content-Type", file.contentType)
        if form.encoding is not None:
            request.setHeader("Content-Encoding", form.encoding)
        request.setHeader("Content-Length", str(len(form.body)))
        return b"" if request.method == b"HEAD" else form.body


class _Folder(Resource):
    """A folder with an index, asked for without the slash behind it: sends to where relative URLs work."""

    isLeaf = True

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def render(self, request: Request) -> bytes:
        query = request.uri.partition(b"?")
        # Relative, since a proxy may have it at another path, or behind TLS.
        where = f"./{quote(self._name, safe='')}/".encode() + query[1] + query[2]
        request.setHeader(b"Location", where)
        return plainAnswer(request, 307, "this is a folder: its address ends in /")


class _NotHere(Resource):
    isLeaf = True

    def render(self, request: Request) -> bytes:
        return plainAnswer(request, 404, "there is no such file here")


def _filesOf(folder: Path) -> Iterable[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            yield name.as_posix(), path


def _list(request: Request, name: str) -> str:
    """A header that may come more than once, which means the same as a list."""
    return ", ".join(headerTexts(request.requestHeaders, name))


def _has(ifNoneMatch: str, etag: str) -> bool:
    """Whether If-None-Match names *etag*; that a proxy has made it a weak one is no difference."""
    return ifNoneMatch.strip() == "*" or etag in _ENTITY_TAG.findall(ifNoneMatch)


def _prefersGzip(acceptEncoding: str) -> bool:
    """Whether gzip is accepted, and not less than the file as it is."""
    qualities: dict[str, float] = {}
    for each in acceptEncoding.lower().split(","):
        coding, *parameters = (part.strip() for part in each.split(";"))
        qualities[coding] = _quality(parameters)
    gzipped = max((qualities[name] for name in ("gzip", "x-gzip") if name in qualities), default=None)
    if gzipped is None:
        gzipped = qualities.get("*", 0.0)
    return gzipped > 0 and gzipped >= qualities.get("identity", 0.0)


def _quality(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            value = value.strip()
            return min(float(value), 1.0) if _QUALITY.fullmatch(value) else 0.0
    return 1.0
