"""Runs the messages and the check-list against a plan; gives a Result for each, in the order of the RFCs."""

from __future__ import annotations

import tempfile
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.conformance.bench import Bench, Unsuitable, Wrong, must
from pipeline.conformance.calls import CALLS
from pipeline.conformance.changed import changed
from pipeline.conformance.checks import CHECKS, datagrams, offers
from pipeline.conformance.logins import LOGINS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.config.plan import Plan

MESSAGES = tuple(Path(__file__).parent / name for name in ("messages.toml", "changed.toml"))
PASSED, FAILED, SKIPPED = "passed", "failed", "not applicable"
PASSED_ON = "passed on to another server, whose answer it would be: that one is not there in memory"


@attrs.frozen
class Result:
    """One check, and how it went."""

    rfc: str
    section: str
    name: str
    point: str
    result: str
    detail: str = ""


def cases() -> Iterator[tuple[str, str, str, str, Callable[[Bench], None]]]:
    """Give (RFC, section, name, point, check) of all, by RFC and section."""
    found: list[tuple[str, str, str, str, Callable[[Bench], None]]] = []
    for path in MESSAGES:
        for name, case in tomllib.loads(path.read_text()).items():
            found.append((case["rfc"], case["section"], name, case["point"], partial(_message, case)))
    for check in (*CHECKS, *LOGINS, *CALLS):
        first_line = (check.__doc__ or "").strip().partition("\n")[0]
        for number, section in check.rfc:  # type: ignore[attr-defined]
            found.append((number, section, check.__name__.replace("_", "-"), first_line, check))
    yield from sorted(found, key=lambda case: (int(case[0]), [int(part) if part.isdigit() else 0 for part in _parts(case[1])], case[2]))


def _parts(section: str) -> list[str]:
    return section.replace("-", ".").split(".")


def run(plan: Plan) -> tuple[list[Result], dict[str, list[str]]]:
    """Run all; return the results, and what was not as it is listed. A pipeline that cannot start raises OSError."""
    results: list[Result] = []
    done: dict[Any, tuple[str, str]] = {}
    with tempfile.TemporaryDirectory(prefix="sipline-conformance") as folder:
        bench = Bench(plan, Path(folder))
        failures: list[Any] = []
        bench.engine.bus.listen("step.failed", failures.append)
        try:
            for number, section, name, point, check in cases():
                if check not in done:
                    failures.clear()
                    done[check] = _outcome(check, bench)
                    if failures and done[check][0] == PASSED:
                        fields = failures[0].fields
                        done[check] = FAILED, f"{fields['plugin']} failed: {fields['error']}"
                results.append(Result(number, section, name, point, *done[check]))
            return results, bench.notes
        finally:
            bench.close()


def _outcome(check: Callable[[Bench], None], bench: Bench) -> tuple[str, str]:
    if bench.unsuitable:
        return SKIPPED, bench.unsuitable
    bench.fresh()
    passed_on = bench.engine.counts["forwarded"]
    try:
        check(bench)
    except Unsuitable as why:
        return SKIPPED, str(why)
    except Exception as error:
        if bench.refusals:  # what is refused as it is meant to be is no fault of what would have answered
            return SKIPPED, f"a list refuses what is asked: {bench.refusals[0].fields['because']}"
        if bench.engine.counts["forwarded"] > passed_on:
            return SKIPPED, PASSED_ON
        return FAILED, str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
    return PASSED, ""


def _message(case: dict[str, Any], bench: Bench) -> None:
    """Send one message and compare what comes back."""
    if case.get("datagram"):
        datagrams(bench)
    if "needs" in case:
        offers(bench, case["needs"])
    serial = bench.engine.token()
    head, _, body = (case["text"] if "text" in case else changed(case)).lstrip("\n").partition("\n\n")
    body = body.rstrip("\n").replace("\n", "\r\n")
    words = {
        "domain": bench.engine.domains.first.id,
        "me": f"{bench.source[0]}:{bench.source[1]}",
        "serial": serial,
        "hundred": "x" * 100,
        "length": str(len(body.encode())),
    }
    text = head.rstrip("\n").replace("\n", "\r\n") + "\r\n\r\n" + body
    for name, value in words.items():
        text = text.replace("{" + name + "}", value)
    answers = [answer for answer in bench.ask(text.encode()) if answer.status >= 200]
    expected = case["expect"]
    if "drop" in expected:
        if answers:
            raise Wrong(f"it was answered: {answers[0].status} {answers[0].reason}")
        return
    must(answers, f"it was not answered; expected: {', '.join(map(str, expected))}")
    status = answers[0].status
    forbidden = [int(word[1:]) for word in expected if str(word).startswith("!")]
    must(status not in forbidden, f"the answer is {status} {answers[0].reason}")
    must("any" in expected or status in expected, f"the answer is {status} {answers[0].reason}, not {', '.join(map(str, expected))}")
