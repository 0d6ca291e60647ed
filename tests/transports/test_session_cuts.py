"""
Native sessions over each of our transports, cut at bytes of the handshake, the HELLO and the messages.

Here it is every so manieth byte; `make soak` takes each of them.
"""

from __future__ import annotations

import pytest

from tests.transports.cut_exchanges import nothingFails
from tests.transports.session_cuts import KINDS, everyCut

__all__ = ["nothingFails"]

STEP = 97


@pytest.mark.usefixtures("nothingFails")
class TestEachTransport:
    @pytest.mark.parametrize("kind", KINDS)
    def test_delivers_everything_once_and_in_order_wherever_it_is_cut(
        self, kind: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        cuts = everyCut(kind, 20, step=STEP)

        with capsys.disabled():
            print(f" [{cuts} cuts of {kind}]", end="")
        assert cuts > 40
