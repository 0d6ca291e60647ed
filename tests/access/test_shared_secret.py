"""Tokens that are signed with a secret."""

from __future__ import annotations

from typing import Any

import pytest

from tests.access.tokens import OTHER_SECRET, SECRET, bearing, ourToken, sealed, withBody
from vortex.access.principal import Credentials, Principal
from vortex.access.shared_secret import SharedSecretAuthenticator
from vortex.errors import AccessDenied

NOW = 1_800_000_000.0
BODY = {"exp": 1_800_000_060, "id": "pump-7", "roles": ["reader", "writer"]}


@pytest.fixture
def authenticator() -> SharedSecretAuthenticator:
    return SharedSecretAuthenticator(SECRET, now=lambda: NOW)


class TestToken:
    def test_is_the_body_in_base64_and_its_hmac(self, authenticator: SharedSecretAuthenticator) -> None:
        token = authenticator.token("pump-7", roles={"writer", "reader"}, lifetime=60)

        # printf '{"exp":...}' | basenc --base64url, and openssl dgst -sha256 -hmac
        assert token == (
            "v1.eyJleHAiOjE4MDAwMDAwNjAsImlkIjoicHVtcC03Iiwicm9sZXMiOlsicmVhZGVyIiwid3JpdGVyIl19."
            "vkV0EvvHWaFm27nT5yKX1AsLusiVi7_eLhruainkaZI"
        )

    def test_is_good_until_it_expires(self) -> None:
        time = [NOW]
        authenticator = SharedSecretAuthenticator(SECRET, now=lambda: time[0])
        token = authenticator.token("pump-7", roles=["reader"], lifetime=60)

        time[0] += 59
        assert authenticator.authenticate(bearing(token)) == Principal("pump-7", {"reader"}, 1.0)
        time[0] += 1
        with pytest.raises(AccessDenied, match=r"^the token expired at 2027-01-15T08:01:00Z$"):
            authenticator.authenticate(bearing(token))

    @pytest.mark.parametrize("lifetime", [0, -1, float("nan")])
    def test_needs_a_lifetime(self, authenticator: SharedSecretAuthenticator, lifetime: float) -> None:
        with pytest.raises(ValueError, match="a token's lifetime is a number of seconds above 0"):
            authenticator.token("pump-7", lifetime=lifetime)

    def test_needs_an_id_and_a_set_of_roles(self, authenticator: SharedSecretAuthenticator) -> None:
        with pytest.raises(ValueError, match="a principal's id"):
            authenticator.token("")
        with pytest.raises(TypeError, match="roles are a set of texts"):
            authenticator.token("pump-7", roles="reader")


class TestAuthenticate:
    def test_knows_who_a_token_by_hand_is_for(self, authenticator: SharedSecretAuthenticator) -> None:
        principal = authenticator.authenticate(bearing(ourToken(BODY)))

        assert principal == Principal("pump-7", {"reader", "writer"}, 60.0)

    def test_knows_nobody_without_a_token(self, authenticator: SharedSecretAuthenticator) -> None:
        assert authenticator.authenticate(Credentials()) is None
        assert authenticator.authenticate(Credentials(headers={"authorization": "Basic x"})) is None

    @pytest.mark.parametrize(
        "body", [{**BODY, "roles": ["root"]}, {**BODY, "id": "pump-8"}, {**BODY, "exp": 1_900_000_000}]
    )
    def test_refuses_a_body_that_was_changed_under_its_signature(
        self, authenticator: SharedSecretAuthenticator, body: Any
    ) -> None:
        with pytest.raises(AccessDenied, match="the token's signature is not right"):
            authenticator.authenticate(bearing(withBody(ourToken(BODY), body)))

    @pytest.mark.parametrize(
        "token",
        [
            ourToken(BODY, OTHER_SECRET),
            ourToken(BODY)[:-1],
            ourToken(BODY) + "A",
            ourToken(BODY)[:-1] + ("B" if ourToken(BODY)[-1] == "A" else "A"),
            ourToken({**BODY, "exp": 0}, OTHER_SECRET),  # when it expired is nobody's business
        ],
    )
    def test_refuses_another_signature(self, authenticator: SharedSecretAuthenticator, token: str) -> None:
        with pytest.raises(AccessDenied, match="the token's signature is not right"):
            authenticator.authenticate(bearing(token))

    @pytest.mark.parametrize(
        "token",
        ["", "x", "v1", "v1.", "v1..", "v1.a.", "v1..a", "a.b.c", "v2.a.b", "v1.é.a", "v1." + "a" * 9000],
    )
    def test_refuses_what_is_no_token(self, authenticator: SharedSecretAuthenticator, token: str) -> None:
        with pytest.raises(AccessDenied, match="that is no token as SharedSecretAuthenticator"):
            authenticator.authenticate(bearing(token))

    @pytest.mark.parametrize(
        "token",
        [
            ourToken([]),
            ourToken({"id": "pump-7", "roles": []}),
            ourToken({**BODY, "id": ""}),
            ourToken({**BODY, "roles": "root"}),
            ourToken({**BODY, "exp": "soon"}),
            sealed("v1.a"),
            sealed("v1.!!!!"),
        ],
    )
    def test_refuses_a_good_signature_under_something_else(
        self, authenticator: SharedSecretAuthenticator, token: str
    ) -> None:
        with pytest.raises(AccessDenied, match="the token does not say what"):
            authenticator.authenticate(bearing(token))


class TestSecrets:
    def test_change_while_tokens_of_the_old_one_are_still_good(self) -> None:
        old = SharedSecretAuthenticator(SECRET)
        both = SharedSecretAuthenticator([OTHER_SECRET, SECRET])
        new = SharedSecretAuthenticator(OTHER_SECRET.encode())

        assert both.authenticate(bearing(old.token("a"))) is not None
        assert new.authenticate(bearing(both.token("a"))) is not None
        with pytest.raises(AccessDenied):
            new.authenticate(bearing(old.token("a")))

    @pytest.mark.parametrize("secrets", ["short", b"0" * 31, [SECRET, "short"]])
    def test_are_long(self, secrets: Any) -> None:
        with pytest.raises(ValueError, match="a secret has 32 bytes or more, got one of") as caught:
            SharedSecretAuthenticator(secrets)
        assert "short" not in str(caught.value)

    def test_are_not_none(self) -> None:
        with pytest.raises(ValueError, match="expected a secret"):
            SharedSecretAuthenticator([])
