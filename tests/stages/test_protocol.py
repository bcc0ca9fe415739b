"""Server transactions on the wire: retransmissions, CANCEL, ACK, merged requests (RFC 3261 17.2, 9.2, 8.2.2.2; RFC 3581)."""

from pipeline.conformance.marks import rfc

RINGER = """
@plugin
class Ringer:
    methods: ClassVar = ("INVITE", "OPTIONS")
    accepts: ClassVar = ("application/sdp",)
    status: int = option(0, help="final answer; 0 = none")
    passages: list = attrs.field(init=False, factory=list)

    @hookimpl
    def application(self, message, passage):
        return Claim("ringer", message.call_id, self.job)

    def job(self, passage):
        self.passages.append(passage)
        if self.status:
            passage.reply(self.status)
"""


def ringer(sip, write, status=0):
    return sip(write("ringer", RINGER, f"status = {status}"), application=["ringer"])


def statuses(server, source=("10.0.0.9", 5060)):
    return [(reply.status, reply.cseq.method) for reply in server.replies(source)]


def ack(invite, reply):
    return (
        invite.replace(b"INVITE sip", b"ACK sip")
        .replace(b"1 INVITE", b"1 ACK")
        .replace(b"To: <sip:bob@example.com>", b"To: " + reply.get("to").encode())
    )


@rfc("3261", "17.2.2")
def test_a_retransmitted_request_gets_the_very_same_bytes_and_is_not_served_again(sip, write, plugin_of):
    server = ringer(sip, write, 200)
    request = server.message("OPTIONS", "bob")
    server.send(request)
    server.send(request)
    first, second = server.replies()
    assert first.encode() == second.encode()
    assert len(plugin_of(server, "ringer").passages) == 1


@rfc("3261", "17.2.2")
def test_an_answered_request_is_forgotten_after_timer_j(sip, write, plugin_of):
    server = ringer(sip, write, 200)
    request = server.message("OPTIONS", "bob")
    server.send(request)
    server.advance(31)
    server.send(request)
    assert len(plugin_of(server, "ringer").passages) == 1
    server.advance(8)
    assert len(server.engine.transactions) == 0
    server.send(request)
    server.replies()
    assert len(plugin_of(server, "ringer").passages) == 2


@rfc("3261", "17.2.1")
def test_an_invite_gets_a_100_after_200_ms_and_a_retransmission_gets_it_again(sip, write):
    server = ringer(sip, write)
    invite = server.message("INVITE", "bob")
    server.send(invite)
    server.advance(0.1)
    assert statuses(server) == []
    server.advance(0.2)
    assert statuses(server) == [(100, "INVITE")]
    server.send(invite)
    assert statuses(server) == [(100, "INVITE")] * 2
    assert not server.replies()[0].to.tag


@rfc("3261", "17.2.1")
def test_a_refusal_is_repeated_until_its_ack_comes(sip, write):
    server = ringer(sip, write, 486)
    invite = server.message("INVITE", "bob")
    server.send(invite)
    server.advance(1.6)
    assert statuses(server) == [(486, "INVITE")] * 3  # at 0, T1 and 3*T1
    server.send(ack(invite, server.replies()[0]))
    server.advance(10)
    assert statuses(server) == [(486, "INVITE")] * 3
    server.advance(30)
    assert len(server.engine.transactions) == 0


@rfc("3261", "17.2.1")
def test_a_refusal_without_ack_ends_after_64_t1(sip, write):
    server = ringer(sip, write, 486)
    server.send(server.message("INVITE", "bob"))
    server.advance(33)
    assert len(server.engine.transactions) == 0
    assert server.engine.counts["transactions.timeout"] == 1


@rfc("3261", "9.2")
def test_a_cancel_is_answered_and_ends_the_invite_with_487_and_one_tag(sip, write):
    server = ringer(sip, write)
    invite = server.message("INVITE", "bob")
    server.send(invite)
    server.replies()
    server.send(invite.replace(b"INVITE", b"CANCEL"))
    assert statuses(server) == [(200, "CANCEL"), (487, "INVITE")]
    assert len({reply.to.tag for reply in server.replies()}) == 1


@rfc("3261", "9.2")
def test_a_cancel_of_nothing_is_481(sip, write):
    server = ringer(sip, write)
    server.send(server.message("CANCEL", "bob"))
    assert statuses(server) == [(481, "CANCEL")]


@rfc("3261", "9.2")
def test_a_cancel_after_the_final_answer_is_answered_and_changes_nothing(sip, write):
    server = ringer(sip, write, 486)
    invite = server.message("INVITE", "bob")
    server.send(invite)
    server.replies()
    server.send(invite.replace(b"INVITE", b"CANCEL"))
    assert statuses(server) == [(486, "INVITE"), (200, "CANCEL")]


@rfc("3261", "8.2.2.2")
def test_a_request_that_comes_by_two_ways_is_482_the_second_time(sip, write):
    server = ringer(sip, write, 200)
    request = server.message("OPTIONS", "bob")
    server.send(request)
    server.send(request.replace(b"z9hG4bKtest", b"z9hG4bKother"))
    assert statuses(server) == [(200, "OPTIONS"), (482, "OPTIONS")]


def test_a_copy_from_who_has_proved_himself_is_482_again_when_it_comes_again(sip, write):
    source = RINGER.replace("        return Claim", "        passage.identity = 'alice'\n        return Claim")
    server = sip(write("ringer", source, "status = 200"), application=["ringer"])
    request = server.message("OPTIONS", "bob")
    copy = request.replace(b"z9hG4bKtest", b"z9hG4bKother")
    for each in (request, copy, copy):
        server.send(each)
    served, first, second = server.replies()
    assert (served.status, first.status) == (200, 482)
    assert first.encode() == second.encode()
    assert server.engine.counts["retransmitted"] == 1


def test_a_stray_ack_is_dropped(sip, write):
    server = ringer(sip, write)
    server.send(server.message("ACK", "bob"))
    assert statuses(server) == []


@rfc("3261", "12.2.2")
def test_a_request_in_an_unknown_dialog_is_481(sip, write):
    server = ringer(sip, write, 200)
    assert server.request("OPTIONS", "bob", headers=[("To", "<sip:bob@example.com>;tag=gone")]).status == 481


@rfc("3261", "18.2.2")
def test_without_rport_the_answer_goes_to_the_port_of_the_via(sip, write):
    server = ringer(sip, write, 200)
    server.send(server.message("OPTIONS", "bob", headers=[("Via", "SIP/2.0/UDP 10.0.0.9:6000;branch=z9hG4bKp")]), ("10.0.0.9", 5060))
    assert statuses(server) == []
    host = server.network.host("10.0.0.9")
    got = []
    host.datagram("10.0.0.9", 6000, lambda data, source, local: got.append(data))
    server.send(server.message("OPTIONS", "bob", headers=[("Via", "SIP/2.0/UDP 10.0.0.9:6000;branch=z9hG4bKq")]), ("10.0.0.9", 5060))
    server.replies()
    assert got[0].startswith(b"SIP/2.0 200")


@rfc("3581", "4")
def test_with_rport_it_goes_to_the_source_and_says_so(sip, write):
    server = ringer(sip, write, 200)
    server.send(server.message("OPTIONS", "bob", headers=[("Via", "SIP/2.0/UDP 192.168.1.5:6000;branch=z9hG4bKp;rport")]))
    (reply,) = server.replies()
    assert reply.get("via") == "SIP/2.0/UDP 192.168.1.5:6000;branch=z9hG4bKp;rport=5060;received=10.0.0.9"


def test_what_a_client_claims_to_have_received_is_overwritten(sip, write):
    server = ringer(sip, write, 200)
    server.send(server.message("OPTIONS", "bob", headers=[("Via", "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKp;received=10.9.9.9")]))
    (reply,) = server.replies()
    assert "10.9.9.9" not in reply.get("via")


def test_an_rfc_2543_invite_without_a_branch_is_one_transaction_with_its_ack(sip, write, plugin_of):
    server = ringer(sip, write, 486)
    invite = server.message("INVITE", "bob", headers=[("Via", "SIP/2.0/UDP 10.0.0.9:5060")])
    server.send(invite)
    server.send(invite)
    replies = server.replies()
    assert [reply.status for reply in replies] == [486, 486]
    server.send(ack(invite, replies[0]))
    server.advance(20)
    assert len(plugin_of(server, "ringer").passages) == 1
    assert len(server.replies()) == 2


@rfc("4320", "4.2")
def test_a_408_is_never_the_answer_to_another_request_than_invite(sip, write):
    server = ringer(sip, write, 408)
    request = server.message("OPTIONS", "bob")
    server.send(request)
    server.send(request)
    assert statuses(server) == []
    assert len(server.engine.transactions) == 0


def test_an_rfc_2543_ack_for_another_answer_is_dropped(sip, write):
    server = ringer(sip, write, 486)
    invite = server.message("INVITE", "bob", headers=[("Via", "SIP/2.0/UDP 10.0.0.9:5060")])
    server.send(invite)
    server.replies()
    server.send(
        ack(invite, server.replies()[0])
        .replace(b";tag=", b";tag=other", 2)
        .replace(b"From: <sip:alice@example.com>;tag=other", b"From: <sip:alice@example.com>;tag=")
    )
    server.advance(1)
    assert len(server.engine.transactions.at_work()) == 1


def test_t1_is_an_option(sip, write):
    server = sip(write("ringer", RINGER, "status = 486") + "[plugin.stack]\nt1 = 0.1\n", application=["ringer"])
    server.send(server.message("INVITE", "bob"))
    server.advance(7)
    assert len(server.engine.transactions) == 0


def test_completed_requests_are_capped_oldest_out_first(sip, write):
    server = sip(write("ringer", RINGER, "status = 200") + "[plugin.stack]\ncompleted = 12\n", application=["ringer"])
    sent = [server.message("OPTIONS", "bob") for _ in range(25)]
    for data in sent:
        server.send(data)
    first = server.replies()
    kept = len(server.engine.transactions)
    assert 10 <= kept <= 12  # they go by sixths
    assert server.engine.counts["transactions.evicted"] == 25 - kept
    server.send(sent[-kept])
    again = [reply.to.tag for reply in server.replies() if reply.call_id == first[-kept].call_id]
    assert again[-1] == first[-kept].to.tag


def test_a_broken_request_is_answered_with_the_field_and_the_reason_and_no_state(sip, write):
    server = ringer(sip, write)
    answer = server.request("OPTIONS", "bob", headers=[("CSeq", "99999999999 OPTIONS")])
    assert answer.status == 400
    assert "CSeq" in answer.reason
    assert len(server.engine.transactions) == 0


@rfc("3261", "21.5.6")
def test_an_unknown_version_is_505(sip, write):
    server = ringer(sip, write)
    server.send(server.message("OPTIONS", "bob").replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1))
    assert statuses(server) == [(505, "OPTIONS")]


def test_keepalives_and_garbage_are_dropped_in_silence(sip, write):
    server = ringer(sip, write)
    for junk in (b"\r\n\r\n", b"\0", b"", b"\xff" * 50, b"hello", b"GET / HTTP/1.1\r\n\r\n"):
        server.send(junk)
    assert server.replies() == []
