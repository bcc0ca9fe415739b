"""By which way a call's requests go: translators, streams, IPv6, a reload in between. RFC 3261 12.2.1.1, 18; RFC 5626; RFC 3581."""

import pytest

from pipeline.config import Document, build
from pipeline.conformance.marks import rfc
from pipeline.sip.message import Response

NAT = """
[plugin.nat]
rewrite_contact = "always"
"""


@rfc("3581", "5")
def test_a_phone_behind_a_translator_is_reached_by_the_way_it_came(house):
    h = house(phones=("alice",))
    nat = ("203.0.113.9", 40000)
    via = ("Via", "SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bKnat1;rport")
    contact = ("Contact", "<sip:bob@192.168.1.5:5060>")
    assert h.server.request("REGISTER", "bob", from_="bob", source=nat, headers=[via, contact]).status == 200
    h.alice.call("bob")
    h.advance(0.2)
    [invite] = [message for message in h.server.replies(nat) if message.is_request]
    assert invite.uri_text == "sip:bob@192.168.1.5:5060"
    sdp = b"v=0\r\no=- 1 1 IN IP4 192.168.1.5\r\ns=-\r\nc=IN IP4 192.168.1.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    ok = Response.to(invite, 200, "", [contact, ("Content-Type", "application/sdp")], sdp, to_tag="b")
    h.server.send(ok.encode(), nat)
    h.advance(0.5)
    requests = [message for message in h.server.replies(nat) if message.is_request]
    assert [message.method for message in requests] == ["INVITE", "ACK"]
    h.alice.calls[-1].hangup()
    h.advance(0.5)
    bye = [message for message in h.server.replies(nat) if message.is_request][-1]
    assert bye.method == "BYE"
    h.server.send(Response.to(bye, 200).encode(), nat)


def test_a_caller_behind_a_translator_gets_the_bye(house):
    h = house(phones=("bob",))
    nat = ("203.0.113.9", 40000)
    invite = h.server.message(
        "INVITE",
        "bob",
        source=nat,
        headers=[
            ("Via", "SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bKnat2;rport"),
            ("Contact", "<sip:alice@192.168.1.5:5060>"),
            ("Content-Type", "application/sdp"),
        ],
        body=b"v=0\r\no=- 1 1 IN IP4 192.168.1.5\r\ns=-\r\nc=IN IP4 192.168.1.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n",
    )
    h.bob.answers(hang_up_after=1.0)
    h.server.send(invite, nat)
    h.advance(0.5)
    ok = next(message for message in h.server.replies(nat) if not message.is_request and message.status == 200)
    ack = "\r\n".join(
        [
            f"ACK {ok.contacts[0].uri} SIP/2.0",
            "Via: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bKnat3;rport",
            f"From: {ok.get('from')}",
            f"To: {ok.get('to')}",
            f"Call-ID: {ok.call_id}",
            "CSeq: 1 ACK",
            "Max-Forwards: 70",
            "Content-Length: 0",
            "",
            "",
        ]
    )
    h.server.send(ack.encode(), nat)
    h.advance(2)
    byes = [message for message in h.server.replies(nat) if message.is_request]
    assert byes and byes[-1].method == "BYE" and byes[-1].uri_text == "sip:alice@192.168.1.5:5060"
    h.server.send(Response.to(byes[-1], 200).encode(), nat)


@pytest.mark.parametrize("one", ["UDP", "TCP"])
@pytest.mark.parametrize("other", ["UDP", "TCP"])
def test_each_leg_has_its_own_transport(house, one, other):
    h = house(phones=())
    for name, transport in (("alice", one), ("bob", other)):
        phone = h.phones[name] = h.server.phone(name, transport=transport)
        phone.online()
    call, there = h.up()
    assert call.mirrors(there)
    there.hangup()
    call.until("ended")
    assert (there.invite.contacts[0].uri.params.get("transport") or "udp").upper() == other


def test_calls_outlive_a_reload(house):
    h = house()
    call, other = h.up()
    h.server.run(h.server.engine.reload(build(Document(h.server.folder / "pipeline.toml", h.server.text))))
    h.advance(1)
    call.hold()
    h.advance(2)
    assert other.held
    call.hangup()
    other.until("ended")
    second = h.alice.call("bob").until("up")
    second.hangup()


@rfc("3261", "18.1.1")
def test_a_stream_that_breaks_is_opened_again_for_the_bye(house):
    h = house(more={"transport": "TCP"})
    call, other = h.up()
    for flow in tuple(h.server.engine.flows.values()):
        flow.close("cut")
    h.advance(1)
    call.hangup()
    call.until("ended")
    other.until("ended")


@rfc("3261", "18.2.2")
def test_a_caller_whose_stream_breaks_while_it_rings_hears_the_answer_by_another(house):
    h = house(more={"transport": "TCP"})
    h.bob.answers(after=2.0)
    call = h.alice.call("bob")
    h.advance(1)
    h.server.network.cut("10.0.0.2", "the access network changed")
    call.until("up")
    h.advance(1)
    assert call.agreed
    h.bob.calls[-1].hangup()
    call.until("ended")


@pytest.fixture
def translated(house):
    """A house whose phones register by TCP and are reached by their connections alone."""
    built = house(NAT, more={"transport": "TCP"}, stages={"intercept": ["nat", "identify"]})
    yield built
    built.advance(1)
    for phone in built.phones.values():
        phone.unregister()  # or its binding holds the connection
    built.advance(1)


def leg_of(house, name):
    [session] = [each for each in house.driver.sessions.values() if each.options.id == name]
    return session


@rfc("3261", "12.2.2")
def test_a_session_goes_on_by_the_connection_that_the_peer_has_moved_to(translated):
    h = translated
    call, other = h.up()
    session = leg_of(h, "alice")
    assert session.pinned
    first = session.flow
    first.close("the phone has another address now")
    h.advance(0.5)
    call.hold()  # opens a connection of its own
    h.advance(2)
    assert other.held
    assert session.flow is not first and not session.flow.closed and session.pinned
    assert session.flow_id == session.flow.id
    other.hangup()
    call.until("ended")


@rfc("5626", "5.3")
def test_a_phone_that_has_come_back_by_another_connection_gets_the_bye(translated):
    h = translated
    call, other = h.up()
    session = leg_of(h, "alice")
    session.flow.close("cut")
    h.advance(0.5)
    h.alice.online()
    flows = set(h.server.engine.flows)
    other.hangup()
    h.advance(2)
    assert call.state == "ended"
    assert set(h.server.engine.flows) == flows  # by the connection that the phone has opened, for another would not get through


@rfc("5626", "4.5")
def test_a_leg_whose_connection_closed_ends_when_the_phone_does_not_come_back(translated):
    h = translated
    call, other = h.up()
    session = leg_of(h, "alice")
    session.flow.close("the page was closed")
    h.advance(31)
    assert other.state == "up"  # it may come back
    h.advance(2)
    assert other.state == "ended"
    assert session.channel.hangup.text == "its connection closed and it did not come back: the page was closed"
    assert not len(h.server.engine.carried)
    call.state = "ended"  # nobody can tell the phone


@rfc("5626", "4.5")
def test_a_leg_whose_phone_came_back_goes_on(translated):
    h = translated
    call, other = h.up()
    leg_of(h, "alice").flow.close("cut")
    h.advance(5)
    h.alice.online()
    h.advance(60)
    assert call.state == other.state == "up"


@rfc("5057", "5.1")
@rfc("5626", "4.5")
def test_a_change_under_way_when_the_connection_is_lost_fails_and_the_call_goes_on(translated):
    h = translated
    call, other = h.up()
    session = leg_of(h, "alice")
    session.refresh()
    h.server.network.cut(h.alice.address[0], "the access network changed")
    h.advance(1)
    assert session.flow.closed
    assert other.state == "up"
    h.alice.online()
    h.advance(60)
    assert call.state == other.state == "up"


TRUNK = """
[endpoint.trunk]
auth = []
timers = "always"
timers_sess_expires = 100
[identify.trunk]
endpoint = "trunk"
match = ["10.0.0.9"]
"""


@rfc("3261", "8.1.3.1")
@rfc("5057", "5.1")
@pytest.mark.parametrize("listens", [True, False])
def test_a_refresh_under_way_when_a_trunk_closes_its_connection_is_tried_again_and_ends_nothing_before_its_time(house, listens):
    h = house(NAT + TRUNK, phones=("bob",), stages={"intercept": ["nat", "identify"]})
    trunk = h.phones["trunk"] = h.server.phone("trunk", transport="TCP", address=("10.0.0.9", 5060), password="")
    call = trunk.call("bob").until("up")
    h.advance(0.2)
    call._refresh.cancel()  # it leaves all to us, and does not end the call itself
    session = leg_of(h, "trunk")
    assert session.pinned
    assert session.timer.we_refresh
    trunk.silent = {"UPDATE", "INVITE"}
    h.advance(51)
    h.server.network.cut("10.0.0.9", "it was idle")
    trunk.silent = set() if listens else trunk.silent
    h.advance(10)
    assert session.flow.closed
    assert call.state == h.bob.calls[-1].state == "up"
    h.advance(60)
    assert (h.bob.calls[-1].state == "up") is listens
    if not listens:
        call.state = "ended"


@rfc("4028", "7.4")
def test_a_refresh_that_was_lost_with_the_connection_is_made_when_the_phone_has_come_back(house):
    h = house(
        NAT, more={"transport": "TCP"}, stages={"intercept": ["nat", "identify"]}, alice='timers = "always"\ntimers_sess_expires = 100'
    )
    call, other = h.up()
    call._refresh.cancel()
    session = leg_of(h, "alice")
    assert session.timer.we_refresh
    h.alice.silent = {"UPDATE", "INVITE"}
    h.advance(51)
    h.server.network.cut(h.alice.address[0], "the access network changed")
    h.alice.silent = set()
    h.advance(1)
    h.alice.online()
    h.advance(300)
    assert call.state == other.state == "up"
    for phone in h.phones.values():
        phone.unregister()
    h.advance(1)


@rfc("3261", "8.1.3.4")
def test_who_is_called_in_anothers_place_is_not_taken_to_be_where_that_one_was(house):
    h = house(phones=("alice", "bob", "carol"), bob='redirect_method = "uri"')
    h.bob.answers(ring=0.0, after=0.5, status=302, headers=[("Contact", "<sip:carol@example.com>")])
    h.carol.answers(ring=5.0, after=6.0)
    call = h.alice.call("bob")
    h.advance(0.3)
    assert leg_of(h, "bob").peer_host == h.bob.address[0]
    h.advance(2)
    session = leg_of(h, "carol")
    assert (session.peer_host, session.show()["peer"]) == (h.carol.address[0], "")  # she has not said anything yet
    call.until("up")
    assert session.flow.peer == h.carol.address
    assert call.mirrors(h.carol.calls[-1])


def test_a_call_whose_stream_broke_before_it_was_looked_at_keeps_nothing_of_it(house):
    h = house(more={"transport": "TCP"})
    waiting = []
    real = h.server.engine.transactions.begin

    def begin(passage, **more):  # what a database that takes its time comes to
        waiting.append(passage)
        passage.flow.close("the phone has gone")
        return real(passage, **more)

    h.server.engine.transactions.begin = begin
    h.bob.answers(after=1.0)
    h.alice.call("bob")
    h.advance(0.2)
    h.server.engine.transactions.begin = real
    session = leg_of(h, "alice")
    assert session.flow is waiting[0].flow
    assert session.flow.closed
    assert not h.server.engine.carried._by.get(session.flow.id)
    h.advance(3)
    assert h.alice.calls[-1].state == "up"


def test_the_ack_of_a_change_goes_to_where_the_phone_has_come_back(translated):
    h = translated
    call, other = h.up()
    leg_of(h, "alice").flow.close("cut")
    h.advance(0.5)
    h.alice.online()
    flows = set(h.server.engine.flows)
    other.hold()
    h.advance(40)  # it would have repeated its 200, and given up
    assert call.held and call.state == "up" and not call.faults
    assert set(h.server.engine.flows) == flows


@rfc("5626", "4.5")
def test_a_leg_moves_to_the_connection_by_which_its_phone_came_back_and_ends_with_that(translated):
    h = translated
    call, other = h.up()
    session = leg_of(h, "alice")
    first = session.flow
    first.close("cut")
    h.advance(5)
    h.alice.online()
    h.advance(30)
    assert session.flow is not first and not session.flow.closed and other.state == "up"
    session.flow.close("cut again")
    h.advance(33)
    assert other.state == "ended"
    call.state = "ended"  # nobody can tell the phone


@rfc("3261", "12.2.1.1")
def test_a_call_through_proxies_goes_by_its_route_set_also_after_a_change(house):
    h = house(phones=("bob",))
    proxy = ("10.0.0.77", 5060)
    sdp = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    described = [("Contact", "<sip:alice@alice.invalid;ob>"), ("Content-Type", "application/sdp")]
    route = ("Record-Route", "<sip:10.0.0.77;lr>")
    h.server.send(h.server.message("INVITE", "bob", source=proxy, headers=[route, *described], body=sdp), proxy)
    h.advance(0.5)
    [session] = [each for each in h.driver.sessions.values() if each.direction == "in"]
    assert not session.pinned
    [ok] = [each for each in h.server.replies(proxy) if not each.is_request and each.status == 200]
    inside = [("From", ok.get("from")), ("To", ok.get("to")), ("Call-ID", ok.call_id)]
    uri = str(ok.contacts[0].uri)
    h.server.send(h.server.message("ACK", uri=uri, source=proxy, headers=inside), proxy)
    h.server.send(h.server.message("INVITE", uri=uri, source=proxy, cseq=2, headers=[*inside, *described], body=sdp), proxy)
    h.advance(0.5)
    assert [each.status for each in h.server.replies(proxy) if not each.is_request][-1] == 200
    assert not session.pinned
    h.server.send(h.server.message("ACK", uri=uri, source=proxy, cseq=2, headers=inside), proxy)
    h.server.send(h.server.message("BYE", uri=uri, source=proxy, cseq=3, headers=inside), proxy)
    h.advance(0.5)
