"""shared/scenarios: third parties' SIPp scenarios of messages, against the profile calls/open.toml."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared/scenarios"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is not here; test_messages.py has messages of our own"),
]
OURS = ["message/in-dialog", "message/retransmission", "message/oversized", "message/unknown-404-to-tag"]


@pytest.fixture(scope="module")
def verdicts(serve_module, template, program, tools, tmp_path_factory, alone):
    program("sipp")
    server = serve_module(template("calls/open.toml"), prefix=alone, steps=tools.here / "calls/steps.py")
    found = tmp_path_factory.mktemp("scenarios") / "verdicts.json"
    done = subprocess.run(
        [*alone, sys.executable, FOLDER / "run.py", "--target", server.address, "--only", ",".join(OURS), "--json", found],
        capture_output=True, text=True, timeout=240, check=False, cwd=found.parent,
    )  # fmt: skip
    assert found.exists(), done.stdout + done.stderr
    assert "Traceback" not in server.log, server.log
    return {verdict["case"]: verdict for verdict in json.loads(found.read_text())}


@pytest.mark.parametrize("name", OURS)
def test_a_scenario_of_third_parties_passes(verdicts, name):
    verdict = verdicts[name]
    assert verdict["verdict"] == "pass", f"{verdict['reason']}: {' | '.join(verdict['trace'])}"
