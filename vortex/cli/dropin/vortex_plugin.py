"""
How twistd finds its command ``vortex``: packaged as ``twisted.plugins.vortex_plugin``.

twistd imports every drop-in whenever it starts, so this one names the module that does the work and imports
nothing else.
"""

from __future__ import annotations

from twisted.application.service import ServiceMaker

vortexServiceMaker = ServiceMaker(
    "Vortex",
    "vortex.cli.twistd_service",
    "An application's Vortex, served over held POST and WebSocket",
    "vortex",
)
