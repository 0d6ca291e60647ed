"""Who somebody is by the cookies of an application."""

from __future__ import annotations

from typing import Any

import pytest

from vortex.access.cookies import CookieAuthenticator
from vortex.access.principal import Credentials, Principal


class TestCookies:
    def test_are_what_the_application_is_asked_about(self) -> None:
        sessions = {"s1": Principal("ada", {"foreman"})}
        authenticator = CookieAuthenticator(lambda shown: sessions.get(shown.cookies.get("session", "")))

        assert authenticator.authenticate(Credentials(cookies={"session": "s1"})) is sessions["s1"]
        assert authenticator.authenticate(Credentials(cookies={"session": "s2"})) is None

    def test_are_needed_to_ask_it(self) -> None:
        authenticator = CookieAuthenticator(lambda shown: Principal("everybody"))

        assert authenticator.authenticate(Credentials(headers={"authorization": "Bearer x"})) is None

    def test_are_for_a_function(self) -> None:
        no: Any = "session"
        with pytest.raises(TypeError, match="expected a function"):
            CookieAuthenticator(no)
