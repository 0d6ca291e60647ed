"""The service of a node: what its site has at which path, and what it leaves to the application's root."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import IServiceCollection
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import Request

from tests.node.web import ask
from vortex import (
    ModelHandler,
    PayloadEndpoint,
    TlsOptions,
    Vortex,
    VortexAssets,
    vortexApplication,
    vortexService,
)


@pytest.fixture(autouse=True)
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser client of one short file."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "vortex.mjs").write_text("the client")
    monkeypatch.setattr("vortex.node.assets.CLIENT", tmp_path / "static")


class Says(Resource):
    """Answers with what is left of the address."""

    def __init__(self, text: str = "", isLeaf: bool = True) -> None:
        super().__init__()
        self.text = text
        self.isLeaf = isLeaf

    def render_GET(self, request: Request) -> bytes:
        return f"{self.text} {b'/'.join(request.postpath or ()).decode()}".encode()


class Folder(Resource):
    """Makes its children when they are asked for, as a folder on a disk does."""

    def getChild(self, path: bytes, request: Request) -> Resource:
        return Says(f"folder {path.decode()}")


def siteOf(service: Any) -> Resource:
    (listening,) = (each for each in service if isinstance(each, StreamServerEndpointService))
    root: Resource = listening.factory.resource
    return root


def served(**options: Any) -> Resource:
    return siteOf(vortexService(Vortex("jobs", reactor=Clock()), "tcp:0", **options))


class TestTheSite:
    def test_has_the_vortex_and_beside_it_the_client(self) -> None:
        root = served()

        assert ask(root, "/vortex").status == 405
        assert ask(root, "/vortexws").status == 405
        assert ask(root, "/static/vortex.mjs").text == "the client"

    def test_is_the_same_for_a_whole_application(self) -> None:
        application = vortexApplication(Vortex("jobs", reactor=Clock()), "tcp:0")
        (service,) = IServiceCollection(application)

        assert ask(siteOf(service), "/static/vortex.mjs").text == "the client"

    def test_works_below_any_path(self) -> None:
        outer, inner = Resource(), Resource()
        outer.putChild(b"a", inner)
        inner.putChild(b"b", served())

        assert ask(outer, "/a/b/static/vortex.mjs").text == "the client"
        assert ask(outer, "/a/b/vortex").status == 405

    def test_says_in_a_line_what_is_not_there(self) -> None:
        answer = ask(served(), "/static/nothing.mjs")

        assert (answer.status, answer.text) == (404, "there is no such file here\n")

    def test_has_no_client_where_none_is_wanted(self) -> None:
        root = Resource()
        root.putChild(b"static", Says("mine"))

        assert ask(served(root=root, static=False), "/static/vortex.mjs").text == "mine vortex.mjs"
        application = vortexApplication(Vortex("jobs", reactor=Clock()), "tcp:0", path="static", static=False)
        assert ask(siteOf(*IServiceCollection(application)), "/static").status == 405


class TestARootThatHasItsOwnStatic:
    def test_is_told_the_way_out(self) -> None:
        root = Resource()
        root.putChild(b"static", Says("mine"))

        with pytest.raises(ValueError) as error:
            served(root=root)

        assert str(error.value) == (
            "the browser client is served at static/, but the root has a child 'static' already: "
            "pass static=False, and put a VortexAssets() where you like"
        )
        assert list(root.children) == [b"static"]

    def test_finds_the_way_out(self) -> None:
        root = Resource()
        root.putChild(b"static", Says("mine"))
        root.putChild(b"client", VortexAssets())

        site = served(root=root, static=False)

        assert ask(site, "/client/vortex.mjs").text == "the client"

    def test_is_told_when_it_is_the_vortexs_path(self) -> None:
        with pytest.raises(ValueError, match="served at static/, but path is 'static': "):
            served(path="static")

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("/static/vortex.mjs", "the client"),
            ("/static/app.js", "folder static app.js"),
            ("/static/images/a.png", "folder static images/a.png"),
            ("/static/vortex.mjs/x", "folder static vortex.mjs/x"),
            ("/static/", "folder static "),
            ("/static", "folder static "),
            ("/other/vortex.mjs", "folder other vortex.mjs"),
        ],
    )
    def test_keeps_it_where_it_is_made_on_the_way(self, path: str, text: str) -> None:
        assert ask(served(root=Folder()), path).text == text


class TestHandlersOfAFile:
    """A .tac file, that is: its variables go as soon as it has been read."""

    def make(self) -> tuple[Vortex, Any, weakref.ref[Greetings]]:
        vortex = Vortex("demo", reactor=Clock())
        greetings = Greetings({"key": "greetings"}, vortex)
        endpoint = PayloadEndpoint({"key": "plain"}, lambda payload, delivery: None, vortex)
        assert endpoint.isLive
        return vortex, vortexService(vortex, "tcp:0"), weakref.ref(greetings)

    def test_live_as_long_as_the_service(self) -> None:
        vortex, service, greetings = self.make()
        gc.collect()

        assert greetings() is not None
        assert sorted(each.filt["key"] for each in vortex.payloadIO.endpoints) == ["greetings", "plain"]
        del service
        gc.collect()
        assert greetings() is None
        assert vortex.payloadIO.endpoints == ()


class Greetings(ModelHandler):
    def buildModel(self, filt: Any, delivery: Any = None) -> list[Any]:
        return []


class TestTls:
    def test_without_a_certificate_is_refused_when_it_is_made(self) -> None:
        with pytest.raises(ValueError, match="to listen with TLS takes a certificate"):
            served(tls=TlsOptions())

    def test_whose_files_are_not_there_is_refused_when_it_is_made(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match=r"none\.pem"):
            vortexApplication(
                Vortex("jobs", reactor=Clock()), "tcp:0", tls=TlsOptions(certificate=tmp_path / "none.pem")
            )
