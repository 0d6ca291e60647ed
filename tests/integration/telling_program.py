"""
A program that tells what it was given.

usage: python -m tests.integration.telling_program [ARGUMENT ...]

Then it says back each line; ``end N`` ends it with that status, ``warn`` warns, ``react`` installs a reactor.
"""

from __future__ import annotations

import json
import os
import sys
import warnings


def main() -> None:
    told = {
        "name": __name__,
        "arguments": sys.argv[1:],
        "colour": os.environ.get("COLOUR"),
        "folder": str(os.path.realpath(os.curdir)),
        "pid": os.getpid(),
        "group": os.getpgid(0),
        "session": os.getsid(0),
        "reactor": "twisted.internet.reactor" in sys.modules,
    }
    print(json.dumps(told), flush=True)
    for line in sys.stdin:
        match line.split():
            case ["end", status]:
                print(f"ended with {status}", file=sys.stderr)
                sys.exit(int(status))
            case ["warn"]:
                warnings.warn("it is late", stacklevel=1)
            case ["react"]:
                from twisted.internet import reactor

                assert reactor is not None
                print("reacted", flush=True)
            case _:
                print(line.rstrip("\n"), flush=True)


if __name__ == "__main__":
    main()
