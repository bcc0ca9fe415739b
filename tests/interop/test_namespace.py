"""Several addresses on one interface and wildcard binds: the answer leaves from the address that was asked (RFC 3581 4, RFC 3261 18.2.2).

Two network namespaces joined by a veth pair, so nothing of the machine's own network is touched. Needs root.
"""

import json
import os
import subprocess
import sys

import pytest

US = ["10.77.0.1", "10.77.0.2"]
US6 = ["fd77::1", "fd77::2"]
PHONE, PHONE6 = "10.77.0.9", "fd77::9"


@pytest.fixture(scope="module")
def namespaces(program):
    ip = program("ip")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    server, phone = (f"sip{os.getpid()}{side}" for side in "ab")

    def run(*words):
        return subprocess.run([ip, *words], capture_output=True, text=True, timeout=20, check=False)

    first = run("netns", "add", server)
    if first.returncode:
        pytest.skip(f"no network namespace can be made here: {first.stderr.strip()}")
    try:
        for words in (
            ["netns", "add", phone],
            ["link", "add", "ve0", "netns", server, "type", "veth", "peer", "name", "ve1", "netns", phone],
            *(["-n", server, "address", "add", f"{address}/24", "dev", "ve0"] for address in US),
            *(["-n", server, "address", "add", f"{address}/64", "dev", "ve0", "nodad"] for address in US6),
            ["-n", phone, "address", "add", f"{PHONE}/24", "dev", "ve1"],
            ["-n", phone, "address", "add", f"{PHONE6}/64", "dev", "ve1", "nodad"],
            *(["-n", name, "link", "set", "lo", "up"] for name in (server, phone)),
            ["-n", server, "link", "set", "ve0", "up"],
            ["-n", phone, "link", "set", "ve1", "up"],
        ):
            done = run(*words)
            if done.returncode:
                pytest.skip(f"ip {' '.join(words)}: {done.stderr.strip()}")
        yield [ip, "netns", "exec", server], [ip, "netns", "exec", phone]
    finally:
        run("netns", "delete", server)
        run("netns", "delete", phone)


@pytest.fixture
def start(serve, template, namespaces):
    def start(udp, tcp=()):
        text = template("open.toml").replace('bind = ["127.0.0.1:@PORT@"]', f"bind = {json.dumps(list(udp))}", 1)
        text = (
            text.replace('bind = ["127.0.0.1:@PORT@"]', f"bind = {json.dumps(list(tcp))}")
            if tcp
            else text.replace('["udp", "tcp"]', '["udp"]')
        )
        if not tcp:
            text = text.replace('[plugin.tcp]\nbind = ["127.0.0.1:@PORT@"]\n', "")
        return serve(text, prefix=namespaces[0])

    return start


@pytest.fixture
def ask(namespaces, tools):
    def ask(*questions):
        done = subprocess.run(
            [*namespaces[1], sys.executable, str(tools.here / "namespaced.py"), *questions],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


@pytest.mark.parametrize(
    ("bind", "questions"),
    [
        ("0.0.0.0:5060", [("4", PHONE, address) for address in US]),
        ("[::]:5060", [("6", PHONE6, address) for address in US6]),
    ],
)
def test_with_a_wildcard_bind_the_answer_leaves_from_the_address_that_was_asked(start, ask, bind, questions):
    start([bind])
    answers = ask(*(f"{family}/{source}/{target}/5060" for family, source, target in questions))
    assert answers == [f"200 from {target} port 5060" for _, _, target in questions]


def test_both_wildcards_are_bound_to_one_port_together(start, ask):
    both = ["0.0.0.0:5060", "[::]:5060"]
    server = start(both, both)
    answers = ask(*(f"4/{PHONE}/{address}/5060" for address in US), *(f"6/{PHONE6}/{address}/5060" for address in US6))
    assert answers == [f"200 from {address} port 5060" for address in (*US, *US6)], server.log


def test_two_binds_of_one_port_answer_each_for_itself(start, ask):
    start([f"{address}:5060" for address in US] + [f"[{US6[1]}]:5070"])
    assert ask(*(f"4/{PHONE}/{address}/5060" for address in US), f"6/{PHONE6}/{US6[1]}/5070") == [
        *(f"200 from {address} port 5060" for address in US),
        f"200 from {US6[1]} port 5070",
    ]
