"""Files served from memory: what they are sent as, when they are sent at all, and that nothing else is."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import pytest
from twisted.logger import capturedLogs
from twisted.web.resource import Resource
from twisted.web.server import Request

import vortex
from tests.node.web import Answer, ask
from vortex.node.assets import VortexAssets

SCRIPT = 'export const rows = ["Zoë", "Amir", "Ines"]\n' * 20
SUM = hashlib.sha256(SCRIPT.encode()).hexdigest()[:20]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "images").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "index.html").write_text("<p>hello</p>")
    (folder / "board.mjs").write_text(SCRIPT)
    (folder / "images" / "index.html").write_text("<p>images</p>")
    (folder / "images" / "dot.png").write_bytes(b"\x89PNG")
    (folder / ".secret").write_text("hidden")
    (tmp_path / "outside.txt").write_text("outside")
    return folder


@pytest.fixture
def assets(folder: Path) -> VortexAssets:
    return VortexAssets(folder)


class TestContent:
    def test_is_the_files(self, assets: VortexAssets) -> None:
        answer = ask(assets, "/board.mjs")

        assert answer.status == 200
        assert answer.text == SCRIPT
        assert answer["Content-Length"] == str(len(SCRIPT.encode()))

    def test_is_read_once(self, assets: VortexAssets, folder: Path) -> None:
        (folder / "board.mjs").unlink()

        assert ask(assets, "/board.mjs").text == SCRIPT

    @pytest.mark.parametrize(
        ("name", "contentType"),
        [
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("A.JS", "text/javascript; charset=utf-8"),
            ("a.mjs.map", "application/json"),
            ("a.d.ts", "text/plain; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.html", "text/html; charset=utf-8"),
            ("a.svg", "image/svg+xml"),
            ("a.png", "image/png"),
            ("a.woff2", "font/woff2"),
            ("a.unheard", "application/octet-stream"),
            ("a", "application/octet-stream"),
        ],
    )
    def test_is_sent_as_what_it_is(self, name: str, contentType: str, tmp_path: Path) -> None:
        (tmp_path / name).write_text("a")

        assert ask(VortexAssets(tmp_path), f"/{name}")["Content-Type"] == contentType

    def test_is_not_guessed_at_nor_used_by_other_sites(self, assets: VortexAssets) -> None:
        answer = ask(assets, "/board.mjs")

        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"

    def test_has_the_headers_that_its_owner_wants(self, folder: Path) -> None:
        mine = {
            "Content-Security-Policy": "default-src 'self'",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }

        answer = ask(VortexAssets(folder, headers=mine), "/board.mjs")

        assert answer["Content-Security-Policy"] == "default-src 'self'"
        assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer["X-Content-Type-Options"] == "nosniff"

    def test_is_told_of_without_being_sent(self, assets: VortexAssets) -> None:
        got = ask(assets, "/board.mjs")
        with capturedLogs() as logs:
            head = ask(assets, "/board.mjs", method="HEAD")

        assert [event for event in logs if "HEAD" in event.get("log_format", "")] == []
        assert head.body == b""
        assert head.status == 200
        assert without(head, "date") == without(got, "date")

    def test_of_a_name_with_letters_of_any_kind(self, tmp_path: Path) -> None:
        (tmp_path / "Zoë a.txt").write_text("x")

        assert ask(VortexAssets(tmp_path), "/Zo%C3%AB%20a.txt").text == "x"


class TestWhatABrowserKeeps:
    def test_is_asked_about_before_it_is_used_again(self, assets: VortexAssets) -> None:
        answer = ask(assets, "/board.mjs")

        assert answer["Cache-Control"] == "no-cache"
        assert answer["ETag"] == f'"{SUM}"'

    def test_is_kept_for_a_year_where_the_url_says_which_content_it_means(self, assets: VortexAssets) -> None:
        answer = ask(assets, f"/board.mjs?v={SUM}")

        assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
        assert assets.version("board.mjs") == SUM

    @pytest.mark.parametrize("query", ["v=", "v=0", f"v={SUM}0", f"v={SUM}&v=0", f"w={SUM}", f"v={SUM}-gzip"])
    def test_is_not_where_it_means_another(self, query: str, assets: VortexAssets) -> None:
        answer = ask(assets, f"/board.mjs?{query}")

        assert (answer.status, answer["Cache-Control"]) == (200, "no-cache")

    @pytest.mark.parametrize(
        "tags",
        [f'"{SUM}"', f'W/"{SUM}"', f'"a", "{SUM}"', f'"a",W/"{SUM}" ,"b"', "*", " * ", f'"a,b", "{SUM}"'],
    )
    def test_is_not_sent_again(self, tags: str, assets: VortexAssets) -> None:
        answer = ask(assets, "/board.mjs", f"If-None-Match: {tags}")

        assert (answer.status, answer.body) == (304, b"")
        assert answer["ETag"] == f'"{SUM}"'
        assert answer["Cache-Control"] == "no-cache"
        assert answer["Vary"] == "Accept-Encoding"
        assert answer["Content-Length"] is None
        assert answer["Transfer-Encoding"] is None

    def test_is_not_sent_again_where_two_lines_say_so(self, assets: VortexAssets) -> None:
        lines = ('If-None-Match: "a"', f'If-None-Match: "{SUM}"')

        assert ask(assets, "/board.mjs", *lines).status == 304
        assert ask(assets, "/board.mjs", *lines, method="HEAD").status == 304

    @pytest.mark.parametrize(
        "tags", ["", '"a"', '"\udcff"', SUM, f'"{SUM}', f'"{SUM}-gzip"', f'"x{SUM}"', '"*"', f'"a{SUM}"b']
    )
    def test_is_sent_where_it_has_another(self, tags: str, assets: VortexAssets) -> None:
        answer = ask(assets, "/board.mjs", f"If-None-Match: {tags}")

        assert (answer.status, answer.text) == (200, SCRIPT)

    def test_has_another_tag_when_the_content_is_another(self, folder: Path) -> None:
        before = ask(VortexAssets(folder), "/board.mjs")["ETag"]
        (folder / "board.mjs").write_text(SCRIPT + " ")

        answer = ask(VortexAssets(folder), "/board.mjs", f"If-None-Match: {before}")

        assert answer.status == 200
        assert answer["ETag"] not in (before, None)


class TestPacking:
    @pytest.mark.parametrize(
        "accepted",
        [
            "gzip",
            "GZIP",
            "deflate, gzip",
            "gzip, deflate, br, zstd",
            "gzip;q=0.5",
            "gzip ; q=0.001",
            "x-gzip",
            "*",
            "br, *;q=0.1",
            "identity;q=0.5, gzip;q=0.5",
            "gzip;q=1.000, identity",
            "gzip;q=0, x-gzip",
        ],
    )
    def test_is_for_those_who_accept_it(self, accepted: str, assets: VortexAssets) -> None:
        answer = ask(assets, "/board.mjs", f"Accept-Encoding: {accepted}")

        assert answer["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.body).decode() == SCRIPT
        assert answer["Content-Length"] == str(len(answer.body))
        assert answer["Vary"] == "Accept-Encoding"

    @pytest.mark.parametrize(
        "accepted",
        [
            "",
            "identity",
            "br",
            "deflate, br",
            "gzip;q=0",
            "gzip;q=0.000",
            "gzip; q=0, *",
            "*;q=0",
            "gzip;q=0.4, identity;q=0.5",
            "gzip;q=one",
            "gzip;q=-1",
            "gzip;q=nan",
            "gzipped",
        ],
    )
    def test_is_not_for_others(self, accepted: str, assets: VortexAssets) -> None:
        answer = ask(assets, "/board.mjs", f"Accept-Encoding: {accepted}")

        assert answer["Content-Encoding"] is None
        assert answer.text == SCRIPT
        assert answer["Vary"] == "Accept-Encoding"

    def test_has_a_tag_of_its_own(self, assets: VortexAssets) -> None:
        gzipped = ask(assets, "/board.mjs", "Accept-Encoding: gzip")
        tag = gzipped["ETag"]

        assert tag == f'"{SUM}-gzip"'
        again = ask(assets, "/board.mjs", "Accept-Encoding: gzip", f"If-None-Match: {tag}")
        assert (again.status, again["ETag"]) == (304, tag)
        assert ask(assets, "/board.mjs", f"If-None-Match: {tag}").status == 200

    def test_is_the_same_each_time(self, folder: Path) -> None:
        once, twice = (ask(VortexAssets(folder), "/board.mjs", "Accept-Encoding: gzip") for _ in range(2))

        assert once.body == twice.body
        assert once.body[4:8] == bytes(4)  # the time at which it was packed: none

    @pytest.mark.parametrize("path", ["/images/dot.png", "/index.html"])
    def test_is_left_when_it_would_not_be_shorter(self, path: str, assets: VortexAssets) -> None:
        answer = ask(assets, path, "Accept-Encoding: gzip")

        assert answer["Content-Encoding"] is None
        assert answer["Vary"] is None


class TestWhatIsNotThere:
    @pytest.mark.parametrize(
        "path",
        [
            "/nothing",
            "/board.mjs/",
            "/board.mjs/x",
            "/board",
            "//board.mjs",
            "/./board.mjs",
            "/empty",
            "/empty/",
            "/.secret",
            "/../outside.txt",
            "/images/../board.mjs",
            "/images/../../outside.txt",
            "/..%2foutside.txt",
            "/%2e%2e/outside.txt",
            "/..%5coutside.txt",
            "/%00",
            "/board.mjs%00",
            "/%ff%fe",
            "/index.html/index.html",
        ],
    )
    def test_is_told_in_a_line(self, path: str, assets: VortexAssets) -> None:
        answer = ask(assets, path)

        assert answer.status == 404
        assert answer.text == "there is no such file here\n"
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"

    def test_is_nobodys_by_its_full_path(self, assets: VortexAssets, folder: Path) -> None:
        assert ask(assets, str(folder.parent / "outside.txt")).status == 404
        assert ask(assets, f"/{folder.parent / 'outside.txt'}").status == 404

    def test_is_told_of_without_a_body_too(self, assets: VortexAssets) -> None:
        answer = ask(assets, "/nothing", method="HEAD")

        assert (answer.status, answer.body) == (404, b"")

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
    def test_any_way_but_to_get_a_file(self, method: str, assets: VortexAssets) -> None:
        answer = ask(assets, "/board.mjs", "Content-Length: 0", method=method)

        assert answer.status == 405
        assert answer["Allow"] == "GET, HEAD"
        assert answer.text == "this is a file: it can be had by GET, and no more\n"


class Mine(Resource):
    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        return b"mine"


class TestFolders:
    @pytest.mark.parametrize(("path", "text"), [("/", "<p>hello</p>"), ("/images/", "<p>images</p>")])
    def test_show_their_index(self, path: str, text: str, assets: VortexAssets) -> None:
        assert ask(assets, path).text == text

    def test_lead_to_where_relative_urls_work(self, assets: VortexAssets) -> None:
        root = Resource()
        root.putChild(b"board", assets)

        assert ask(root, "/board/").text == "<p>hello</p>"
        assert ask(root, "/board/board.mjs").text == SCRIPT
        for path, where in (
            ("/board", "./board/"),
            ("/board?name=Zo%C3%AB", "./board/?name=Zo%C3%AB"),
            ("/board/images", "./images/"),
        ):
            answer = ask(root, path)
            assert (answer.status, answer["Location"]) == (307, where)
            assert answer["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("name", ["/evil.example", "a b", "ü", "a%2f..", "x:y", "\\evil.example"])
    def test_never_lead_elsewhere(self, name: str, assets: VortexAssets) -> None:
        root = Resource()
        root.putChild(name.encode(), assets)
        url = f"http://board.example/{quote(name, safe='')}"

        answer = ask(root, url.removeprefix("http://board.example"))

        assert answer.status == 307
        assert urljoin(url, answer["Location"]) == f"{url}/"

    def test_that_are_none_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=f"serves the files of a folder, and {tmp_path}/x is none$"):
            VortexAssets(tmp_path / "x")

    def test_without_an_index_have_nothing_of_their_own(self, tmp_path: Path) -> None:
        root = Resource()
        root.putChild(b"static", VortexAssets(tmp_path))

        assert ask(root, "/static").status == 404
        assert ask(root, "/static/").status == 404

    def test_may_have_children_of_other_kinds(self, assets: VortexAssets) -> None:
        assets.putChild(b"board.mjs", Mine())

        assert ask(assets, "/board.mjs").text == "mine"
        assert ask(assets, "/").text == "<p>hello</p>"

    def test_have_names(self, assets: VortexAssets) -> None:
        assert assets.names == ("board.mjs", "images/dot.png", "images/index.html", "index.html")

    def test_know_no_version_of_what_is_not_there(self, assets: VortexAssets) -> None:
        with pytest.raises(KeyError):
            assets.version("nothing")


class TestTheClient:
    def test_is_what_is_served_without_a_folder(self) -> None:
        static = Path(vortex.__file__).parent / "static"
        assets = VortexAssets()

        assert {"vortex.mjs", "vortex.mjs.map", "vortex.js", "vortex.js.map", "vortex.d.ts"} <= {
            *assets.names
        }
        for name in assets.names:
            assert ask(assets, f"/{name}").body == (static / name).read_bytes()

    def test_says_how_to_build_it_where_it_is_not(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("vortex.node.assets.CLIENT", tmp_path / "static")

        with pytest.raises(ValueError, match="in a clone, make js builds the browser client"):
            VortexAssets()


def without(answer: Answer, name: str) -> dict[str, Any]:
    return {key: value for key, value in answer.headers.items() if key != name}
