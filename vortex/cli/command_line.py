"""
Command line: the arguments of ``vortex send``, ``vortex watch`` and ``vortex rpc``.

Nothing of Vortex is imported for them: so ``--help`` and mistakes are told at once.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

__all__ = ["TOKEN", "addCommands"]

SCHEMES = ("tcp", "tls", "unix", "ws", "wss", "http", "https")
TOKEN = "VORTEX_TOKEN"

VALUES = (
    "A value is JSON where it reads as JSON, else a text: id=3 is a number, key=jobs and 'id=\"3\"' texts. "
    "Exit codes: 0 done, 1 an error came back, 2 usage, 3 no connection, 4 no answer, 5 access denied."
)


def addCommands(commands: Any) -> dict[str, argparse.ArgumentParser]:
    """
    Args:
        commands: What `argparse.ArgumentParser.add_subparsers` gives.

    Returns:
        The three commands' parsers, by name.
    """
    add = partial(commands.add_parser, allow_abbrev=False, epilog=VALUES)
    send = add(
        "send",
        help="send a payload",
        description="Send one payload. It ends when all of it is handed over, or, with --request, answered; "
        "the answer's tuples are printed, a line of JSON for each.",
    )
    send.add_argument("url", type=_url, help="where to: tcp, tls, unix, ws, wss, http or https")
    send.add_argument(
        "items",
        nargs="*",
        default=[],
        metavar="name=value",
        help="the filt, with a key; '-': a tuple from each line of input",
    )
    send.add_argument(
        "--tuple",
        action="append",
        default=[],
        dest="tuples",
        metavar="TYPE:JSON",
        help="""a tuple, as in 'demo.Job:{"title": "x"}'; may be given more than once""",
    )
    send.add_argument("--payload", metavar="JSON", help='all of it: {"filt": {...}, "tuples": [...]}')
    send.add_argument("--request", action="store_true", help="wait for the answer, and print it")
    send.add_argument("--priority", type=int, metavar="N", help="lower leaves first (default: 100)")

    watch = add(
        "watch",
        help="print payloads as they come",
        description="Print the payloads that contain a filt, until Ctrl-C. It asks for them whenever it is "
        "connected, as handlers push to those who have asked; and it connects again by itself.",
    )
    watch.add_argument("url", type=_url, help="where: tcp, tls, unix, ws, wss, http or https")
    watch.add_argument("items", nargs="+", metavar="name=value", help="the filt, with a key")
    watch.add_argument(
        "--load",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="ask for them, or only listen to what comes unasked",
    )
    watch.add_argument("--count", type=_count, metavar="N", help="end after N payloads")

    rpc = add(
        "rpc",
        help="call a function",
        description="Call a function that a vortex offers by RPC, and print what it returns, as JSON.",
    )
    rpc.add_argument("url", type=_url, help="where: tcp, tls, unix, ws, wss, http or https")
    rpc.add_argument("function", help="its name, mostly module.function")
    rpc.add_argument("items", nargs="*", default=[], metavar="argument", help="value, or name=value")

    for parser in (send, watch):
        form = parser.add_mutually_exclusive_group()
        form.add_argument(
            "--table",
            action="store_true",
            default=None,
            dest="asTable",
            help="print tables, which is the default on a terminal",
        )
        form.add_argument(
            "--json", action="store_false", default=None, dest="asTable", help="print lines of JSON"
        )
        parser.add_argument(
            "--no-colour", "--no-color", action="store_false", dest="inColour", help="print without colours"
        )
    for parser in (send, watch, rpc):
        parser.add_argument(
            "--exact",
            action="store_true",
            help="in JSON, show values as they travel: send reads them back as they are",
        )
        _addConnection(parser)
    return {"send": send, "watch": watch, "rpc": rpc}


def _addConnection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("connection")
    group.add_argument(
        "--timeout",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="for the connection, and once more for an answer (default: 10)",
    )
    group.add_argument(
        "--name", default="vortex-cli", help="what this vortex calls itself (default: vortex-cli)"
    )
    who = group.add_mutually_exclusive_group()
    who.add_argument(
        "--token",
        help="what says who you are, over HTTP and WebSocket. Others on this machine can see it in the list "
        f"of processes; what stands in {TOKEN} in the environment, or in a file, they cannot",
    )
    who.add_argument("--token-file", type=Path, metavar="PATH", help="a file that holds the token")
    tls = parser.add_argument_group("TLS, for https, wss and tls")
    tls.add_argument("--cert", metavar="PATH", help="a PEM file with your certificate")
    tls.add_argument(
        "--key", metavar="PATH", help="a PEM file with its key (default: it is in the same file)"
    )
    tls.add_argument(
        "--trust",
        metavar="PATH",
        help="a PEM file with the CAs that the server's certificate may come from (default: the system's)",
    )
    tls.add_argument(
        "--fingerprint",
        action="append",
        default=[],
        dest="fingerprints",
        metavar="SHA256",
        help="take a server's certificate of this fingerprint, and no other, whoever signed it; "
        "may be given more than once",
    )


def _url(text: str) -> str:
    scheme, found, rest = text.partition("://")
    if not (found and rest and scheme in SCHEMES):
        raise argparse.ArgumentTypeError(
            "expected a URL as in http://host:8080/vortex, tcp://host:8081 or unix:///run/jobs.sock, "
            f"got {text!r}"
        )
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e7:
        raise argparse.ArgumentTypeError(f"expected seconds, more than 0, got {text!r}")
    return seconds


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text!r}")
    return int(text)
