"""plugins.registrar.outbound: flows (RFC 5626 6), and what phones ask to be woken by (RFC 8599), which is kept as it is."""

import pytest

from pipeline.conformance.marks import rfc

ONE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'
OUTBOUND = ("Supported", "path, outbound")
ONCE = iter(range(10000))


def register(server, contact, *, headers=(), source=("10.0.0.9", 5060), cseq=1, call_id="", supported=OUTBOUND):
    fields = [("Contact", contact), supported, ("Call-ID", call_id or f"c{next(ONCE)}"), *headers]
    return server.request("REGISTER", headers=fields, source=source, cseq=cseq)


@rfc("5626", "6")
def test_a_flow_is_registered_and_said_so(sip):
    server = sip()
    reply = register(server, f"<sip:alice@192.168.1.7;ob>;reg-id=1;{ONE}")
    assert reply.status == 200
    assert reply.get("require") == "outbound"
    [contact] = server.contacts("alice")
    assert (contact.reg_id, contact.reach) == (1, "udp:10.0.0.9:5060")
    assert "reg-id=1" in reply.get("contact")


@rfc("5626", "4.2")
@pytest.mark.parametrize(
    ("reg_id", "kept"), [("1000000000", 1000000000), ("2147483647", 2**31 - 1), ("2147483648", 0), ("10000000000", 0), ("0", 0), ("-1", 0)]
)
def test_a_reg_id_is_a_number_from_one_to_two_to_the_31_less_one(sip, reg_id, kept):
    server = sip()
    reply = register(server, f"<sip:alice@192.168.1.7>;reg-id={reg_id};{ONE}")
    assert (reply.status, reply.get("require")) == (200, "outbound" if kept else None)
    [contact] = server.contacts("alice")
    assert contact.reg_id == kept


@rfc("5626", "6")
def test_the_same_phone_from_another_port_takes_its_own_place(sip):
    server = sip()
    register(server, f"<sip:alice@192.168.1.7:5060>;reg-id=1;{ONE}")
    reply = register(server, f"<sip:alice@192.168.1.7:40000>;reg-id=1;{ONE.replace('E128', 'e128')}", source=("10.0.0.9", 40000))
    assert reply.status == 200
    [contact] = server.contacts("alice")
    assert (contact.uri, contact.reach) == ("sip:alice@192.168.1.7:40000", "udp:10.0.0.9:40000")
    assert [event.name for event in server.told("contact")] == ["contact.added", "contact.refreshed"]


@rfc("5626", "6")
def test_two_flows_of_one_phone_are_two_bindings_even_with_one_uri(sip):
    server = sip()
    register(server, f"<sip:alice@192.168.1.7>;reg-id=1;{ONE}")
    register(server, f"<sip:alice@192.168.1.7>;reg-id=2;{ONE}", source=("10.0.0.9", 40000))
    assert sorted(contact.reg_id for contact in server.contacts("alice")) == [1, 2]
    register(server, f"<sip:alice@192.168.1.7>;reg-id=2;{ONE};expires=0", source=("10.0.0.9", 40000))
    assert [contact.reg_id for contact in server.contacts("alice")] == [1]


def test_a_phone_that_begins_to_speak_outbound_leaves_no_second_binding(sip):
    server = sip()
    register(server, f"<sip:alice@192.168.1.7>;{ONE}", supported=("Supported", "path"))
    register(server, f"<sip:alice@192.168.1.7>;reg-id=1;{ONE}")
    assert [contact.reg_id for contact in server.contacts("alice")] == [1]


def test_phones_with_and_without_flows_live_together(sip):
    server = sip()
    register(server, f"<sip:alice@192.168.1.7>;reg-id=1;{ONE}")
    reply = register(server, "<sip:alice@10.0.0.8>", source=("10.0.0.8", 5060))
    assert reply.get("require") is None
    assert len(server.contacts("alice")) == 2


VIA = ("Via", "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKedge, SIP/2.0/UDP 192.168.1.7;branch=z9hG4bKphone")


@rfc("5626", "6")
def test_a_first_hop_that_keeps_no_flow_is_439(sip):
    reply = register(sip(), f"<sip:alice@192.168.1.7>;reg-id=1;{ONE}", headers=[VIA, ("Path", "<sip:edge.example.com;lr>")])
    assert (reply.status, reply.reason) == (439, "First Hop Lacks Outbound Support")


@rfc("5626", "6")
def test_a_phone_that_does_not_ask_for_outbound_is_registered_without(sip):
    server = sip()
    reply = register(server, f"<sip:alice@192.168.1.7>;reg-id=1;{ONE}", headers=[VIA], supported=("Supported", "path"))
    assert (reply.status, reply.get("require")) == (200, None)
    assert server.contacts("alice")[0].reg_id == 0


def test_an_edge_proxy_that_keeps_flows_leads_to_the_phone(sip):
    server = sip()
    reply = register(server, f"<sip:alice@192.168.1.7>;reg-id=1;{ONE}", headers=[VIA, ("Path", "<sip:tok@edge.example.com;lr;ob>")])
    assert (reply.status, reply.get("require")) == (200, "outbound")
    [contact] = server.contacts("alice")
    assert (contact.reach, contact.path) == ("", ("<sip:tok@edge.example.com;lr;ob>",))


def test_one_register_makes_one_flow(sip):
    server = sip()
    contact = f"<sip:alice@192.168.1.7>;reg-id=1;{ONE}, <sip:alice@10.0.0.8>"
    assert register(server, contact).status == 400
    assert register(server, contact + ";expires=0").status == 200


def test_flows_can_be_off(sip):
    server = sip("[plugin.registrar]\noutbound = false\n")
    reply = register(server, f"<sip:alice@192.168.1.7>;reg-id=1;{ONE}")
    assert (reply.status, reply.get("require")) == (200, None)


def test_require_outbound_is_understood(sip):
    reply = register(sip(), f"<sip:alice@192.168.1.7>;reg-id=1;{ONE}", headers=[("Require", "outbound")])
    assert reply.status == 200


@rfc("8599", "4.1")
@pytest.mark.parametrize(
    "params", [";pn-provider=acme;pn-param=acme-param;pn-prid=ZTY4ZDJlMzODE1NmUgKi0K", ";pn-provider=webpush;pn-prid=a%3Fb"]
)
def test_push_parameters_are_kept_and_come_back(sip, params):
    server = sip()
    uri = f"sip:alice@10.0.0.9{params}"
    reply = register(server, f"<{uri}>;{ONE}")
    assert uri in reply.get("contact")
    assert server.contacts("alice")[0].uri == uri


def test_a_flow_in_a_second_contact_field_is_one_too(sip):
    server = sip()
    second = ("m", f"<sip:alice@192.168.1.7;ob>;reg-id=1;{ONE}")
    assert register(server, "<sip:alice@192.168.1.8>;expires=0", headers=[second]).status == 200
    [contact] = server.contacts("alice")
    assert (contact.reg_id, contact.reach) == (1, "udp:10.0.0.9:5060")
    assert register(server, "<sip:alice@192.168.1.8>", headers=[second]).status == 400
