"""
What VortexPY 6.2.2 needs to be imported beside today's Twisted, and nothing else.

A library that it depends on imports a private name of Twisted's that is gone (it is for TLS, which is not
used here).
"""

from __future__ import annotations

import warnings
from typing import Any

warnings.simplefilter("ignore")
import twisted.internet._sslverify as sslVerify  # noqa: E402

if not hasattr(sslVerify, "_setAcceptableProtocols"):

    def _setAcceptableProtocols(*_args: Any, **_kwargs: Any) -> None:
        """TLS only."""

    sslVerify._setAcceptableProtocols = _setAcceptableProtocols  # type: ignore[attr-defined]
