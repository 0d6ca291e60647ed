"""
The demo at https://.../board/, behind nginx as docs/examples/nginx.conf has it: the page's files, a
WebSocket, a held POST that streams, and who is let in.
"""

from __future__ import annotations

import gzip
import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.demo_server import DemoServer
from tests.integration.children import PATIENCE, ROOT
from tests.integration.nginx import Nginx
from tests.integration.wire_by_hand import HeldPostClient, WebSocketClient, decode, envelope, rawEnvelope

JOBS = {"key": "demo.jobs", "PayloadResponse.messageId": "1"}
KITE = {"_ct": "rt", "_c": "demo.Job", "title": "Mend the kite"}
LOCAL_ONLY = "this request was handed on by a proxy, as its header 'x-forwarded-for' shows"


class Behind:
    """
    The demo, and nginx in front of it.

    Attributes:
        demo: Running; its own port is reached without a proxy.
        proxy: Running.
    """

    def __init__(self, folder: Path, *arguments: str, changes: dict[str, str] | None = None) -> None:
        self.demo = DemoServer(folder, *arguments)
        try:
            self.proxy = Nginx(folder, self.demo.port, changes)
        except BaseException:
            self.demo.stop()
            raise

    def get(
        self, path: str, *, method: str = "GET", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPSConnection(
            "localhost", self.proxy.port, timeout=PATIENCE, context=self.proxy.context
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, headers=named)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def webSocket(self, *headers: str, uuid: str = "socket") -> WebSocketClient:
        where = {"path": "/board/vortex", "tls": self.proxy.context}
        return WebSocketClient(self.proxy.port, uuid=uuid, headers=headers, **where)  # type: ignore[arg-type]

    def post(self, uuid: str = "held") -> HeldPostClient:
        return HeldPostClient(self.proxy.port, uuid=uuid, path="/board/vortex", tls=self.proxy.context)

    def stop(self) -> None:
        self.proxy.stop()
        self.demo.stop()
        signs = ("[error]", "[crit]", "[alert]", "[emerg]")
        assert not [
            line for line in self.proxy.child.errors.splitlines() if any(sign in line for sign in signs)
        ]
        assert self.demo.child.errors == "", self.demo.child.errors


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Behind]:
    running = Behind(tmp_path, "--anonymous")
    try:
        yield running
    finally:
        running.stop()


class TestThePage:
    def test_is_where_the_proxy_has_it(self, behind: Behind) -> None:
        response, body = behind.get("/board/")

        assert response.status == 200
        assert body == (ROOT / "vortex" / "cli" / "board" / "index.html").read_bytes()
        assert str(response.getheader("Content-Security-Policy")).startswith(
            "default-src 'none'; script-src 'self'"
        )

    def test_finds_the_client_beside_it(self, behind: Behind) -> None:
        client = (ROOT / "vortex" / "static" / "vortex.mjs").read_bytes()

        response, body = behind.get("/board/static/vortex.mjs", Accept_Encoding="gzip")
        tag = str(response.getheader("ETag"))

        assert response.getheader("Content-Encoding") == "gzip"
        assert gzip.decompress(body) == client
        again, nothing = behind.get("/board/static/vortex.mjs", Accept_Encoding="gzip", If_None_Match=tag)
        assert (again.status, again.getheader("ETag"), nothing) == (304, tag, b"")


class TestAWebSocket:
    def test_is_upgraded_and_answered_in_the_form_that_it_speaks(self, behind: Behind) -> None:
        origin = f"Origin: https://127.0.0.1:{behind.proxy.port}"
        with behind.webSocket(origin) as client:
            assert client.message()["filt"]["__vortexName__"] == "demo"

            client.send(rawEnvelope({"__vortexUuid__": "socket", "__vortexName__": "page"}))
            client.send(rawEnvelope(JOBS))
            opcode, answer = client.frame()

        assert (opcode, answer[:1]) == (1, b"{")
        assert decode(answer)["tuples"][0]["title"] == "Water the plants"

    def test_is_told_of_what_comes_by_post(self, behind: Behind) -> None:
        with behind.webSocket() as client, behind.post() as writer:
            client.message()
            client.send(rawEnvelope(JOBS))
            assert len(client.message()["tuples"]) == 6

            writer.post(envelope(2, JOBS, [KITE]))

            assert client.message()["tuples"][-1]["title"] == "Mend the kite"


class TestAHeldPost:
    def test_brings_each_message_when_it_is_sent_although_the_response_goes_on(self, behind: Behind) -> None:
        with behind.post() as reader, behind.post("writer") as writer:
            held = reader.post(envelope(2, JOBS))
            assert held.message()["filt"]["__vortexName__"] == "demo"
            assert len(held.message()["tuples"]) == 6

            for count in (7, 8):
                writer.post(envelope(2, JOBS, [KITE]))

                assert len(held.message()["tuples"]) == count
            assert not held.ended

    def test_goes_on_in_the_next_one_of_the_same_peer(self, behind: Behind) -> None:
        with behind.post() as client:
            first = client.post(envelope(2, JOBS))
            first.message()
            assert len(first.message()["tuples"]) == 6

            second = client.post(envelope(2, {**JOBS, "PayloadResponse.messageId": "2"}, [KITE]))

            assert second.message()["filt"]["__vortexName__"] == "demo"
            assert second.message()["result"] is True
            first.waitUntilEnded()
            assert second.message()["filt"] == {"key": "demo.jobs"}

    def test_beats_while_there_is_nothing_to_say(self, behind: Behind) -> None:
        with behind.post() as client:
            held = client.post(envelope(2, {"__vortexUuid__": "held", "__vortexName__": "page"}))
            held.message()

            assert held.nextBytes(within=2 * BEAT) == b"."


BEAT = 10.0
"""Seconds between two beats of the server to a peer that speaks as VortexPY 6 does."""


class TestWhoIsLetIn:
    """By their Origin, which says the proxy's address; and nobody unless the node is open to others."""

    @pytest.mark.parametrize("origin", ["https://evil.example", "https://127.0.0.1:1", "null"])
    def test_not_the_pages_of_other_sites(self, behind: Behind, origin: str) -> None:
        assert self.refused(behind, Origin=origin).startswith(f"pages of '{origin}' may not connect to ")

    def test_no_pages_where_the_proxy_does_not_pass_on_the_host(self, tmp_path: Path) -> None:
        behind = Behind(tmp_path, "--anonymous", changes={"proxy_set_header Host $http_host;": ""})
        try:
            origin = f"https://localhost:{behind.proxy.port}"

            text = self.refused(behind, Origin=origin)
        finally:
            behind.stop()

        to = f"127.0.0.1:{behind.demo.port}"
        assert text == (
            f"pages of '{origin}' may not connect to '{to}': a proxy in between has to pass on the Host, "
            "and other sites are named in allowedOrigins of VortexResource\n"
        )

    def test_nobody_where_the_demo_is_for_its_own_machine(self, tmp_path: Path) -> None:
        behind = Behind(tmp_path)
        try:
            response, page = behind.get("/board/")
            refusals = self.refused(behind), self.refused(behind, Upgrade="websocket", Connection="Upgrade")
        finally:
            behind.stop()

        assert response.status == 403
        assert page.decode() == (
            f"this demo serves its own machine only, and {LOCAL_ONLY}; "
            "vortex demo --anonymous lets everybody in, also through a proxy\n"
        )
        refusal = (
            f"this vortex serves programs on its own machine only, and {LOCAL_ONLY}; "
            "to open it to others its owner passes authenticator= or anonymous=True to Vortex()\n"
        )
        assert refusals == (refusal, refusal)

    def refused(self, behind: Behind, **headers: str) -> str:
        method = "GET" if "Upgrade" in headers else "POST"
        response, text = behind.get("/board/vortex?vortexUuid=a&vortexName=b", method=method, **headers)
        assert response.status == 403
        return text.decode()
