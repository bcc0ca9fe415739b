"""Users as `sipline user` makes them: one endpoint, one auth, one aor, in the first backend that can be written. Hashes only, no passwords.

Rule: the same code serves the control socket of a running server and a command that runs without one. An id is the name in the first
domain, name@domain in another, as [user.NAME] has it. What pipeline.toml holds is removed there, by hand.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pipeline.control import mailboxes
from pipeline.dal import Aor, Auth, Conflict, Endpoint, ReadOnly, StorageError
from pipeline.dal.names import USER_NAMES, is_user_name
from pipeline.pending import Pending, finished, settle
from pipeline.sip.digest import ALGORITHMS, hash_of
from pipeline.stages.integration import held

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.dal import Domain, Stored
    from pipeline.engine import Pipeline

KINDS = ("endpoint", "auth", "aor")
HANDFUL = 20
"""Users between two turns of the loop: some 4 ms."""


class Refused(Exception):  # noqa: N818 (a sentence for the user)
    """Why it was not done."""


def user_name(name: str, domain: Domain, password: str) -> str:
    """Return the name within the domain; Refused when it is none, or nothing is the password."""
    user = name.rpartition("@")[0] if name.endswith("@" + domain.id) else name
    if not is_user_name(user):
        raise Refused(f"{name!r} is no user name: {USER_NAMES}")
    if not password:
        raise Refused(f"{name}: the password is empty")
    return user


def account(name: str, domain: Domain, password: str) -> dict[str, Any]:
    """Return what `add` takes of one user. The hashes of all algorithms are stored, so that changing the realm's needs no new passwords."""
    user = user_name(name, domain, password)
    hashes = {algorithm: hash_of(algorithm, user, domain.realm, password) for algorithm in ALGORITHMS}
    return {"name": user, "domain": domain.id, "realm": domain.realm, "password_digest": hashes}


def writable(engine: Pipeline) -> str:
    """Return the name of the backend that new users go to: the first that can be written and holds all three; else Refused."""
    mapping, backends = engine.dal.mapping, engine.dal.backends
    holding = [mapping[kind].backends if kind in mapping else () for kind in KINDS]
    for name in holding[0]:
        if backends[name].writable and all(name in names for names in holding):
            return name
    for kind, names in zip(KINDS, holding, strict=True):
        if not any(backends[name].writable for name in names):
            raise Refused(
                f"no backend that can be written stores {kind}: list one under the integration stage, "
                f'such as "sqlite", and name it in [dal] {kind}; or write [user.NAME] into {engine.plan.document.name}'
            )
    raise Refused("no one backend that can be written stores endpoint, auth and aor together: name one for all three in [dal]")


async def add(engine: Pipeline, users: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Store users; a row for each: its name, and the error if it was not stored. All of a call share the backend's commits."""
    home = writable(engine)
    tried = []
    for number, user in enumerate(users, 1):
        tried.append(await _begun(engine, home, user))  # under way, or done: what is written is not waited for yet
        if number % HANDFUL == 0:
            await asyncio.sleep(0)
    rows = []
    for number, (user, made, writing) in enumerate(tried, 1):
        row: dict[str, Any] = {"name": user["name"], "domain": user["domain"]}
        error = await _ended(engine, home, made, writing) if isinstance(writing, list) else writing
        rows.append({**row, "error": str(error)} if error is not None else row)
        if number % HANDFUL == 0:
            await asyncio.sleep(0)
    return rows


async def _begun(engine: Pipeline, home: str, user: dict[str, Any]) -> tuple[dict[str, Any], tuple[Stored, ...], Any]:
    """Begin to write a user's objects. Gives what is being written and the Pendings of it, or why it cannot be."""
    try:
        made = _made(engine, home, user)
        for stored in made:
            # The home itself compares when it writes: asking it first would be a read more for each of 300,000 objects.
            for name in engine.dal.mapping[stored.kind].backends:
                if name != home and await finished(engine.dal.backends[name].get(stored.kind, stored.id)) is not None:
                    raise Conflict(_exists(stored, name))
        return user, made, [_written(engine, stored) for stored in made]  # all three at once: they share a commit
    except (Refused, StorageError, ValueError) as error:
        return user, (), error


def _made(engine: Pipeline, home: str, user: dict[str, Any]) -> tuple[Stored, ...]:
    domain = engine.domains.of(user["domain"])
    if domain is None:
        raise Refused(f"{user['domain']} is no domain of this server")
    if domain.realm != user["realm"]:
        raise Refused(f"the hashes are for the realm {user['realm']!r}, the running server's is {domain.realm!r}: reload it first")
    aor = f"{user['name']}@{domain.id}"
    ident = user["name"] if domain is engine.domains.first else aor
    # An object that says where it belongs and has version 0 is written there if nothing of its id is there yet.
    return (
        Aor(id=aor, origin=home),
        Auth(id=ident, username=user["name"], password_digest=user["password_digest"], origin=home),
        Endpoint(id=ident, auth=(ident,), aors=(aor,), origin=home),
    )


def _exists(stored: Stored, where: str) -> str:
    return f"{stored.kind} {stored.id} exists already, in {where}"


def _written(engine: Pipeline, stored: Stored) -> Any:
    try:
        return engine.dal.update(stored)
    except (StorageError, ValueError) as error:
        return Pending.failed(error)


async def _ended(engine: Pipeline, home: str, made: tuple[Stored, ...], writing: list[Any]) -> Exception | None:
    """Wait until a user is written. What is written of one that could not be whole is taken back."""
    errors: list[Exception | None] = []
    for stored, pending in zip(made, writing, strict=True):
        try:
            await finished(pending)
        except Conflict:
            errors.append(Conflict(_exists(stored, home)))
        except (StorageError, ValueError) as error:
            errors.append(error)
        else:
            errors.append(None)
    first = next((error for error in errors if error is not None), None)
    if first is not None:
        for stored, failed in zip(made, errors, strict=True):
            if failed is None:
                try:
                    await finished(engine.dal.delete(stored))
                except StorageError as why:
                    return why
    return first


async def remove(engine: Pipeline, name: str, *, force: bool = False) -> list[dict[str, Any]]:
    """Remove a user with its auth, its aor and their contacts; what other endpoints use too stays.

    Whom pipeline.toml refers to is removed with `force` alone: without him the server would not start again.
    """
    ident = name
    user, at, host = name.rpartition("@")
    if at and (domain := engine.domains.of(host)) is engine.domains.first and domain is not None:
        ident = user
    dal = engine.dal
    endpoint = await finished(dal.get("endpoint", ident))
    if endpoint is None:
        raise Refused(f"there is no user {name}")
    if not dal.backends[endpoint.origin].writable:
        line = engine.plan.document.line_of("endpoint", ident)
        raise Refused(f"{name} is written in {engine.plan.document.name}{f':{line}' if line else ''}: remove it there")
    if not force and (places := await _referring(engine, endpoint)):
        raise Refused(
            f"{', '.join(places)} {'refers' if len(places) == 1 else 'refer'} to {name}, and the server would not start again:"
            f" change that first, or remove the user all the same with --force"
        )
    await finished(dal.delete(endpoint))
    removed = [{"type": "endpoint", "id": endpoint.id}]
    for kind, field, each in _parts(endpoint):
        if await finished(dal.find("endpoint", **{field: each})):
            continue
        if kind == "aor":
            removed += await mailboxes.removed(engine, each)
        removed += await _remove(engine, kind, each)
    return removed


def _parts(endpoint: Endpoint) -> list[tuple[str, str, str]]:
    """Return what goes with an endpoint: its type, the field that names it, its id."""
    return [("auth", "auth", each) for each in endpoint.auth] + [("aor", "aors", each) for each in endpoint.aors]


async def _referring(engine: Pipeline, endpoint: Endpoint) -> list[str]:
    """Return where the file refers to what would be nowhere without this user: it would be a mistake then (`check_held`)."""
    gone = {("endpoint", endpoint.id)}
    for kind, field, each in _parts(endpoint):
        if all(other.id == endpoint.id for other in await finished(engine.dal.find("endpoint", **{field: each}))):
            gone.add((kind, each))
    found = [each for each in engine.plan.references if each.mistake and not gone.isdisjoint(each.any)]
    others = {pair for each in found for pair in each.any} - gone
    there = {(row["type"], row["id"]) for row in await held(engine.plan, engine.dal, others) if row["there"]}
    places = [engine.plan.document.place(*each.keys) for each in found if there.isdisjoint(each.any)]
    return list(dict.fromkeys(str(place) for place in places))


async def _remove(engine: Pipeline, kind: str, ident: str) -> list[dict[str, Any]]:
    dal = engine.dal
    removed = []
    stored = await finished(dal.get(kind, ident))
    if stored is not None:
        try:
            await finished(dal.delete(stored))
        except ReadOnly:
            return []
        removed.append({"type": kind, "id": ident})
    if kind == "aor" and dal.stores("contact"):
        contacts = await finished(dal.owned("contact", ident))
        if contacts:
            await finished(dal.change("contact", ident, (), [contact.id for contact in contacts]))
            removed += [{"type": "contact", "id": contact.id, "uri": contact.uri} for contact in contacts]
    return removed


async def listed(engine: Pipeline) -> list[dict[str, Any]]:
    """Return a row for each endpoint: who, which algorithms it has hashes for, where it is stored. No secret is in it."""
    endpoints = await finished(engine.dal.find("endpoint"))
    auths = {auth.id: auth for auth in await finished(engine.dal.find("auth"))} if engine.dal.stores("auth") else {}

    def row(endpoint: Endpoint) -> dict[str, Any]:
        found = [auths[ident] for ident in endpoint.auth if ident in auths]
        has = [["password"] if auth.password else list(auth.password_digest) for auth in found]
        return {
            "user": endpoint.id,
            "aors": list(endpoint.aors),
            "credentials": [name for names in has for name in names],
            "stored_in": endpoint.origin,
        }

    return [row(endpoint) for endpoint in sorted(endpoints, key=lambda endpoint: endpoint.id)]


def count(engine: Pipeline) -> Any:
    """Return how many endpoints there are, at once or as a Pending."""
    return settle(engine.dal.find("endpoint"), len) if engine.dal.stores("endpoint") else 0
