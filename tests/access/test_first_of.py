"""Several authenticators at one node."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from vortex.access.cookies import CookieAuthenticator
from vortex.access.first_of import firstOf
from vortex.access.principal import Credentials, Principal
from vortex.errors import AccessDenied


class Answering:
    """An authenticator that says what it was told to, and whether it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.wasAsked = False

    def authenticate(self, credentials: Credentials) -> Any:
        self.wasAsked = True
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def outcomeOf(*authenticators: Answering) -> Any:
    outcomes: list[Any] = []
    found: Any = firstOf(*authenticators).authenticate(Credentials())
    Deferred.fromCoroutine(found).addBoth(outcomes.append)
    return outcomes[0]


class TestFirstOf:
    def test_is_the_first_that_knows_somebody(self) -> None:
        nobody, wrong = Answering(None), Answering(AccessDenied("wrong"))
        later, last = Answering(succeed(Principal("ada"))), Answering(Principal("bob"))

        assert outcomeOf(nobody, wrong, later, last) == Principal("ada")
        assert not last.wasAsked

    def test_is_nobody_where_none_knows_any(self) -> None:
        assert outcomeOf(Answering(None), Answering(succeed(None))) is None

    def test_refuses_in_the_first_ones_words(self) -> None:
        outcome = outcomeOf(Answering(None), Answering(AccessDenied("one")), Answering(AccessDenied("two")))

        assert outcome.check(AccessDenied)
        assert str(outcome.value) == "one"

    def test_ends_with_what_is_no_refusal(self) -> None:
        after = Answering(Principal("ada"))

        assert outcomeOf(Answering(ZeroDivisionError()), after).check(ZeroDivisionError)
        assert not after.wasAsked

    @pytest.mark.parametrize("wrong", [None, "token", CookieAuthenticator])
    def test_takes_authenticators(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match="an authenticator has a method"):
            firstOf(Answering(None), wrong)
        with pytest.raises(ValueError, match="expected one authenticator or more"):
            firstOf()
