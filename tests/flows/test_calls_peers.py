"""Who may act in a dialog that no password guards: its peer, wherever he may rightly come from, and nobody else. RFC 3261 12.2.2; RFC 6314."""

import pytest

PROXY, PHONE, OTHER, STRANGER = "10.0.0.60", "10.0.0.61", "10.0.0.62", "10.0.0.9"
TRUNK = f"""
[endpoint.trunk]
auth = []
trust_from = true
[identify.trunk]
endpoint = "trunk"
match = ["{PROXY}", "{OTHER}"]
"""
SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.61\r\ns=-\r\nc=IN IP4 10.0.0.61\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
CALLER = "<sip:x@far.example>;tag=theirs"


class Far:
    """A call from somewhere else to 600, through a proxy: the INVITE comes from there, and what follows from wherever a test says."""

    def __init__(self, h, *, contact=f"<sip:x@{PHONE}>", vias=(), headers=(), port=5060):
        self.h, self.source, self.cseq = h, (PROXY, port), 1
        fields = [("From", CALLER), ("Call-ID", "far@test"), ("Contact", contact), ("Content-Type", "application/sdp")]
        below = [("Via", f"SIP/2.0/UDP {via};branch=z9hG4bKbelow") for via in vias]
        message = h.server.message("INVITE", "600", source=self.source, headers=[*fields, *headers], body=SDP)
        for name, value in below:
            message = message.replace(b"\r\nMax-Forwards", f"\r\n{name}: {value}\r\nMax-Forwards".encode(), 1)
        h.server.send(message, self.source)
        h.advance(0.5)
        self.answer = next(reply for reply in h.server.replies(self.source) if reply.status == 200)

    @property
    def session(self):
        (session,) = self.h.driver.sessions.values()
        return session

    def send(self, method, host, port=5060, *, cseq=None, headers=(), body=b""):
        """Send a request of the dialog from a host; its status (None: no answer)."""
        self.cseq += 1
        fields = [("From", CALLER), ("To", self.answer.get("to")), ("Call-ID", "far@test"), ("Contact", f"<sip:x@{host}>"), *headers]
        before = len(self.h.server.replies((host, port)))
        number = self.cseq if cseq is None else cseq
        self.h.server.send(
            self.h.server.message(method, uri="sip:600@10.0.0.1", source=(host, port), headers=fields, body=body, cseq=number), (host, port)
        )
        self.h.advance(0.5)
        new = [reply for reply in self.h.server.replies((host, port))[before:] if reply.cseq.method == method and reply.status >= 200]
        return new[-1].status if new else None

    def up(self):
        self.send("ACK", PROXY, cseq=1)
        assert self.session.state == "up"
        return self


def opened(house, toml=""):
    """A house that strangers may call."""
    return house(toml, stages=None if toml else {"intercept": []})


@pytest.fixture
def far(house):
    def call(*, toml="", **more):
        return Far(opened(house, toml), **more).up()

    return call


@pytest.mark.parametrize("toml", ["", TRUNK], ids=["a caller nobody knows", "an endpoint without password"])
@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "OPTIONS", "PRACK"])
def test_who_only_knows_the_tags_is_told_that_there_is_no_such_dialog(far, method, toml):
    call = far(toml=toml)
    body = {"headers": [("Content-Type", "application/sdp")], "body": SDP} if method in ("INVITE", "UPDATE") else {}
    assert call.send(method, STRANGER, **body) == 481
    assert call.session.state == "up"
    assert call.session.remote == SDP
    assert call.h.server.engine.counts["refused.in_dialog"] == 1
    (event,) = call.h.server.told("request.unexpected")
    assert (event.fields["passage"].flow.peer, event.fields["expected"]) == ((STRANGER, 5060), ("UDP", PROXY))
    assert call.send("BYE", PROXY) == 200


def test_the_ack_of_somebody_else_confirms_nothing(house):
    call = Far(opened(house))
    call.send("ACK", STRANGER, cseq=1)
    assert call.session.state == "answered"
    call.send("ACK", PROXY, cseq=1)
    assert call.session.state == "up"
    assert call.send("BYE", PROXY) == 200


def test_another_port_of_the_same_host_is_the_peer_behind_an_address_translator(far):
    assert far().send("BYE", PROXY, 40123) == 200


def test_what_is_too_long_for_udp_comes_by_tcp_from_the_same_host(far):
    call = far()
    got = []
    data = call.h.server.message(
        "BYE",
        uri="sip:600@10.0.0.1",
        source=(PROXY, 40124),
        headers=[("From", CALLER), ("To", call.answer.get("to")), ("Call-ID", "far@test")],
    ).replace(b"/UDP", b"/TCP")
    pending = call.h.server.network.host(PROXY).connect("10.0.0.1", 5060)
    call.h.advance(0.1)
    stream = pending.value()
    stream.on_data = got.append
    stream.write(data)
    call.h.advance(0.5)
    assert b"".join(got).startswith(b"SIP/2.0 200 ")


def test_the_phone_behind_a_proxy_without_record_route_may_hang_up(far):
    call = far()
    assert call.send("BYE", OTHER) == 481
    assert call.send("BYE", PHONE) == 200


def test_so_may_one_whose_contact_is_a_name(house):
    h = opened(house)
    h.server.network.zone.add("phone.far.example", "A", PHONE)
    call = Far(h, contact="<sip:x@phone.far.example>").up()
    assert call.send("BYE", OTHER) == 481
    assert call.send("BYE", PHONE) == 200


def test_and_one_whose_contact_leads_nowhere_but_whose_via_has_been_seen(far):
    call = far(contact="<sip:x@192.168.7.7>", vias=[f"192.168.7.7:5060;received={PHONE}"])
    assert call.send("BYE", OTHER) == 481
    assert call.send("BYE", PHONE) == 200


def test_a_proxy_of_the_route_set_is_the_peer_s_way(far):
    call = far(headers=[("Record-Route", f"<sip:{OTHER};lr>")])
    assert call.send("BYE", STRANGER) == 481
    assert call.send("BYE", OTHER) == 200


def test_another_address_of_an_endpoint_that_is_known_by_its_addresses_is_its_own(far):
    call = far(toml=TRUNK)
    assert call.send("INFO", STRANGER) == 481
    assert call.send("BYE", OTHER) == 200


def test_where_the_peer_has_moved_to_by_a_re_invite_of_his_is_his_place(far):
    call = far()
    assert call.send("BYE", OTHER) == 481
    assert call.send("INVITE", PROXY, headers=[("Contact", f"<sip:x@{OTHER}>"), ("Content-Type", "application/sdp")], body=SDP) == 200
    call.send("ACK", PROXY, cseq=call.cseq)
    assert call.send("BYE", OTHER) == 200


def test_while_a_name_is_looked_up_the_dialog_goes_on(house):
    h = opened(house)
    h.server.network.filter = lambda data, source, destination: destination[1] != 53
    call = Far(h, contact="<sip:x@slow.far.example>").up()
    assert call.send("BYE", OTHER) is None  # no name server answers
    assert call.send("INFO", PROXY) == 200
    assert call.send("BYE", PROXY) == 200
    h.advance(60)


def test_a_phone_with_a_password_proves_itself_from_wherever_it_is(house):
    h = house(stages={"intercept": ["identify", "auth"]})
    call, other = h.up()
    assert h.server.request("BYE", "bob", source=(OTHER, 5060), headers=dialog_of(call), cseq=90).status == 401
    assert call.state == "up"
    answer = h.server.request("BYE", "bob", source=(OTHER, 5060), headers=dialog_of(call), cseq=91, password="alice's")
    assert answer.status == 200
    assert other.until("ended")


def test_where_it_has_proved_itself_its_ack_is_taken_too(house):
    """A phone that has moved to another network says so by a re-INVITE; its Contact may still be what its router hides."""
    h = house(stages={"intercept": ["identify", "auth"]})
    call, other = h.up()
    session = next(each for each in h.driver.sessions.values() if each.direction == "in")
    headers = [*dialog_of(call), ("Contact", "<sip:alice@192.168.1.7>"), ("Content-Type", "application/sdp")]
    moved = call.local.replace(b"10.0.0.2", OTHER.encode())
    answer = h.server.request("INVITE", "bob", source=(OTHER, 5060), headers=headers, body=moved, cseq=91, password="alice's")
    assert answer.status == 200
    assert session.unacked is not None
    h.server.send(
        h.server.message("ACK", "bob", source=(STRANGER, 5060), headers=dialog_of(call), cseq=answer.cseq.number), (STRANGER, 5060)
    )
    h.advance(0.1)
    assert session.unacked is not None
    h.server.send(h.server.message("ACK", "bob", source=(OTHER, 5060), headers=dialog_of(call), cseq=answer.cseq.number), (OTHER, 5060))
    h.advance(0.1)
    assert session.unacked is None
    assert h.server.request("BYE", "bob", source=(OTHER, 5060), headers=dialog_of(call), cseq=93, password="alice's").status == 200
    assert other.until("ended")


def dialog_of(call):
    return [("From", call.invite.get("from")), ("To", call.final.get("to")), ("Call-ID", call.invite.call_id)]
