"""Message waiting notification, as the design has it: a message is left for B, and B's lamp is told. Signalling and sound are virtual."""

from pipeline.testing.watching import Watch

A, B = 440, 1000
PLAN = """
[user.alice]
password = "alice's"
[user.bob]
password     = "bob's"
ring_seconds = 5
[user.carol]
password  = "carol's"
mailboxes = ["bob"]
[context.default]
users     = true
voicemail = true
[context.default.extensions]
700 = ["voicemailmain"]
[plugin.mwi]
voicemail_extension = "700"
"""
STAGES = {
    "intercept": ["identify", "auth"],
    "application": ["registrar", "channel", "pubsub", "mwi", "options"],
    "integration": ["memory", "toml", "channel", "dialplan", "voicemail", "media_local"],
}


def lamp(body):
    status, _, counts, *_ = body.decode().split("\r\n")
    return status.removeprefix("Messages-Waiting: "), counts.removeprefix("Voice-Message: ")


def leave(server, alice):
    call = alice.call("bob")
    server.advance(12)  # he does not answer for five seconds, then the greeting
    assert call.state == "up"
    call.talk(A)
    server.advance(4)
    call.hangup()
    server.advance(1)


def test_message_waiting_notification(sip):
    server = sip(PLAN, **STAGES)
    alice, bob, carol = (server.phone(name).online() for name in ("alice", "bob", "carol"))
    bob.answers(ring=0.0, after=None)
    watch = Watch(bob, "bob", event="message-summary")
    server.advance(1)
    assert lamp(watch.body) == ("no", "0/0 (0/0)")
    leave(server, alice)
    assert lamp(watch.body) == ("yes", "1/0 (0/0)")
    assert b"Message-Account: sip:700@example.com" in watch.body
    told = [each.body for each in carol.received if each.method == "NOTIFY"]  # she never asked, but her endpoint wants it
    assert lamp(told[-1]) == ("yes", "1/0 (0/0)")

    call = bob.call("700").until("up")
    server.advance(1)
    call.press("1")
    for _ in range(80):
        server.advance(0.25)
        if call.hears(0.5) == {A}:
            break
    else:
        raise AssertionError("bob did not hear what alice said")
    server.advance(10)
    assert lamp(watch.body) == ("no", "0/1 (0/0)")
    call.press("5")
    server.advance(1)
    call.press("7")
    server.advance(1)
    call.hangup()
    server.advance(2)
    assert lamp(watch.body) == ("no", "0/0 (0/0)")
    told = [each.body for each in carol.received if each.method == "NOTIFY"]
    assert lamp(told[-1]) == ("no", "0/0 (0/0)")
    watch.unsubscribe()
    server.advance(200)
    assert server.leftovers() == {}
    assert not server.told("step.failed")


def test_messages_and_lamps_survive_a_restart(sip):
    server = sip(PLAN, **STAGES)
    alice, bob = server.phone("alice").online(), server.phone("bob").online()
    bob.answers(ring=0.0, after=None)
    leave(server, alice)
    server.stop()
    server.start()
    bob.online()
    watch = Watch(bob, "bob", event="message-summary")
    server.advance(1)
    assert lamp(watch.body) == ("yes", "1/0 (0/0)")
