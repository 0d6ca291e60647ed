"""JSON Web Tokens: those of RFC 7515, by hand, and of PyJWT with keys that cryptography has made."""

from __future__ import annotations

import sys
import time
from base64 import urlsafe_b64decode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.access.tokens import OTHER_SECRET, SECRET, base64, bearing, webToken, withBody
from vortex.access.jwt import JwtAuthenticator
from vortex.access.principal import Credentials, Principal
from vortex.errors import AccessDenied

RFC_BODY = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
RFC_SECRET = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
RFC_HS256 = f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{RFC_BODY}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
RFC_ES256 = (
    f"eyJhbGciOiJFUzI1NiJ9.{RFC_BODY}."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
RFC_X, RFC_Y = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
EXPIRED = r"^the token expired at 2011-03-22T18:43:00Z$"

KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def pem(public: Any) -> str:
    encoded: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


def claims(**changes: Any) -> dict[str, Any]:
    return {"sub": "ada", "exp": time.time() + 60, "roles": ["foreman"], **changes}


@pytest.fixture
def authenticator() -> JwtAuthenticator:
    return JwtAuthenticator(SECRET, algorithms=["HS256"])


class TestSignatures:
    def test_of_the_rfc_are_good_and_long_expired(self) -> None:
        secret = urlsafe_b64decode(RFC_SECRET + "==")
        x, y = (int.from_bytes(urlsafe_b64decode(text + "="), "big") for text in (RFC_X, RFC_Y))
        point = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()

        with pytest.raises(AccessDenied, match=EXPIRED):
            JwtAuthenticator(secret, algorithms=["HS256"], idClaim="iss").authenticate(bearing(RFC_HS256))
        with pytest.raises(AccessDenied, match=EXPIRED):
            JwtAuthenticator(pem(point), algorithms=["ES256"], idClaim="iss").authenticate(bearing(RFC_ES256))

    @pytest.mark.parametrize("algorithm", KEYS)
    def test_by_a_private_key_are_checked_with_the_public_one(self, algorithm: str) -> None:
        authenticator = JwtAuthenticator(pem(KEYS[algorithm].public_key()), algorithms=[algorithm])
        token = jwt.encode(claims(), KEYS[algorithm], algorithm)

        principal = authenticator.authenticate(bearing(token))
        assert principal is not None
        assert (principal.id, principal.roles) == ("ada", {"foreman"})
        with pytest.raises(AccessDenied, match="the token's signature is not right"):
            authenticator.authenticate(bearing(withBody(token, claims(roles=["root"]))))

    def test_by_another_secret_are_refused_and_nothing_more_is_said(
        self, authenticator: JwtAuthenticator
    ) -> None:
        for token in (webToken(claims(), OTHER_SECRET), webToken(claims(exp=1), OTHER_SECRET)):
            with pytest.raises(AccessDenied, match="the token's signature is not right"):
                authenticator.authenticate(bearing(token))

    def test_by_a_public_key_taken_for_a_secret_are_refused(self) -> None:
        """The oldest trick: the public key is no secret, so anybody can make an HMAC with it."""
        public = pem(KEYS["RS256"].public_key())

        with pytest.raises(AccessDenied, match="expected a token that is signed with RS256, got another"):
            JwtAuthenticator(public, algorithms=["RS256"]).authenticate(bearing(webToken(claims(), public)))

    @pytest.mark.parametrize("alg", ["none", "None", "HS512", "RS256", ""])
    def test_by_another_algorithm_are_refused(self, authenticator: JwtAuthenticator, alg: str) -> None:
        signed = webToken(claims(), alg=alg)
        for token in (signed, signed.rpartition(".")[0] + "."):
            with pytest.raises(AccessDenied, match=r"expected a token that is signed with HS256|no JSON Web"):
                authenticator.authenticate(bearing(token))

    def test_are_found_by_the_id_of_their_key(self) -> None:
        authenticator = JwtAuthenticator({"old": SECRET, "new": OTHER_SECRET}, algorithms=["HS256"])

        for kid, secret in (("old", SECRET), ("new", OTHER_SECRET)):
            assert authenticator.authenticate(bearing(webToken(claims(), secret, kid=kid))) is not None
        with pytest.raises(AccessDenied, match="signature is not right"):
            authenticator.authenticate(bearing(webToken(claims(), SECRET, kid="new")))
        for header in ({"kid": "other"}, {}):
            with pytest.raises(AccessDenied, match="a key that is not known here"):
                authenticator.authenticate(bearing(webToken(claims(), **header)))


class TestClaims:
    def test_say_who_it_is_and_for_how_long(self, authenticator: JwtAuthenticator) -> None:
        principal = authenticator.authenticate(bearing(webToken(claims())))

        assert principal is not None
        assert (principal.id, principal.roles) == ("ada", {"foreman"})
        assert principal.lifetime is not None
        assert 50 < principal.lifetime <= 60

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"exp": 1300819380}, EXPIRED),
            ({"nbf": 4_000_000_000}, "not good yet"),
            ({"iat": 4_000_000_000}, "not good yet"),
            ({"aud": "another"}, r"not for this server \(aud\)"),
            ({"exp": "soon"}, "that is no JSON Web Token"),
            ({"sub": 7}, "that is no JSON Web Token"),
            ({"sub": ""}, "expected a text in the token's claim 'sub'"),
            ({"roles": 7}, "a list of texts in 'roles'"),
            ({"roles": [7]}, "a list of texts in 'roles'"),
        ],
    )
    def test_that_are_wrong_are_refused(
        self, authenticator: JwtAuthenticator, changes: dict[str, Any], refusal: str
    ) -> None:
        with pytest.raises(AccessDenied, match=refusal):
            authenticator.authenticate(bearing(webToken(claims(**changes))))

    @pytest.mark.parametrize("claim", ["exp", "sub"])
    def test_that_are_needed_have_to_be_there(self, authenticator: JwtAuthenticator, claim: str) -> None:
        said = claims()
        del said[claim]

        with pytest.raises(AccessDenied, match=f"the token has no claim '{claim}'"):
            authenticator.authenticate(bearing(webToken(said)))

    def test_name_the_audience_and_the_issuer(self) -> None:
        authenticator = JwtAuthenticator(
            SECRET, algorithms=["HS256"], audience="jobs", issuer="https://login.example"
        )
        right = claims(aud=["jobs", "mail"], iss="https://login.example")

        assert authenticator.authenticate(bearing(webToken(right))) is not None
        for wrong in ({**right, "aud": "mail"}, {**right, "iss": "https://evil.example"}):
            with pytest.raises(AccessDenied):
                authenticator.authenticate(bearing(webToken(wrong)))
        for missing in ("aud", "iss"):
            with pytest.raises(AccessDenied, match=f"the token has no claim '{missing}'"):
                authenticator.authenticate(
                    bearing(webToken({name: said for name, said in right.items() if name != missing}))
                )

    def test_may_bear_other_names(self) -> None:
        authenticator = JwtAuthenticator(
            SECRET, algorithms=["HS256"], idClaim="email", rolesClaim="scope", leeway=30
        )
        said = {"email": "ada@board.example", "scope": "read write", "exp": time.time() - 10}

        principal = authenticator.authenticate(bearing(webToken(said)))

        assert principal is not None
        assert (principal.id, principal.roles) == ("ada@board.example", {"read", "write"})
        assert principal.lifetime is not None
        assert 10 < principal.lifetime <= 20

    def test_need_no_roles(self, authenticator: JwtAuthenticator) -> None:
        principal = authenticator.authenticate(bearing(webToken({"sub": "ada", "exp": time.time() + 60})))

        assert principal is not None
        assert principal == Principal("ada", (), principal.lifetime)  # type: ignore[arg-type]


class TestTokens:
    @pytest.mark.parametrize("token", ["", "x", "a.b.c", f"{base64(b'{}')}.{base64(b'{}')}.", "é.é.é"])
    def test_that_are_none_are_refused(self, authenticator: JwtAuthenticator, token: str) -> None:
        with pytest.raises(AccessDenied):
            authenticator.authenticate(bearing(token))

    def test_are_not_read_where_they_are_long(self, authenticator: JwtAuthenticator) -> None:
        with pytest.raises(AccessDenied, match="a token may have 8192 characters"):
            authenticator.authenticate(bearing(webToken(claims(pad="x" * 8192))))

    def test_are_needed(self, authenticator: JwtAuthenticator) -> None:
        assert authenticator.authenticate(Credentials()) is None


class TestMaking:
    @pytest.mark.parametrize(
        ("key", "algorithms", "problem"),
        [
            (SECRET, ["none"], "got 'none'"),
            (SECRET, ["HS256", "none"], "got 'none'"),
            (SECRET, [], "algorithms is a list of names"),
            (SECRET, "HS256", "algorithms is a list of names"),
            (SECRET, ["HS256", "RS256"], "algorithms are of one kind of key"),
            ("short", ["HS256"], "a secret has 32 bytes or more, got one of 5"),
            (SECRET, ["RS256"], "expected a key for RS256"),
            (pem(KEYS["ES256"].public_key()), ["RS256"], "expected a key for RS256"),
            (pem(KEYS["RS256"].public_key()), ["HS256"], "expected a key for HS256"),
            ({"a": SECRET, "b": "short"}, ["HS256"], "a secret has 32 bytes or more"),
        ],
    )
    def test_refuses_what_would_not_be_safe(self, key: Any, algorithms: Any, problem: str) -> None:
        with pytest.raises(ValueError, match=problem) as caught:
            JwtAuthenticator(key, algorithms=algorithms)
        assert SECRET not in str(caught.value)

    def test_says_how_to_get_pyjwt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "jwt", None)

        with pytest.raises(ImportError, match=r"needs PyJWT: pip install 'txvortex\[jwt\]'"):
            JwtAuthenticator(SECRET, algorithms=["HS256"])

    def test_says_how_to_get_cryptography_where_keys_need_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jwt.algorithms, "has_crypto", False)

        JwtAuthenticator(SECRET, algorithms=["HS256"])
        with pytest.raises(ImportError, match=r"needs cryptography: pip install 'txvortex\[jwt\]'"):
            JwtAuthenticator(SECRET, algorithms=["RS256"])
