"""The conformance cases, see README.md beside this, with our Python core."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.conformance.notation import Case, bytesOf, cases
from tests.conformance.python_client import ClientScript
from tests.conformance.python_posts import Posts
from tests.conformance.python_server import ServerScript
from vortex.errors import DecodeError, VortexError
from vortex.protocol.event_decoder import EventDecoder
from vortex.protocol.native import NativeDecoder, readVarint, varint

VARINTS = cases("varints.json")
FRAMES = cases("frames.json")
EVENTS = cases("events.json")
CLIENT = cases("client_*.json")
SERVER = cases("server_*.json")
POSTS = cases("posts.json")


class TestVarints:
    @pytest.mark.parametrize("case", VARINTS.values(), ids=VARINTS)
    def test_are_read_and_written_as_the_case_says(self, case: Case) -> None:
        content = bytesOf(case["bytes"])

        if "error" in case:
            with pytest.raises(DecodeError):
                readVarint(content, 0)
        else:
            assert readVarint(b"\xff" + content + b"\xff", 1) == (case["number"], 1 + len(content))
            assert varint(case["number"]) == content


class TestFrames:
    @pytest.mark.parametrize("case", FRAMES.values(), ids=FRAMES)
    def test_are_taken_apart_as_the_case_says(self, case: Case) -> None:
        chunks = [bytesOf(chunk) for chunk in case["chunks"]]
        whole = b"".join(chunks)

        assert framesOf(case, chunks) == expectedOf(case)
        assert framesOf(case, (whole[at : at + 1] for at in range(len(whole)))) == expectedOf(case)
        if "error" not in case:
            for cut in range(min(len(whole), 300)):
                assert framesOf(case, [whole[:cut], whole[cut:]]) == expectedOf(case), cut


def framesOf(case: Case, chunks: Iterable[bytes]) -> list[bytes] | str:
    """The frames in *chunks*, or the code of the error that they are."""
    decoder = NativeDecoder(case["maxFrame"])
    frames: list[bytes] = []
    try:
        for chunk in chunks:
            frames += decoder.feed(chunk)
    except VortexError as error:
        return error.code
    return frames


def expectedOf(case: Case) -> list[bytes] | str:
    if "error" in case:
        assert isinstance(case["error"], str)
        return case["error"]
    return [bytesOf(frame) for frame in case["frames"]]


class TestEvents:
    @pytest.mark.parametrize("case", EVENTS.values(), ids=EVENTS)
    def test_are_taken_apart_as_the_case_says(self, case: Case) -> None:
        chunks = [bytesOf(chunk) for chunk in case["chunks"]]
        whole = b"".join(chunks)

        for parts in (chunks, [whole[at : at + 1] for at in range(len(whole))]):
            decoder = EventDecoder(1000)
            if "error" in case:
                with pytest.raises(DecodeError):
                    [decoder.feed(part) for part in parts]
            else:
                frames = [frame for part in parts for frame in decoder.feed(part)]
                assert frames == [bytesOf(frame) for frame in case["frames"]]


class TestClientSession:
    @pytest.mark.parametrize("case", CLIENT.values(), ids=CLIENT)
    def test_does_as_the_case_says(self, case: Case) -> None:
        ClientScript(case).run()


class TestServerSession:
    @pytest.mark.parametrize("case", SERVER.values(), ids=SERVER)
    def test_does_as_the_case_says(self, case: Case) -> None:
        ServerScript(case).run()


class TestPosts:
    @pytest.mark.parametrize("case", POSTS.values(), ids=POSTS)
    def test_are_answered_as_the_case_says(self, case: Case) -> None:
        Posts(case).run()


class TestTheCases:
    def test_are_at_least_150(self) -> None:
        assert len(VARINTS) == 19
        assert len(FRAMES) == 23
        assert len(EVENTS) == 12
        assert len(CLIENT) == 133
        assert len(SERVER) == 96
        assert len(POSTS) == 21
