"""How we answer those who ask us who we are (401, 407): the `outbound_auth` of the endpoint that a request is for. RFC 3261 22.2.

Rule: credentials are read when a call is placed, since a challenge cannot wait for a database, and are offered to the endpoint that they
are for and to nobody else: not to whoever that one redirects to, and not to a caller. With `pass_challenges` the caller is asked, and his
answer is handed on as it came; what proves him to us never is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import Malformed, Pending
from pipeline.dal import StorageError
from pipeline.sip.digest_read import parse_credentials

if TYPE_CHECKING:
    from collections.abc import Generator

    from pipeline.core import Channel
    from pipeline.dal import Auth, Endpoint
    from pipeline.engine import Pipeline


class Credentials:
    """What we answer challenges with, by endpoint."""

    __slots__ = ("_engine", "_known")

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._known: dict[str, tuple[Auth, ...]] = {}

    def read(self, endpoint: Endpoint) -> Generator[Any, Any, None]:
        """Read what a request to this endpoint may be asked for; to be walked. Raises StorageError."""
        if not endpoint.outbound_auth:
            return
        found = []
        for name in endpoint.outbound_auth:
            auth = yield self._engine.dal.get("auth", name)
            if auth is not None:
                found.append(auth)
        self._known[endpoint.id] = tuple(found)

    def answer(self, realm: str, endpoint: Endpoint | None) -> tuple[str, dict[str, str]] | None:
        """Return (username, {algorithm: hash, "": password}) for a realm that challenges a request to `endpoint`; None: we have none.

        Credentials that are named like the realm, or end in "@" and the realm, come first: a hash is of one realm, and does not name it.
        """
        if endpoint is None or not endpoint.outbound_auth:
            return None
        found = self._known.get(endpoint.id) or self._at_once(endpoint)
        usable = [auth for auth in found if auth.password or auth.password_digest]
        if not usable:
            return None
        auth = next((auth for auth in usable if auth.id == realm or auth.id.endswith(f"@{realm}")), usable[0])
        secrets = dict(auth.password_digest)
        if auth.password:
            secrets[""] = auth.password
        return auth.username, secrets

    def foreign(self, caller: Channel | None) -> list[tuple[str, str]]:
        """Return what a caller has answered to others than us, as he wrote it: a challenge that was passed on to him."""
        said = getattr(None if caller is None else caller.leg, "setup", None)
        if said is None or not said.is_request:
            return []
        ours = {domain.realm for domain in self._engine.domains.all}
        found = []
        for name in ("Authorization", "Proxy-Authorization"):
            for value in said.all(name.lower()):
                try:
                    credentials = parse_credentials(value)
                except Malformed:
                    continue
                if credentials is not None and credentials.realm not in ours:
                    found.append((name, value))
        return found

    def _at_once(self, endpoint: Endpoint) -> list[Auth]:
        """Ask the stores that need not wait: a call that the endpoint itself began."""
        found = []
        for name in endpoint.outbound_auth:
            try:
                auth = self._engine.dal.get("auth", name)
            except StorageError:
                continue
            if auth is not None and not isinstance(auth, Pending):
                found.append(auth)
        return found
