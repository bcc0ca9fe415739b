"""Message waiting with real phones: baresip leaves a tone, the other one's lamp goes on, he dials 700, hears it, deletes it: the lamp is off."""

import io
import re
import subprocess
import time
import wave

import pytest

A, B = 440, 1000
pytestmark = pytest.mark.slow
MODULE = "module mwi.so"
"""The first of all modules: 1 ms after it was loaded baresip 1.0's mwi walks the list of its subscriptions and appends to it one for each that it
meets. A registration that is answered within that millisecond has one in it, and the walk never ends; behind the other modules' loading it is over."""


@pytest.fixture
def server(serve, template, tmp_path, mailhost):
    server = serve(template("calls/voicemail.toml"), folder=tmp_path, smtp_host=mailhost.host, smtp_port=mailhost.port)
    yield server
    assert "Traceback" not in server.log, server.log


def lamps(phone):
    """What its module mwi has shown, the last last."""
    shown = re.findall(r"----- MWI for [^\n]* -----\n(.*?)\n\n", phone.output.read_text(errors="replace").replace("\r", ""), re.DOTALL)
    return [" ".join(text.split()) for text in shown]


def lamp(phone, server, tools, state, counts):
    wanted = f"Messages-Waiting: {state} Message-Account: sip:700@127.0.0.1:{server.port} Voice-Message: {counts} (0/0)"
    tools.until(
        lambda: f"{wanted!r} at {phone.user}, who was told {lamps(phone)} and said:\n{phone.said}", lambda: wanted in lamps(phone)[-1:]
    )


def test_a_message_is_left_the_lamp_goes_on_it_is_heard_and_deleted_the_lamp_goes_off(server, softphone, tools, mailhost):
    alice = softphone(server, "alice", A)
    bob = softphone(server, "bob", B, "answermode=manual;mwi=yes", module=MODULE)
    lamp(bob, server, tools, "no", "0/0")

    alice.dial(f"sip:bob@127.0.0.1:{server.port}")
    bob.wait("CALL_INCOMING")
    alice.wait("CALL_ESTABLISHED")  # bob does not answer: after two seconds his mailbox does
    alice.press("#")  # enough of the greeting
    tools.until("a recording", lambda: list(server.folder.glob("state/mailboxes/bob/tmp/*.wav")))
    time.sleep(4)
    alice.hangup()
    lamp(bob, server, tools, "yes", "1/0")

    tools.until("the e-mail", lambda: mailhost.letters)
    letter = mailhost.letters[0]
    assert letter.envelope.rcpt_tos == ["bob@example.org"]
    (sound,) = letter.iter_attachments()
    with wave.open(io.BytesIO(sound.get_content())) as file:
        assert 2.5 < file.getnframes() / file.getframerate() < 8

    closed = bob.types().count("CALL_CLOSED")
    bob.dial(f"sip:700@127.0.0.1:{server.port}")
    bob.wait("CALL_ESTABLISHED")
    bob.press("1")
    bob.hears(A, not_=(B,), seconds=25)
    bob.press("7")
    bob.hangup()
    bob.wait("CALL_CLOSED", closed + 1)
    lamp(bob, server, tools, "no", "0/0")
    assert not list(server.folder.glob("state/mailboxes/bob/*/*.wav"))


def test_a_caller_hears_the_greeting_that_the_owner_has_recorded(server, softphone, tools):
    alice, bob = softphone(server, "alice", A), softphone(server, "bob", B)
    bob.dial(f"sip:700@127.0.0.1:{server.port}")
    bob.wait("CALL_ESTABLISHED")
    bob.press("01")

    def recorded():
        return [path for path in server.folder.glob("state/mailboxes/bob/.greeting-*.wav") if path.stat().st_size > 30_000]

    tools.until(lambda: f"two seconds of a greeting; bob said:\n{bob.said}", recorded, 20)
    bob.press("#1")
    tools.until("the greeting", (server.folder / "state/mailboxes/bob/greeting.wav").exists)
    bob.hangup()
    bob.wait("CALL_CLOSED")
    alice.dial(f"sip:bob@127.0.0.1:{server.port}")
    alice.wait("CALL_ESTABLISHED")
    alice.hears(B, not_=(A,))
    alice.hangup()


def test_an_administrator_and_another_system_light_the_lamp(server, softphone, tools):
    bob = softphone(server, "bob", B, "answermode=manual;mwi=yes", module=MODULE)
    lamp(bob, server, tools, "no", "0/0")
    server.sipline("mailbox", "count", "bob", "--new", "3", "--old", "1")
    lamp(bob, server, tools, "yes", "3/1")
    server.sipline("mailbox", "count", "bob")
    lamp(bob, server, tools, "no", "0/0")


@pytest.fixture
def sipp(program, tools, server):
    """sipp("waiting.xml", "bob"): a SIPp that runs beside the test; gives its process."""
    running = []

    def sipp(scenario, *words, port=None):
        command = [program("sipp"), "-sf", tools.here / "scenarios" / scenario, "-i", "127.0.0.1", "-p", port or tools.free_port(), "-m", 1]
        command += ["-nostdin", "-timeout", "20s", "-timeout_error", "-trace_err", "-error_file", server.folder / f"{scenario}.err", *words]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=server.folder)
        running.append(process)
        return process

    yield sipp
    for process in running:
        tools.end(process)


def went(process, server, scenario):
    status = process.wait(30)
    errors = server.folder / f"{scenario}.err"
    assert status == 0, f"{errors.read_text() if errors.exists() else ''}\nserver:\n{server.log}"


def watchers(server):
    return '"subscriptions": 1' in server.sipline("show", "stats", "--json").stdout


def test_sipp_watches_its_mailbox_and_sees_the_lamp_go_on_and_off(server, sipp, tools):
    process = sipp("waiting.xml", server.address, "-s", "bob", "-au", "bob", "-ap", "swordfish")
    tools.until("the subscription", lambda: watchers(server))
    server.sipline("mailbox", "count", "bob", "--new", "1")
    time.sleep(0.5)
    server.sipline("mailbox", "count", "bob")
    went(process, server, "waiting.xml")


def test_sipp_is_told_without_having_asked(server, sipp, tools):
    server.sipline("mailbox", "count", "bob", "--new", "1")
    port = tools.free_port()
    process = sipp("register.xml", server.address, "-s", "sipp", "-au", "sipp", "-ap", "swordfish", port=port)
    went(process, server, "register.xml")
    went(sipp("waiting-unasked.xml", port=port), server, "waiting-unasked.xml")
