"""The one place that decides who comes in."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import capturedLogs

from vortex.access.admission import Admission
from vortex.access.principal import Credentials, Principal
from vortex.errors import AccessDenied, NotConnected, Rejected, Unauthenticated

ADA = Principal("ada")


class Answering:
    """An authenticator that does what it was told to."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def authenticate(self, credentials: Credentials) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def outcomeOf(admission: Admission, credentials: Credentials | None = None) -> Any:
    outcomes: list[Any] = []
    admission.admit(credentials or Credentials()).addBoth(outcomes.append)
    return outcomes[0]


def coroutine(found: Any) -> Any:
    async def find() -> Any:
        return found

    return find()


class TestWithoutAnAuthenticator:
    def test_this_machine_is_served_as_nobody(self) -> None:
        local = Credentials(headers={"host": "localhost:8080"}, address="127.0.0.1")

        assert outcomeOf(Admission(None, False), local) is None
        assert outcomeOf(Admission(None, False), Credentials()) is None

    @pytest.mark.parametrize(
        ("credentials", "why"),
        [
            (Credentials(address="192.0.2.7"), "and this request comes from 192.0.2.7; to open it"),
            (Credentials(headers={"x-forwarded-for": "192.0.2.7"}, address="::1"), "handed on by a proxy"),
            (Credentials(headers={"host": "board.example"}, address="::1"), "no name of this machine alone"),
        ],
    )
    def test_others_are_told_why_not_and_what_opens_it(self, credentials: Credentials, why: str) -> None:
        outcome = outcomeOf(Admission(None, False), credentials)

        assert outcome.type is AccessDenied
        assert why in str(outcome.value)
        assert str(outcome.value).endswith("passes authenticator= or anonymous=True to Vortex()")

    def test_all_are_served_by_one_that_is_anonymous(self) -> None:
        assert outcomeOf(Admission(None, True), Credentials(address="192.0.2.7")) is None


class TestWithOne:
    @pytest.mark.parametrize("make", [lambda found: found, succeed, coroutine])
    @pytest.mark.parametrize("anonymous", [False, True])
    def test_whom_it_knows_comes_in(self, make: Any, anonymous: bool) -> None:
        assert outcomeOf(Admission(Answering(make(ADA)), anonymous)) is ADA

    @pytest.mark.parametrize("make", [lambda found: found, succeed, coroutine])
    def test_who_has_shown_nothing_comes_in_only_where_it_is_anonymous(self, make: Any) -> None:
        assert outcomeOf(Admission(Answering(make(None)), True)) is None
        outcome = outcomeOf(Admission(Answering(make(None)), False))
        assert outcome.type is Unauthenticated
        assert str(outcome.value) == "this vortex serves whom it knows, and nothing was shown that it knows"

    def test_local_ones_are_asked_too(self) -> None:
        local = Credentials(address="127.0.0.1")

        assert outcomeOf(Admission(Answering(None), False), local).type is Unauthenticated

    @pytest.mark.parametrize("anonymous", [False, True])
    @pytest.mark.parametrize(
        "error", [AccessDenied("it is over"), Rejected("it is over"), NotConnected("it is over")]
    )
    def test_who_has_shown_what_is_wrong_is_refused_in_its_words(
        self, error: Exception, anonymous: bool
    ) -> None:
        outcome = outcomeOf(Admission(Answering(error), anonymous))

        assert outcome.type is AccessDenied
        assert str(outcome.value) == "it is over"

    @pytest.mark.parametrize("answer", [ZeroDivisionError("secret words"), "ada", True, 7])
    def test_that_is_broken_lets_nobody_in_and_says_so_in_the_log(self, answer: Any) -> None:
        with capturedLogs() as logged:
            outcome = outcomeOf(Admission(Answering(answer), True))

        assert outcome.type is AccessDenied
        assert str(outcome.value) == "who this is could not be found out"
        assert [event["log_namespace"] for event in logged] == ["vortex.access.admission"]

    def test_that_is_asked_no_longer_says_nothing_in_the_log(self) -> None:
        asking: Deferred[Any] = Deferred()
        with capturedLogs() as logged:
            admitted = Admission(Answering(asking), False).admit(Credentials())
            outcomes: list[Any] = []
            admitted.addBoth(outcomes.append)
            admitted.cancel()

        assert outcomes[0].type is CancelledError
        assert asking.called
        assert logged == []


class TestRevoking:
    def test_keeps_somebody_out_until_it_is_restored(self) -> None:
        admission = Admission(Answering(ADA), True)

        admission.revoke("ada")
        outcome = outcomeOf(admission)
        assert outcome.type is AccessDenied
        assert str(outcome.value) == "the access of 'ada' was revoked"
        admission.restore("ada")
        admission.restore("ada")
        assert outcomeOf(admission) is ADA

    def test_keeps_nobody_else_out(self) -> None:
        admission = Admission(Answering(ADA), False)

        admission.revoke("ad")

        assert outcomeOf(admission) is ADA
