"""What the first bytes of other protocols are taken for, and when."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from tests.transports.streams_by_hand import helloOf
from tests.transports.wires import Server, Wire
from tests.wire_messages import base64Envelope, envelope, era0
from vortex.transports.strangers import isNoRequest, notHttp, notNativeRaw, notRaw

IDENTITY = {"__vortexUuid__": "uuid-s", "__vortexName__": "s"}
HELLOS = {
    "era 0": era0(IDENTITY) + b".",
    "era 1": base64Envelope(IDENTITY, era=1) + b".",
    "era 2": helloOf(),
    "raw": envelope(IDENTITY) + b".",
    "behind a beat": b".." + helloOf(),
}
TLS_ALERT = bytes.fromhex("15 03 01 00 02 02 46")  # fatal, protocol version
TLS_HELLO = bytes.fromhex("16 03 01 02 00 01 00 01 fc 03 03")
STRANGERS = {
    b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n": "'SSH-2.0-OpenSSH_9.2p1 Debian-2'",
    b"220 mail.example ESMTP\r\n": "'220 mail.example ESMTP'",
    b"J\x00\x00\x00\n5.7.44\x00": "'J\\x00\\x00\\x00'",
    b"\r\n\x1b[31mlogin: \r\n": "'\\x1b[31mlogin: '",
    b"-ERR unknown command" + b"!" * 100: "'-ERR unknown command!!!!!!!!!!!!!!!!!!!!'",
}


class TestHttp:
    @pytest.mark.parametrize("beginning", [b"", b"H", b"HTTP", b"HTTP/", b"HTTP/1.0 500 no\r\n"])
    def test_is_http_as_long_as_it_may_be(self, beginning: bytes) -> None:
        assert notHttp(beginning) is None

    @pytest.mark.parametrize(("beginning", "shown"), STRANGERS.items(), ids=repr)
    def test_from_a_stranger_is_quoted(self, beginning: bytes, shown: str) -> None:
        assert notHttp(beginning) == f"expected HTTP, got {shown}"

    def test_that_is_an_alert_wants_tls(self) -> None:
        assert notHttp(TLS_ALERT) == "the other end wants TLS: connect to it by https:// or wss://"

    @pytest.mark.parametrize("hello", HELLOS.values(), ids=HELLOS)
    def test_that_is_a_hello_is_a_raw_connections(self, hello: bytes) -> None:
        assert notHttp(hello) == (
            "this is a vortex's raw connection: connect to it by tcp://, tls:// or unix://"
        )


class TestRaw:
    @pytest.mark.parametrize("hello", HELLOS.values(), ids=HELLOS)
    def test_is_a_vortexs_as_long_as_it_may_be(self, hello: bytes) -> None:
        assert [notRaw(hello[:size]) for size in range(len(hello) + 1)] == [None] * (len(hello) + 1)

    @pytest.mark.parametrize(("beginning", "shown"), STRANGERS.items(), ids=repr)
    def test_from_a_stranger_is_quoted(self, beginning: bytes, shown: str) -> None:
        assert notRaw(beginning) == f"expected a vortex's raw connection, got {shown}"

    def test_that_is_http_is_told_as_that(self) -> None:
        assert notRaw(b"HTT") is None
        assert notRaw(b"HTTP/1.1 400 Bad Request\r\n\r\n") == (
            "this is an HTTP server: connect to it by http:// or ws://"
        )

    def test_that_is_an_alert_wants_tls(self) -> None:
        assert notRaw(TLS_ALERT) == "the other end wants TLS: connect to it by tls://"


class TestNativeRaw:
    WELCOME = b"\xd1\x02" + b'\x02{"outcome":"new"'
    CLOSE = b'\x2a\x03{"code":"refused"'

    @pytest.mark.parametrize(
        "beginning", [WELCOME, CLOSE, b"\x15" + CLOSE[1:], b"\x02\x05\x00", b"\x03\x80ab"]
    )
    def test_is_a_servers_as_long_as_it_may_be(self, beginning: bytes) -> None:
        assert {notNativeRaw(beginning[:size]) for size in range(len(beginning) + 1)} == {None}

    @pytest.mark.parametrize("hello", HELLOS.values(), ids=HELLOS)
    def test_that_is_vortexpys_says_how_to_connect(self, hello: bytes) -> None:
        assert notNativeRaw(hello) == ("this end speaks VortexPY's wire: connect to it with wire='vortexpy'")

    def test_that_is_an_alert_wants_tls(self) -> None:
        assert notNativeRaw(TLS_ALERT) == "the other end wants TLS: connect to it by tls://"

    def test_that_is_http_is_told_as_that(self) -> None:
        assert notNativeRaw(b"HTTP/1.1 400 Bad Request\r\n") == (
            "this is an HTTP server: connect to it by http:// or ws://"
        )

    @pytest.mark.parametrize(("beginning", "shown"), STRANGERS.items(), ids=repr)
    def test_from_a_stranger_is_quoted(self, beginning: bytes, shown: str) -> None:
        assert notNativeRaw(beginning) == f"expected a vortex's raw connection, got {shown}"


class TestARequest:
    @pytest.mark.parametrize("beginning", [*HELLOS.values(), TLS_HELLO, b"\0VX1\x20\x01"])
    def test_cannot_begin_as_what_waits_for_an_answer(self, beginning: bytes) -> None:
        assert isNoRequest(beginning)

    @pytest.mark.parametrize(
        "beginning",
        [
            b"",
            b"P",
            b"POST /vortex HTTP/1.1\r\nHost: a.b\r\n\r\n" + helloOf(),
            b"\r\nGET / HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            base64Envelope({"key": "jobs"}) + b".",
        ],
    )
    def test_may_begin_as_anything_else(self, beginning: bytes) -> None:
        assert not isNoRequest(beginning)


class TestOurSite:
    @pytest.mark.parametrize("beginning", [HELLOS["era 2"], TLS_HELLO])
    def test_answers_at_once_who_would_wait_for_ever(self, beginning: bytes) -> None:
        wire, site = Wire("127.0.0.1"), Server(Clock()).site
        protocol = site.buildProtocol(wire.getPeer())
        assert protocol is not None
        protocol.makeConnection(wire)

        protocol.dataReceived(beginning)
        protocol.dataReceived(b"more\r\n\r\n")

        assert wire.value() == b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        assert wire.disconnecting

    def test_looks_at_the_beginning_alone(self) -> None:
        server = Server(Clock())

        client = server.post(base64Envelope(IDENTITY) + b".")

        assert client.status == 200
