"""The errors: what they say, and what a peer learns of them."""

from __future__ import annotations

import re

import pytest

import vortex.errors
from vortex.errors import (
    DecodeError,
    EncodeError,
    LimitExceeded,
    Rejected,
    RemoteError,
    UnknownTupleType,
    VortexError,
    errorText,
    parseErrorText,
)

CLASSES = [
    value
    for value in vars(vortex.errors).values()
    if isinstance(value, type) and issubclass(value, VortexError)
]


class TestErrorCodes:
    def test_every_class_that_is_public_has_a_code_that_a_peer_can_read_back(self) -> None:
        for cls in CLASSES:
            assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cls.code), cls

    def test_no_two_public_classes_share_a_code(self) -> None:
        codes = [cls.code for cls in CLASSES if not cls.__name__.startswith("_") and cls is not VortexError]

        assert len(codes) == len(set(codes))

    def test_every_public_class_is_drawn_in_the_tree(self) -> None:
        assert vortex.errors.__doc__ is not None
        for cls in CLASSES:
            if not cls.__name__.startswith("_"):
                assert re.search(rf"\b{cls.__name__} +{cls.code}\b", vortex.errors.__doc__), cls


class TestRejected:
    def test_carries_the_word_that_the_application_has_for_it(self) -> None:
        assert errorText(Rejected("only two left", code="out-of-stock")) == "out-of-stock: only two left"

    def test_is_rejected_if_the_application_has_no_word_for_it(self) -> None:
        assert errorText(Rejected("no")) == "rejected: no"

    @pytest.mark.parametrize(
        "code", ["", "Out-of-stock", "out of stock", "out-", "-of", "404", "no: really", "é"]
    )
    def test_refuses_a_word_that_a_peer_could_not_read_back(self, code: str) -> None:
        with pytest.raises(ValueError, match="words joined by hyphens"):
            Rejected("no", code=code)


class TestPath:
    def test_is_put_together_from_the_inside_out(self) -> None:
        error = DecodeError("expected an ISO 8601 date, got 'tomorrow'").at(".due").at("[3]").at("tuples")

        assert error.path == "tuples[3].due"
        assert str(error) == "expected an ISO 8601 date, got 'tomorrow' - at tuples[3].due"

    def test_has_no_dot_before_the_first_name(self) -> None:
        assert str(EncodeError("no", ".due")) == "no - at due"

    def test_is_not_mentioned_where_there_is_none(self) -> None:
        assert str(DecodeError("not JSON")) == "not JSON"

    def test_keeps_the_error_the_one_it_was(self) -> None:
        error = UnknownTupleType("tuple type 'a' is not registered here")

        assert error.at("[0]") is error


class TestLimitExceeded:
    def test_names_the_limit_as_limits_does(self) -> None:
        error = LimitExceeded("maxDepth", "values are nested deeper than 32 levels")

        assert error.limit == "maxDepth"
        assert errorText(error) == "limit-exceeded: values are nested deeper than 32 levels (maxDepth)"


class TestErrorText:
    def test_says_nothing_of_an_error_that_is_not_ours(self) -> None:
        text = errorText(RuntimeError("/srv/app/secrets.py: no such column password"))

        assert text.startswith("internal: ")
        assert "secrets" not in text
        assert "password" not in text

    def test_is_read_back_as_what_it_was(self) -> None:
        error = parseErrorText(errorText(Rejected("a: b", code="not-now")))

        assert (error.code, error.message, str(error)) == ("not-now", "a: b", "a: b")

    @pytest.mark.parametrize(
        "text",
        [
            "Traceback (most recent call last):\n  File",
            "it broke",
            "",
            "Not-Found: x",
            "a-: b",
            "code:x",
            "1: x",
        ],
    )
    def test_of_a_peer_that_has_no_codes_is_a_remote_error_with_the_whole_text(self, text: str) -> None:
        error = parseErrorText(text)

        assert type(error) is RemoteError
        assert (error.code, error.message) == ("remote-error", text)
