"""
Command line: the arguments of ``vortex send``, ``vortex watch`` and ``vortex rpc``, and what runs for them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from vortex.cli.exit_codes import Ended, ExitCode
from vortex.cli.line import Target
from vortex.cli.output import Output
from vortex.cli.typed import callOf, filtOf, payloadOf, tupleOf, tuplesIn

__all__ = ["addCommands", "runCommand"]

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
    send.add_argument(
        "--priority", type=int, default=100, metavar="N", help="lower leaves first (default: 100)"
    )

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
    rpc.add_argument("items", nargs="*", metavar="argument", help="value, or name=value")

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
        help=f"what says who you are; others can see it in the list of processes: {TOKEN} "
        "in the environment, or a file, they cannot",
    )
    who.add_argument("--token-file", type=Path, metavar="PATH", help="a file that holds the token")


def runCommand(options: argparse.Namespace) -> int:
    """
    Run the command that *options* tell of.

    Returns:
        The exit code.
    """
    output = Output(
        options.command,
        sys.stdout,
        sys.stderr,
        asTable=getattr(options, "asTable", False),
        inColour=getattr(options, "inColour", True),
        asTravelling=options.exact,
    )
    try:
        command = _COMMANDS[options.command](options, output)
    except Ended as end:
        output.tell(str(end))
        return end.code
    from vortex.cli.running import run

    return run(command, output, name=options.name)


def _send(options: argparse.Namespace, output: Output) -> Any:
    from vortex.cli.send import send

    if options.payload is not None:
        if options.items or options.tuples:
            raise Ended(ExitCode.USAGE, "--payload has the filt and the tuples: give no others")
        payload = payloadOf(options.payload)
    else:
        from vortex.protocol.payload import Payload

        items = [item for item in options.items if item != "-"]
        tuples = [tupleOf(text) for text in options.tuples]
        filt = filtOf(items)
        if len(items) < len(options.items):
            tuples += tuplesIn(sys.stdin)
        payload = Payload(filt, tuples or None)
    _checkKey(payload.filt)
    return partial(
        send,
        target=_target(options),
        output=output,
        payload=payload,
        asRequest=options.request,
        priority=options.priority,
    )


def _watch(options: argparse.Namespace, output: Output) -> Any:
    from vortex.cli.watch import watch

    filt = filtOf(options.items)
    _checkKey(filt)
    return partial(
        watch, target=_target(options), output=output, filt=filt, isAsking=options.load, count=options.count
    )


def _rpc(options: argparse.Namespace, output: Output) -> Any:
    from vortex.cli.rpc_command import call

    args, kwargs = callOf(options.items)
    return partial(
        call, target=_target(options), output=output, function=options.function, args=args, kwargs=kwargs
    )


_COMMANDS: dict[str, Callable[[argparse.Namespace, Output], Any]] = {
    "send": _send,
    "watch": _watch,
    "rpc": _rpc,
}


def _checkKey(filt: dict[Any, Any]) -> None:
    if "key" not in filt or isinstance(filt["key"], dict):
        raise Ended(ExitCode.USAGE, "a filt needs a key, which says who it is for, as in key=jobs")


def _target(options: argparse.Namespace) -> Target:
    token = options.token or os.environ.get(TOKEN)
    if options.token_file is not None:
        try:
            token = options.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Ended(ExitCode.USAGE, f"the token's file cannot be read: {error}") from None
    return Target(options.url, options.timeout, token or None)


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
