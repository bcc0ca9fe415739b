"""Digest users from the data access layer, remembered: who they are, and the hash that stands for their password.

Rule: what was looked up is kept until it changes, found and not found apart, both bounded. A hash that is stored is taken as it is; from a
password in the clear it is made once. A look-up that waits gives a Pending, a store that fails raises Unavailable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.pending import Pending, gather, settle
from pipeline.sip.digest import hash_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.dal import Auth, Layer

REMEMBERED = 16384
"""Digest users, and as many ids that do not exist. A user costs 100 bytes, 350 with a hash made here: 6 MB at most."""


class Users:
    """The digest users. Lives in the engine's state, beyond a reload."""

    __slots__ = ("_absent", "_changes", "_dal", "_hashes", "_stop", "_users")

    def __init__(self, dal: Layer) -> None:
        self._dal = dal
        self._users: dict[str, Auth] = {}
        self._absent: set[str] = set()
        self._hashes: dict[tuple[str, str, str], str] = {}
        self._changes = 0
        self._stop = dal.watch("auth", self._changed) if dal.stores("auth") else None

    def close(self) -> None:
        """Follow the store no more."""
        if self._stop is not None:
            self._stop()

    def _changed(self, verb: str, stored: Any) -> None:
        self._changes += 1
        self._users.clear()
        self._absent.clear()
        self._hashes.clear()

    def user(self, ids: Iterable[str], username: str) -> Any:
        """Return the one of these credentials that has this user name, None, or a Pending of it."""
        users = self._users
        missing = False
        for ident in ids:  # nearly always one
            known = users.get(ident)
            if known is None:
                missing = True
            elif known.username == username:
                return known
        if not missing:
            return None
        found = gather([self._get(ident) for ident in ids])
        if isinstance(found, Pending):
            return settle(found, lambda auths: _named(auths, username))
        return _named(found, username)

    def _get(self, ident: str) -> Any:
        known = self._users.get(ident)
        if known is not None:
            return known
        if ident in self._absent:
            return None
        before = self._changes

        def keep(auth: Auth | None) -> Auth | None:
            if before != self._changes:  # it may be out of date already
                return auth
            if auth is None:
                if len(self._absent) >= REMEMBERED:
                    self._absent.clear()
                self._absent.add(ident)
            else:
                if len(self._users) >= REMEMBERED:
                    self._users.clear()
                    self._hashes.clear()
                self._users[ident] = auth
            return auth

        return settle(self._dal.get("auth", ident), keep)

    def hash_of(self, auth: Auth, algorithm: str, realm: str) -> str:
        """Return what stands for the password, "" when there is neither a stored hash nor a password to make it of."""
        stored = auth.password_digest.get(algorithm)
        if stored is not None:
            return stored
        if not auth.password:
            return ""
        key = (auth.id, algorithm, realm)
        known = self._hashes.get(key)
        if known is None:
            known = hash_of(algorithm, auth.username, realm, auth.password)
            if self._users.get(auth.id) is auth:  # else it is not the latest
                self._hashes[key] = known
        return known


def _named(auths: Iterable[Auth | None], username: str) -> Auth | None:
    for auth in auths:
        if auth is not None and auth.username == username:
            return auth
    return None
