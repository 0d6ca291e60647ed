"""``twistd vortex``: what it makes of its arguments, and of what an application returns."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from twisted.application.internet import StreamServerEndpointService
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python.usage import UsageError
from twisted.web.resource import Resource

from tests.transports.wires import Client
from vortex import Credentials, ModelHandler, Principal, TlsOptions, Unauthenticated, Vortex
from vortex.cli.twistd_service import Options, makeService
from vortex.node.service import VortexService
from vortex.routing.ports import liveNodes


class Jobs(ModelHandler):
    def buildModel(self, filt: dict[str, Any], delivery: Any = None) -> list[Any]:
        return []


class Leaf(Resource):
    """Takes every address for itself, as a WSGI application does."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"leaf " + b"/".join(request.postpath)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module called ``boards`` that is there already."""
    module = ModuleType("boards")
    monkeypatch.setitem(sys.modules, "boards", module)
    yield module
    for node in list(liveNodes):
        node.shutdown(0)  # type: ignore[attr-defined]


def options(*arguments: str) -> Options:
    parsed = Options()
    parsed.parseOptions(arguments)
    return parsed


def refused(*arguments: str) -> str:
    with pytest.raises(UsageError) as error:
        options(*arguments)
    return str(error.value)


class TestArguments:
    def test_have_defaults_for_all_but_the_application(self, app: Any) -> None:
        app.board = lambda vortex: None

        parsed = options("--app", "boards:board")

        assert parsed.application is app.board
        assert {name: parsed[name] for name in ("port", "name", "path", "anonymous")} == {
            "port": "tcp:8080",
            "name": "boards",
            "path": "vortex",
            "anonymous": 0,
        }

    def test_find_what_is_inside_a_class_too(self, app: Any) -> None:
        class Boards:
            @staticmethod
            def main(vortex: Vortex) -> None: ...

        app.Boards = Boards

        assert options("--app", "boards:Boards.main").application is Boards.main

    def test_take_a_bare_port(self, app: Any) -> None:
        app.board = lambda vortex: None

        assert options("--app", "boards:board", "--port", "8081")["port"] == "tcp:8081"

    def test_find_a_module_in_this_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "board_that_is_here.py").write_text("def board(vortex): ...")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", [path for path in sys.path if path])

        assert options("--app", "board_that_is_here:board").application.__name__ == "board"

    def test_say_that_the_application_is_missing(self) -> None:
        assert refused() == "which application? --app module:function"

    @pytest.mark.parametrize(
        "name", ["boards", "boards:", ":board", "a b:c", "boards:board()", "boards.:x", "../x:y"]
    )
    def test_say_how_an_application_is_named(self, name: str) -> None:
        assert refused("--app", name) == f"--app takes module:function, as in --app jobs:board, got {name!r}"

    def test_say_which_module_is_missing(self, app: Any) -> None:
        assert refused("--app", "no_such_module:board").startswith(
            "there is no module 'no_such_module', in /"
        )
        assert "there is no module 'no_such_module'" in refused("--app", "no_such_module.part:board")

    def test_say_what_a_module_lacks(self, app: Any) -> None:
        assert refused("--app", "boards:board") == "the module 'boards' has no 'board'"

    def test_say_what_cannot_be_called(self, app: Any) -> None:
        app.board = 7

        assert (
            refused("--app", "boards:board")
            == "boards:board should be a function that takes a Vortex, it is 7"
        )

    def test_let_an_error_in_the_module_come_out_as_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "board_that_is_broken.py").write_text("import no_such_module_either")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", list(sys.path))

        with pytest.raises(ModuleNotFoundError, match="no_such_module_either"):
            options("--app", "board_that_is_broken:board")

    @pytest.mark.parametrize("port", ["http", "tcp:", "tcp:http", "nonsense:1", ""])
    def test_say_what_a_port_is(self, port: str, app: Any) -> None:
        app.board = lambda vortex: None

        assert "is no server endpoint, as tcp:8080 is" in refused("--app", "boards:board", "--port", port)

    @pytest.mark.parametrize("path", ["", "/", "a/b"])
    def test_say_what_a_path_is(self, path: str, app: Any) -> None:
        app.board = lambda vortex: None

        assert (
            refused("--app", "boards:board", "--path", path)
            == "--path takes one segment, as in --path vortex"
        )

    def test_say_that_a_path_is_taken(self, app: Any) -> None:
        app.board = lambda vortex: None
        command = ("--app", "boards:board", "--path", "static")

        assert refused(*command) == "--path static is where the browser client is served; see --no-static"
        assert options(*command, "--no-static")["path"] == "static"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser client of one short file."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "vortex.mjs").write_text("the client")
    monkeypatch.setattr("vortex.node.assets.CLIENT", tmp_path / "static")


class Running:
    """The service of an application, and its site without a socket."""

    def __init__(self, *arguments: str) -> None:
        service: Any = makeService(options("--app", "boards:board", *arguments))
        self.service = service
        (listening,) = (each for each in service if isinstance(each, StreamServerEndpointService))
        self.site: Any = listening.factory

    def get(self, path: str) -> str:
        client = Client(self.site)
        client.send(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        status, body = client.received.split(b" ")[1], client.received.partition(b"\r\n\r\n")[2]
        return f"{status.decode()} {body.decode().strip()}"


class TestService:
    def test_gives_the_application_a_node_as_it_was_asked_for(self, app: Any) -> None:
        given: list[Vortex] = []
        app.board = given.append

        Running("--name", "jobs", "--anonymous")

        (vortex,) = given
        assert (vortex.name, vortex.anonymous) == ("jobs", True)

    @pytest.mark.parametrize("keep", [lambda jobs: jobs, lambda jobs: [jobs], lambda jobs: {"jobs": jobs}])
    def test_keeps_what_the_application_returns(self, app: Any, keep: Any) -> None:
        nodes: list[Vortex] = []

        def board(vortex: Vortex) -> Any:
            nodes.append(vortex)
            return keep(Jobs({"key": "jobs"}, vortex))

        app.board = board

        with capturedLogs() as logs:
            running = Running()

        assert len(nodes[0].payloadIO.endpoints) == 1
        assert [event for event in logs if event["log_level"] >= LogLevel.warn] == []
        assert running.service

    def test_warns_when_nothing_is_left(self, app: Any) -> None:
        def board(vortex: Vortex) -> None:
            Jobs({"key": "jobs"}, vortex)

        app.board = board

        with capturedLogs() as logs:
            Running()

        assert [event["app"] for event in logs if event["log_level"] is LogLevel.warn] == ["boards:board"]

    def test_has_the_vortex_at_both_paths(self, app: Any) -> None:
        app.board = lambda vortex: Leaf()

        running = Running("--path", "live")

        assert running.get("/live").startswith("405 a vortex is reached by")
        assert running.get("/livews").startswith("405 a vortex is reached by")
        assert running.get("/vortex") == "200 leaf vortex"

    def test_serves_a_resource_beside_it(self, app: Any) -> None:
        def board(vortex: Vortex) -> Any:
            root: Any = Resource()
            root.putChild(b"", Leaf())
            root.jobs = Jobs({"key": "jobs"}, vortex)
            return root

        app.board = board

        running = Running()

        assert running.get("/") == "200 leaf"
        assert running.get("/vortex").startswith("405")

    @pytest.mark.parametrize(("path", "seen"), [("/", ""), ("/a/b", "a/b"), ("/a/", "a/")])
    def test_serves_a_resource_that_takes_all_addresses_but_those(
        self, app: Any, path: str, seen: str
    ) -> None:
        app.board = lambda vortex: Leaf()

        running = Running()

        assert running.get(path) == f"200 leaf {seen}".strip()
        assert running.get("/vortex").startswith("405")

    @pytest.mark.usefixtures("client")
    @pytest.mark.parametrize("made", [lambda: None, Leaf, Resource])
    def test_serves_the_client(self, app: Any, made: Any) -> None:
        app.board = lambda vortex: made()

        assert Running().get("/static/vortex.mjs") == "200 the client"

    @pytest.mark.usefixtures("client")
    def test_leaves_to_a_resource_that_takes_all_addresses_what_is_its_own(self, app: Any) -> None:
        app.board = lambda vortex: Leaf()

        assert Running().get("/static/app.js") == "200 leaf static/app.js"
        assert Running("--no-static").get("/static/vortex.mjs") == "200 leaf static/vortex.mjs"

    @pytest.mark.usefixtures("client")
    def test_leaves_a_resource_its_own_static(self, app: Any) -> None:
        def board(vortex: Vortex) -> Resource:
            root = Resource()
            root.putChild(b"static", Leaf())
            return root

        app.board = board

        assert Running().get("/static/vortex.mjs") == "200 leaf vortex.mjs"

    def test_an_error_of_the_application_comes_out_as_it_is(self, app: Any) -> None:
        def board(vortex: Vortex) -> None:
            raise ZeroDivisionError

        app.board = board

        with pytest.raises(ZeroDivisionError):
            Running()


class Tokens:
    def authenticate(self, credentials: Credentials) -> Principal | None:
        return Principal("ada") if credentials.token == "t" else None


class TestAccess:
    @pytest.fixture(autouse=True)
    def board(self, app: Any) -> None:
        app.board = lambda vortex: Jobs({"key": "jobs"}, vortex)
        app.tokens = Tokens()

    def test_is_asked_of_the_applications_authenticator(self, app: Any) -> None:
        given: list[Vortex] = []

        def board(vortex: Vortex) -> Jobs:
            given.append(vortex)
            return Jobs({"key": "jobs"}, vortex)

        app.board = board
        Running("--authenticator", "boards:tokens")
        outcomes: list[Any] = []
        for headers in ({}, {"authorization": "Bearer t"}):
            given[0].admit(Credentials(headers=headers)).addBoth(outcomes.append)

        assert outcomes[0].type is Unauthenticated
        assert outcomes[1] == Principal("ada")

    def test_has_an_endpoint_of_its_own_that_does_not_count(self, app: Any) -> None:
        app.board = lambda vortex: None

        with capturedLogs() as logs:
            Running("--authenticator", "boards:tokens")

        assert [event["app"] for event in logs if event["log_level"] is LogLevel.warn] == ["boards:board"]

    @pytest.mark.parametrize(
        ("arguments", "whom"),
        [
            ((), "programs on its own machine only; anonymous=True or an authenticator opens it to others"),
            (("--anonymous",), "everybody, without asking who that is"),
            (
                ("--authenticator", "boards:tokens", "--anonymous"),
                "whom its Tokens knows, and as nobody whoever shows nothing",
            ),
        ],
    )
    def test_is_told_in_the_log_at_the_start(self, arguments: tuple[str, ...], whom: str) -> None:
        running = Running(*arguments)
        with capturedLogs() as logs:
            (service,) = (each for each in running.service if isinstance(each, VortexService))
            service.startService()

        assert [formatEvent(event) for event in logs if "whom" in event] == [
            f"the vortex 'boards' lets in {whom}"
        ]

    def test_needs_an_authenticator(self, app: Any) -> None:
        app.Tokens = Tokens
        for name, problem in (
            ("boards", "--authenticator takes module:name"),
            ("boards:nobody", "the module 'boards' has no 'nobody'"),
            ("boards:board", "boards:board should be an authenticator"),
            ("boards:Tokens", "boards:Tokens should be an authenticator"),
        ):
            assert refused("--app", "boards:board", "--authenticator", name).startswith(problem)


class TestTls:
    @pytest.fixture(autouse=True)
    def board(self, app: Any) -> None:
        app.board = lambda vortex: Jobs({"key": "jobs"}, vortex)

    def test_takes_its_files(self) -> None:
        parsed = options(
            *("--app", "boards:board", "--cert", "c.pem", "--key", "k.pem", "--trust", "ca.pem"),
            *("--client-certificates", "required"),
        )

        assert parsed.tls == TlsOptions(
            certificate="c.pem", privateKey="k.pem", trust="ca.pem", clientCertificates="required"
        )
        assert options("--app", "boards:board").tls is None

    def test_goes_with_a_certificate(self) -> None:
        for option, value in (("key", "k"), ("trust", "ca"), ("client-certificates", "optional")):
            assert refused("--app", "boards:board", f"--{option}", value) == f"--{option} goes with --cert"

    def test_asks_for_certificates_in_three_ways(self) -> None:
        said = refused("--app", "boards:board", "--cert", "c.pem", "--client-certificates", "perhaps")

        assert said == "--client-certificates takes none, optional or required, got perhaps"
