"""shared/scenarios: third parties' SIPp scenarios of SUBSCRIBE, NOTIFY and PUBLISH, against the profile events.toml."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared/scenarios"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is not here; tests/plugins/pubsub has our own")

EVENTS = [
    "events/subscribe-below-min-expiry",
    "events/unknown-event",
    "events/no-event-header",
    "events/presence-resubscribe",
    "events/subscribe-lifecycle",
    "events/publish-etag",
    "events/subscribe-simple",
]


@pytest.fixture(scope="module")
def verdicts(serve_module, template, program, tmp_path_factory, alone):
    program("sipp")
    server = serve_module(template("events.toml"), prefix=alone)
    found = tmp_path_factory.mktemp("scenarios") / "verdicts.json"
    done = subprocess.run(
        [*alone, sys.executable, FOLDER / "run.py", "--target", server.address, "--only", ",".join(EVENTS), "--json", found],
        capture_output=True, text=True, timeout=240, check=False, cwd=found.parent,
    )  # fmt: skip
    assert found.exists(), done.stdout + done.stderr
    assert "Traceback" not in server.log, server.log
    return {verdict["case"]: verdict for verdict in json.loads(found.read_text())}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVENTS)
def test_a_scenario_of_third_parties_passes(verdicts, name):
    verdict = verdicts[name]
    assert verdict["verdict"] == "pass", f"{verdict['reason']}: {' | '.join(verdict['trace'])}"
