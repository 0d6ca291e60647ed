"""One POST of ours, by itself: what is left of it, and what is let go of."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.address import IPv4Address

from vortex.protocol.native import NativeDecoder
from vortex.transports.post_request import PostRequest


class Maker:
    """Who has made it, and hears that nothing is left of it."""

    gone_ = 0

    def gone(self, post: PostRequest) -> None:
        self.gone_ += 1


class Connection:
    """One that is as sensitive as those within TLS: there is nothing of it once it is closed."""

    aborted = 0

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.7", 443)

    def abortConnection(self) -> None:
        self.aborted += 1


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
def post(maker: Maker) -> PostRequest:
    return PostRequest(cast(Any, maker), NativeDecoder(1000))


class TestAPost:
    def test_lets_go_of_its_connection(self, post: PostRequest) -> None:
        connection = Connection()
        post.connectionThere(cast(Any, connection))

        post.abort()

        assert (connection.aborted, post.address) == (1, "192.0.2.7")

    def test_does_nothing_to_one_that_is_gone(self, post: PostRequest, maker: Maker) -> None:
        connection = Connection()
        post.connectionThere(cast(Any, connection))
        post.connectionGone()

        post.abort()

        assert (connection.aborted, maker.gone_) == (0, 1)
