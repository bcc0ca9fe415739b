"""What the engine does with verdicts and with exceptions, for requests, ACKs, CANCELs and responses (architecture section 3)."""

import pytest

from pipeline.sip import digest
from pipeline.sip.parser import parse

PROBE = """
@plugin
class Probe:
    methods: ClassVar = ("INVITE", "OPTIONS", "MESSAGE", "REGISTER")
    accepts: ClassVar = ("application/sdp", "text/plain")
    does: str = option("reply", help="what it does")
    when: str = option("", help="the only method it does it for")
    seen: list = attrs.field(init=False, factory=list)
    jobs: list = attrs.field(init=False, factory=list)
    out: list = attrs.field(init=False, factory=list)

    def act(self, message, passage):
        self.seen.append((message.method if message.is_request else message.status, passage))
        if self.when and not (message.is_request and message.method == self.when):
            return None
        if self.does == "reply":
            return Reply(299, "Probed", headers=[("X-Probe", "yes")], because="does: it was told to")
        if self.does == "drop":
            return Drop("does: it was told to")
        if self.does == "raise":
            raise RuntimeError("broken")
        if self.does == "malformed":
            return message.contacts and None
        if self.does == "nonsense":
            return 42
        if self.does == "claim":
            return Claim("probe", message.call_id, self.jobs.append)
        return None
"""
APPLICATION = (
    PROBE
    + """
    @hookimpl
    def application(self, message, passage):
        return self.act(message, passage)
"""
)
INTERCEPTOR = (
    PROBE
    + """
    @hookimpl
    def intercept(self, message, passage):
        return self.act(message, passage)
"""
)
OUT = (
    PROBE
    + """
    @hookimpl
    def intercept_out(self, message, passage):
        self.out.append((message, passage))
        if self.does == "edit":
            message.set("server", "probe", by="probe")
        return Drop("no") if self.does == "drop" else 1 / 0 if self.does == "raise" else None
"""
)


def app(sip, write, options="", source=APPLICATION, **more):
    return sip(write("probe", source, options), **{"application": ["probe"], **more})


def test_a_reply_is_sent_with_its_reason_and_headers(sip, write):
    answer = app(sip, write).request("OPTIONS", "bob")
    assert (answer.status, answer.reason, answer.get("x-probe")) == (299, "Probed", "yes")
    assert answer.to.tag


def test_a_drop_is_silent(sip, write):
    server = app(sip, write, 'does = "drop"')
    server.send(server.message("OPTIONS", "bob"))
    assert server.replies() == []
    assert server.engine.counts["dropped"] == 1


def test_an_exception_is_500_and_an_event_that_names_the_plugin(sip, write):
    server = app(sip, write, 'does = "raise"')
    assert server.request("OPTIONS", "bob").status == 500
    (event,) = server.told("step.failed")
    assert (event.fields["plugin"], event.fields["stage"], event.fields["error"]) == ("probe", "application", "RuntimeError('broken')")
    assert server.engine.counts["failed.probe"] == 1


def test_what_is_no_verdict_is_the_plugins_failure(sip, write):
    server = app(sip, write, 'does = "nonsense"')
    assert server.request("OPTIONS", "bob").status == 500
    assert "42" in server.told("step.failed")[0].fields["error"]


@pytest.mark.parametrize(("policy", "status"), [("reject:403", 403), ("skip", 404)])
def test_on_error_says_what_an_exception_becomes(sip, write, policy, status):
    server = app(sip, write, f'does = "raise"\non_error = "{policy}"')
    assert server.request("OPTIONS", "nobody").status == status


def test_a_field_that_cannot_be_read_is_400_with_its_name_and_not_the_plugins_failure(sip, write):
    server = app(sip, write, 'does = "malformed"')
    answer = server.request("OPTIONS", "bob", headers=[("Contact", "<sip:broken")])
    assert answer.status == 400
    assert "Contact" in answer.reason
    assert server.told("step.failed") == []


def test_the_next_packet_is_served_whatever_a_step_did(sip, write):
    server = app(sip, write, 'does = "raise"\nwhen = "MESSAGE"')
    assert server.request("MESSAGE", "bob").status == 500
    assert server.request("OPTIONS", "nobody").status == 404


def test_interceptors_see_requests_acks_and_cancels(sip, write, plugin_of):
    server = sip(write("probe", INTERCEPTOR, 'does = "watch"'), intercept=["probe"], application=[])
    for method in ("OPTIONS", "ACK", "CANCEL"):
        server.send(server.message(method, "bob"))
        server.replies()
    assert [what for what, _ in plugin_of(server, "probe").seen] == ["OPTIONS", "ACK", "CANCEL"]


def test_a_reply_to_an_ack_is_a_drop(sip, write):
    server = sip(write("probe", INTERCEPTOR), intercept=["probe"], application=[])
    server.send(server.message("ACK", "bob"))
    assert server.replies() == []
    assert server.engine.counts["dropped.ack"] == 1


def test_a_reply_to_a_response_is_counted_as_misuse(sip, write):
    server = sip(write("probe", INTERCEPTOR), intercept=["probe"], application=[])
    server.send(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    assert server.replies() == []
    assert server.engine.counts["misused"] == 1


def test_an_exception_on_a_response_passes_it_on(sip, write):
    server = sip(write("probe", INTERCEPTOR, 'does = "raise"'), intercept=["probe"], application=[])
    server.send(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    server.replies()
    assert server.engine.counts["failed.probe"] == 1
    assert server.engine.counts["dropped.response"] == 1


def test_an_exception_on_a_cancel_drops_it(sip, write):
    server = sip(write("probe", INTERCEPTOR, 'does = "raise"\nwhen = "CANCEL"'), intercept=["probe"], application=[])
    server.send(server.message("CANCEL", "bob"))
    assert server.replies() == []


def test_a_claimed_request_is_answered_by_its_job(sip, write, plugin_of):
    server = app(sip, write, 'does = "claim"')
    server.send(server.message("OPTIONS", "bob"))
    assert server.replies() == []
    plugin_of(server, "probe").jobs[0].reply(200)
    assert [reply.status for reply in server.replies()] == [200]


def test_a_second_final_answer_is_ignored_and_counted(sip, write, plugin_of):
    server = app(sip, write, 'does = "claim"')
    server.send(server.message("INVITE", "bob"))
    server.replies()
    passage = plugin_of(server, "probe").jobs[0]
    passage.reply(480)
    passage.reply(200)
    assert [reply.status for reply in server.replies() if reply.status > 100] == [480]
    assert server.engine.counts["late"] == 1


def test_provisional_answers_may_come_before_the_final_one_with_one_tag(sip, write, plugin_of):
    server = app(sip, write, 'does = "claim"')
    server.send(server.message("INVITE", "bob"))
    server.replies()
    passage = plugin_of(server, "probe").jobs[0]
    for status in (180, 183, 200):
        passage.reply(status)
    replies = [reply for reply in server.replies() if reply.status > 100]
    assert [reply.status for reply in replies] == [180, 183, 200]
    assert len({reply.to.tag for reply in replies}) == 1


def test_a_servant_that_forgets_an_invite_is_answered_in_its_place(sip, write):
    server = app(sip, write, 'does = "claim"')
    server.send(server.message("INVITE", "bob"))
    server.advance(181)
    assert {reply.status for reply in server.replies() if reply.status >= 200} == {500}
    assert server.engine.counts["claims.over"] == 1


def test_a_servant_that_forgets_another_request_is_ended_before_the_client_gives_up(sip, write):
    server = app(sip, write, 'does = "claim"')
    server.send(server.message("OPTIONS", "bob"))
    server.advance(40)
    assert 408 not in [reply.status for reply in server.replies()]
    assert len(server.engine.transactions.at_work()) == 0


def test_outgoing_messages_meet_the_interceptors_in_reverse_and_know_their_cause(sip, write, plugin_of, tmp_path):
    text = write("probe", OUT) + write("other", OUT.replace("class Probe", "class Other"))
    server = sip(text, intercept=["probe", "other"], application=[])
    order = []
    plugin_of(server, "probe").out = type("L", (list,), {"append": lambda self, item: order.append(("probe", item))})()
    plugin_of(server, "other").out = type("L", (list,), {"append": lambda self, item: order.append(("other", item))})()
    server.request("OPTIONS", "bob")
    assert [name for name, _ in order] == ["other", "probe"]
    message, passage = order[0][1]
    assert passage.outgoing
    assert passage.cause.message.method == "OPTIONS"
    assert message.status == 501


def test_an_interceptor_may_edit_what_goes_out_and_the_edit_is_on_record(sip, write, plugin_of):
    server = sip(write("probe", OUT, 'does = "edit"'), intercept=["probe"], application=[])
    assert server.request("OPTIONS", "bob").get("server") == "probe"
    message, _ = plugin_of(server, "probe").out[0]
    assert message.edits == [("probe", "set", "server")]


def test_an_interceptor_may_refuse_what_goes_out(sip, write):
    server = sip(write("probe", OUT, 'does = "drop"'), intercept=["probe"], application=[])
    server.send(server.message("OPTIONS", "bob"))
    assert server.replies() == []
    assert server.engine.counts["dropped.out"] == 1


def test_an_exception_on_the_way_out_becomes_a_bare_500(sip, write):
    server = sip(write("probe", OUT, 'does = "raise"'), intercept=["probe"], application=[])
    answer = server.request("OPTIONS", "bob")
    assert answer.status == 500
    assert "allow" not in answer


def test_new_work_is_refused_while_draining_and_what_has_begun_goes_on(sip, write, plugin_of):
    server = app(sip, write, 'does = "claim"')
    server.send(server.message("OPTIONS", "bob"))
    server.replies()
    server.engine.draining = True
    refused = server.request("OPTIONS", "bob")
    assert refused.status == 503
    assert int(refused.get("retry-after")) > 0
    plugin_of(server, "probe").jobs[0].reply(200)
    assert [reply.status for reply in server.replies()] == [503, 200]


def refused_twice(server, method, state):
    """Have alice prove herself with a request that finds the server busy, and send it once more; give the answers to both."""
    challenge = digest.parse_challenge(server.request(method, "alice").get("www-authenticate"))
    setattr(server.engine, state, True)
    request = parse(server.message(method, "alice", cseq=2))
    given = digest.answer(challenge, method, request.uri_text, username="alice", password="alice's", cnonce="c")
    request.set("authorization", given)
    for _ in range(2):
        server.send(request.encode())
    return [reply.encode() for reply in server.replies()[1:]]


@pytest.mark.parametrize("state", ["draining", "overloaded"])
@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER"])
def test_the_retransmission_of_who_has_proved_himself_is_refused_again_and_taken_for_no_replay(sip, method, state):
    server = sip(intercept=["identify", "auth"])
    first, second = refused_twice(server, method, state)
    assert first.startswith(b"SIP/2.0 503 ")
    assert second == first
    assert len(server.told("auth.stale")) == 0


def test_a_call_that_is_refused_under_load_leaves_nothing_behind(sip):
    server = sip(intercept=["identify", "auth"])
    first, second = refused_twice(server, "INVITE", "overloaded")
    assert (first[:12], second[:12]) == (b"SIP/2.0 503 ", b"SIP/2.0 401 ")
    assert len(server.engine.transactions) == 0


def test_a_stranger_who_is_refused_under_load_leaves_nothing_behind(sip):
    server = sip()
    server.engine.overloaded = True
    assert server.request("OPTIONS", "bob").status == 503
    assert len(server.engine.transactions) == 0


def test_a_stateless_answer_leaves_nothing_behind_and_keeps_its_tag(sip, write):
    source = INTERCEPTOR.replace('because="does: it was told to")', "stateless=True)")
    server = sip(write("probe", source), intercept=["probe"], application=[])
    request = server.message("OPTIONS", "bob")
    server.send(request)
    server.send(request)
    first, second = server.replies()
    assert first.to.tag == second.to.tag
    assert len(server.engine.transactions) == 0


def test_a_plugin_that_cannot_stop_keeps_none_of_the_others_from_it(sip, write):
    broken = """
        @plugin
        class Broken:
            @hookimpl
            def application(self, message, passage): ...
            @hookimpl
            def stop(self, engine):
                raise RuntimeError("it does not end")
        """
    first = broken.replace("Broken", "First").replace('raise RuntimeError("it does not end")', 'engine.tell("probe.stopped")')
    server = sip(write("first", first) + write("broken", broken), application=["first", "broken"])
    server.stop()
    assert [event.fields["plugin"] for event in server.events if event.name == "step.failed"] == ["broken"]
    assert "probe.stopped" in [event.name for event in server.events]
