"""`sipline user add|list|remove|import`: through the running server when there is one, which obeys at once; else in its stores.

Hashes are computed here, in the command: neither the server's loop nor its socket ever sees a password.
"""

from __future__ import annotations

import gc
import getpass
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.cli import Failed
from pipeline.cli.client import Client
from pipeline.cli.files import plan_of
from pipeline.cli.first_start import fresh_password
from pipeline.cli.table import cell, show_table
from pipeline.cli.users_csv import Faulty, read_users
from pipeline.config.hints import weak
from pipeline.control import accounts
from pipeline.dal import Domain, StorageError
from pipeline.plain import plain

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from pipeline.cli.users_csv import Row
    from pipeline.engine import Pipeline

BATCH = 500
"""Users of one question to the server: some 200 kB, and what holds its loop for some 10 ms when their common commit is done."""
ALONE = 5000
"""Users of one commit where no server runs."""
TOLD = 20
"""Rows of a CSV file that failed and are told one by one."""


def run(args: Namespace) -> int:
    """Do one of the four."""
    client = Client.unless_offline(args)
    try:
        do = Online(client) if client is not None else Offline(args)
        actions: dict[str, Callable[[Namespace, Online | Offline], int]] = {
            "add": _add,
            "list": _list,
            "remove": _remove,
            "import": _import,
        }
        return actions[args.action](args, do)
    except accounts.Refused as refused:
        raise Failed(str(refused)) from None
    finally:
        if client is not None:
            client.close()


class Online:
    """Asks the running server."""

    batch = BATCH

    def __init__(self, client: Client) -> None:
        self._client = client

    def domains(self) -> list[Domain]:
        """Return the domains it serves: the hashes must fit its realms, whatever the file says by now."""
        rows = self._client.rows("show", what="domains")
        return [Domain(id=row["domain"], realm=row["realm"], aliases=row["aliases"]) for row in rows]

    def add(self, batches: Iterator[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
        """Store users batch by batch."""
        for users in batches:
            yield from self._client.rows("users.add", users=users)

    def remove(self, name: str, *, force: bool) -> list[dict[str, Any]]:
        """Remove one."""
        return self._client.rows("users.remove", name=name, force=force)

    def listed(self) -> list[dict[str, Any]]:
        """List all."""
        return self._client.rows("users.list")


class Offline:
    """Opens the stores itself."""

    batch = ALONE

    def __init__(self, args: Namespace) -> None:
        self._plan = plan_of(args)

    def domains(self) -> list[Domain]:
        """Return the domains of the file."""
        return self._plan.domains

    def add(self, batches: Iterator[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
        """Store users."""

        async def work(engine: Pipeline) -> list[dict[str, Any]]:
            return [row for users in batches for row in await accounts.add(engine, users)]

        return iter(self._do(work))

    def remove(self, name: str, *, force: bool) -> list[dict[str, Any]]:
        """Remove one."""
        return self._do(lambda engine: accounts.remove(engine, name, force=force))

    def listed(self) -> list[dict[str, Any]]:
        """List all."""
        return self._do(accounts.listed)

    def _do(self, work: Callable[[Pipeline], Awaitable[list[dict[str, Any]]]]) -> list[dict[str, Any]]:
        from pipeline.cli.offline import offline  # noqa: PLC0415  # the engine, which a question to a server does not need

        try:
            rows: list[dict[str, Any]] = offline(self._plan, work)
        except (StorageError, OSError) as error:
            raise Failed(str(error)) from None
        return rows


def _domain(domains: list[Domain], name: str | None) -> Domain:
    """Return the domain of that name; the first when none is said."""
    from pipeline.sip.host import host_key  # noqa: PLC0415

    if not name:
        return domains[0]
    for domain in domains:
        if any(host_key(name) == host_key(known) for known in (domain.id, *domain.aliases)):
            return domain
    raise Failed(f"{name} is no domain of this server: it serves {', '.join(domain.id for domain in domains)}")


def _add(args: Namespace, do: Online | Offline) -> int:
    name, at, host = args.name.rpartition("@") if "@" in args.name else (args.name, "", "")
    domain = _domain(do.domains(), args.domain or (host if at else None))
    password, made = args.password, False
    if password is None and sys.stdin.isatty():
        password = getpass.getpass(f"password of {name} (empty: make one): ")
        if password and getpass.getpass("once more: ") != password:
            raise Failed("the two passwords differ; nothing was stored")
    if not password:
        password, made = fresh_password(), True
    (row,) = do.add(iter([[accounts.account(name, domain, password)]]))
    if "error" in row:
        raise Failed(row["error"])
    print(f"user {name} in domain {domain.id}" + (f", password {password}" if made else ""))
    _advise([(name, "", password)])
    return 0


def _advise(passwords: Iterable[tuple[str, str, str]]) -> None:
    """Say what `check` says of weak passwords; they are stored all the same."""
    for hint in weak(passwords):
        print(f"hint: {hint}", file=sys.stderr)


def _list(args: Namespace, do: Online | Offline) -> int:
    show_table(do.listed(), empty="no users: add one with `sipline user add NAME`", as_json=args.json)
    return 0


def _remove(args: Namespace, do: Online | Offline) -> int:
    for row in do.remove(args.name, force=args.force):
        print(f"removed {row['type']} {cell(row.get('uri') or row['id'])}")
    return 0


def _import(args: Namespace, do: Online | Offline) -> int:
    name = "standard input" if args.file == "-" else args.file
    stored, failures, doubtful = 0, 0, []
    # What a batch is made of has no cycles: looking for some at every 700 objects costs a third of the time.
    thresholds = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        with sys.stdin if args.file == "-" else open(args.file, encoding="utf-8-sig", newline="") as file:  # noqa: PTH123
            users = read_users(name, file, partial(_domain, do.domains()))
        for user, row in zip(users, do.add(_batches(users, do.batch)), strict=True):
            if "error" in row:
                failures += 1
                _tell(failures, f"{user.place}: {user.user}: {row['error']}")
                continue
            stored += 1
            if weak([(user.user, "", user.password)]):
                doubtful.append((user.user, "", user.password))
    except OSError as error:
        raise Failed(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        print(f"{name} is not UTF-8: nothing was stored", file=sys.stderr)
        return 2
    except Faulty as faulty:
        for number, fault in enumerate(faulty.faults, 1):
            _tell(number, fault)
        _more(len(faulty.faults))
        print(faulty, file=sys.stderr)
        return 2
    finally:
        gc.set_threshold(*thresholds)  # a caller whose process goes on would look at 50,000 objects at once: 20 ms
    _more(failures)
    _advise(doubtful)
    print(f"{stored} user{'s' if stored != 1 else ''} stored" + (f", {failures} not" if failures else ""))
    return 1 if failures else 0


def _tell(number: int, sentence: str) -> None:
    """Say what is wrong with the first ones."""
    if number <= TOLD:
        print(plain(sentence), file=sys.stderr)


def _more(count: int) -> None:
    if count > TOLD:
        print(f"... and {count - TOLD} more", file=sys.stderr)


def _batches(users: list[Row], size: int) -> Iterator[list[dict[str, Any]]]:
    """Hash the passwords, a batch at a time."""
    for start in range(0, len(users), size):
        yield [accounts.account(user.user, user.domain, user.password) for user in users[start : start + size]]
