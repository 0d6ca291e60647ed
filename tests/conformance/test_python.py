"""The conformance cases, see README.md beside this, with our Python core."""

from __future__ import annotations

import pytest

from tests.conformance.notation import cases
from tests.conformance.python_client import ClientScript

CLIENT = cases("client_*.json")


class TestClientSession:
    @pytest.mark.parametrize("name", CLIENT)
    def test_does_as_the_case_says(self, name: str) -> None:
        ClientScript(CLIENT[name]).run()
