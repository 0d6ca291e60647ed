"""
Main: the command ``vortex`` and its subcommands.

It reads the arguments and says in one line what is wrong with them, or with what they name; a subcommand's
work is in a module of its own, which is imported when it is asked for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

import vortex
from vortex.cli.command_line import addCommands
from vortex.cli.early_end import endingEarly

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Args:
        arguments: What stands behind the command's name; None: those of this process.

    Returns:
        The exit code.

    Raises:
        SystemExit: With a line for the person who typed this, where something is wrong.
    """
    try:
        with endingEarly():
            options = _parsed(sys.argv[1:] if arguments is None else list(arguments))
            if options.command != "demo":
                return _runCommand(options)
            demo = _importDemo()
        return demo(
            port=options.port, host=options.host, database=options.database, anonymous=options.anonymous
        )
    except KeyboardInterrupt:  # before the reactor took over
        return 130


def _importDemo() -> Callable[..., int]:
    try:
        from vortex.cli.demo import demo
    except ModuleNotFoundError as error:
        if error.name != "sqlalchemy":
            raise
        raise SystemExit(
            "vortex demo keeps its jobs in a database and needs SQLAlchemy: pip install 'txvortex[orm]'"
        ) from None
    return demo


def _runCommand(options: argparse.Namespace) -> int:
    from vortex.cli.commands import runCommand

    return runCommand(options)


def _parsed(arguments: list[str]) -> argparse.Namespace:
    """The options; those of `vortex.cli.command_line` may stand before, between and behind the rest."""
    parser, commands = _parsers()
    if arguments and (command := commands.get(arguments[0])) is not None:
        return command.parse_intermixed_args(arguments[1:], argparse.Namespace(command=arguments[0]))
    return parser.parse_args(arguments)


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser, and those that take what stands behind a command."""
    parser = argparse.ArgumentParser(
        prog="vortex", description="Live data between Twisted servers, browsers and each other."
    )
    parser.add_argument("--version", action="version", version=f"vortex {vortex.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="run a job board's server",
        description="Run a job board's server. It prints its URL when it is ready, and ends with Ctrl-C.",
    )
    demo.add_argument(
        "--port",
        type=_port,
        default=8080,
        metavar="N",
        help="where to listen; 0: any free port (default: 8080)",
    )
    demo.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="the address to listen on (default: 127.0.0.1); "
        "any but a loopback address lets everybody who can reach it read and write the board",
    )
    demo.add_argument(
        "--database",
        metavar="URL",
        help="a database's URL, as in postgresql://user:password@host/name "
        "(default: vortex-demo.sqlite, a SQLite file in this folder)",
    )
    demo.add_argument(
        "--anonymous",
        action="store_true",
        help="let in everybody who gets here, also through a proxy on this machine",
    )
    return parser, addCommands(commands)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return int(text)
