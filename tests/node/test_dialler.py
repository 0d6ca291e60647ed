"""Where a URL leads, what goes there, and what a URL and its options may not be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from vortex import NotConnected, TlsOptions, Vortex
from vortex.node.link_url import LinkUrl


@pytest.fixture
def reactor() -> MemoryReactorClock:
    return MemoryReactorClock()


@pytest.fixture
def pump(reactor: MemoryReactorClock) -> Vortex:
    return Vortex("pump", reactor=reactor)


class TestLinkUrl:
    @pytest.mark.parametrize(
        ("url", "text"),
        [
            ("ws://jobs", "ws://jobs/vortexws"),
            ("wss://jobs:9?site=1", "wss://jobs:9/vortexws?site=1"),
            ("http://jobs", "http://jobs/vortex"),
            ("https://[::1]:9", "https://[::1]:9/vortex"),
            ("ws://jobs/", "ws://jobs/"),
            ("http://jobs/a/b", "http://jobs/a/b"),
            ("tcp://jobs:1", "tcp://jobs:1"),
            ("tcp://jobs:1/", "tcp://jobs:1/"),
        ],
    )
    def test_gets_a_path_only_where_it_has_none(self, url: str, text: str) -> None:
        assert LinkUrl.parse(url).text == text

    @pytest.mark.parametrize("url", ["unix:/run/my%20jobs.sock", "unix:///run/my%20jobs.sock"])
    def test_of_a_unix_socket_has_one_slash_or_three(self, url: str) -> None:
        assert LinkUrl.parse(url).path == "/run/my jobs.sock"

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("tcp://jobs:0", "expected a host and a port"),
            ("tcp://jobs:x", "no URL"),
            ("tcp://jobs:1?a=b", "nothing behind them"),
            ("tcp://jobs:1#a", "nothing behind them"),
            ("http://jo bs/", "without spaces"),
            ("http://jobs/\x07", "without spaces"),
            ("http://" + "x" * 64 + "/", "no name that a host can have"),
            ("http://a..b/", "no name that a host can have"),
        ],
    )
    def test_says_what_is_wrong_with_it(self, url: str, problem: str) -> None:
        with pytest.raises(ValueError, match=problem):
            LinkUrl.parse(url)


class TestWhere:
    @pytest.mark.parametrize(
        ("url", "host", "port"),
        [
            ("tcp://192.0.2.1:8081", "192.0.2.1", 8081),
            ("tcp://[2001:db8::1]:8081", "2001:db8::1", 8081),
            ("tls://192.0.2.1:8081", "192.0.2.1", 8081),
            ("ws://192.0.2.1", "192.0.2.1", 80),
            ("wss://192.0.2.1", "192.0.2.1", 443),
            ("http://192.0.2.1", "192.0.2.1", 80),
            ("https://192.0.2.1", "192.0.2.1", 443),
            ("https://192.0.2.1:8443/vortex", "192.0.2.1", 8443),
        ],
    )
    def test_a_url_with_an_address_leads_without_a_name_being_looked_up(
        self, pump: Vortex, reactor: MemoryReactorClock, url: str, host: str, port: int
    ) -> None:
        pump.connect(url)
        reactor.advance(0)

        assert [(each[0], each[1], each[3]) for each in reactor.tcpClients] == [(host, port, 10)]

    def test_a_unix_url_leads_to_its_path(self, pump: Vortex, reactor: MemoryReactorClock) -> None:
        pump.connect("unix:///run/jobs.sock")

        assert [each[0] for each in reactor.unixClients] == ["/run/jobs.sock"]


class TestOptions:
    @pytest.mark.parametrize(
        ("url", "options", "problem"),
        [
            ("tcp://a:1", {"tls": TlsOptions()}, "tls= is for tls://, https:// and wss://, got tcp://"),
            ("ws://a", {"tls": TlsOptions()}, "tls= is for"),
            ("tls://a:1", {"token": "t"}, "a token would go with HTTP, and tls: has none"),
            ("unix:///a", {"headers": {"a": "b"}}, "headers would go with HTTP, and unix: has none"),
            ("ws://a", {"token": "two\nlines"}, "the token to be printable ASCII"),
            ("ws://a", {"token": ""}, "the token to be printable ASCII"),
            ("ws://a", {"headers": {"X-A": "é"}}, "the header X-A to be printable ASCII"),
            ("ws://a", {"token": "t", "headers": {"authorization": "b"}}, "that, or the token"),
            ("ws://a", {"wire": "carrier pigeon"}, "'native' or 'vortexpy', got 'carrier pigeon'"),
        ],
    )
    def test_that_make_no_sense_are_named_at_once(
        self, pump: Vortex, url: str, options: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(ValueError, match=problem):
            pump.connect(url, **options)

        assert pump.connections == set()

    def test_never_show_a_token(self, pump: Vortex) -> None:
        with pytest.raises(ValueError, match="the token") as raised:
            pump.connect("ws://a", token="secret\n")

        assert "secret" not in str(raised.value)

    @pytest.mark.parametrize(
        ("token", "problem"),
        [
            (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
            (lambda: "two\nlines", "the token to be printable ASCII"),
            (lambda: None, "the token to be printable ASCII"),
        ],
    )
    def test_with_a_token_that_fails_are_tried_again(
        self, pump: Vortex, reactor: MemoryReactorClock, token: Callable[[], Any], problem: str
    ) -> None:
        connection = pump.connect("ws://192.0.2.1", token=token)

        assert connection.state == "waiting"
        assert type(connection.error) is NotConnected
        assert problem in str(connection.error)
        assert connection.error.__cause__ is not None
        assert reactor.tcpClients == []
