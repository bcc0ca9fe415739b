"""plugins.nat: where senders are reached, and what stands for us outside (RFC 3581, RFC 5626; Asterisk's rewrite_contact, external_*)."""

import pytest
from pipeline.plugins.nat.outward import description

from pipeline.conformance.marks import rfc
from pipeline.flow import Target
from pipeline.sip.message import Request
from pipeline.testing.server import CALLS

USER = '[user.alice]\npassword = "x"\n'


def reach(server, contact, *, via="192.168.1.7:5060", source=("10.0.0.9", 40000), more=()):
    headers = [("Contact", contact), ("Via", f"SIP/2.0/UDP {via};branch=z9hG4bK{hash(contact)};rport"), *more]
    assert server.request("REGISTER", headers=headers, source=source).status == 200
    [stored] = server.contacts("alice")
    assert stored.uri in contact  # what was received is never rewritten
    return stored.reach


@pytest.mark.parametrize(
    ("mode", "contact", "expected"),
    [
        ("mismatch", "<sip:alice@192.168.1.7>", "udp:10.0.0.9:40000"),
        ("mismatch", "<sip:alice@198.51.100.3>", "udp:10.0.0.9:40000"),
        ("mismatch", "<sip:alice@10.0.0.9:5062>", ""),
        ("mismatch", "<sip:alice@10.0.0.9:5062;maddr=192.168.1.7>", "udp:10.0.0.9:40000"),
        ("mismatch", "<sip:alice@phone.example.net>", ""),
        ("private", "<sip:alice@192.168.1.7>", "udp:10.0.0.9:40000"),
        ("private", "<sip:alice@8.8.4.4>", ""),
        ("always", "<sip:alice@10.0.0.9:5062>", "udp:10.0.0.9:40000"),
        ("always", "<sip:alice@phone.example.net>", "udp:10.0.0.9:40000"),
        ("never", "<sip:alice@192.168.1.7>", ""),  # not even when the registrar would have known better
    ],
)
def test_where_requests_go_is_an_option(sip, mode, contact, expected):
    server = sip(f'[plugin.nat]\nrewrite_contact = "{mode}"\n', intercept=["nat"])
    assert reach(server, contact) == expected


@rfc("5626", "5.3")
@rfc("7118", "5")
@pytest.mark.parametrize(
    "contact",
    [
        "<sip:alice@df7jal.invalid;transport=ws>",
        "<sip:alice@df7jal.invalid>",
        "<sip:alice@192.168.1.7;ob>",
        "<sip:a@192.168.1.7;transport=wss>",
    ],
)
def test_a_contact_that_is_no_address_leads_by_its_flow_also_where_contacts_are_believed(sip, contact):
    server = sip('[plugin.nat]\nrewrite_contact = "never"\n', intercept=["nat"])
    assert reach(server, contact) == "udp:10.0.0.9:40000"


def test_a_binding_at_the_far_end_of_its_connection_ends_with_it_also_where_contacts_are_believed(sip):
    server = sip('[plugin.nat]\nrewrite_contact = "never"\n', intercept=["nat"])
    pending = server.network.host("10.0.0.7").connect("10.0.0.1", 5060)
    server.advance(0.1)
    stream = pending.value()
    stream.on_closed, stream.on_data = lambda _: None, lambda _: None
    where = f"{stream.local[0]}:{stream.local[1]}"
    headers = [("Contact", f"<sip:alice@{where};transport=tcp>"), ("Via", f"SIP/2.0/TCP {where};branch=z9hG4bKfar")]
    stream.write(server.message("REGISTER", headers=headers))
    server.advance(0.5)
    [stored] = server.contacts("alice")
    assert stored.reach.startswith("flow:")
    stream.close()
    server.advance(1)
    assert server.contacts("alice") == []


def test_an_endpoint_may_say_otherwise(sip):
    server = sip(
        '[endpoint.alice]\nauth = []\naors = ["alice"]\nrewrite_contact = "never"\n[aor.alice]\n[identify.lan]\nendpoint = "alice"\nmatch = ["10.0.0.0/8"]\n',
        intercept=["identify", "nat"],
    )
    assert reach(server, "<sip:alice@192.168.1.7>") == ""


def test_what_is_behind_a_proxy_is_not_ours_to_judge(sip):
    server = sip('[plugin.nat]\nrewrite_contact = "always"\n', intercept=["nat"])
    assert reach(server, "<sip:alice@192.168.1.7>", via="10.0.0.9, SIP/2.0/UDP 192.168.1.7") == ""
    assert reach(server, "<sip:alice@192.168.1.7>", via="10.0.0.9", more=[("Supported", "path"), ("Path", "<sip:10.0.0.9;lr>")]) == ""


@rfc("3581", "4")
@pytest.mark.parametrize(("on", "port"), [("true", 40000), ("false", 5060)])
def test_answers_go_to_the_port_of_the_source_also_when_nobody_asked(sip, on, port):
    server = sip(f"[plugin.nat]\nforce_rport = {on}\n", intercept=["nat"])
    got = []
    host = server.network.host("10.0.0.9")
    for each in (5060, 40000):
        host.datagram("10.0.0.9", each, lambda data, source, local, each=each: got.append(each))
    data = server.message("OPTIONS", uri="sip:example.com", headers=[("Via", "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKx")])
    host.network.carry(data, ("10.0.0.9", 40000), ("10.0.0.1", 5060))
    server.advance(0.1)
    assert got == [port]


EXTERNAL = """
[plugin.nat]
local_net = ["10.0.0.0/24", "192.168.0.0/16"]
external_signaling_address = "203.0.113.7"
external_media_address = "203.0.113.8"
"""


def ask(server, host):
    fields = [
        ("From", "<sip:a@example.com>;tag=a"),
        ("To", "<sip:b@example.net>"),
        ("Call-ID", f"c{host}"),
        ("CSeq", "1 OPTIONS"),
        ("Contact", "<sip:a@10.0.0.1:5060>"),
    ]
    server.engine.request(Request.new("OPTIONS", f"sip:b@{host}", fields), Target(host, 5060), lambda _: None)
    server.advance(0.1)


def test_outside_our_networks_via_and_contact_carry_the_external_address(sip):
    server = sip(EXTERNAL, intercept=["nat"], application=[])
    inside, outside = server.phone("in", address=("10.0.0.5", 5060)), server.phone("out", address=("172.30.0.5", 5060))
    ask(server, "10.0.0.5")
    ask(server, "172.30.0.5")
    (near,), (far,) = inside.received, outside.received
    assert (near.via.host, near.get("contact")) == ("10.0.0.1", "<sip:a@10.0.0.1:5060>")
    assert (far.via.host, far.via.port, far.get("contact")) == ("203.0.113.7", 5060, "<sip:a@203.0.113.7:5060>")
    assert server.engine.domains.of("203.0.113.7") is server.engine.domains.first


def test_answers_outside_carry_it_too_and_the_callers_vias_stay(sip):
    server = sip(
        EXTERNAL + '[context.default]\nextensions = { "100" = ["answer", { wait = 5 }] }\n' + USER, **{**CALLS, "intercept": ["nat"]}
    )
    body = b"v=0\r\no=- 1 1 IN IP4 172.30.0.9\r\ns=-\r\nc=IN IP4 172.30.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    answer = server.request("INVITE", "100", headers=[("Content-Type", "application/sdp")], body=body, source=("172.30.0.9", 5060))
    assert answer.status == 200, answer
    assert "203.0.113.7:5060" in answer.get("contact")
    assert b"c=IN IP4 203.0.113.8" in answer.body
    assert b"10.0.0.1" not in answer.body
    assert int(answer.get("content-length")) == len(answer.body)
    assert answer.via.host == "172.30.0.9"


SDP = b"v=0\r\no=- 1 2 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtcp:4001 IN IP4 10.0.0.1\r\na=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\na=candidate:2 1 UDP 1 2001:db8::1 4000 typ host\r\n"


def test_media_addresses_of_ours_are_told_as_the_outside_one():
    found = description(SDP, "203.0.113.8", lambda host: host == "10.0.0.1")
    assert found == SDP.replace(b"10.0.0.1", b"203.0.113.8")


def test_media_addresses_of_others_stay():
    assert description(SDP, "203.0.113.8", lambda host: False) is SDP


def test_a_mistaken_address_is_said_at_once(sip):
    from pipeline.config.problems import Problems

    with pytest.raises(Problems, match="not an IP address"):
        sip('[plugin.nat]\nexternal_media_address = "media.example.com"\n', intercept=["nat"])
