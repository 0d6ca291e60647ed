"""The one command: measures, and writes the table to the standard output row by row."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version

from benchmarks import codec, echo, fanout, idle, native, page, routing
from benchmarks.processes import CLIENT_CPU, SERVER_CPU, Contender, makePeerEnvironment
from benchmarks.settings import FULL, QUICK, TINY, Settings
from benchmarks.table import Row, markdown

BENCHMARKS: dict[str, Callable[[Settings, Contender | None], Iterator[Row]]] = {
    "codec": codec.run,
    "routing": routing.run,
    "websocket": fanout.runWebSocket,
    "post": fanout.runPost,
    "native": native.run,
    "echo": echo.run,
    "idle": idle.run,
    "page": page.run,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and smaller sizes")
    parser.add_argument(
        "--tiny", action="store_true", help="see that everything works; the numbers mean nothing"
    )
    parser.add_argument("--only", metavar="NAMES", help=f"some of {','.join(BENCHMARKS)}")
    parser.add_argument(
        "--ratios", action="store_true", help="no absolute numbers: for other machines to see"
    )
    parser.add_argument("--no-peer", action="store_true", help="without VortexPY: ours alone")
    options = parser.parse_args(arguments)
    names = options.only.split(",") if options.only else list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}: there are {', '.join(BENCHMARKS)}")
    settings = TINY if options.tiny else QUICK if options.quick else FULL
    peer = None if options.no_peer else makePeerEnvironment()
    print(_where(), end="\n\n")
    rows = (row for name in names for row in BENCHMARKS[name](settings, peer))
    for line in markdown(rows, ratiosOnly=options.ratios):
        print(line, flush=True)


def _where() -> str:
    """What it was measured on."""
    load = os.getloadavg()[0]
    processors = "one processor" if SERVER_CPU == CLIENT_CPU else "a processor each for server and clients"
    return (
        f"Python {platform.python_version()}, Twisted {version('twisted')}, {platform.system()} on "
        f"{platform.machine()}, {processors}; load before the start: {load:.2f}. "
        "A ratio is the median of the rounds' own; above 1, ours is better, but in rows that say "
        "from where to where ours grows."
    )


if __name__ == "__main__":
    main()
