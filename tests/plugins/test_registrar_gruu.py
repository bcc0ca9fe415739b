"""plugins.registrar.gruu: which GRUUs a phone is told, and when the temporary ones are void. RFC 5627 5.1 to 5.3."""

import itertools

import pytest

from pipeline.conformance.marks import rfc
from pipeline.location import Nowhere, called, reached
from pipeline.sip.grammar import unquote
from pipeline.sip.uri import Uri

ONE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
TWO = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
SERIAL = itertools.count()


def register(server, *, instance=ONE, uri="sip:alice@10.0.0.9", more="", call_id="", supported="gruu", headers=(), who="alice", cseq=1):
    named = f';+sip.instance="<{instance}>"' if instance else ""
    fields = [("Contact", f"<{uri}>{named}{more}"), ("Call-ID", call_id or f"c{next(SERIAL)}"), *headers]
    if supported:
        fields.append(("Supported", supported))
    return server.request("REGISTER", who, from_=who, headers=fields, cseq=cseq)


def gruus(reply, place=0):
    params = reply.contacts[place].params
    return tuple(unquote(params[name]) if name in params else None for name in ("pub-gruu", "temp-gruu"))


def of(server, gruu):
    """The URIs of the contacts that a GRUU leads to now, or the status that a request to it gets."""
    who = called(server.engine, Uri.parse(gruu))
    if who is None:
        return 404
    try:
        return [contact.uri for contact in reached(server.engine, who, server.contacts(who.aor))]
    except Nowhere as nowhere:
        return nowhere.reply.status


@rfc("5627", "5.1", "5.2")
def test_who_supports_them_is_told_both(sip):
    server = sip()
    reply = register(server)
    public, temporary = gruus(reply)
    assert public == f"sip:alice@example.com;gr={ONE}"
    assert temporary.startswith("sip:tgruu.")
    assert temporary.endswith("@example.com;gr")
    assert f'+sip.instance="<{ONE}>"' in reply.get("contact")
    assert reply.get("require") is None  # 5.2: not in Require or Supported
    assert reply.get("supported") is None
    assert of(server, public) == of(server, temporary) == ["sip:alice@10.0.0.9"]


@pytest.mark.parametrize(("supported", "instance"), [("", ONE), ("path, outbound", ONE), ("gruu", ""), ("gruu-like", ONE)])
def test_who_does_not_or_has_no_instance_is_not(sip, supported, instance):
    reply = register(sip(), supported=supported, instance=instance)
    assert reply.status == 200
    assert gruus(reply) == (None, None)


@rfc("5627", "5.1")
def test_it_may_be_required_and_switched_off(sip):
    assert register(sip(), headers=[("Require", "gruu")]).status == 200
    assert gruus(register(sip("[plugin.registrar]\ngruu = false"))) == (None, None)


@rfc("5627", "5.1")
def test_what_a_phone_says_its_own_are_is_ignored(sip):
    server = sip()
    reply = register(server, more=';pub-gruu="sip:evil@example.com;gr=x";temp-gruu="sip:evil@example.com;gr";x=1')
    assert reply.get("contact").count("gruu=") == 2
    assert gruus(reply)[0] == f"sip:alice@example.com;gr={ONE}"
    assert server.contacts("alice")[0].params == f';+sip.instance="<{ONE}>";x=1'


@rfc("5627", "5.2", "5.4")
def test_every_refresh_gives_another_and_the_old_ones_hold(sip):
    server = sip()
    given = [gruus(register(server, call_id="same", cseq=number))[1] for number in range(1, 5)]
    assert len(set(given)) == 4
    assert [of(server, each) for each in given] == [["sip:alice@10.0.0.9"]] * 4


@rfc("5627", "5.1")
def test_another_call_id_makes_those_of_before_void(sip):
    server = sip()
    public, old = gruus(register(server))
    new = gruus(register(server))[1]
    assert of(server, old) == 404
    assert of(server, new) == of(server, public) == ["sip:alice@10.0.0.9"]


def test_also_when_it_comes_without_supporting_them_any_more(sip):
    server = sip()
    old = gruus(register(server))[1]
    assert of(server, old)
    register(server, supported="")
    assert of(server, old) == 404


@rfc("5627", "5.1", "6.1")
def test_a_phone_that_was_restarted_at_another_port_is_one_phone(sip):
    server = sip()
    public, old = gruus(register(server, uri="sip:alice@10.0.0.9:5060"))
    server.advance(1)
    reply = register(server, uri="sip:alice@10.0.0.9:6000")
    assert len(reply.contacts) == 2
    assert of(server, old) == 404
    assert of(server, public) == of(server, gruus(reply)[1]) == of(server, gruus(reply, 1)[1]) == ["sip:alice@10.0.0.9:6000"]


@rfc("5627", "5.1")
def test_two_flows_are_one_phone_whose_temporary_ones_end_together(sip):
    server = sip()
    first = gruus(register(server, more=";reg-id=1", supported="gruu, outbound", call_id="flow1"))[1]
    second = gruus(register(server, more=";reg-id=2", supported="gruu, outbound", call_id="flow2"), 1)[1]
    assert of(server, first) == of(server, second) == ["sip:alice@10.0.0.9"] * 2  # 5.1 compares the Call-IDs of one reg-id
    third = gruus(register(server, more=";reg-id=2", supported="gruu, outbound", call_id="flow3"), 1)[1]
    assert of(server, first) == of(server, second) == 404
    assert len(of(server, third)) == 2
    names = [event.name for event in server.told("contact")]
    assert names == ["contact.added", "contact.added", "contact.refreshed"]  # the other binding was written, not refreshed


@rfc("5627", "5.4")
def test_phones_of_one_address_are_told_apart(sip):
    server = sip()
    one, two = gruus(register(server)), gruus(register(server, instance=TWO, uri="sip:alice@10.0.0.8"), 1)
    assert [of(server, each) for each in one] == [["sip:alice@10.0.0.9"]] * 2
    assert [of(server, each) for each in two] == [["sip:alice@10.0.0.8"]] * 2
    register(server, uri="sip:alice@10.0.0.7", instance=TWO)
    assert of(server, one[1]) == ["sip:alice@10.0.0.9"]


@rfc("5627", "5.3", "6.1")
def test_who_is_gone_is_480_by_the_public_and_404_by_the_temporary_one(sip):
    server = sip()
    public, temporary = gruus(register(server, call_id="c", more=";expires=60"))
    server.advance(61)
    assert (of(server, public), of(server, temporary)) == ([], 404)
    again = gruus(register(server, call_id="c", cseq=2))
    assert again[0] == public
    assert of(server, public) == of(server, again[1]) == ["sip:alice@10.0.0.9"]
    assert of(server, temporary) == 404  # 5.3: once invalid it stays so


def test_they_outlive_a_restart(sip):
    server = sip('[dal]\ncontact = { backends = ["sqlite"], durability = "commit" }', integration=["memory", "toml", "sqlite"])
    given = gruus(register(server))
    server.stop()
    server.start()
    assert [of(server, each) for each in given] == [["sip:alice@10.0.0.9"]] * 2


@pytest.mark.parametrize("uri", ["sip:alice@example.com", f"sip:alice@example.com;gr={ONE}", "tel:+15551234", "mailto:a@example.com"])
@rfc("5627", "5.1")
def test_a_contact_that_loops_or_is_no_sip_uri_is_403(sip, uri):
    assert register(sip(), uri=uri).status == 403


def test_the_temporary_one_of_the_phone_is_no_contact_of_it(sip):
    server = sip()
    assert register(server, uri=gruus(register(server))[1]).status == 403


def test_a_gruu_is_no_address_of_record(sip):
    server = sip()
    for gruu in gruus(register(server)):
        reply = server.request("REGISTER", headers=[("To", f"<{gruu}>"), ("Contact", "<sip:x@10.0.0.5>")])
        assert reply.status == 404


def test_a_domain_of_many_names_gives_its_own(sip):
    server = sip('[pipeline]\nname = "test"\ndomains = ["example.com"]\n')
    contact = ("Contact", f'<sip:a@10.0.0.9>;+sip.instance="<{ONE}>"')
    reply = server.request("REGISTER", headers=[("To", "<sip:alice@10.0.0.1>"), contact, ("Supported", "gruu")])
    assert gruus(reply)[0] == f"sip:alice@example.com;gr={ONE}"
