"""shared/scenarios: third parties' SIPp scenarios, the registrar's and authentication's, against the profiles open.toml and auth.toml."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared/scenarios"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is not here; test_sipp.py drives scenarios of our own")

REGISTRAR = [
    "reg/multiple-contacts-one-expires",
    "reg/mixed-add-then-remove",
    "reg/unregister-single",
    "reg/unregister-multiple",
    "reg/unregister-wildcard",
    "reg/wildcard-without-expires",
    "reg/wildcard-same-cseq",
    "reg/min-expires",
    "reg/max-expires",
    "reg/path",  # path-invite sends the INVITE on, which a redirect server does not
    "reg/instances-and-q",
    "reg/wildcard-nothing-bound",
    "reg/sanity-malformed",
]
DIGEST = ["auth/register-digest", "auth/deregister", "auth/unknown-user-401", "auth/ack-non2xx"]
CALLS = ["invite/bare-ack", "invite/cseq-method-overlong", "invite/options-404", "invite/unsupported-method", "invite/tel-uri"]
# Not run: what needs somebody who answers calls (invite/options-200 and the rest of the dialplan).


@pytest.fixture(scope="module")
def verdicts(serve_module, template, program, tmp_path_factory, alone):
    program("sipp")
    servers = [serve_module(template(name), prefix=alone) for name in ("open.toml", "auth.toml")]
    found = tmp_path_factory.mktemp("scenarios") / "verdicts.json"
    done = subprocess.run(
        [*alone, sys.executable, FOLDER / "run.py", "--target", servers[0].address, "--auth-target", servers[1].address,
         "--only", ",".join(REGISTRAR + DIGEST + CALLS), "--json", found],
        capture_output=True, text=True, timeout=240, check=False, cwd=found.parent,
    )  # fmt: skip
    assert found.exists(), done.stdout + done.stderr
    for server in servers:
        assert "Traceback" not in server.log, server.log
    return {verdict["case"]: verdict for verdict in json.loads(found.read_text())}


@pytest.mark.slow
@pytest.mark.parametrize("name", REGISTRAR + DIGEST + CALLS)
def test_a_scenario_of_third_parties_passes(verdicts, name):
    verdict = verdicts[name]
    assert verdict["verdict"] == "pass", f"{verdict['reason']}: {' | '.join(verdict['trace'])}"
