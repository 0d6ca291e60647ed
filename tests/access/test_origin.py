"""Which pages may talk to us."""

from __future__ import annotations

import pytest

from vortex.access.origin import originAllowed


class TestOrigin:
    @pytest.mark.parametrize(
        ("origin", "host"),
        [
            (None, "board.example"),
            (None, None),
            ("http://board.example", "board.example"),
            ("https://board.example", "board.example"),
            ("https://board.example", "board.example:443"),
            ("http://board.example:80", "board.example"),
            ("http://board.example:8080", "board.example:8080"),
            ("https://board.example:8080", "board.example:8080"),
            ("http://BOARD.example", "board.EXAMPLE"),
            ("http://[::1]:8080", "[::1]:8080"),
        ],
    )
    def test_lets_in_programs_and_its_own_pages(self, origin: str | None, host: str | None) -> None:
        assert originAllowed(origin, host)

    @pytest.mark.parametrize(
        ("origin", "host"),
        [
            ("null", "board.example"),
            ("http://evil.example", "board.example"),
            ("http://board.example.evil.example", "board.example"),
            ("http://board.example", None),
            ("http://board.example:8080", "board.example"),
            ("http://board.example", "board.example:8080"),
            ("https://board.example", "board.example:80"),
            ("http://board.example:99999999", "board.example"),
            ("http://[::1", "[::1"),
            ("file://", "board.example"),
            ("chrome-extension://board.example", "board.example"),
            ("", "board.example"),
            ("board.example", "board.example"),
        ],
    )
    def test_keeps_out_everybody_elses(self, origin: str, host: str | None) -> None:
        assert not originAllowed(origin, host)

    def test_lets_in_what_it_was_told_to_but_never_null(self) -> None:
        assert originAllowed("https://other.example", "board.example", {"https://other.example"})
        assert not originAllowed("https://other.example:444", "board.example", {"https://other.example"})
        assert originAllowed("https://any.example", "board.example", {"*"})
        assert not originAllowed("null", "board.example", {"*", "null"})
