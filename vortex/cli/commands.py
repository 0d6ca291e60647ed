"""
Commands: what runs for ``vortex send``, ``vortex watch`` and ``vortex rpc``, from their arguments to the end.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from vortex.cli.command_line import TOKEN
from vortex.cli.exit_codes import Ended, ExitCode
from vortex.cli.line import Target
from vortex.cli.output import Output
from vortex.cli.rpc_command import call
from vortex.cli.running import Command, run
from vortex.cli.send import send
from vortex.cli.typed import callOf, filtOf, payloadOf, tupleOf, tuplesIn
from vortex.cli.watch import watch
from vortex.protocol.payload import Payload
from vortex.transports.tls import TlsOptions

__all__ = ["runCommand"]

PRIORITY = 100
"""What is sent with none of its own."""
STDIN = "-"
WITH_HEADERS = ("http", "ws")
"""How the URLs begin that have a place for a token; one in the environment is not for the others."""
WITH_TLS = ("https:", "wss:", "tls:")


def runCommand(options: argparse.Namespace) -> int:
    """
    Run the command that *options* tell of, see `vortex.cli.command_line`.

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
    return run(command, output, name=options.name)


def _send(options: argparse.Namespace, output: Output) -> Command:
    if options.request and options.priority is not None:
        raise Ended(ExitCode.USAGE, "--priority is for what is sent without --request")
    return partial(
        send,
        target=_target(options),
        output=output,
        payload=_payload(options),
        asRequest=options.request,
        priority=PRIORITY if options.priority is None else options.priority,
    )


def _payload(options: argparse.Namespace) -> Payload:
    if options.payload is not None:
        if options.items or options.tuples:
            raise Ended(ExitCode.USAGE, "--payload has the filt and the tuples: give no others")
        payload = payloadOf(options.payload)
        _checkKey(payload.filt)
        return payload
    items = [item for item in options.items if item != STDIN]
    filt = filtOf(items)
    _checkKey(filt)
    tuples = [tupleOf(text) for text in options.tuples]
    if len(items) < len(options.items):
        tuples += tuplesIn(sys.stdin)
    return Payload(filt, tuples or None)


def _watch(options: argparse.Namespace, output: Output) -> Command:
    filt = filtOf(options.items)
    _checkKey(filt)
    return partial(
        watch, target=_target(options), output=output, filt=filt, isAsking=options.load, count=options.count
    )


def _rpc(options: argparse.Namespace, output: Output) -> Command:
    args, kwargs = callOf(options.items)
    return partial(
        call, target=_target(options), output=output, function=options.function, args=args, kwargs=kwargs
    )


_COMMANDS: dict[str, Callable[[argparse.Namespace, Output], Command]] = {
    "send": _send,
    "watch": _watch,
    "rpc": _rpc,
}


def _checkKey(filt: dict[Any, Any]) -> None:
    if "key" not in filt or isinstance(filt["key"], dict):
        raise Ended(ExitCode.USAGE, "a filt needs a key, which says who it is for, as in key=jobs")


def _target(options: argparse.Namespace) -> Target:
    return Target(options.url, options.timeout, _token(options), _tls(options))


def _token(options: argparse.Namespace) -> str | None:
    if options.token_file is not None:
        try:
            token: str = options.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Ended(ExitCode.USAGE, f"the token's file cannot be read: {error}") from None
        return token
    if options.token is not None or not options.url.startswith(WITH_HEADERS):
        typed: str | None = options.token
        return typed
    return os.environ.get(TOKEN) or None


def _tls(options: argparse.Namespace) -> TlsOptions | None:
    if not (options.cert or options.key or options.trust or options.fingerprints):
        return None
    if not options.url.startswith(WITH_TLS):
        raise Ended(
            ExitCode.USAGE,
            f"--cert, --key, --trust and --fingerprint are for https, wss and tls, got {options.url!r}",
        )
    if options.key and not options.cert:
        raise Ended(ExitCode.USAGE, "--key is that of a certificate: give --cert too")
    try:
        return TlsOptions(
            certificate=options.cert,
            privateKey=options.key,
            trust=options.trust,
            fingerprints=options.fingerprints,
        )
    except ValueError as error:
        raise Ended(ExitCode.USAGE, str(error)) from None
