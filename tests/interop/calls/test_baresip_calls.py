"""Issue 3, "How it is judged", first: baresip as both phones, without a sound card; who hears whom is told by tones in what each recorded."""

import time

import pytest

A, B, C, PROMPT, GOODBYE = 440, 1000, 1633, 620, 941
pytestmark = pytest.mark.slow


@pytest.fixture
def server(serve, template, tmp_path, write_tone, request):
    write_tone(tmp_path / "prompt.wav", PROMPT, 6)
    write_tone(tmp_path / "goodbye.wav", GOODBYE, 2)
    server = serve(template("calls/calls.toml"), folder=tmp_path, media=getattr(request, "param", ""))
    yield server
    assert "Traceback" not in server.log, server.log


both = pytest.mark.parametrize("server", ["", "media_local"], indirect=True, ids=["direct", "local"])


def nothing_left(server, tools):
    """No channel is left."""
    tools.until(
        lambda: "the end of all channels:\n" + server.sipline("show", "channels").stdout,
        lambda: '"id"' not in server.sipline("show", "channels", "--json").stdout,
    )


def call(server, alice, bob, number="bob"):
    alice.dial(f"sip:{number}@127.0.0.1:{server.port}")
    bob.wait("CALL_INCOMING")
    alice.wait("CALL_RINGING")
    bob.accept()
    alice.wait("CALL_ESTABLISHED")
    bob.wait("CALL_ESTABLISHED")


@both
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_two_phones_hear_each_other_and_the_caller_hangs_up(server, softphone, tools, transport):
    alice, bob = softphone(server, "alice", A, transport=transport), softphone(server, "bob", B)
    call(server, alice, bob)
    assert "sip:alice@" in bob.shown()
    alice.hears(B, not_=(A,))
    bob.hears(A, not_=(B,))
    alice.hangup()
    bob.closed()
    nothing_left(server, tools)


@both
def test_the_callee_hangs_up_first(server, softphone, tools):
    alice, bob = softphone(server, "alice", A), softphone(server, "bob", B)
    call(server, alice, bob)
    alice.hears(B)
    bob.hangup()
    alice.closed()
    nothing_left(server, tools)


@both
def test_hold_and_resume(server, softphone, tools):
    alice, bob = softphone(server, "alice", A), softphone(server, "bob", B)
    call(server, alice, bob)
    alice.hears(B)
    bob.hears(A)
    for one, other, his in ((alice, bob, B), (bob, alice, A)):
        one.hold()
        one.gets_nothing_of(his)
        one.resume()
        one.gets(his)
        other.gets(one.hertz)
    alice.hangup()
    bob.closed()
    nothing_left(server, tools)


def test_echo(server, softphone, tools):
    alice = softphone(server, "alice", A)
    alice.dial(f"sip:600@127.0.0.1:{server.port}")
    alice.wait("CALL_ESTABLISHED")
    alice.hears(A, not_=(B,))
    alice.hangup()
    nothing_left(server, tools)


def test_playback_is_heard_to_its_end_and_then_the_house_hangs_up(server, softphone, tools):
    alice = softphone(server, "alice", A)
    alice.dial(f"sip:601@127.0.0.1:{server.port}")
    alice.wait("CALL_ESTABLISHED")
    alice.hears(PROMPT, not_=(A,))
    alice.closed()
    assert 5.0 < len(alice._samples("dec")) / 8000 < 7.5
    nothing_left(server, tools)


def test_in_a_conference_each_hears_the_others_and_nobody_himself(server, softphone, tools):
    phones = [softphone(server, name, hertz) for name, hertz in (("alice", A), ("bob", B), ("carol", C))]
    for phone in phones:
        phone.dial(f"sip:602@127.0.0.1:{server.port}")
        phone.wait("CALL_ESTABLISHED")
    alice, bob, carol = phones
    alice.hears(B, C, not_=(A,))
    bob.hears(A, C, not_=(B,))
    carol.hears(A, B, not_=(C,))
    alice.hangup()
    bob.hears(C, not_=(A, B))
    carol.hears(B, not_=(A, C))
    bob.hangup()
    carol.hangup()
    nothing_left(server, tools)


@pytest.mark.parametrize("how", ["rtpevent", "info"])
def test_digits_choose_from_the_menu(server, softphone, tools, how):
    alice, bob = softphone(server, "alice", A, f"answermode=manual;dtmfmode={how}"), softphone(server, "bob", B)
    alice.dial(f"sip:603@127.0.0.1:{server.port}")
    alice.wait("CALL_ESTABLISHED")
    alice.hears(PROMPT)
    alice.press("1")
    bob.wait("CALL_INCOMING")
    bob.accept()
    alice.hears(B)
    bob.hears(A)
    alice.hangup()
    bob.closed()
    alice.dial(f"sip:603@127.0.0.1:{server.port}")
    alice.wait("CALL_ESTABLISHED", 2)
    time.sleep(1)
    alice.press("2")
    alice.hears(GOODBYE)
    alice.wait("CALL_CLOSED", 2)
    nothing_left(server, tools)


def test_the_caller_cancels(server, softphone, tools):
    alice, bob = softphone(server, "alice", A), softphone(server, "bob", B)
    alice.dial(f"sip:bob@127.0.0.1:{server.port}")
    bob.wait("CALL_INCOMING")
    alice.wait("CALL_RINGING")
    alice.hangup()
    bob.closed()
    nothing_left(server, tools)


def test_the_callee_declines(server, softphone, tools):
    alice, bob = softphone(server, "alice", A), softphone(server, "bob", B)
    alice.dial(f"sip:bob@127.0.0.1:{server.port}")
    bob.wait("CALL_INCOMING")
    bob.hangup()
    assert alice.closed().startswith(("486", "603"))
    nothing_left(server, tools)


def test_the_callee_is_busy(server, softphone, tools):
    alice, bob = softphone(server, "alice", A), softphone(server, "bob", B, max_calls=1)
    carol = softphone(server, "carol", C)
    call(server, alice, bob)
    carol.dial(f"sip:bob@127.0.0.1:{server.port}")
    assert carol.closed().startswith("486")
    alice.hears(B)
    alice.hangup()
    bob.closed()
    nothing_left(server, tools)


def test_the_callee_does_not_answer(server, softphone, tools):
    alice, bob = softphone(server, "alice", A), softphone(server, "bob", B)
    alice.dial(f"sip:604@127.0.0.1:{server.port}")
    bob.wait("CALL_INCOMING")
    assert alice.closed().startswith(("480", "408"))
    bob.closed()
    nothing_left(server, tools)


def test_the_callee_is_not_registered(server, softphone, tools):
    alice = softphone(server, "alice", A)
    alice.dial(f"sip:bob@127.0.0.1:{server.port}")
    assert alice.closed().startswith("480")
    nothing_left(server, tools)


def test_the_callee_does_not_exist(server, softphone, tools):
    alice = softphone(server, "alice", A)
    alice.dial(f"sip:nobody@127.0.0.1:{server.port}")
    assert alice.closed().startswith("404")
    nothing_left(server, tools)


def test_codecs_that_do_not_meet_are_488(server, softphone, tools):
    alice = softphone(server, "alice", A, "answermode=manual;audio_codecs=PCMA/8000/1")
    bob = softphone(server, "bob", B, "answermode=manual;audio_codecs=PCMU/8000/1")
    alice.dial(f"sip:bob@127.0.0.1:{server.port}")
    assert alice.closed().startswith("488")
    assert "CALL_ESTABLISHED" not in bob.types()
    nothing_left(server, tools)


@pytest.mark.parametrize("server", ["media_local"], indirect=True)
def test_the_house_translates_between_codecs(server, softphone, tools):
    alice = softphone(server, "alice", A, "answermode=manual;audio_codecs=PCMA/8000/1")
    bob = softphone(server, "bob", B, "answermode=manual;audio_codecs=PCMU/8000/1")
    call(server, alice, bob)
    alice.hears(B)
    bob.hears(A)
    alice.hangup()
    bob.closed()
    nothing_left(server, tools)


def test_the_house_calls_one_party_and_plays_to_it(server, softphone, tools):
    alice = softphone(server, "alice", A, "answermode=auto")
    server.sipline("originate", "alice", "--extension", "601")
    alice.wait("CALL_ESTABLISHED")
    alice.hears(PROMPT)
    alice.closed()
    nothing_left(server, tools)


def test_the_house_calls_two_parties_and_joins_them(server, softphone, tools):
    alice, bob = softphone(server, "alice", A, "answermode=auto"), softphone(server, "bob", B, "answermode=auto")
    server.sipline("originate", "alice", "--to", "bob")
    alice.wait("CALL_ESTABLISHED")
    bob.wait("CALL_ESTABLISHED")
    alice.hears(B)
    bob.hears(A)
    assert "sip:bob@" in alice.shown()
    assert "sip:alice@" in bob.shown()
    alice.hangup()
    bob.closed()
    nothing_left(server, tools)
