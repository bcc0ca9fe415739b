"""RFC 4475 and RFC 5118 against a running server: shared/torture's 61 messages over UDP, all but dblreq over TCP, judged by expected.json.

Client addresses are loopback addresses of their own, bound to the port where RFC 3261 18.2.2 sends the answer.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from pipeline.sip import parse

FOLDER = Path(__file__).resolve().parents[3] / "shared/torture"
CASES = json.loads((FOLDER / "expected.json").read_text())["cases"] if FOLDER.is_dir() else {}
pytestmark = pytest.mark.skipif(not CASES, reason=f"{FOLDER} is not here; tests/sip/test_torture.py tries the same points in memory")
NETWORK = f"127.{60 + os.getpid() % 150}"  # of our own, so that several people can torture at once
STREAM = [name for name in CASES if name != "dblreq"]  # over a stream its second request is a request
OPEN = re.compile(r"SIP/2\.0 1\d\d")
STRICT = {"UDP": 61, "TCP": 58}  # the rest is silence that expected.json tolerates: over TCP, a length that never comes
ALL = {"UDP": len(CASES), "TCP": len(STREAM)}


@pytest.fixture(scope="module")
def servers(serve_module, template, tools):
    """One per transport: the same branches again would be retransmissions."""
    text = template("torture.toml")
    return {transport: serve_module(text, catchall=tools.here / "catchall.py") for transport in ("UDP", "TCP")}


@pytest.fixture(scope="module")
def verdicts():
    return {"UDP": {}, "TCP": {}}


@pytest.fixture(scope="module")
def probe(tools):
    with tools.udp() as sock:
        yield sock


def octets(name):
    return (FOLDER / CASES[name].get("wire_file", CASES[name]["file"])).read_bytes()


def fits(code, wanted):
    return any(code == w or (isinstance(w, str) and w.endswith("xx") and code // 100 == int(w[0])) for w in wanted)


def judge(case, codes):
    """As score.py does."""
    expect, code = case["expect"], codes[-1] if codes else None
    if code is None:
        silence = not expect["strict"] or expect["no_response"] == "required"
        return "strict" if silence else "silence ok" if expect["no_response"] == "tolerated" else "wrong"
    for column, name in (("strict", "strict"), ("also_ok", "also_ok"), ("liberal_accept", "liberal")):
        if fits(code, expect.get(column, [])):
            return name
    return "wrong"


@contextlib.contextmanager
def over_udp(port, name, tools):
    case = CASES[name]
    reply_port = case["udp_reply_port"] if isinstance(case["udp_reply_port"], int) else 5060
    host = f"{NETWORK}.1.{list(CASES).index(name) + 1}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((host, reply_port))
        except OSError as error:
            tools.missing(f"{host}:{reply_port} cannot be bound ({error}): somebody holds 0.0.0.0:{reply_port}")
        sock.sendto(octets(name), ("127.0.0.1", port))
        yield collect(sock.recv, sock, 3.0 if case["expect"]["strict"] else 0.5, datagrams=True)


@contextlib.contextmanager
def over_tcp(port, name, _tools):
    case = CASES[name]
    host = f"{NETWORK}.2.{list(CASES).index(name) + 1}"
    with socket.create_connection(("127.0.0.1", port), timeout=3, source_address=(host, 0)) as sock:
        sock.sendall(octets(name))
        patient = case["expect"]["strict"] and case["expect"]["no_response"] == "must_not"
        yield collect(sock.recv, sock, 3.0 if patient else 0.5, datagrams=False)


def collect(recv, sock, seconds, *, datagrams):
    """Return the answers up to the first final one and, over UDP, whatever follows it at once."""
    found, over, rest = [], time.monotonic() + seconds, b""
    while (left := over - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            data = recv(65536)
        except (TimeoutError, ConnectionResetError):
            break
        if not data:
            break
        if datagrams:
            found.append(data)
        else:
            rest += data
            while (cut := whole(rest)) is not None:
                found.append(rest[:cut])
                rest = rest[cut:]
        if found and not OPEN.match(found[-1].decode("latin-1")):
            over = min(over, time.monotonic() + 0.05)
    assert not rest, f"half an answer: {rest!r}"
    return found


def whole(data):
    """Return where the first message of a stream ends, by its Content-Length; None when it is not all there."""
    head, blank, _ = data.partition(b"\r\n\r\n")
    if not blank:
        return None
    length = int(re.search(rb"(?im)^content-length: *(\d+)", head)[1])
    cut = len(head) + 4 + length
    return cut if len(data) >= cut else None


def lives(server, probe, tools):
    uri = f"sip:127.0.0.1:{server.port}"
    status, _ = tools.ask(probe, tools.request_of("OPTIONS", uri, f"127.0.0.1:{probe.getsockname()[1]}"), ("127.0.0.1", server.port))
    assert status == 200, f"OPTIONS was answered {status} afterwards"


def lives_over_tcp(server, tools):
    with socket.create_connection(("127.0.0.1", server.port), timeout=3) as sock:
        sock.sendall(tools.request_of("OPTIONS", f"sip:127.0.0.1:{server.port}", f"127.0.0.1:{sock.getsockname()[1]}", transport="TCP"))
        sock.settimeout(3)
        assert sock.recv(65536).startswith(b"SIP/2.0 200 ")


def register(server, probe, tools, to, headers=""):
    data = tools.request_of("REGISTER", "sip:example.com", f"127.0.0.1:{probe.getsockname()[1]}", to=to, from_=to, headers=headers)
    status, text = tools.ask(probe, data, ("127.0.0.1", server.port))
    return status, re.findall(r"(?im)^contact: *(<[^>]*>)", text)


def empty(server, probe, tools):
    """Each message meets an empty location table."""
    for name in ("user", "j.user", "watson", "null-%00-null"):
        assert register(server, probe, tools, f"sip:{name}@example.com", "Contact: *\r\nExpires: 0\r\n")[0] == 200


def seen(name, answers, fetch):
    """What a client can see of the lines `must`, `must_not` and `follow_up`."""
    data = octets(name)
    if not answers:
        return
    reply = parse(answers[-1])
    text = answers[-1].decode("utf-8", "replace")
    if CASES[name]["valid"]:
        request = parse(data)
        assert [(v.transport, v.host, v.port, v.branch) for v in reply.vias] == [
            (v.transport, v.host, v.port, v.branch) for v in request.vias
        ]
        assert reply.call_id == request.call_id
        assert (reply.cseq.number, reply.cseq.method) == (request.cseq.number, request.cseq.method)
        assert reply.get("from") == request.get("from")
        assert (reply.get("to") == request.get("to")) if request.to.tag else reply.get("to").startswith(request.get("to"))
        assert reply.to.tag
    assert text.startswith("SIP/2.0 ")
    assert reply.status < 500 or reply.status in (501, 505), reply.status
    bound = {
        "escnull": ("sip:null-%00-null@example.com", ["<sip:%00@host5.example.com>", "<sip:%00%00@host5.example.com>"]),
        "dblreq": ("sip:j.user@example.com", ["<sip:j.user@host.example.com>"]),
        "cparam01": ("sip:watson@example.com", ["<sip:+19725552222@gw1.example.net>"]),
        "cparam02": ("sip:watson@example.com", ["<sip:+19725552222@gw1.example.net;unknownparam>"]),
        "regescrt": ("sip:user@example.com", ["<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"]),
        "regaut01": ("sip:j.user@example.com", []),
        "ipv6-good": ("sip:user@example.com", ["<sip:caller@[2001:db8::1]>"]),
        "ipv6-bad": ("sip:user@example.com", []),
        "scalar02": ("sip:user@example.com", []),
        "regbadct": ("sip:user@example.com", []),
        "esc02": ("sip:user@example.com", []),
        "unksm2": ("sip:user@example.com", []),
    }
    if name in bound:
        to, contacts = bound[name]
        status, found = fetch(to)
        assert (status, sorted(found)) == (200, sorted(contacts))
    if name == "escnull":
        assert fetch("sip:null-@example.com") == (404, [])
    if name in ("intmeth", "esc02", "mismatch02") and reply.status == 501:
        assert {"REGISTER", "INVITE", "OPTIONS"} <= set(reply.allow)
    if name in ("intmeth", "esc02"):
        method = data.split(b" ", 1)[0]
        assert re.search(rb"(?im)^cseq: *(\d+) +(.*?)\r$", answers[-1])[2] == method
    if name == "intmeth":
        assert re.search(rb"(?m)^Call-ID: *(.*?)\r$", data)[1] in answers[-1]
    if name == "dblreq":
        assert {parse(each).call_id for each in answers} == {"dblreq.0ha0isndaksdj99sdfafnl3lk233412"}
    if name == "bext01":
        assert {tag.strip() for tag in reply.get("unsupported").split(",")} == {"nothingSupportsThis", "nothingSupportsThisEither"}
    if name == "invut":
        assert "application/sdp" in reply.get("accept")
    if name == "longreq":
        assert len(reply.vias) == 34
    if name == "transports":
        assert [via.transport for via in reply.vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def torture(servers, probe, tools, verdicts, transport, name):
    server = servers[transport]
    empty(server, probe, tools)
    with (over_udp if transport == "UDP" else over_tcp)(server.port, name, tools) as answers:  # a TCP binding ends with its connection
        codes = [int(answer[8:11]) for answer in answers]
        verdict = verdicts[transport][name] = judge(CASES[name], codes)
        lives(server, probe, tools)
        if transport == "TCP":
            lives_over_tcp(server, tools)
        assert verdict != "wrong", f"{name}: {codes or 'silence'}, wanted {CASES[name]['expect']}"
        if CASES[name]["expect"]["no_response"] == "required":
            assert not codes
        seen(name, answers, lambda to: register(server, probe, tools, to))
    assert "Traceback" not in server.log, server.log


@pytest.mark.parametrize("name", CASES or ["none"])
def test_a_message_over_udp_gets_what_the_rfc_asks(servers, probe, tools, verdicts, name):
    torture(servers, probe, tools, verdicts, "UDP", name)


@pytest.mark.parametrize("name", STREAM or ["none"])
def test_a_message_over_tcp_gets_what_the_rfc_asks(servers, probe, tools, verdicts, name):
    torture(servers, probe, tools, verdicts, "TCP", name)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_the_strict_column_is_counted_and_nothing_is_wrong(verdicts, transport, capsys):
    found = verdicts[transport]
    if len(found) != ALL[transport]:
        pytest.skip("counted only when all messages were sent")
    count = Counter(found.values())
    with capsys.disabled():
        others = ", ".join(f"{name}: {verdict}" for name, verdict in found.items() if verdict != "strict")
        print(f"\ntorture over {transport}: {count['strict']} of {len(found)} strict{' (' + others + ')' if others else ''}")
    assert not count["wrong"]
    assert count["strict"] >= STRICT[transport]
    assert not count["liberal"]


@pytest.mark.parametrize("profile", ["torture.toml", "open.toml"])
def test_the_score_of_the_corpus_itself_has_no_wrong_answer(serve, template, tools, capsys, alone, profile):
    server = serve(template(profile), catchall=tools.here / "catchall.py", prefix=alone)
    done = subprocess.run(
        [*alone, sys.executable, FOLDER / "score.py", str(server.port)], capture_output=True, text=True, timeout=150, check=False
    )
    if "Address already in use" in done.stderr:
        pytest.skip("127.0.1.x:5060 is taken: score.py cannot run beside what holds it")
    with capsys.disabled():
        print(f"\nscore.py ({profile}): {done.stdout.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wrong: none; dead after: none" in done.stdout


def test_with_auth_only_valid_requests_are_challenged_and_the_others_get_what_the_rfc_asks(serve, template, tools, probe):
    server = serve(template("auth.toml"))
    for name, case in CASES.items():
        with over_udp(server.port, name, tools) as answers:
            codes = [int(answer[8:11]) for answer in answers]
        verdict = "strict" if case["valid"] and codes[-1:] == [401] else judge(case, codes)  # RFC 3261 8.2: authentication comes first
        assert verdict != "wrong", f"{name}: {codes or 'silence'}, wanted {case['expect']}"
        lives(server, probe, tools)
    assert "Traceback" not in server.log, server.log
