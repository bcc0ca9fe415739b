"""shared/offers: what pjsua answers to offers, put to an extension that answers (media_local), on the virtual network.

Not ours: SRTP and ICE (media_rtpengine's), codecs that the house does not have, SUBSCRIBE, and the torture messages (tests/interop/test_torture.py).
"""

import json
import re
from pathlib import Path

import pytest

from pipeline.testing.server import CALLS

FILE = Path(__file__).resolve().parents[4] / "shared/offers/pjsua-sendto.json"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason=f"{FILE} is not here")
ALL = json.loads(FILE.read_text())["cases"] if FILE.is_file() else []
FEATURES = re.compile(r"--use-srtp [12]|--use-ice|--add-codec")
OURS = [case for case in ALL if "complete_msg" not in case and not FEATURES.search(case["pjsua_args"]) and not case["id"].startswith("3")]
LEGAL = {
    "155_err_sdp_bad_syntax": {400, 488},
    "152_err_sdp_no_media": {400, 488},
    "156_err_sdp_bad_net_type": {400, 488},
    "160_err_duplicate_replaces": {400, 420, 481},
}
"""Where the RFCs leave more than pjsua's choice."""
SERVER = """
[user.alice]
auth = []
timers = "@TIMERS@"
[context.default.extensions]
answer = ["answer", { wait = 3600 }]
"""


@pytest.mark.parametrize("case", OURS, ids=[case["id"] for case in OURS])
def test_an_offer_gets_what_it_should(sip, case):
    timers = (
        "always" if "--use-timer 2" in case["pjsua_args"] else "yes"
    )  # pjsua's own words for it: 1 = optional, 2 = mandatory, 3 = always
    server = sip(SERVER.replace("@TIMERS@", timers), intercept=["identify"], **CALLS)
    body = (case["sdp"].strip("\n").replace("\r\n", "\n").replace("\n", "\r\n") + "\r\n").encode() if case["sdp"] else b""
    headers = [tuple(line.split(": ", 1)) for line in case.get("extra_headers", "").strip().splitlines()]
    if case.get("body"):
        body = case["body"].replace("\r\n", "\n").replace("\n", "\r\n").encode()
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/sdp"))
    answer = server.request("INVITE", "answer", headers=headers, body=body)
    wanted = LEGAL.get(case["id"], {case["expected_code"]})
    assert answer.status in wanted, f"{answer.status} {answer.reason}, wanted {sorted(wanted)}"
    text = answer.encode().decode("utf-8", "replace").replace("\r\n", "\n")
    if answer.status == case["expected_code"]:
        for pattern in case.get("resp_inc", ()):
            assert re.search(pattern, text, re.IGNORECASE), f"{pattern!r} is not in\n{text}"
        for pattern in case.get("resp_exc", ()):
            assert not re.search(pattern, text), f"{pattern!r} is in\n{text}"
    assert not server.told("step.failed")
