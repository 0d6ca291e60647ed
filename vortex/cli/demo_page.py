"""
Demo page: what a person sees at ``/`` of the demo.

One HTML page that says what is running, where it is reached and how, and shows the jobs as they are now. It
runs no script and loads nothing: its style is in it, and its Content-Security-Policy lets no other in.
Everything that comes from the database or from a request is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from string import Template
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

import vortex
from vortex.access.local import isLocalRequest
from vortex.errors import VortexError, errorText

if TYPE_CHECKING:
    from vortex.cli.demo_board import Board, Glance, Job
    from vortex.node.vortex import Vortex

__all__ = ["BoardPage", "curlCommand", "pythonProgram", "renderPage"]

log = Logger()

MOST_JOBS = 50
"""Jobs that the page lists; of more it gives the number."""

_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\Z")

STYLE = """
:root { color-scheme: light dark;
  --paper: #fbfaf7; --card: #fff; --ink: #1d2530; --soft: #5d6875; --line: #e3e0d8;
  --open: #0f6e6e; --doing: #a05a00; --done: #6a7480; --code: #f3f1ea; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14181d; --card: #1b2127; --ink: #e8eaec; --soft: #9aa6b2; --line: #2c343c;
  --open: #5cc8c0; --doing: #f0b35c; --done: #8b96a1; --code: #11151a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.02em; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
p { margin: .5rem 0; }
.lead { font-size: 1.1rem; }
.soft { color: var(--soft); }
code, pre { font: .875rem/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
code { background: var(--code); border-radius: .25rem; padding: .1em .3em; overflow-wrap: anywhere; }
code.short { white-space: nowrap; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: .5rem; padding: .9rem 1rem;
  overflow-x: auto; margin: .75rem 0; tab-size: 4; }
pre code { background: none; padding: 0; overflow-wrap: normal; }
.jobs { list-style: none; margin: 0; padding: 0; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; }
.jobs li { display: grid; grid-template-columns: 2.5rem 1fr 6rem 7rem 4rem; gap: .25rem .75rem;
  align-items: baseline; padding: .6rem 1rem; border-top: 1px solid var(--line); }
.jobs li:first-child { border-top: 0; }
.jobs .title { overflow-wrap: anywhere; font-weight: 500; }
.jobs .id, .jobs .who, .jobs .due { color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
.jobs .due { text-align: right; }
.status { font-size: .85rem; font-weight: 600; }
.status::before { content: ""; display: inline-block; width: .55em; height: .55em; border-radius: 50%;
  background: currentColor; margin-right: .45em; }
.open { color: var(--open); } .doing { color: var(--doing); } .done { color: var(--done); }
li:has(.done) .title { color: var(--soft); text-decoration: line-through; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1.25rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 34rem) {
  main { padding-top: 1.5rem; }
  .jobs li { grid-template-columns: 2rem 1fr auto; }
  .jobs .title { grid-column: 2 / 4; } .jobs .status { grid-column: 2; grid-row: 2; }
  .jobs .who { grid-column: 2; grid-row: 3; } .jobs .due { grid-column: 3; grid-row: 2; }
  .jobs .who:empty { display: none; }
  dl { grid-template-columns: 1fr; gap: .1rem; } dd { margin-bottom: .6rem; }
}
"""

PAGE = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Job board - Vortex demo</title>
<link rel="icon" href="data:,">
<style>$style</style>
</head>
<body>
<main>
<h1>Job board</h1>
<p class="lead">This is a Vortex $version server. Programs load these jobs, change them, and are told when
somebody else does.</p>
<p class="soft">The rows are in <code>$place</code>. Connected now: $peers.</p>

<h2>$heading</h2>
$jobs

<h2>Add a job with curl</h2>
<pre><code>$curl</code></pre>
<p>Then reload this page. The answer is held open, as a vortex holds it, to send more:
<code class="short">-m 2</code> hangs up after two seconds. Each message in it is base64, and ends in a
dot.</p>

<h2>Add a job from Python</h2>
<pre><code>$python</code></pre>
<p>It needs <code>txvortex</code> installed, as this server does.</p>

<h2>Where everything is</h2>
<dl>
<dt>Held-open POST</dt><dd><code>$http/vortex</code></dd>
<dt>WebSocket</dt><dd><code>$ws/vortexws</code></dd>
<dt>All jobs</dt><dd>filt <code>{"key": "demo.jobs"}</code>: load, save, delete</dd>
<dt>One job</dt><dd>filt <code>{"key": "demo.job", "id": 1}</code>; without <code>id</code> a blank one</dd>
<dt>A job</dt><dd>tuple type <code>demo.Job</code>: id, title, status (open, doing, done), assignee, due</dd>
</dl>
<p>VortexPY programs connect as they are, $access: those of version 6 to the WebSocket, those of 0.3 by POST.
This page has no live part yet; it shows the rows at the time it was loaded.</p>
</main>
</body>
</html>
"""
)

_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class BoardPage(Resource):
    """
    The page, and at any other address a plain 404.

    Args:
        node: The demo's vortex. What it lets in, the page lets in.
        board: The jobs.
        address: Host and port, for the addresses on the page where a request does not say them.
    """

    isLeaf = False

    def __init__(self, node: Vortex, board: Board, address: str) -> None:
        super().__init__()
        self._node = node
        self._board = board
        self._address = address

    def getChild(self, path: bytes, request: Request) -> Resource:
        return self if path == b"" and not request.postpath else _NotHere()

    def render_GET(self, request: Request) -> bytes | int:
        host = request.getHeader("host")
        # A page of someone else's may have pointed its own host name here: rows are for who the node serves.
        ip = getattr(request.getClientAddress(), "host", None)  # a Unix socket has none
        names = (name.decode("latin-1") for name, _ in request.requestHeaders.getAllRawHeaders())
        if not self._node.anonymous and not isLocalRequest(ip, names, host):
            return _plain(
                request, 403, "this demo serves its own machine only; vortex demo --help tells of --host"
            )
        address = host if host is not None and _HOST.match(host) else self._address
        leaving = request.notifyFinish().addErrback(lambda _: None)
        jobs = self._node.runInThread(self._board.glance, MOST_JOBS)
        page = jobs.addCallback(self._page, request, address).addErrback(self._problem, request)
        page.addCallback(_finish, request, leaving)
        return NOT_DONE_YET

    def _page(self, glance: Glance, request: Request, address: str) -> bytes:
        for name, value in HEADERS.items():
            request.setHeader(name, value)
        return renderPage(glance, address, self._board.place, len(self._node.peers), self._node.anonymous)

    def _problem(self, failure: Failure, request: Request) -> bytes:
        error = failure.value
        if isinstance(error, VortexError):
            return _plain(request, 503, errorText(error))
        log.failure("the page could not be made", failure)
        return _plain(request, 500, "the page could not be made; the server's log says why")


class _NotHere(Resource):
    isLeaf = True

    def render(self, request: Request) -> bytes:
        return _plain(request, 404, "nothing is here; the demo's page is at /")


def _plain(request: Request, status: int, text: str) -> bytes:
    request.setResponseCode(status)
    request.setHeader("Content-Type", "text/plain; charset=utf-8")
    request.setHeader("Cache-Control", "no-store")
    return f"{text}\n".encode()


def _finish(text: bytes, request: Request, leaving: Deferred[None]) -> None:
    if not leaving.called:  # else the one who asked has hung up meanwhile
        request.write(text)
        request.finish()


# ---- what it says


def renderPage(glance: Glance, address: str, place: str, peers: int, isOpen: bool) -> bytes:
    """
    The page.

    Args:
        glance: The jobs to show.
        address: Host and port under which the server was reached.
        place: Where the rows are.
        peers: How many peers are connected.
        isOpen: Whether programs on other machines may connect.
    """
    shown = len(glance.jobs)
    texts = {
        "version": vortex.__version__,
        "place": place,
        "peers": f"{peers} {'peer' if peers == 1 else 'peers'}",
        "heading": f"{glance.count} {'job' if glance.count == 1 else 'jobs'}"
        + (f", the newest {shown}" if shown < glance.count else ""),
        "curl": curlCommand(address),
        "python": pythonProgram(address),
        "http": f"http://{address}",
        "ws": f"ws://{address}",
        "access": "from any machine" if isOpen else "from this machine",
    }
    escaped = {name: escape(text) for name, text in texts.items()}
    return PAGE.substitute(escaped, style=STYLE, jobs=_jobList(glance.jobs)).encode()


def curlCommand(address: str) -> str:
    """A command for a shell that adds a job by one POST."""
    return (
        f"curl -sN -m 2 'http://{address}/vortex?vortexUuid=curl&vortexName=curl' \\\n"
        """  -d '{"_ct": "rpe", "filt": {"key": "demo.jobs"}, "data": [\n"""
        """       {"_ct": "rt", "_c": "demo.Job", "title": "Sharpen the shears"}]}'"""
    )


def pythonProgram(address: str) -> str:
    """A program that adds a job by one POST, and waits for the answer."""
    return _PROGRAM.substitute(address=address).strip()


_PROGRAM = Template(
    """
from urllib.request import urlopen
from vortex import Payload, Tuple, addTupleType

@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id: int
    title: str
    status: str = "open"

def messages(held):
    text = b""
    while more := held.read1():
        *whole, text = (text + more).split(b".")
        yield from (Payload.fromVortexMsg(each) for each in whole if each)

url = "http://$address/vortex?vortexUuid=python&vortexName=python"
job = Payload({"key": "demo.jobs"}, [Job(title="Sharpen the shears")])
with urlopen(url, job.toVortexMsg()) as held:
    answer = next(each for each in messages(held) if each.result)
print(answer.result, answer.tuples)
"""
)


def _jobList(jobs: Iterable[Job]) -> str:
    items = "\n".join(_jobItem(job) for job in jobs)
    return f'<ol class="jobs">\n{items}\n</ol>' if items else '<p class="soft">The board is empty.</p>'


def _jobItem(job: Job) -> str:
    return (
        f'<li><span class="id">{job.id}</span><span class="title">{escape(job.title)}</span>'
        f'<span class="status {escape(job.status)}">{escape(job.status)}</span>'
        f'<span class="who">{escape(job.assignee or "")}</span><span class="due">{_day(job.due)}</span></li>'
    )


def _day(due: datetime | None) -> str:
    if due is None:
        return ""
    inUtc = due.replace(tzinfo=UTC) if due.tzinfo is None else due.astimezone(UTC)
    text = f"{inUtc.day} {_MONTHS[inUtc.month - 1]}"
    return f'<time datetime="{inUtc:%Y-%m-%dT%H:%MZ}" title="{inUtc:%Y-%m-%d %H:%M} UTC">{text}</time>'


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
