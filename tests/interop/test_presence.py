"""Presence and lamps with real clients: Linphone and baresip see each other, SIPp watches the calls of a real phone."""

import re
import subprocess

import pytest


@pytest.fixture
def server(serve, template):
    return serve(template("presence.toml"))


def test_linphone_and_baresip_see_each_other(phones, server):
    bob = phones.baresip("bob", contacts=f'"Alice" <sip:alice@127.0.0.1:{server.port}>;presence=p2p', account=";pubint=60")
    bob.command("presence_online")
    alice = phones.linphone("alice")
    alice.says(f'Friend "Bob" <sip:bob@127.0.0.1:{server.port}> is Online')
    bob.sees("Online")
    bob.command("presence_offline")
    alice.says("is Offline")
    alice.quit()
    bob.sees("Offline")


def test_a_phone_that_talks_is_seen_on_the_phone(phones, server):
    bob = phones.baresip("bob", account=";pubint=60")
    bob.command("presence_online")
    alice = phones.linphone("alice")
    alice.says("is Online")
    carol = phones.baresip("carol")
    carol.command("dial", f"sip:bob@127.0.0.1:{server.port}")
    bob.says("Incoming call")
    bob.command("accept")
    alice.says("is On the phone")


@pytest.fixture
def lamp(server, program, tools):
    """Watch the calls of bob with SIPp; give what the NOTIFYs have said so far, repeats left out."""
    log = server.folder / "lamp.log"
    command = [program("sipp"), server.address, "-sf", tools.here / "scenarios/lamp.xml", "-s", "bob", "-au", "alice", "-ap", "swordfish"]
    command += ["-i", "127.0.0.1", "-p", tools.free_port(), "-m", 1, "-nostdin", "-trace_msg", "-message_file", log]
    process = subprocess.Popen([*map(str, command)], cwd=server.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def states():
        found = re.findall(r"<state(?: [^>]*)?>(\w+)</state>", log.read_text(errors="replace")) if log.exists() else []
        return [state for n, state in enumerate(found) if n == 0 or found[n - 1] != state]

    yield states
    tools.end(process)


def test_dialog_info_notification_of_a_real_phone_to_sipp(phones, server, lamp, tools):
    """B rings, talks, ends: A's lamp follows."""

    def shows(state):
        tools.until(lambda: f"a lamp that shows {state}; it has shown {lamp()}", lambda: lamp()[-1:] == [state], 20)

    bob, carol = phones.baresip("bob"), phones.baresip("carol")
    shows("terminated")
    carol.command("dial", f"sip:bob@127.0.0.1:{server.port}")
    shows("early")
    bob.says("Incoming call")
    bob.command("accept")
    shows("confirmed")
    carol.command("hangup")
    shows("terminated")
    assert [state for state in lamp() if state != "trying"] == ["terminated", "early", "confirmed", "terminated"]
