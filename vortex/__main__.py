"""``python -m vortex``: the same as the command ``vortex``."""

from __future__ import annotations

import sys

from vortex.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
