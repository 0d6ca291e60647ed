"""What counts as this machine."""

from __future__ import annotations

import pytest

from vortex.access.local import whyNotLocal


class TestLocal:
    @pytest.mark.parametrize(
        "host", [None, "localhost", "localhost:8080", "127.0.0.1", "127.3.4.5:1", "[::1]:8080", "a.localhost"]
    )
    @pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", None])
    def test_a_loopback_address_that_asks_for_a_loopback_name_is_local(
        self, address: str | None, host: str | None
    ) -> None:
        assert whyNotLocal(address, ["Host", "User-Agent"], host) is None

    @pytest.mark.parametrize(
        "address", ["192.0.2.1", "10.0.0.1", "::2", "fe80::1%eth0", "::ffff:192.0.2.1", "nonsense"]
    )
    def test_another_address_is_not(self, address: str) -> None:
        assert whyNotLocal(address, [], "localhost") == f"this request comes from {address}"

    @pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "x-forwarded-proto", "X-Real-IP"])
    def test_a_request_that_came_through_a_proxy_is_not(self, header: str) -> None:
        why = whyNotLocal("127.0.0.1", ["Host", header], "localhost")

        assert why == f"this request was handed on by a proxy, as its header {header!r} shows"

    @pytest.mark.parametrize(
        "host", ["board.example", "localhost.evil.example", "192.0.2.1", "[::2]", "[::1", ""]
    )
    def test_a_request_for_another_name_is_not(self, host: str) -> None:
        why = whyNotLocal("127.0.0.1", ["Host"], host)

        assert why == f"this request is for {host!r}, which is no name of this machine alone"
