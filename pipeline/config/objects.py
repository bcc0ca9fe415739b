"""The stored objects that the file itself holds: [endpoint.X] [auth.X] [aor.X] [identify.X], and [user.X], short for three.

A [user.NAME] is one endpoint, one auth and one aor of that name, and a mailbox if it has keys of one; each of its keys goes to the type
that has a field of that name (`spread`). An aor's id is "user@domain", without @ in the first domain; endpoint and auth ids are as written.
Rule: an object is made only when its own table is right; who refers to whom is checked afterwards, in references.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.config.plan import Reference
from pipeline.config.problems import known, listed, nearest
from pipeline.config.read import dotted, undotted
from pipeline.config.schema import MISSING, check_value, make, misspelt, options_of
from pipeline.config.stored import file_types
from pipeline.config.values import shown
from pipeline.dal.names import USER_NAMES, is_user_name
from pipeline.dal.objects import ALGORITHMS, TYPES
from pipeline.prefixes import network
from pipeline.sip.address import Address
from pipeline.sip.grammar import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.config.problems import Report
    from pipeline.config.schema import Option
    from pipeline.config.served import Served
    from pipeline.config.stages import Keys

__all__ = ["USER_TYPES", "Objects", "read_objects", "spread"]

USER_TYPES = ("endpoint", "auth", "aor", "mailbox")
_HEX = frozenset("0123456789abcdefABCDEF")


def spread() -> dict[str, tuple[str, ...]]:
    """Which type each key of a [user] table goes to; more than one is ambiguous and must be written in the long form."""
    found: dict[str, tuple[str, ...]] = {}
    for kind in USER_TYPES:
        for name in options_of(TYPES[kind]):
            found[name] = (*found.get(name, ()), kind)
    return found


class Objects:
    """What was read: the objects, and by type and id where each was written."""

    def __init__(self, report: Report, served: Served) -> None:
        self.report = report
        self.served = served
        self.all: list[Any] = []
        self.places: dict[str, dict[str, Keys]] = {}
        """Type -> id -> table, also of objects that could not be made: a mistake in one is not a mistake in those that refer to it."""
        self.own_aors: set[str] = set()
        """The AORs that users would have by their names: what a misspelt one was probably meant to be."""
        self.refers: list[Reference] = []
        """Every id that a table names, right or not."""

    def add(self, kind: str, ident: str, values: Mapping[str, Any], keys: Keys, *, fine: bool = True) -> None:
        """Make an object, unless its id is taken."""
        known = self.places.setdefault(kind, {})
        other = known.get(ident)
        if other is not None:
            place = self.report.document.place(*other)
            text = f"{kind} '{ident}' is made already by {dotted(*other)} in line {place.line}"
            self.report.error(keys, text, "keep one of the two", key=True)
            return
        known[ident] = keys
        if fine:
            made = make(self.report, TYPES[kind], {"id": ident, **values}, keys, dotted(*keys))
            if made is not None:
                self.all.append(made)
                if kind == "aor":
                    _expirations(self.report, made, keys)

    def aor_id(self, name: str, keys: Keys, *, key: bool = False) -> str:
        """Write an AOR's id in full: user@domain, the domain by its own name."""
        user, at, host = name.rpartition("@")
        if not at:
            return f"{name}@{self.served.first.id}"
        if user.startswith(("sip:", "sips:")):
            bare = name.partition(":")[2]
            self.report.error(keys, f"'{name}' is an id, not a URI", f"write '{bare}'", key=key)
            return name
        domain = self.served.find(host)
        if domain is None and not self.served.complete:
            return name
        if domain is None:
            near = nearest(host, self.served.names()) if self.served.named else ""
            self.report.error(keys, f"'{host}' is no domain of this server", near or f'add "{host}" to domains of [pipeline]', key=key)
            return name
        return f"{user}@{domain.id}"


def read_objects(report: Report, data: dict[str, Any], served: Served) -> Objects:
    """Read every object table but [domain]."""
    objects = Objects(report, served)
    for domain in served.domains:
        objects.places.setdefault("domain", {})[domain.id] = ("domain", domain.id)
        objects.all.append(domain)
    for kind in file_types():
        if kind != "domain":
            for name, table in _tables(report, data, kind).items():
                _long_form(objects, kind, name, table)
    keys_of = spread()
    options = {kind: options_of(TYPES[kind]) for kind in USER_TYPES}
    for name, table in _tables(report, data, "user").items():
        _user(objects, name, table, keys_of, options)
    return objects


def _expirations(report: Report, aor: Any, keys: Keys) -> None:
    """Tell an interval that nobody could register for: what is long enough would be cut to what is refused as too short."""
    least, most = aor.minimum_expiration, aor.maximum_expiration
    if least > most:
        table = report.document.data[str(keys[0])][keys[1]]
        name = next((name for name in ("minimum_expiration", "maximum_expiration") if name in table), "")
        text = f"{dotted(*keys)}: minimum_expiration ({least} s) is more than maximum_expiration ({most} s)"
        report.error((*keys, name) if name else keys, text, "a registration lasts between the two")


def _tables(report: Report, data: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    tables = data.get(kind, {})
    if not isinstance(tables, dict):
        report.error((kind,), f"{kind} must be a table: write [{kind}.NAME]", key=True)
        return {}
    found = {}
    for name, table in tables.items():
        if isinstance(table, dict):
            found[name] = table
        else:
            report.error((kind, name), f"its keys stand under a name: write [{kind}.NAME]", key=True)
    return found


def _long_form(objects: Objects, kind: str, name: str, table: dict[str, Any]) -> None:
    report, keys = objects.report, (kind, name)
    before = report.count
    options = options_of(TYPES[kind])
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in options:
            _put(objects, values, options[key], value, (*keys, key))
        else:
            meant = undotted(keys, key, value) or report.whose(key, objects=True) or known(key, options)
            report.error((*keys, key), f"{dotted(*keys)} has no key '{key}'", meant, key=True)
    for option in options.values():
        if option.required and option.name not in table and not misspelt(option.name, table, options):
            report.error(keys, f"{dotted(*keys)} needs '{option.name}'", f"{option.name}: {option.help}" if option.help else "")
    if kind == "endpoint" and "auth" not in table and not misspelt("auth", table, options):
        hint = f'write auth = ["{name}"], or auth = [] to let it in without a password'
        report.error(keys, f"{dotted(*keys)} does not say 'auth'", hint)
    if kind == "auth" and _empty(table):
        _password_empty(objects, keys, "")
    elif kind == "auth" and not any(near in table for near in ("password", "password_digest")):
        _password_missing(objects, table, keys, "")
    ident = objects.aor_id(name, keys, key=True) if kind == "aor" else name
    objects.add(kind, ident, values, keys, fine=report.count == before)


def _password_missing(objects: Objects, table: dict[str, Any], keys: Keys, instead: str) -> None:
    if misspelt("password", table, known := {*spread()}) or misspelt("password_digest", table, known):
        return
    hint = f'write password_digest = ["MD5:…"] or password = "…"{instead}'
    objects.report.error(keys, f"{dotted(*keys)} has no password", hint)


def _empty(table: Mapping[str, Any]) -> bool:
    return table.get("password") == "" and "password_digest" not in table


def _password_empty(objects: Objects, keys: Keys, instead: str) -> None:
    hint = f'write password = "…" or password_digest = ["MD5:…"]{instead}'
    objects.report.error((*keys, "password"), f"{dotted(*keys)} has an empty password: anybody could guess it", hint)


def _put(objects: Objects, values: dict[str, Any], option: Option, value: Any, keys: Keys) -> None:
    """Check one value and note it; ids of AORs are written in full, hashes become a dict."""
    if option.name == "password_digest":
        digests = _digests(objects.report, value, keys)
        if digests is not None:
            values[option.name] = digests
        return
    value = check_value(objects.report, option, value, keys)
    if value is MISSING:
        return
    if option.refers == "aor" and isinstance(value, tuple):
        value = tuple(objects.aor_id(name, (*keys, position)) for position, name in enumerate(value))
    if option.refers and value != option.default:
        who = dotted(*keys[:2])
        for position, ident in enumerate((value,) if isinstance(value, str) else value):
            place = keys if isinstance(value, str) else (*keys, position)
            text = f"{who} refers to {option.refers} '{ident}', which does not exist"
            objects.refers.append(Reference(option.refers, ident, place, text))
    if option.name == "match" and keys[0] == "identify":
        _networks(objects.report, value, keys)
    elif option.name == "contact" or (option.name == "outbound_proxy" and value):
        _addresses(objects.report, value, keys)
    values[option.name] = value


def _networks(report: Report, value: tuple[str, ...], keys: Keys) -> None:
    for position, text in enumerate(value):
        try:
            network(text)
        except ValueError as error:  # bits behind the prefix too: "10.0.0.1/8" would let a whole network in for one address
            what, _, instead = str(error).rpartition(": ")
            report.error((*keys, position), what, instead)
    if not value:
        report.error(keys, "match is empty: it identifies nobody", 'such as "192.0.2.7" or "192.0.2.0/24"')


def _addresses(report: Report, value: tuple[str, ...] | str, keys: Keys) -> None:
    """Check what requests are sent to: each a URI, or an address with parameters."""
    for position, text in enumerate((value,) if isinstance(value, str) else value):
        place = keys if isinstance(value, str) else (*keys, position)
        try:
            address = Address.parse(text if "<" in text else f"<{text}>", str(keys[-1]))
            if address.uri.scheme in ("sip", "sips"):
                _ = address.q
                continue
            why = f"'{text}' is no sip or sips URI"
        except Malformed as error:
            why = f"'{text}': {error.why}"
        report.error(place, why, 'such as "sip:gw@192.0.2.7" or "<sip:gw@192.0.2.7;transport=tcp>"')


def _digests(report: Report, value: Any, keys: Keys) -> dict[str, str] | None:
    """Read ["MD5:…", "SHA-256:…"]. What is wrong is said without showing it."""
    if not isinstance(value, list):
        hint = 'write password_digest = ["MD5:…", "SHA-256:…"]'
        report.error(keys, "password_digest must be a list of texts", hint)
        return None
    found: dict[str, str] = {}
    fine = True
    for position, item in enumerate(value):
        place = (*keys, position)
        name, colon, digits = item.partition(":") if isinstance(item, str) else ("", "", "")
        size = ALGORITHMS.get(name.upper(), 0)
        text = ""
        if not colon:
            text = f"item {position + 1} of password_digest must be an algorithm, a colon and a hash"
            hint = 'write "MD5:…"'
        elif not size:
            hint = nearest(name, ALGORITHMS)  # what is like none may be half a password: it is not shown
            text = f"item {position + 1} of password_digest: unknown algorithm" + (f" '{name}'" if hint else "")
            hint = hint or f"it is {listed(ALGORITHMS, 'or')}"
        elif len(digits) != size or not _HEX.issuperset(digits):
            text = f"item {position + 1} of password_digest: a hash of {name.upper()} is {size} hexadecimal digits"
            hint = f"this has {len(digits)}" if _HEX.issuperset(digits) else "this has other characters"
        elif name.upper() in found:
            text = f"password_digest has two hashes of {name.upper()}"
            hint = "remove one of the two"
        if text:
            report.error(place, text, hint)
            fine = False
        else:
            found[name.upper()] = digits.lower()
    return found if fine else None


def _user(objects: Objects, name: str, table: dict[str, Any], keys_of: dict[str, tuple[str, ...]], options: dict[str, Any]) -> None:
    report, keys = objects.report, ("user", name)
    before = report.count
    parts: dict[str, dict[str, Any]] = {kind: {} for kind in USER_TYPES}
    for key, value in table.items():
        kinds = keys_of.get(key, ())
        if len(kinds) == 1:
            _put(objects, parts[kinds[0]], options[kinds[0]][key], value, (*keys, key))
        elif kinds:
            long_forms = listed((dotted(kind, name) for kind in kinds), "or")
            text = f"'{key}' of {dotted(*keys)} could be of {listed(kinds, 'or')}"
            report.error((*keys, key), text, f"write it in {long_forms}", key=True)
        else:
            meant = undotted(keys, key, value) or report.whose(key, objects=True) or known(key, keys_of)
            report.error((*keys, key), f"{dotted(*keys)} has no key '{key}'", meant, key=True)
    user = name.rpartition("@")[0] if "@" in name else name
    if is_user_name(user) or user.startswith(("sip:", "sips:")):
        aor = objects.aor_id(name, keys, key=True)
    else:
        report.error(keys, f"{name!r} is no user name", USER_NAMES, key=True)
        aor = name
    objects.own_aors.add(aor)
    endpoint = {"auth": (name,), "aors": (aor,), **parts["endpoint"]}
    _own_auth(objects, keys, table, parts["auth"], endpoint["auth"])
    fine = report.count == before
    if aor in endpoint["aors"]:
        other = objects.places.get("aor", {}).get(aor)
        if other is None or other[0] == "user" or parts["aor"]:  # an [aor.NAME] of its own is taken instead
            objects.add("aor", aor, parts["aor"], keys, fine=fine)
    elif parts["aor"]:
        first = next(iter(parts["aor"]))
        text = f"'{first}' is of aor '{aor}', which aors does not name"
        report.error((*keys, first), text, f'add "{name}" to aors, or remove it', key=True)
    objects.add("endpoint", name, endpoint, keys, fine=fine)
    if parts["mailbox"]:  # without any, the mailbox of that name has its defaults
        objects.add("mailbox", name, {"aor": (aor,), **parts["mailbox"]}, keys, fine=fine)


def _own_auth(objects: Objects, keys: Keys, table: dict[str, Any], part: dict[str, Any], named: tuple[str, ...]) -> None:
    """Make the user's own auth, when the table has a password for one."""
    report, name = objects.report, str(keys[1])
    written = [key for key in table if key in options_of(TYPES["auth"])]
    if name in named and _empty(table):
        _password_empty(objects, keys, ", or auth = [] to let it in without one")
        objects.places.setdefault("auth", {}).setdefault(name, keys)
        return
    has_password = "password" in table or "password_digest" in table
    if name not in named:
        if written:
            said = "auth = []" if not named else f"auth = {shown(named)}"
            report.error((*keys, written[0]), f"{dotted(*keys)} has '{written[0]}', but says {said}", "keep one of the two", key=True)
        return
    if not has_password:
        if name not in objects.places.get("auth", {}) or written:
            _password_missing(objects, table, keys, ", or auth = [] to let it in without one")
            objects.places.setdefault("auth", {}).setdefault(name, keys)  # told once: who refers to it is right
        return
    if "@" in name and "username" not in part:
        part["username"] = name.rpartition("@")[0]
    right = all(key in part for key in written)
    objects.add("auth", name, part, keys, fine=right)
