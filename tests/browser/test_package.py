"""The npm package in pages: bundled by Vite, and as the one file of a page that is not built at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer
from tests.integration.installing import run
from tests.integration.javascript import PAGES, install, manifest, pack

PLAIN = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Plain</title>
<link rel="icon" href="data:,">
<ul></ul>
<script src="client.js"></script>
<script>
  var list = document.querySelector("ul")
  var connection = new Vortex.VortexConnection("vortex", { transport: "TRANSPORT" })
  var jobs = connection.load({ key: "demo.jobs" }, function (rows) {
    list.replaceChildren.apply(list, rows.map(function (job) {
      return Object.assign(document.createElement("li"), { textContent: job.title })
    }))
  })
</script>
"""

JOBS = (
    {"id": 1, "title": "Long due", "status": "open", "assignee": "Ada", "due": "2020-01-01 12:00:00.000000"},
    {"id": 2, "title": "Done in time", "status": "done", "due": "2020-01-01 12:00:00.000000"},
    {"id": 3, "title": "Due as well", "status": "doing", "due": "2020-02-01 12:00:00.000000"},
    {"id": 4, "title": "Has time", "status": "open", "due": "2999-01-01 12:00:00.000000"},
    {"id": 5, "title": "Has no date", "status": "open"},
)


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What would be published."""
    return pack(tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def vite(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's page, as its own scripts build it with what its package.json names."""
    folder = tmp_path_factory.mktemp("vite") / "project"
    shutil.copytree(PAGES / "vite", folder, ignore=shutil.ignore_patterns("node_modules", "dist", "*.tgz"))
    shutil.copy(tarball, folder / manifest(folder)["dependencies"]["txvortex"].removeprefix("file:"))
    install(folder)
    run("npm", "run", "-s", "build", at=folder)
    return folder / "dist"


@pytest.fixture(scope="module")
def package(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package was installed."""
    folder = tmp_path_factory.mktemp("project")
    install(folder, tarball, offline=True)
    return folder / "node_modules" / "txvortex"


def pageAt(demo: DemoServer, folder: Path, visit: Visits) -> Page:
    """An empty page, for which the files of *folder* stand beside the demo's vortex and before its own."""

    def answer(route: Route) -> None:
        path = folder / (route.request.url.removeprefix(demo.url) or "index.html")
        if path.is_file():
            route.fulfill(path=path)
        else:
            route.continue_()

    # What came from no server may else open no WebSocket to one on this machine.
    visitor = visit.visitor(permissions=["local-network-access"])
    visitor.mayFail.append("favicon.ico")  # a page that names none is asked for it all the same
    page = visitor.page()
    page.route(f"{demo.url}**", answer)
    return page


class TestVite:
    def test_its_page_shows_the_rows_and_follows_them(
        self, vite: Path, demo: DemoServer, visit: Visits
    ) -> None:
        demo.fill(JOBS)
        page = pageAt(demo, vite, visit)

        page.goto(demo.url)

        expect(page.get_by_role("heading")).to_have_text("Jobs that are late")
        expect(page.get_by_role("listitem")).to_have_text(["Long due, Ada", "Due as well, nobody"])

        visit.board(demo.url).edit(1, "Title", "Overdue")

        expect(page.get_by_role("listitem")).to_have_text(["Overdue, Ada", "Due as well, nobody"])

    def test_its_page_does_without_websockets(self, vite: Path, demo: DemoServer, visit: Visits) -> None:
        """What goes by POST is a part of what Vite has built, and is fetched from there."""
        demo.fill(JOBS)
        page = pageAt(demo, vite, visit)
        page.add_init_script("window.WebSocket = class { constructor() { throw new Error('none here') } }")
        fetched: list[str] = []
        page.on("response", lambda response: fetched.append(f"{response.request.method} {response.url}"))

        page.goto(demo.url)
        expect(page.get_by_role("listitem")).to_have_text(["Long due, Ada", "Due as well, nobody"])
        visit.board(demo.url).edit(1, "Title", "Overdue")

        expect(page.get_by_role("listitem")).to_have_text(["Overdue, Ada", "Due as well, nobody"])
        [later] = {url for url in fetched if "vortex-http" in url or "http_transports" in url}
        assert later.startswith(f"GET {demo.url}assets/")
        assert f"POST {demo.url}vortex" in fetched


class TestAPlainPage:
    @pytest.mark.parametrize("transport", ["websocket", "post"])
    def test_finds_the_client_in_a_global(
        self, transport: str, package: Path, demo: DemoServer, visit: Visits, tmp_path: Path
    ) -> None:
        folder = tmp_path / "site"
        folder.mkdir()
        shutil.copy(package / manifest(package)["unpkg"], folder / "client.js")
        shutil.copy(package / "dist" / "vortex-http.mjs", folder)
        (folder / "plain.html").write_text(PLAIN.replace("TRANSPORT", transport))
        page = pageAt(demo, folder, visit)

        page.goto(f"{demo.url}plain.html")

        items = page.get_by_role("listitem")
        expect(items).to_have_count(len(demo.rows()))
        assert sorted(items.all_inner_texts()) == sorted(demo.titles())
        assert page.evaluate("connection.transport") == transport

        page.evaluate("jobs.create({ title: 'Sweep the yard' })")

        expect(items.filter(has_text="Sweep the yard")).to_have_count(1)
        assert demo.row(title="Sweep the yard")

    def test_is_left_with_one_global(self, package: Path, browser: Browser) -> None:
        page = browser.new_page()
        before = set(page.evaluate("Object.getOwnPropertyNames(globalThis)"))

        page.add_script_tag(content=(package / manifest(package)["unpkg"]).read_text())

        assert set(page.evaluate("Object.getOwnPropertyNames(globalThis)")) - before == {"Vortex"}
        page.close()
