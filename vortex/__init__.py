"""Vortex: live data between Twisted servers, browsers and each other."""

from __future__ import annotations

__version__ = "0.1.0"
