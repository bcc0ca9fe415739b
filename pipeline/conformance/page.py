"""docs/conformance.md: for every section of every RFC that something holds us to, what that is. `python -m pipeline.conformance.page`.

Made of three kinds of notes: the messages and checks of `sipline conformance`; tests with `@rfc("3261", "10.3-7")`; and test files whose
docstring, or tests whose docstring, cites "RFC 3261 10.3, 8.2". A citation in a file's docstring speaks for the file.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.conformance.run import cases

if TYPE_CHECKING:
    from collections.abc import Iterator

CITED = re.compile(r"RFC (\d{4})((?:,? (?:and )?\d+(?:\.\d+)*(?:-\d+)?(?![\d.]*[A-Za-z]))*)")
SECTION = re.compile(r"\d+(?:\.\d+)*(?:-\d+)?")
TITLES = {
    "2308": "negative caching of DNS answers",
    "2543": "SIP, the first edition",
    "2782": "DNS SRV",
    "2976": "INFO, the first edition",
    "3261": "SIP",
    "3262": "reliable provisional answers (PRACK)",
    "3263": "locating SIP servers",
    "3264": "offer and answer",
    "3311": "UPDATE",
    "3323": "privacy",
    "3325": "asserted identity",
    "3326": "Reason",
    "3327": "Path",
    "3362": "image/t38",
    "3403": "NAPTR",
    "3428": "MESSAGE",
    "3515": "REFER",
    "3550": "RTP",
    "3581": "rport",
    "3605": "RTCP in SDP",
    "3665": "basic call flows",
    "3680": "event package reg",
    "3725": "third party call control",
    "3842": "message-summary",
    "3856": "presence",
    "3857": "event package winfo",
    "3858": "watcher information",
    "3863": "PIDF",
    "3891": "Replaces",
    "3903": "PUBLISH",
    "4028": "session timers",
    "4235": "event package dialog",
    "4320": "non-INVITE transactions",
    "4475": "torture tests",
    "4566": "SDP",
    "4575": "event package conference",
    "4662": "resource lists",
    "4733": "telephone events",
    "4961": "symmetric RTP",
    "5057": "dialog usages",
    "5118": "torture tests for IPv6",
    "5393": "loops and Max-Breadth",
    "5407": "race conditions",
    "5626": "Outbound",
    "5627": "GRUU",
    "5630": "sips",
    "5761": "RTP and RTCP on one port",
    "5769": "test vectors of STUN",
    "5806": "Diversion",
    "5922": "domain certificates",
    "5923": "connection reuse",
    "6026": "2xx to INVITE",
    "6066": "extensions of TLS (SNI)",
    "6086": "INFO",
    "6177": "IPv6 addresses of a site",
    "6314": "NAT traversal",
    "6337": "offer and answer in SIP",
    "6455": "WebSocket",
    "6665": "SUBSCRIBE and NOTIFY",
    "7118": "SIP over WebSocket",
    "7339": "overload control",
    "7616": "digest",
    "8446": "TLS 1.3",
    "8489": "STUN",
    "8599": "push",
    "8760": "digest algorithms of SIP",
    "8996": "the end of TLS 1.0 and 1.1",
}
Note = tuple[str, str, str]
"""RFC, section ("" = all of it), what holds us to it."""


def notes(tests: Path) -> Iterator[Note]:
    """Give every note."""
    for number, section, name, _, _ in cases():
        yield number, section, f"`sipline conformance`: {name}"
    for path in sorted(tests.rglob("test_*.py")):
        tree = ast.parse(path.read_text())
        file = path.relative_to(tests.parent).as_posix()
        for number, section in cited(ast.get_docstring(tree) or ""):
            yield number, section, file
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found = {mark for decorator in node.decorator_list for mark in _marks(decorator)}
                found |= set(cited(ast.get_docstring(node) or ""))
                for number, section in sorted(found):
                    yield number, section, f"{file}: {node.name.removeprefix('test_').replace('_', ' ')}"


def cited(text: str) -> list[tuple[str, str]]:
    """Return the (RFC, section) that a text cites, as "RFC 3261 10.3, 8.2; RFC 4475"."""
    found = []
    for match in CITED.finditer(re.sub(r"\s+", " ", text)):
        sections = SECTION.findall(match[2])
        found += [(match[1], section) for section in sections or [""]]
    return found


def _marks(decorator: ast.expr) -> list[tuple[str, str]]:
    if not isinstance(decorator, ast.Call):
        return []
    name = decorator.func
    if (name.id if isinstance(name, ast.Name) else name.attr if isinstance(name, ast.Attribute) else "") != "rfc":
        return []
    words = [argument.value for argument in decorator.args if isinstance(argument, ast.Constant)]
    return [(str(words[0]), str(section)) for section in words[1:] or [""]] if words else []


def render(tests: Path) -> str:
    """Return the page."""
    by_rfc: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for number, section, what in notes(tests):
        if what not in by_rfc[number][section]:
            by_rfc[number][section].append(what)
    lines = [
        "# Conformance: what holds us to which section",
        "",
        "Made by `make docs` from the messages and checks of `sipline conformance`, the tests' `@rfc(...)` marks and what they cite.",
        "A file that is named without a test speaks for itself as a whole. Do not edit.",
        "",
    ]
    lines += ["| RFC | | sections | tests and checks | files |", "|---|---|---|---|---|"]
    for number in sorted(by_rfc, key=int):
        held_by = {what for section in by_rfc[number].values() for what in section}
        single = sum(": " in what for what in held_by)
        sections = len([section for section in by_rfc[number] if section])
        lines.append(f"| [{number}](#rfc-{number}) | {TITLES.get(number, '')} | {sections} | {single} | {len(held_by) - single} |")
    lines.append("")
    for number in sorted(by_rfc, key=int):
        lines += [f"## RFC {number}", "", "| section | held by |", "|---|---|"]
        for section in sorted(by_rfc[number], key=_order):
            held = "<br>".join(what.replace("|", "&#124;") for what in by_rfc[number][section])
            lines.append(f"| {section or 'all'} | {held} |")
        lines.append("")
    return "\n".join(lines)


def _order(section: str) -> list[int]:
    return [int(part) for part in SECTION.sub(lambda match: match[0].replace("-", "."), section).split(".") if part]


if __name__ == "__main__":
    sys.stdout.write(render(Path(__file__).parents[2] / "tests"))
