"""[pipeline] and the domains: its list `domains`, and the tables [domain.NAME] with aliases, realm and algorithms.

Rule: the first domain is the one that an id without @ belongs to; there always is one. Comparison ignores case, a trailing
dot and the port (RFC 3261 19.1.4); digest algorithms are those of RFC 7616 and RFC 8760.
"""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pipeline.config.binds import first_domain, is_wildcard
from pipeline.config.options import PipelineOptions
from pipeline.config.problems import listed
from pipeline.config.read import dotted
from pipeline.config.schema import check_table, make
from pipeline.dal.objects import ALGORITHMS, TYPES
from pipeline.sip.grammar import Malformed
from pipeline.sip.host import host_key, hostport
from pipeline.state import INSTEAD, place, realm_before, used

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config.problems import Report
    from pipeline.config.stages import Keys
    from pipeline.dal.objects import Domain

__all__ = ["Served", "read_domains", "read_pipeline", "read_state"]


class Served:
    """The domains by every name they answer to."""

    def __init__(self, domains: list[Domain], hosts: list[str], *, named: bool, complete: bool = True) -> None:
        self.domains = domains
        self.complete = complete
        """Whether these are all that the file means: one that is written wrongly is missing here, and not in the ids of its users."""
        self.named = named
        """Whether the file names a domain at all."""
        self._known = {host_key(name): domain for domain in domains for name in (domain.id, *domain.aliases)}
        for host in hosts:
            if not is_wildcard(host):
                self._known.setdefault(host_key(host), domains[0])

    @property
    def first(self) -> Domain:
        """The domain of ids without @."""
        return self.domains[0]

    def find(self, host: str) -> Domain | None:
        """Give the domain that a name or an address stands for."""
        return self._known.get(host_key(host))

    def names(self) -> list[str]:
        """Every domain's name."""
        return [domain.id for domain in self.domains]


def read_pipeline(report: Report, data: dict[str, Any]) -> PipelineOptions:
    """Read [pipeline]."""
    table = data.get("pipeline", {})
    if not isinstance(table, dict):
        report.error(("pipeline",), "pipeline must be a table: write [pipeline]", key=True)
        return PipelineOptions()
    values = check_table(report, PipelineOptions, table, ("pipeline",))
    made = make(report, PipelineOptions, values, ("pipeline",), "[pipeline]")
    return made if isinstance(made, PipelineOptions) else PipelineOptions()


def read_state(report: Report, beside: Path, options: PipelineOptions) -> Path:
    """Return the state directory; a mistake when it can be none. Whether another has it is seen when it is opened."""
    try:
        if "\0" in options.state:
            raise RuntimeError("A path holds no zero octet")
        folder = place(beside, options.state)
        why = used(folder)
    except RuntimeError as error:
        folder, why = beside / ".sipline", f"no folder: {error}"
    if why:
        report.error(("pipeline", "state"), f"'{options.state}' is {why}", INSTEAD)
    return folder


def read_domains(report: Report, data: dict[str, Any], options: PipelineOptions, hosts: list[str]) -> Served:
    """Read the domains: those of the list first, in its order, then those that only have a table."""
    cls: Any = TYPES["domain"]
    before = report.count
    tables = data.get("domain", {})
    if not isinstance(tables, dict):
        report.error(("domain",), 'domain must be a table: write [domain."example.com"]', key=True)
        tables = {}
    by_key = {host_key(name): name for name in tables}
    domains: list[Any] = []
    seen: dict[str, str] = {}
    pipeline = data.get("pipeline")
    written = pipeline.get("domains", []) if isinstance(pipeline, dict) else []
    complete = written == [*options.domains]  # else some are no texts, which was told; the others are read all the same
    places: list[tuple[str, Keys]] = [
        (by_key.pop(host_key(name), name), ("pipeline", "domains", i))
        for i, name in enumerate(written if isinstance(written, list) else ())
        if isinstance(name, str)
    ]
    places += [(name, ("domain", name)) for name in by_key.values()]
    for name, keys in places:
        table = tables.get(name, {})
        if not isinstance(table, dict):
            report.error(("domain", name), f"{name} must be a table: write {dotted('domain', name)}", key=True)
            continue
        domain = _domain(report, cls, name, table, keys)
        if domain is not None and _unique(report, domain, keys, seen):
            domains.append(domain)
    named = bool(places)
    if not domains:
        domains.append(cls(id=first_domain(hosts)))
    return Served(domains, hosts, named=named, complete=complete and report.count == before)


def check_realm(report: Report, state: Path, served: Served) -> None:
    """Warn of another realm than that of when the server ran last: hashes are made for one (RFC 7616 3.4.2), and nothing says for which."""
    before, domain = realm_before(state), served.domains[0]
    if before and before not in {each.realm for each in served.domains}:
        keys: Keys = ("pipeline", "domains") if served.named else ("pipeline",)
        text = (
            f"the realm is '{domain.realm}' and was '{before}' when the server ran last: passwords that are kept as hashes fit it no more"
        )
        report.warning(
            keys, text, f'write domains = ["{before}"] in [pipeline], or give the users their passwords anew', key=not served.named
        )


def _domain(report: Report, cls: type, name: str, table: dict[str, Any], keys: Keys) -> Any:
    if not _is_name(name):
        _misnamed(report, name, keys, key=keys[0] == "domain")
        return None
    before = report.count
    values = check_table(report, cls, table, ("domain", name))
    for position, alias in enumerate(values.get("aliases", ())):
        if not _is_name(alias) and not _is_name(f"[{alias}]"):
            _misnamed(report, alias, ("domain", name, "aliases", position))
    if "algorithms" in values and not values["algorithms"]:
        report.error(("domain", name, "algorithms"), "algorithms is empty", f"it holds some of {listed(ALGORITHMS)}")
    if not str(values.get("realm", "")).isprintable():
        report.error(("domain", name, "realm"), "realm holds a sign that no header field can carry", "such as a line break")
    if report.count > before:
        values = {}  # the name alone, so that what belongs to the domain can still be checked
    return make(report, cls, {"id": name, **values}, ("domain", name), dotted("domain", name))


def _is_name(name: str) -> bool:
    """Whether a Request-URI can name it: what is no host there is answered 400."""
    try:
        return hostport(name)[1] is None
    except Malformed:
        return False


def _misnamed(report: Report, name: str, keys: Keys, *, key: bool = False) -> None:
    foreign = "" if name.isascii() or not name.isprintable() else ": SIP writes it in letters of ASCII (RFC 3261 25.1, RFC 5890 2.3.2.1)"
    report.error(keys, f"{name!r} is no domain name{foreign}", _meant(name), key=key)


def _meant(name: str) -> str:
    """Write the domain that stands in a URI, an address as a URI writes it, or what DNS calls a name in other letters."""
    try:
        return f"write '[{ipaddress.IPv6Address(name.partition('%')[0])}]'"
    except ValueError:
        bare = name.removeprefix("sip:").rpartition("@")[2].partition(":")[0].strip()
        with suppress(UnicodeError):
            bare = bare.encode("idna").decode()
        return f"write '{bare}'" if _is_name(bare) else ""


def _unique(report: Report, domain: Any, keys: Keys, seen: dict[str, str]) -> bool:
    if (other := seen.get(host_key(domain.id))) is not None:
        report.error(keys, f"'{domain.id}' already names the domain '{other}'", "remove one of the two", key=keys[0] == "domain")
        return False
    seen[host_key(domain.id)] = domain.id
    for position, alias in enumerate(domain.aliases):
        if (other := seen.setdefault(host_key(alias), domain.id)) != domain.id:
            place: Keys = ("domain", domain.id, "aliases", position)
            report.error(place, f"'{alias}' already names the domain '{other}'", "remove one of the two")
    return True
