"""Who somebody is, and what that is found from."""

from __future__ import annotations

from typing import Any

import pytest

from vortex.access.principal import Credentials, Principal


class TestPrincipal:
    def test_takes_any_collection_of_roles_and_keeps_a_set(self) -> None:
        roles: Any = ["reader", "writer", "reader"]

        assert Principal("ada", roles).roles == frozenset({"reader", "writer"})
        assert Principal("ada").roles == frozenset()

    @pytest.mark.parametrize("roles", ["reader", None, 3, [3], {"reader", None}])
    def test_takes_nothing_else_for_roles(self, roles: Any) -> None:
        with pytest.raises(TypeError, match="roles are a set of texts"):
            Principal("ada", roles)

    @pytest.mark.parametrize(("id", "error"), [("", ValueError), (None, TypeError), (7, TypeError)])
    def test_has_an_id(self, id: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match="a principal's id is a text"):
            Principal(id)


class TestCredentials:
    def test_show_no_secret_to_who_logs_them(self) -> None:
        shown = repr(
            Credentials({"authorization": "Bearer s3cret"}, {"session": "s3cret"}, address="192.0.2.7")
        )

        assert "s3cret" not in shown
        assert "192.0.2.7" in shown


class TestToken:
    @pytest.mark.parametrize(
        ("header", "token"),
        [
            ("Bearer abc.def", "abc.def"),
            ("bearer  abc ", "abc"),
            ("BEARER abc", "abc"),
            ("Bearer ", ""),
            ("Basic abc", None),
            ("Bearerabc", None),
            ("", None),
        ],
    )
    def test_is_what_stands_behind_bearer(self, header: str, token: str | None) -> None:
        assert Credentials(headers={"authorization": header}).token == token

    def test_is_not_there_without_the_header(self) -> None:
        assert Credentials(headers={"cookie": "Bearer abc"}).token is None
