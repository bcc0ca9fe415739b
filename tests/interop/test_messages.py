"""Messages with SIPp as phones: passed through, begun by the server, ended in a plugin; in order, once, also when B comes later."""

import json
import re
import subprocess

import pytest


@pytest.fixture
def server(serve, template):
    text = template("phones.toml").replace('"redirect"', '"messages"')
    text = re.sub(r"(?m)^contact\s*=.*$", 'contact  = ["sqlite"]\nmessage  = ["sqlite"]', text, count=1)
    return serve(text)


@pytest.fixture
def sipp(program, tools):
    running = []

    def sipp(server, scenario, user="bob", *, port=None, calls=1, expected=200, transport="u1", wait=True):
        file = server.folder / f"{len(running)}-{scenario}"
        file.write_text((tools.here / "scenarios" / scenario).read_text().replace("[expected]", str(expected)))
        command = [
            program("sipp"), server.address, "-sf", file, "-i", "127.0.0.1", "-p", port or tools.free_port(),
            "-t", transport, "-s", user, "-au", "alice" if scenario.startswith("message") else user, "-ap", "swordfish", "-m", calls, "-r", 10,
            "-l", 1, "-nostdin", "-timeout", "20s", "-timeout_error", "-trace_err", "-error_file",
            server.folder / "sipp.err", "-trace_msg", "-message_file", server.folder / f"{scenario}.{len(running)}.txt",
        ]  # fmt: skip
        if wait:
            done = server.run(command, seconds=30)
            errors = server.folder / "sipp.err"
            assert done.returncode == 0, f"{done.stdout[-1500:]}{errors.read_text() if errors.exists() else ''}\nserver:\n{server.log}"
            return None
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=server.folder,
        )
        running.append((process, server.folder / f"{scenario}.{len(running)}.txt"))
        return running[-1]

    yield sipp
    for process, _ in running:
        tools.end(process)


def waiting(server):
    return json.loads(server.sipline("show", "messages", "--json").stdout)


def bodies(file):
    """What a reader got, retransmissions left out."""
    found = re.findall(
        r"^UDP message received.*?Call-ID: (\S+).*?\r?\n\r?\n(.*?)\r?\n", file.read_text(errors="replace"), re.DOTALL | re.MULTILINE
    )
    return [body for _, body in dict.fromkeys(found)]


def test_message_passthrough_to_a_phone_that_is_there(server, sipp, tools):
    port = tools.free_port()
    sipp(server, "register.xml", port=port)
    process, file = sipp(server, "message-read.xml", port=port, calls=5, wait=False)
    sipp(server, "message-send.xml", calls=5)
    assert process.wait(20) == 0
    assert bodies(file) == [f"message {number}" for number in range(1, 6)]
    assert waiting(server) == []


def test_message_passthrough_to_a_phone_that_comes_later(server, sipp, tools):
    sipp(server, "message-send.xml", calls=3, expected=202)
    assert [row["recipient"] for row in waiting(server)] == ["bob@example.com"] * 3
    port = tools.free_port()
    sipp(server, "register.xml", port=port)  # and has gone again before the first arrives, which is sent until it is back
    process, file = sipp(server, "message-read.xml", port=port, calls=3, wait=False)
    assert process.wait(25) == 0
    assert bodies(file) == [f"message {number}" for number in range(1, 4)]
    tools.until("nothing to wait", lambda: waiting(server) == [])


def test_what_waits_outlives_a_crash(server, sipp, tools):
    sipp(server, "message-send.xml", calls=3, expected=202)
    server.kill()
    server.start()
    assert [row["recipient"] for row in waiting(server)] == ["bob@example.com"] * 3
    port = tools.free_port()
    sipp(server, "register.xml", port=port)
    process, file = sipp(server, "message-read.xml", port=port, calls=3, wait=False)
    assert process.wait(25) == 0
    assert bodies(file) == [f"message {number}" for number in range(1, 4)]


def test_message_origination_by_the_command(server, sipp, tools):
    port = tools.free_port()
    sipp(server, "register.xml", port=port)
    process, file = sipp(server, "message-read.xml", port=port, wait=False)
    shown = server.sipline("message", "bob", "Dinner is ready", "--from", "Kitchen <kitchen>", "--json")
    assert json.loads(shown.stdout)[0]["result"] == "delivered"
    assert process.wait(20) == 0
    assert "Dinner is ready" in file.read_text()
    assert re.search(r'From: "?Kitchen"? <sip:kitchen@example.com>', file.read_text())


def test_message_termination_in_a_plugin(serve, template, sipp, mailhost):
    text = template("phones.toml").replace('"redirect"', '"messages"').replace('"toml"', '"toml", "message_email"', 1)
    text += f'\n[plugin.message_email]\nsmtp_host = "{mailhost.host}"\nsmtp_port = {mailhost.port}\nto = {{ ops = "ops@corp.example" }}\n'
    server = serve(text)
    sipp(server, "message-send.xml", "ops", calls=2, expected=202)
    assert [letter.get_content().split()[-1] for letter in mailhost.letters] == ["1", "2"]


@pytest.mark.parametrize("transport", ["t1"])
def test_a_megabyte_is_refused_with_413_or_513(server, sipp, transport):
    sipp(server, "message-large.xml", transport=transport)
    assert "Traceback" not in server.log
