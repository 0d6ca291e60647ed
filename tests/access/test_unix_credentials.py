"""Who somebody is by the user that its process runs as."""

from __future__ import annotations

import os

import pytest

from vortex.access.principal import Credentials, Principal, UnixCredentials
from vortex.access.unix_credentials import UnixCredentialAuthenticator
from vortex.errors import AccessDenied


def of(uid: int, gid: int = 100) -> Credentials:
    return Credentials(unixCredentials=UnixCredentials(uid, gid))


class TestUnixCredentials:
    def test_of_this_user_and_root_are_let_in_unless_others_are_named(self) -> None:
        authenticator = UnixCredentialAuthenticator()
        me = os.geteuid()

        assert authenticator.authenticate(of(me)) == Principal(f"uid:{me}")
        assert authenticator.authenticate(of(0, 0)) == Principal("uid:0")
        with pytest.raises(AccessDenied, match=r"the user 12345 and the group 100 are not let in"):
            authenticator.authenticate(of(12345))

    def test_bring_the_roles_of_the_user_and_the_group(self) -> None:
        authenticator = UnixCredentialAuthenticator({33: {"web"}}, gids={100: {"reader"}, 33: ["writer"]})

        assert authenticator.authenticate(of(33, 33)) == Principal("uid:33", {"web", "writer"})
        assert authenticator.authenticate(of(33, 7)) == Principal("uid:33", {"web"})
        assert authenticator.authenticate(of(1000, 100)) == Principal("uid:1000", {"reader"})

    @pytest.mark.parametrize(
        "authenticator", [UnixCredentialAuthenticator({}), UnixCredentialAuthenticator({33: ()})]
    )
    def test_of_this_user_and_root_are_not_let_in_where_others_are_named(
        self, authenticator: UnixCredentialAuthenticator
    ) -> None:
        for uid in (0, os.geteuid()):
            with pytest.raises(AccessDenied):
                authenticator.authenticate(of(uid))

    def test_are_not_there_elsewhere(self) -> None:
        assert UnixCredentialAuthenticator().authenticate(Credentials(address="127.0.0.1")) is None
