"""What the tests of the demo share."""

from __future__ import annotations

from tests.cli.demo_on_a_clock import demo

__all__ = ["demo"]
