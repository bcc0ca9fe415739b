"""plugins.registrar: whose REGISTER it is, and what comes back (RFC 3261 10.3 steps 1 to 5 and 8, RFC 3327)."""

import pathlib

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip.parser import parse

OPEN = """
[aor.alice]
[aor.bob]
[aor."user%with percent"]
[endpoint.all]
auth = []
aors = ["alice", "bob"]
"""


def contacts(reply):
    return reply.all("contact")


def register(server, contact, **more):
    headers = [("Contact", contact), *more.pop("headers", ())]
    return server.request("REGISTER", headers=headers, **more)


@rfc("3261", "10.3-8", "20.17")
def test_a_binding_is_answered_with_its_expiry_and_the_date(sip):
    reply = register(sip(), "<sip:alice@10.0.0.9:5060>", headers=[("Expires", "600")])
    assert reply.status == 200
    assert contacts(reply) == ["<sip:alice@10.0.0.9:5060>;expires=600"]
    assert reply.get("date") == "Fri, 15 Jan 2027 08:00:00 GMT"


def test_without_an_expiry_the_default_is_granted(sip):
    assert contacts(register(sip(), "<sip:alice@10.0.0.9>")) == ["<sip:alice@10.0.0.9>;expires=3600"]


@rfc("3261", "10.2.3", "10.3-6")
def test_without_a_contact_the_bindings_are_fetched_and_none_is_changed(sip):
    server = sip()
    register(server, "<sip:alice@10.0.0.9>", headers=[("Expires", "100")])
    before = server.contacts("alice")
    server.advance(40)
    assert contacts(server.request("REGISTER", headers=[("Contact", "")])) == ["<sip:alice@10.0.0.9>;expires=60"]
    assert server.contacts("alice") == before


@rfc("3261", "10.3-8")
def test_every_binding_of_the_address_of_record_is_listed_a_field_each(sip):
    server = sip()
    register(server, "<sip:alice@10.0.0.9>;expires=100, <sip:alice@10.0.0.8>")
    reply = register(server, "<sip:alice@10.0.0.7>;expires=70", headers=[("Expires", "300")])
    assert contacts(reply) == ["<sip:alice@10.0.0.9>;expires=100", "<sip:alice@10.0.0.8>;expires=3600", "<sip:alice@10.0.0.7>;expires=70"]


def test_contact_parameters_come_back_as_they_were_but_for_expires(sip):
    said = '"Alice, home" <sip:alice@10.0.0.9> ;+sip.instance="<urn:uuid:1;expires=9>";EXPIRES=77; q=0.5;video;Foo="b;expires=3"'
    server = sip()
    echoed = '<sip:alice@10.0.0.9>;+sip.instance="<urn:uuid:1;expires=9>"; q=0.5;video;Foo="b;expires=3";expires=77'
    assert contacts(register(server, said)) == [echoed]
    [stored] = server.contacts("alice")
    assert (stored.q, stored.instance, stored.uri) == (0.5, '"<urn:uuid:1;expires=9>"', "sip:alice@10.0.0.9")


def test_what_the_record_keeps(sip):
    server = sip()
    register(server, "<sip:alice@10.0.0.9:5060>;reg-id=2", headers=[("User-Agent", "Fon/1"), ("Call-ID", "abc")], cseq=7)
    [stored] = server.contacts("alice")
    assert (stored.aor, stored.call_id, stored.cseq, stored.user_agent) == ("alice@example.com", "abc", 7, "Fon/1")
    assert stored.reg_id == 0  # without an instance it means nothing (RFC 5626 6)
    assert (stored.listener, stored.reach, stored.node) == ("udp", "", "test")


@pytest.mark.parametrize("host", ["example.com", "EXAMPLE.com.", "example.com:5070", "10.0.0.1", "10.0.0.1:5060"])
def test_the_address_of_record_is_the_same_by_any_name_of_the_domain(sip, host):
    server = sip()
    reply = server.request("REGISTER", uri=f"sip:{host}", headers=[("To", f"<sip:alice@{host};user=phone>;x=1")])
    assert reply.status == 200
    assert len(server.contacts("alice")) == 1


def test_escapes_in_the_user_part_are_undone_once(sip):
    server = sip(OPEN)
    to = [("To", "<sip:user%25with%20percent@example.com>")]
    assert server.request("REGISTER", headers=to).status == 200
    assert len(server.contacts("user%with percent@example.com")) == 1


@rfc("3261", "10.3-5")
@pytest.mark.parametrize("to", ["sip:nobody@example.com", "sip:alice@elsewhere.org", "sip:example.com", "sip:Alice@example.com"])
def test_an_address_of_record_that_is_not_ours_is_404(sip, to):
    assert sip().request("REGISTER", headers=[("To", f"<{to}>")]).status == 404


@pytest.mark.parametrize("to", ["tel:+15551234", "isbn:2983792873"])
def test_a_to_of_another_scheme_names_no_address_of_record_and_is_400(sip, to):
    assert sip().request("REGISTER", headers=[("To", f"<{to}>")]).status == 400


@rfc("3261", "10.3-1")
def test_a_request_uri_of_another_domain_is_404(sip):
    server = sip('[pipeline]\nname = "test"\ndomains = ["example.com", "example.net"]')
    for uri in ("sip:elsewhere.org", "sip:example.net"):
        assert server.request("REGISTER", uri=uri, headers=[("To", "<sip:alice@example.com>")]).status == 404
    assert server.contacts("alice") == []


def test_a_user_part_in_the_request_uri_harms_nobody(sip):
    assert sip().request("REGISTER", uri="sip:alice@example.com").status == 200


@rfc("3261", "10.3-4")
def test_an_endpoint_may_register_its_own_addresses_of_record_only(sip):
    server = sip(intercept=["identify"])
    assert server.request("REGISTER", from_="alice").status == 200
    refused = server.request("REGISTER", "bob", from_="alice")
    assert refused.status == 403
    assert server.contacts("bob") == []


def test_who_may_not_register_it_is_not_told_whether_it_exists(sip):
    server = sip(intercept=["identify"])
    answers = {server.request("REGISTER", name, from_="alice").status for name in ("bob", "nobody")}
    assert answers == {403}


def test_the_binding_names_the_endpoint_that_made_it(sip):
    server = sip(intercept=["identify"])
    server.request("REGISTER", from_="alice")
    assert [contact.endpoint for contact in server.contacts("alice")] == ["alice"]


def test_an_address_of_record_for_no_contacts_is_403(sip):
    assert sip('[user.alice]\npassword = "x"\nmax_contacts = 0').request("REGISTER").status == 403


# -- Path ------------------------------------------------------------------------------------------------------------

PATH = "<sip:127.0.0.1:5062;lr>,<sip:P1.EXAMPLEVISITED.COM;lr>"


@rfc("3327", "5.3")
def test_a_path_is_kept_and_echoed_as_received(sip):
    server = sip()
    reply = server.request("REGISTER", headers=[("Supported", "path"), ("Path", PATH)])
    assert reply.all("path") == [PATH]
    assert reply.supported == ["path"]
    assert server.contacts("alice")[0].path == ("<sip:127.0.0.1:5062;lr>", "<sip:P1.EXAMPLEVISITED.COM;lr>")


def test_a_refresh_without_a_path_takes_the_path_away(sip):
    server = sip()
    server.request("REGISTER", headers=[("Supported", "path"), ("Path", PATH)])
    reply = server.request("REGISTER")
    assert "path" not in reply
    assert server.contacts("alice")[0].path == ()


@rfc("3327", "5.3")
def test_a_path_without_the_phones_support_is_420(sip):
    server = sip()
    reply = server.request("REGISTER", headers=[("Path", PATH)])
    assert (reply.status, reply.get("unsupported")) == (420, "path")
    assert server.contacts("alice") == []


def test_a_path_without_the_phones_support_may_be_taken(sip):
    server = sip("[plugin.registrar]\npath_needs_support = false")
    assert server.request("REGISTER", headers=[("Path", PATH)]).status == 200


def test_an_address_of_record_without_path_support_ignores_path_and_refuses_to_require_it(sip):
    server = sip('[user.alice]\npassword = "x"\nsupport_path = false')
    reply = server.request("REGISTER", headers=[("Path", PATH)])
    assert reply.status == 200
    assert "path" not in reply
    reply = server.request("REGISTER", headers=[("Path", PATH), ("Require", "path")])
    assert (reply.status, reply.get("unsupported")) == (420, "path")


def test_a_path_that_is_no_address_is_400(sip):
    server = sip()
    assert server.request("REGISTER", headers=[("Supported", "path"), ("Path", "<sip:p@")]).status == 400
    assert server.contacts("alice") == []


# -- messages that RFC 4475 describes, in words of our own ------------------------------------------------------------


@pytest.mark.parametrize(
    ("contact", "bound"),
    [
        ("sip:+19725552222@gw.example.net;unknown", ["<sip:+19725552222@gw.example.net>;unknown;expires=3600"]),
        ("<sip:+19725552222@gw.example.net;unknown>", ["<sip:+19725552222@gw.example.net;unknown>;expires=3600"]),
        ("<sip:user@example.com?Route=%3Csip:sip.example.com%3E>", ["<sip:user@example.com?Route=%3Csip:sip.example.com%3E>;expires=3600"]),
        (
            "<sip:%00@h.example.com>, <sip:%00%00@h.example.com>",
            ["<sip:%00@h.example.com>;expires=3600", "<sip:%00%00@h.example.com>;expires=3600"],
        ),
        ("<mailto:alice@example.com>", ["<mailto:alice@example.com>;expires=3600"]),
        ("<tel:+15551234>;q=0.1", ["<tel:+15551234>;q=0.1;expires=3600"]),
    ],
)
def test_contacts_are_kept_verbatim(sip, contact, bound):
    server = sip()
    assert contacts(register(server, contact)) == bound
    assert contacts(server.request("REGISTER", headers=[("Contact", "")])) == bound


@rfc("3261", "10.2.1.1")
@rfc("4475", "3.1.2.4")
@pytest.mark.parametrize(
    ("parameter", "header", "granted"),
    [
        (";expires=abc", "60", 3600),
        (";expires=-1", "60", 3600),
        ("", "soon", 3600),
        ("", "Thu, 01 Dec 1994 16:00:00 GMT", 3600),
        (";expires=280297596632815", "60", 7200),  # as long as we grant to anybody
        ("", "1" + "0" * 100, 7200),
        (";expires=120", "soon", 120),
    ],
)
def test_an_interval_that_cannot_be_read_is_an_hour_and_one_that_is_too_large_the_longest(sip, parameter, header, granted):
    server = sip()
    reply = register(server, f"<sip:alice@10.0.0.9>{parameter}", headers=[("Expires", header)])
    assert reply.status == 200
    assert contacts(reply) == [f"<sip:alice@10.0.0.9>;expires={granted}"]


@pytest.mark.parametrize("contact", ["sip:user@example.com?Route=%3Csip:x%3E", "hello", "<sip:a@b"])
def test_a_contact_that_cannot_be_read_is_400_and_binds_nothing(sip, contact):
    server = sip()
    assert register(server, f"<sip:alice@10.0.0.1>, {contact}").status == 400
    assert server.contacts("alice") == []


TORTURE = pathlib.Path("/work/shared/torture/rfc4475")


@pytest.mark.skipif(not TORTURE.exists(), reason="shared/torture is not here")
@pytest.mark.parametrize(
    ("name", "status"), [("dblreq", 200), ("regescrt", 200), ("escnull", 200), ("cparam01", 200), ("cparam02", 200), ("regbadct", 400)]
)
def test_the_registers_of_rfc_4475(sip, name, status):
    server = sip("\n".join(f'[aor."{user}"]' for user in ("j.user", "user", "watson", "null-\\u0000-null")) + "\n[endpoint.x]\nauth = []\n")
    data = (TORTURE / f"{name}.dat").read_bytes()
    port = parse(data).via.port or 5060
    server.send(data, ("10.0.0.9", port))
    assert [reply.status for reply in server.replies(("10.0.0.9", port))] == [status]


def test_a_to_that_is_no_sip_uri_is_400(sip):
    answer = sip().request("REGISTER", headers=[("To", "<tel:+15551234>")])
    assert (answer.status, answer.reason) == (400, "Bad To: tel names no address of record")
