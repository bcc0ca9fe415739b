"""A step may wait: the walk goes on behind it, in order, within limits, and a deadline ends every wait."""

WAITER = """
@plugin
class Waiter:
    pendings: list = attrs.field(init=False, factory=list)
    seen: list = attrs.field(init=False, factory=list)

    @hookimpl
    def intercept(self, message, passage):
        if not message.is_request or message.method in ("ACK", "CANCEL") or "X-Now" in dict(message.items()):
            return None
        self.seen.append(message.get("subject"))
        self.pendings.append(Pending())
        return Wait(self.pendings[-1], lambda verdict: verdict, because="slow database")
"""


def start(sip, write, options="", **more):
    text = write("waiter", WAITER)
    if options:
        text += f'[pipeline]\nname = "test"\ndomains = ["example.com"]\n{options}\n'
    return sip(text, intercept=["waiter"], **more)


def test_none_lets_the_walk_go_on_behind_the_step(sip, write, plugin_of):
    server = start(sip, write)
    server.send(server.message("OPTIONS"))
    assert server.replies() == []
    plugin_of(server, "waiter").pendings[0].resolve(None)
    assert [reply.status for reply in server.replies()] == [200]


def test_the_result_may_be_this_steps_verdict(sip, write, plugin_of):
    from pipeline import Reply

    server = start(sip, write)
    server.send(server.message("OPTIONS"))
    server.replies()
    plugin_of(server, "waiter").pendings[0].resolve(Reply(403))
    assert [reply.status for reply in server.replies()] == [403]


def test_a_wait_without_answer_is_503_after_its_deadline(sip, write):
    server = start(sip, write)
    assert server.request("OPTIONS").status == 503
    assert 2.0 <= server.loop.time() < 2.2
    assert len(server.engine.waiting) == 0


def test_a_failed_wait_is_503_and_never_not_found(sip, write, plugin_of):
    server = start(sip, write)
    server.send(server.message("INVITE", "bob"))
    server.replies()
    plugin_of(server, "waiter").pendings[0].fail(OSError("disk"))
    (reply,) = [reply for reply in server.replies() if reply.status >= 200]
    assert reply.status == 503
    assert reply.get("retry-after")


def test_a_retransmission_meanwhile_is_absorbed(sip, write, plugin_of):
    server = start(sip, write)
    request = server.message("OPTIONS")
    server.send(request)
    server.send(request)
    server.replies()
    assert len(plugin_of(server, "waiter").pendings) == 1


def test_passages_of_one_call_stay_in_order_and_others_pass_by(sip, write, plugin_of):
    server = start(sip, write)
    for cseq, subject in ((1, "first"), (2, "second")):
        server.send(server.message("OPTIONS", headers=[("Call-ID", "one"), ("Subject", subject)], cseq=cseq))
    server.send(server.message("OPTIONS", headers=[("Subject", "other")]))
    server.replies()
    waiter = plugin_of(server, "waiter")
    assert waiter.seen == ["first", "other"]
    waiter.pendings[0].resolve(None)
    server.replies()
    assert waiter.seen == ["first", "other", "second"]


def test_a_cancel_meanwhile_is_answered_and_the_result_discarded(sip, write, plugin_of):
    server = start(sip, write)
    invite = server.message("INVITE", "bob")
    server.send(invite)
    server.replies()
    cancel = invite.replace(b"INVITE", b"CANCEL")
    server.send(cancel)
    assert sorted((reply.status, reply.cseq.method) for reply in server.replies() if reply.status >= 200) == [
        (200, "CANCEL"),
        (487, "INVITE"),
    ]
    plugin_of(server, "waiter").pendings[0].resolve(None)
    assert not [reply for reply in server.replies() if reply.status in (404, 480)]


def test_waits_are_bounded_for_one_source_and_in_all(sip, write):
    server = start(sip, write, "waiting = 3\nwaiting_per_source = 2")
    for _ in range(3):
        server.send(server.message("OPTIONS"))
    assert [reply.status for reply in server.replies()] == [503]
    other, third = ("10.0.0.8", 5060), ("10.0.0.7", 5060)
    server.send(server.message("OPTIONS", source=other), other)
    server.send(server.message("OPTIONS", source=third), third)
    assert [reply.status for reply in server.replies(third)] == [503]
    assert server.replies(other) == []


def test_who_has_proved_himself_and_may_not_wait_gets_the_same_answer_again(sip, write):
    source = WAITER.replace("        self.seen", "        passage.identity = 'alice'\n        self.seen")
    text = write("waiter", source) + '[pipeline]\nname = "test"\ndomains = ["example.com"]\nwaiting = 1\n'
    server = sip(text, intercept=["waiter"])
    server.send(server.message("OPTIONS"))
    second = server.message("OPTIONS")
    server.send(second)
    server.send(second)
    answers = server.replies()
    assert [answer.status for answer in answers] == [503, 503]
    assert answers[0].encode() == answers[1].encode()
    assert server.engine.counts["retransmitted"] == 1


def test_a_retransmission_meanwhile_does_not_end_the_request_that_waits(sip, write, plugin_of):
    server = start(sip, write)
    request = server.message("OPTIONS")
    server.send(request)
    server.send(request)
    server.replies()
    plugin_of(server, "waiter").pendings[0].resolve(None)
    assert [reply.status for reply in server.replies()] == [200]


def test_a_cancel_of_an_invite_that_is_queued_behind_another_message_of_its_call_ends_it(sip, write, plugin_of):
    server = start(sip, write)
    call = [("Call-ID", "one")]
    server.send(server.message("OPTIONS", headers=call))
    invite = server.message("INVITE", "bob", headers=call, cseq=2)
    server.send(invite)
    server.send(invite)
    server.replies()
    waiter = plugin_of(server, "waiter")
    assert len(waiter.pendings) == 1
    server.send(invite.replace(b"INVITE", b"CANCEL"))
    assert sorted((reply.status, reply.cseq.method) for reply in server.replies() if reply.status >= 200) == [
        (200, "CANCEL"),
        (487, "INVITE"),
    ]
    waiter.pendings[0].resolve(None)
    finals = [reply for reply in server.replies() if reply.status >= 200 and reply.cseq.method == "INVITE"]
    assert {reply.status for reply in finals} == {487}
    assert len(waiter.pendings) == 1  # nobody was asked about it any more
    assert len(server.engine.waiting) == server.engine.waiting._queued == 0


def test_an_invite_that_is_queued_gets_100_and_then_its_answer(sip, write, plugin_of):
    server = start(sip, write)
    call = [("Call-ID", "one")]
    server.send(server.message("OPTIONS", headers=call))
    server.send(server.message("INVITE", "bob", headers=call, cseq=2))
    server.advance(0.5)
    assert [reply.status for reply in server.replies()] == [100]
    waiter = plugin_of(server, "waiter")
    waiter.pendings[0].resolve(None)
    server.replies()
    waiter.pendings[1].resolve(None)
    assert [(reply.status, reply.cseq.method) for reply in server.replies()] == [(100, "INVITE"), (200, "OPTIONS"), (480, "INVITE")]
