"""The first start: a server without any user makes two, with passwords of its own, and says what to do with them.

Only in a terminal, where somebody reads them: there is no default password anywhere, and none is written into a log.
"""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

from pipeline.config.binds import NAMELESS
from pipeline.control import accounts
from pipeline.dal import StorageError
from pipeline.pending import finished

if TYPE_CHECKING:
    from pipeline.engine import Pipeline

NAMES = ("alice", "bob")
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""No letter that looks like another: it will be typed into a phone. 31 ** 14 passwords are 69 bits."""
LENGTH = 14


def fresh_password() -> str:
    """Return a new random password."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


async def welcome(engine: Pipeline) -> None:
    """Make two users when there is none."""
    if not any(listing.stage == "application" for listing in engine.generation.listings()):
        return
    try:
        if await finished(accounts.count(engine)):
            return
    except StorageError as error:
        _say(f"warning: users cannot be read: {error}")
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        _say("warning: there is no user, so no phone can register: add one with `sipline user add NAME`")
        return
    domain = engine.domains.first
    passwords = {name: fresh_password() for name in NAMES}
    try:
        rows = await accounts.add(engine, [accounts.account(name, domain, password) for name, password in passwords.items()])
    except accounts.Refused as refused:
        _say(f"warning: there is no user, so no phone can register: {refused}")
        return
    made = {row["name"]: passwords[row["name"]] for row in rows if "error" not in row}
    if made:
        _say(_text(engine, made))


def _text(engine: Pipeline, made: dict[str, str]) -> str:
    name, password = next(iter(made.items()))
    stored = accounts.writable(engine)
    lines = ["", f"There were no users yet, so here are {len(made)}. The passwords are shown this once; {stored} keeps hashes of them."]
    lines += ["", *(f"    user {name:<8} password {password}" for name, password in made.items()), ""]
    lines += ["A phone in a minute: install one (Linphone, baresip, Zoiper ...), add a SIP account and fill in", ""]
    lines += [f"    user name {name}    password {password}"]
    server, domain = _server(engine), engine.domains.first.id
    if domain in (server, NAMELESS):  # our address stands for the domain: one field to fill in
        lines += [f"    server    {server}    (also called domain or registrar)"]
    else:
        lines += [f"    domain    {domain}", f"    proxy     {server}    (also called outbound proxy)"]
    lines += ["", "See it come:    sipline show contacts", "Watch it talk:  sipline trace stages"]
    lines += ["More users:     sipline user add NAME", ""]
    return "\n".join(lines)


def _server(engine: Pipeline) -> str:
    """Return what a phone in the network calls us."""
    for _, _, (host, port) in engine.listeners:
        if host in ("0.0.0.0", "::"):  # noqa: S104  # compared with
            probe = "192.0.2.1" if host == "0.0.0.0" else "2001:db8::1"  # noqa: S104
            try:
                host = engine.network.local_for((probe, 9))
            except OSError:
                continue
        name = f"[{host}]" if ":" in host else host
        return name if port == 5060 else f"{name}:{port}"
    return engine.domains.first.id


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
