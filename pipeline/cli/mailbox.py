"""`sipline mailbox list|show|count|set|rescan`: through the running server when there is one, whose lamps follow; else in its files.

The hash of a PIN is computed here, in the command: neither the server's loop nor its socket ever sees it.
"""

from __future__ import annotations

import getpass
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

from pipeline.cli import Failed
from pipeline.cli.client import Client
from pipeline.cli.files import plan_of
from pipeline.cli.show import short
from pipeline.cli.table import show_table

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Awaitable, Callable

    from pipeline.engine import Pipeline

EMPTY = "no mailbox is in use yet"
VALUES = ("email", "number", "max_messages", "max_seconds", "retention_days")


def run(args: Namespace) -> int:
    """Do one of the five."""
    actions: dict[str, Callable[[Namespace], None]] = {"list": _list, "show": _show, "count": _count, "set": _set, "rescan": _rescan}
    actions[args.action](args)
    return 0


def _list(args: Namespace) -> None:
    show_table(_ask(args, "mailboxes.list"), empty=EMPTY, as_json=args.json)


def _show(args: Namespace) -> None:
    box, *messages = _ask(args, "mailboxes.show", name=args.name)
    if args.json:
        show_table([{**box, "messages": messages}], empty="", as_json=True)
        return
    show_table([box], empty="", as_json=False)
    print()
    show_table([short(message) for message in messages], empty="no messages here", as_json=False)


def _count(args: Namespace) -> None:
    numbers = {"new": args.new, "old": args.old, "urgent_new": args.urgent_new, "urgent_old": args.urgent_old}
    (row,) = _ask(args, "mailboxes.count", name=args.name, **numbers)
    print(f"{row['mailbox']}: {row['new']} new, {row['old']} old")


def _set(args: Namespace) -> None:
    values: dict[str, Any] = {name: getattr(args, name) for name in VALUES if getattr(args, name) is not None}
    if args.no_pin:
        values["pin_hash"] = ""
    elif args.pin is not None:
        values["pin_hash"] = _hash(args.name.partition("@")[0], args.pin or _asked(args.name))
    if not values:
        raise Failed("nothing to set: --pin, --no-pin, --email, --number, --max-messages, --max-seconds or --retention-days")
    (row,) = _ask(args, "mailboxes.set", name=args.name, values=values)
    told = ", ".join(name.removesuffix("_hash") for name in values)
    print(f"{row['mailbox']}: {told} set, stored in {row['stored_in']}")


def _rescan(args: Namespace) -> None:
    rows = _ask(args, "mailboxes.rescan")
    for row in rows:
        print(f"{row['mailbox']}: {row['new']} new, {row['old']} old")
    if not rows:
        print("nothing has changed")


def _asked(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    pin = getpass.getpass(f"PIN of {name}: ")
    if getpass.getpass("once more: ") != pin:
        raise Failed("the two PINs differ; nothing was stored")
    return pin


def _hash(name: str, pin: str) -> str:
    from pipeline.mailboxes import Weak, hash_pin  # noqa: PLC0415

    try:
        return hash_pin(pin, name=name)
    except Weak as error:
        raise Failed(str(error)) from None


def _ask(args: Namespace, do: str, **more: Any) -> list[dict[str, Any]]:
    client = Client.unless_offline(args)
    if client is not None:
        with closing(client):
            return client.rows(do, **more)
    from pipeline.cli.offline import offline  # noqa: PLC0415  # the engine, which a question to a server does not need
    from pipeline.control import mailboxes  # noqa: PLC0415
    from pipeline.dal import StorageError  # noqa: PLC0415

    works: dict[str, Callable[[Pipeline], Awaitable[Any]]] = {
        "mailboxes.list": mailboxes.listed,
        "mailboxes.show": lambda engine: mailboxes.messages(engine, more["name"]),
        "mailboxes.count": lambda engine: mailboxes.count(engine, more),
        "mailboxes.set": lambda engine: mailboxes.change(engine, more),
        "mailboxes.rescan": mailboxes.rescan,
    }

    async def work(engine: Pipeline) -> list[dict[str, Any]]:
        return list(await works[do](engine))

    try:
        rows: list[dict[str, Any]] = offline(plan_of(args), work)
    except (StorageError, LookupError, ValueError, TypeError, OSError) as error:
        raise Failed(str(error)) from None
    return rows
