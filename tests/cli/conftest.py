"""What the tests of the commands share."""

from __future__ import annotations

from tests.cli.demo_on_a_clock import demo
from tests.cli.stage import stage

__all__ = ["demo", "stage"]
