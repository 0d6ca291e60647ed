"""
UnixCredentialAuthenticator: who somebody is, by the user that its process runs as.

The kernel says so of the other end of a Unix socket, and nobody can lie about it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from vortex.access.principal import Credentials, Principal, checkedRoles
from vortex.errors import AccessDenied

__all__ = ["UnixCredentialAuthenticator"]

Roles = Mapping[int, Iterable[str]]


class UnixCredentialAuthenticator:
    """
    Knows processes on this machine that connect by a Unix socket. The id is "uid:" and the user's number.

    Args:
        uids: The roles of each user that is let in, by its number.
        gids: Those of each group. The process's own group counts, and none that its user is in besides. Who
            is in by both has the roles of both.

    With neither, whoever runs as the same user as this process is let in, and root, without roles. A proxy on
    the same machine is a user like any other: behind one, everybody is that user.
    """

    def __init__(self, uids: Roles | None = None, gids: Roles | None = None) -> None:
        if uids is None and gids is None:
            uids = {os.geteuid(): (), 0: ()}
        self._uids = {uid: checkedRoles(roles) for uid, roles in (uids or {}).items()}
        self._gids = {gid: checkedRoles(roles) for gid, roles in (gids or {}).items()}

    def authenticate(self, credentials: Credentials) -> Principal | None:
        """Whose process it is; None if it is not connected by a Unix socket."""
        shown = credentials.unixCredentials
        if shown is None:
            return None
        byUser, byGroup = self._uids.get(shown.uid), self._gids.get(shown.gid)
        if byUser is None and byGroup is None:
            raise AccessDenied(
                f"processes of the user {shown.uid} and the group {shown.gid} are not let in here"
            )
        return Principal(f"uid:{shown.uid}", (byUser or frozenset()) | (byGroup or frozenset()))
