"""shared/scenarios: third parties' SIPp scenarios of calls, against the profiles open.toml and auth.toml of this folder.

The server always asks with 401; run.py exchanges it for 407 where a scenario wants that (`swap`).
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[4] / "shared/scenarios"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is not here; test_sipp_calls.py drives scenarios of our own"),
]

CASES = json.loads((FOLDER / "cases.json").read_text()) if FOLDER.is_dir() else {}
NOT_OURS = {
    "b2bua/refer": "wants the REFER passed on to the other leg; here it is carried out (INDEX.md allows that, the scenario does not)",
    "b2bua/update": "its callee has no Allow with UPDATE, so it must not be sent one (RFC 3311 4 and 5.1): it gets a re-INVITE; and an UPDATE"
    " without a body is a session refresh, which ends in the house, per leg (RFC 4028 4)",
}
RACE = (
    "both sides pause 200 ms from the same moment on, then one says BYE: SIPp aborts when its own pause is not over yet; it passes every other"
    " time, and every time when the one that says BYE pauses for 400 ms"
)
LEGAL = {
    "invite/reinvite-after-bye": (
        "got 481",
        "our BYE has ended the session (RFC 3261 15.1.1), a re-INVITE that crosses it is 481 (RFC 5407 3.2.2); cases.json wants the 200",
    ),
    "invite/retransmitted-invite-after-ack": (
        "timed out; last > INVITE: > INVITE | < 200 OK | > ACK | > INVITE",
        "silence is right (RFC 6026 7.1), and meant to be taken, but the runner's own optional 100 before it keeps SIPp's timeout from running",
    ),
    "b2bua/reinvite-bleg": ("unexpected BYE", RACE),
    "b2bua/reinvite-breject": (
        "unexpected BYE",
        RACE,
    ),
}
"""Case -> (what its failure says, why that is no fault of the server)."""
OURS = [
    name
    for name in CASES
    if (name.startswith(("invite/", "b2bua/", "auth/b2bua-")) or name in ("auth/invite-407", "auth/ack-non2xx", "reg/path-invite"))
    and name not in NOT_OURS
    and not CASES[name].get("unreliable")
]


@pytest.fixture(scope="module")
def verdicts(serve_module, template, program, tools, tmp_path_factory, alone):
    program("sipp")
    servers = [
        serve_module(template(f"calls/{name}"), prefix=alone, steps=tools.here / "calls/steps.py") for name in ("open.toml", "auth.toml")
    ]
    found = tmp_path_factory.mktemp("scenarios") / "verdicts.json"
    done = subprocess.run(
        [*alone, sys.executable, FOLDER / "run.py", "--target", servers[0].address, "--auth-target", servers[1].address,
         "--only", ",".join(OURS), "--json", found],
        capture_output=True, text=True, timeout=900, check=False, cwd=found.parent,
    )  # fmt: skip
    assert found.exists(), done.stdout + done.stderr
    for server in servers:
        assert "Traceback" not in server.log, server.log
    return {verdict["case"]: verdict for verdict in json.loads(found.read_text())}


@pytest.mark.parametrize("name", OURS or ["none"])
def test_a_scenario_of_third_parties_passes(verdicts, name):
    verdict = verdicts[name]
    why = f"{verdict['reason']}: {' | '.join(verdict['trace'])}"
    if verdict["verdict"] != "pass" and name in LEGAL and LEGAL[name][0] in why:
        return
    assert verdict["verdict"] == "pass", why
