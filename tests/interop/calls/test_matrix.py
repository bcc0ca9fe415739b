"""The matrix of 48 rows: {IPv4, IPv6} x {UDP, TCP} x {known by user, by address} x {nothing asked, password, stored hash} x {early, late offer}.

SIPp calls an extension that answers (the house is the callee), and through the house a SIPp that answers (it is caller, too).
"""

import hashlib
import itertools
import subprocess
from pathlib import Path

import pytest

WHERE = {"v4": "127.0.0.1", "v6": "[::1]"}
ROWS = list(itertools.product(WHERE, ("u1", "t1"), ("user", "address"), ("none", "password", "hash"), ("early", "late")))
HASH = hashlib.md5(b"caller:example.com:swordfish").hexdigest()
OBJECTS = {
    "none": "",
    "password": '[auth.caller]\nusername = "caller"\npassword = "swordfish"',
    "hash": f'[auth.caller]\nusername = "caller"\npassword_digest = ["MD5:{HASH}"]',
}


@pytest.fixture(scope="module")
def servers(serve_module, template):
    """A server for each way to be known and to prove it: 6 serve the 48 rows."""
    running = {}

    def server(by, proof, contact="sip:bob@127.0.0.1:9"):
        key = by, proof, contact
        if key not in running:
            objects = OBJECTS[proof]
            if by == "address":
                objects += '\n[identify.caller]\nendpoint = "caller"\nmatch = ["127.0.0.1", "::1"]'
            else:
                objects += "\n[aor.caller]"
            toml = template("calls/matrix.toml").replace(
                "trust_from  = @TRUST@", "trust_from  = true" if by == "address" else 'aors        = ["caller"]'
            )
            running[key] = serve_module(
                toml,
                auth="" if proof == "none" else '"caller"',
                by="ip" if by == "address" else "username",
                objects=objects,
                contact=contact,
            )
        return running[key]

    return server


def sipp(program, tools, server, where, transport, scenario, *more, service="600", caller="sip:caller@example.com"):
    return [
        str(word) for word in (
            program("sipp"), f"{WHERE[where]}:{server.port}", "-sf", tools.here / "scenarios" / scenario, "-i", WHERE[where], "-t", transport, "-s", service,
            "-key", "from", caller, "-au", "caller", "-ap", "swordfish", "-auth_uri", f"{service}@{WHERE[where]}:{server.port}", "-m", 1, "-nostdin", "-timeout", "12s", "-timeout_error", "-trace_err", *more,
        )
    ]  # fmt: skip


@pytest.mark.parametrize(("where", "transport", "by", "proof", "offer"), ROWS)
def test_a_call_is_answered(servers, program, tools, tmp_path, where, transport, by, proof, offer):
    server = servers(by, proof)
    caller = "sip:caller@example.com" if by == "user" else "sip:5551234@elsewhere.example"
    command = sipp(
        program, tools, server, where, transport, f"call-{offer}.xml", "-p", tools.free_port(), "-mp", media_port(tools), caller=caller
    )
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=30, check=False, cwd=tmp_path, stdin=subprocess.DEVNULL
    )
    errors = "".join(path.read_text(errors="replace") for path in tmp_path.glob("*errors.log"))
    assert done.returncode == 0, f"{errors or done.stdout[-1500:]}\nserver:\n{server.log}"
    assert "Traceback" not in server.log, server.log


@pytest.mark.parametrize(("where", "transport", "offer"), list(itertools.product(WHERE, ("u1", "t1"), ("early", "late"))))
def test_a_call_goes_through_to_a_callee(servers, program, tools, tmp_path, where, transport, offer):
    port = tools.free_port()
    server = servers("user", "password", f"sip:bob@{WHERE[where]}:{port}" + (";transport=tcp" if transport == "t1" else ""))
    callee = subprocess.Popen(
        sipp(program, tools, server, where, transport, f"answer-{offer}.xml", "-p", port, "-mp", media_port(tools)),
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        tools.until("the callee's port", lambda: listens(port) or callee.poll() is not None)
        command = sipp(
            program, tools, server, where, transport, f"call-{offer}.xml", "-p", tools.free_port(), "-mp", media_port(tools), service="bob"
        )
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=30, check=False, cwd=tmp_path, stdin=subprocess.DEVNULL
        )
        callee.wait(15)
        errors = "".join(path.read_text(errors="replace") for path in tmp_path.glob("*errors.log"))
        assert (done.returncode, callee.returncode) == (0, 0), f"{errors or done.stdout[-1500:]}\nserver:\n{server.log}"
        assert "Traceback" not in server.log, server.log
    finally:
        tools.end(callee)


def media_port(tools):
    return tools.free_port() // 2 * 2


def listens(port):
    return any(f":{port:04X} " in Path(f"/proc/net/{table}").read_text() for table in ("udp", "udp6", "tcp", "tcp6"))
