"""Close codes: words that stay, numbers that RFC 6455 allows in a close frame."""

from __future__ import annotations

import re

import pytest

from vortex.protocol.codes import CloseCode, closeText


class TestCloseText:
    def test_is_what_a_close_frame_has_room_for_and_ends_with_a_whole_letter(self) -> None:
        assert closeText("gone") == b"gone"
        assert closeText("x" * 200) == b"x" * 123
        assert closeText("é" * 100) == "é".encode() * 61


class TestCloseCode:
    @pytest.mark.parametrize("code", CloseCode)
    def test_has_a_word_and_a_number_for_a_close_frame(self, code: CloseCode) -> None:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code.value)
        if code is CloseCode.LOST:
            assert code.number == 1006  # reserved: what an endpoint reports when no close frame came
        else:
            assert code.number in (1000, 1001, 1002, 1003, 1009) or 4000 <= code.number < 5000

    def test_gives_who_may_not_be_here_less_than_a_second(self) -> None:
        assert {code.value for code in CloseCode if code.patience < 1} == {"revoked", "expired"}

    def test_has_a_number_of_its_own_each(self) -> None:
        assert len({code.number for code in CloseCode}) == len(CloseCode)

    def test_says_who_may_come_back_at_once(self) -> None:
        assert {code.value for code in CloseCode if not code.retry} == {
            "normal",
            "unsupported",
            "limit-exceeded",
            "refused",
            "revoked",
            "stale-epoch",
        }
