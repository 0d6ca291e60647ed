"""What a session is resumed with: which tokens are good, and for how long."""

from __future__ import annotations

import sys

import pytest

from vortex.protocol.session_tokens import SessionTokens


@pytest.fixture
def tokens() -> SessionTokens:
    return SessionTokens(100.0)


class TestOlderOnes:
    def test_are_good_until_the_present_one_is_shown(self, tokens: SessionTokens) -> None:
        first, second = tokens.renew(0.0), tokens.renew(1.0)
        assert not tokens.shown(first, 2.0)
        assert tokens.isGood(first, 2.0, 0.0)

        assert tokens.shown(second, 3.0)

        assert not tokens.isGood(first, 3.0, 0.0)
        assert tokens.isGood(second, 1e9, 0.0)

    def test_make_way_by_when_they_were_shown_last(self, tokens: SessionTokens) -> None:
        first, second = tokens.renew(0.0), tokens.renew(0.0)
        for _ in range(16):
            assert tokens.isGood(second, 1.0, 0.0)
            tokens.shown(first, 1.0)
            tokens.renew(1.0)

        assert tokens.isGood(first, 1.0, 0.0)
        assert not tokens.isGood(second, 1.0, 0.0)


class TestThoseThatAreGoodNoMore:
    def test_are_known_for_when_they_were(self, tokens: SessionTokens) -> None:
        first = tokens.renew(0.0)
        tokens.renew(1.0)
        assert not tokens.wasGood(first, 0.0)  # it is

        tokens.arrived(5.0)

        assert tokens.wasGood(first, 4.9)
        assert not tokens.wasGood(first, 5.0)
        assert not tokens.wasGood("another", 0.0)

    def test_are_forgotten_after_ten_minutes(self, tokens: SessionTokens) -> None:
        first = tokens.renew(0.0)
        tokens.renew(0.0)
        tokens.arrived(1.0)
        tokens.renew(600.0)
        tokens.arrived(600.0)
        assert tokens.wasGood(first, 0.0)

        tokens.renew(601.0)
        tokens.arrived(601.0)

        assert not tokens.wasGood(first, 0.0)

    def test_are_no_more_than_a_thousand_and_twenty_four(self, tokens: SessionTokens) -> None:
        given = []
        for _ in range(1026):
            given.append(tokens.renew(0.0))
            tokens.arrived(1.0)

        assert [tokens.wasGood(each, 0.0) for each in given[:3]] == [False, True, True]
        assert sys.getsizeof(tokens._retired) < 60_000
