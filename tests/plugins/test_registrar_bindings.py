"""plugins.registrar.bindings: RFC 3261 10.3 steps 6 and 7, all or nothing."""

import time

import pytest
from pipeline.plugins.registrar.answer import LISTED
from pipeline.plugins.registrar.bindings import LONGEST, without_expires

from pipeline.dal import Contact

MINUTE = '[user.alice]\npassword = "x"\nminimum_expiration = 60\n'
ONE, TWO, THREE = (f"sip:alice@10.0.0.{n}" for n in (21, 22, 23))


def register(server, *contacts, cseq=1, call_id="one@phone", expires=None, to="alice"):
    headers = [("Call-ID", call_id), ("Contact", ", ".join(f"<{c}>" if "<" not in c and c != "*" else c for c in contacts))]
    if expires is not None:
        headers.append(("Expires", str(expires)))
    return server.request("REGISTER", to, from_=to, headers=headers, cseq=cseq)


def bound(server, user="alice"):
    return [contact.uri for contact in server.contacts(user)]


# -- order -----------------------------------------------------------------------------------------------------------


def test_a_refresh_with_a_higher_cseq_takes_the_place_of_the_binding(sip):
    server = sip()
    register(server, ONE, TWO, cseq=1)
    first = server.contacts("alice")[0]
    assert register(server, ONE, cseq=2, expires=100).status == 200
    assert bound(server) == [ONE, TWO]
    assert server.contacts("alice")[0].id == first.id


@pytest.mark.parametrize("cseq", [4, 5])
@pytest.mark.parametrize("expires", [0, 600])
def test_the_same_call_id_with_no_higher_cseq_fails_and_changes_nothing(sip, cseq, expires):
    server = sip()
    register(server, ONE, cseq=5)
    before = server.contacts("alice")
    assert register(server, TWO, ONE, cseq=cseq, expires=expires).status == 500
    assert server.contacts("alice") == before


def test_another_call_id_is_accepted_with_any_cseq(sip):
    server = sip()
    register(server, ONE, cseq=5)
    assert register(server, ONE, cseq=1, call_id="two@phone").status == 200
    [contact] = server.contacts("alice")
    assert (contact.call_id, contact.cseq) == ("two@phone", 1)


def test_order_is_kept_for_each_binding_by_itself(sip):
    server = sip()
    register(server, ONE, cseq=9)
    assert register(server, TWO, cseq=3).status == 200
    assert bound(server) == [ONE, TWO]


# -- removal ---------------------------------------------------------------------------------------------------------


def test_a_binding_is_removed_by_expires_0_in_either_place(sip):
    server = sip()
    register(server, ONE, TWO, THREE, cseq=1)
    reply = register(server, f"<{ONE}>;expires=0", cseq=2)
    assert ONE not in str(reply.all("contact"))
    reply = register(server, f"<{TWO}>;expires=50000", THREE, cseq=3, expires=0)
    assert reply.all("contact") == [f"<{TWO}>;expires=7200"]


def test_removing_what_is_not_bound_is_no_error(sip):
    server = sip()
    assert register(server, ONE, expires=0).status == 200
    assert bound(server) == []


def test_one_request_adds_refreshes_and_removes(sip):
    server = sip()
    register(server, ONE, TWO, cseq=1)
    reply = register(server, f"<{ONE}>;expires=0", f"<{TWO}>;expires=90", f"<{THREE}>;expires=80", cseq=2)
    assert reply.all("contact") == [f"<{TWO}>;expires=90", f"<{THREE}>;expires=80"]


def test_the_last_word_about_a_contact_counts(sip):
    server = sip()
    assert register(server, f"<{ONE}>;expires=60", f"<{ONE}>;expires=70", f"<{TWO}>", f"<{TWO}>;expires=0").all("contact") == [
        f"<{ONE}>;expires=70"
    ]
    assert register(server, f"<{ONE}>;expires=0", f"<{ONE}>;expires=80", cseq=2).all("contact") == [f"<{ONE}>;expires=80"]
    assert bound(server) == [ONE]
    assert [event.name for event in server.told("contact")] == ["contact.added", "contact.removed", "contact.added"]


def test_a_star_removes_everything(sip):
    server = sip()
    register(server, ONE, TWO)
    reply = register(server, "*", cseq=2, expires=0)
    assert (reply.status, reply.all("contact")) == (200, [])
    assert bound(server) == []


def test_a_star_removes_the_bindings_of_other_call_ids_whatever_their_cseq(sip):
    server = sip()
    register(server, ONE, cseq=100, call_id="other")
    register(server, TWO, cseq=1)
    assert register(server, "*", cseq=2, expires=0).status == 200
    assert bound(server) == []


@pytest.mark.parametrize("cseq", [1, 2])
def test_a_star_with_no_higher_cseq_fails_and_removes_nothing(sip, cseq):
    server = sip()
    register(server, ONE, cseq=2)
    register(server, TWO, cseq=1, call_id="other")
    assert register(server, "*", cseq=cseq, expires=0).status == 500
    assert bound(server) == [ONE, TWO]


def test_a_star_where_nothing_is_bound_is_fine(sip):
    assert register(sip(), "*", expires=0).status == 200


@pytest.mark.parametrize(
    ("contact", "expires"),
    [("*", None), ("*", 1), ("*", "soon"), (f"*, <{ONE}>", 0), (f"<{ONE}>, *", 0), ("*;expires=0", None), ("*, *", 0)],
)
def test_a_star_needs_expires_0_and_to_be_alone(sip, contact, expires):
    server = sip()
    register(server, TWO, call_id="other")
    headers = [("Contact", contact), *([("Expires", str(expires))] if expires is not None else [])]
    assert server.request("REGISTER", headers=headers, cseq=2).status == 400
    assert bound(server) == [TWO]


# -- expiry ----------------------------------------------------------------------------------------------------------


def test_an_interval_below_the_minimum_is_423_and_says_the_minimum(sip):
    server = sip(MINUTE)
    reply = register(server, f"<{ONE}>;expires=600", f"<{TWO}>;expires=59")
    assert (reply.status, reply.get("min-expires")) == (423, "60")
    assert bound(server) == []


def test_an_interval_below_the_minimum_may_be_raised_instead(sip):
    server = sip(MINUTE + '[plugin.registrar]\nshort = "raise"')
    assert register(server, ONE, expires=1).all("contact") == [f"<{ONE}>;expires=60"]


def test_an_interval_of_an_hour_is_never_too_brief(sip):
    server = sip('[user.alice]\npassword = "x"\nminimum_expiration = 5000')
    assert register(server, ONE, expires=3600).all("contact") == [f"<{ONE}>;expires=3600"]
    assert register(server, TWO, expires=3599).status == 423


def test_an_interval_above_the_maximum_is_shortened(sip):
    assert register(sip(), ONE, expires=4294967295).all("contact") == [f"<{ONE}>;expires=7200"]


def test_our_own_default_is_never_refused(sip):
    server = sip(MINUTE + "default_expiration = 30")
    assert register(server, ONE).all("contact") == [f"<{ONE}>;expires=60"]


def test_the_parameter_comes_before_the_header_field(sip):
    assert register(sip(), f"<{ONE}>;expires=100", expires=200).all("contact") == [f"<{ONE}>;expires=100"]


def test_an_expired_binding_is_not_there_when_its_place_is_taken(sip):
    server = sip()
    register(server, ONE, expires=60, cseq=5)
    server.advance(60.2)  # the sweep has not come by yet
    assert register(server, ONE, expires=60, cseq=5).status == 200
    assert bound(server) == [ONE]
    assert [event.name for event in server.told("contact")] == ["contact.added", "contact.expired", "contact.added"]


# -- what is the same ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "same", ["sip:alice@HOME.example.com:5070;x=1", "sip:%61lice@home.example.com:5070", "SIP:alice@home.example.com:5070"]
)
def test_contacts_are_compared_as_uris_and_the_newer_form_stays(sip, same):
    server = sip()
    register(server, "sip:alice@home.example.com:5070")
    register(server, same, cseq=2)
    assert bound(server) == [same]


@pytest.mark.parametrize(
    "other",
    [
        "sip:Alice@home.example.com",
        "sip:alice@home.example.com:5060",
        "sips:alice@home.example.com",
        "sip:alice@home.example.com;transport=tcp",
    ],
)
def test_contacts_that_differ_are_two(sip, other):
    server = sip()
    register(server, "sip:alice@home.example.com")
    register(server, other, cseq=2)
    assert len(bound(server)) == 2


def test_the_binding_written_alike_is_preferred_to_one_that_is_the_same(sip):
    server = sip()
    register(server, ONE + ";x=1", ONE + ";x=2")
    register(server, ONE + ";x=2", cseq=2, expires=0)
    assert bound(server) == [ONE + ";x=1"]


@pytest.mark.parametrize("q", ["1.5", "x", "0.1234", '"0.5"'])
def test_a_q_that_is_none_is_400(sip, q):
    server = sip()
    assert register(server, ONE, f"<{TWO}>;q={q}").status == 400
    assert bound(server) == []


# -- how many --------------------------------------------------------------------------------------------------------

TWO_AT_MOST = '[user.alice]\npassword = "x"\nmax_contacts = 2\nremove_existing = {}'


def test_a_request_that_itself_brings_too_many_is_403(sip):
    server = sip(TWO_AT_MOST.format("true"))
    register(server, ONE)
    assert register(server, ONE, TWO, THREE, cseq=2).status == 403
    assert bound(server) == [ONE]


def test_the_untouched_binding_that_ends_first_makes_room(sip):
    server = sip(TWO_AT_MOST.format("true"))
    register(server, f"<{ONE}>;expires=1000", f"<{TWO}>;expires=500")
    register(server, THREE, call_id="other")
    assert bound(server) == [ONE, THREE]
    [event] = server.told("contact.removed")
    assert (event.fields["contact"].uri, event.fields["reason"]) == (TWO, "max_contacts")


def test_what_the_request_touches_does_not_make_room(sip):
    server = sip(TWO_AT_MOST.format("true"))
    register(server, f"<{ONE}>;expires=1000", f"<{TWO}>;expires=500")
    register(server, TWO, THREE, cseq=2, expires=400)
    assert bound(server) == [TWO, THREE]


def test_without_remove_existing_one_too_many_is_403(sip):
    server = sip(TWO_AT_MOST.format("false"))
    register(server, ONE, TWO)
    assert register(server, THREE, call_id="other").status == 403
    assert register(server, f"<{ONE}>;expires=0", THREE, cseq=2).status == 200
    assert bound(server) == [TWO, THREE]


def test_expired_bindings_do_not_count(sip):
    server = sip(TWO_AT_MOST.format("false"))
    register(server, ONE, TWO, expires=60)
    server.advance(60)
    assert register(server, THREE, cseq=2).status == 200


def test_blanks_in_the_parameters_of_a_contact_cost_linear_time():
    """20,000 of them took half a second."""
    begin = time.thread_time()
    assert without_expires(f";a{' ' * 60000};b;expires=60") == f";a{' ' * 60000};b"
    assert without_expires(";a  ; expires = 60 ;b") == ";a;b"
    assert time.thread_time() - begin < 0.05


# -- how long --------------------------------------------------------------------------------------------------------


def long(number, octets=LONGEST):
    return f"sip:alice@10.0.0.{number};x=".ljust(octets, "x")


def fetched(server):
    return server.request("REGISTER", headers=[("Contact", ""), ("Call-ID", "fetch")])


def test_a_contact_that_is_too_long_is_513_and_changes_nothing(sip):
    server = sip()
    register(server, ONE)
    reply = register(server, TWO, long(9, LONGEST + 1), cseq=2)
    assert (reply.status, reply.reason) == (513, "Contact Too Long")
    assert register(server, f"<{TWO}>;x=".ljust(LONGEST + 5, "x"), cseq=3).status == 513
    assert register(server, f"<{ONE}>;x=".ljust(LONGEST + 5, "x"), cseq=4).status == 513
    assert bound(server) == [ONE]
    assert register(server, long(9), cseq=5).status == 200


def test_bindings_that_no_answer_by_udp_could_list_are_refused_and_the_others_refreshed_and_removed(sip):
    server = sip('[user.alice]\npassword = "x"\nmax_contacts = 50')
    replies = [register(server, long(number), call_id=f"{number}@phone") for number in range(1, 30)]
    count = LISTED // (LONGEST + len("Contact: <>;expires=4294967295\r\n"))
    assert [reply.status for reply in replies] == [200] * count + [513] * (29 - count)
    assert replies[-1].reason == "Too Many Octets Of Contacts"
    assert len(bound(server)) == count == len(fetched(server).all("contact"))
    assert register(server, long(1), call_id="1@phone", cseq=2).status == 200
    assert register(server, long(1), call_id="1@phone", cseq=3, expires=0).status == 200
    assert register(server, long(29), call_id="29@phone").status == 200


def test_what_a_store_holds_that_no_datagram_can_list_is_answered_shortly_until_enough_is_removed(sip):
    server = sip()
    until = server.engine.clock.time() + 600
    puts = [Contact(id=f"c{n}", aor="alice@example.com", uri=long(n, 7500), expires_at=until, node="test") for n in range(10)]
    server.engine.dal.change("contact", "alice@example.com", puts, (), None)
    reply = fetched(server)
    assert (reply.status, reply.reason, reply.call_id, reply.contacts) == (513, "Answer Too Large", "fetch", [])
    assert reply.to.params["tag"]
    [event] = server.told("answer.too_large")
    assert event.fields["octets"] > 75_000
    for each in puts[:3]:
        assert register(server, f"<{each.uri}>;expires=0", call_id=each.id).status in (200, 513)
    assert len(fetched(server).all("contact")) == 7
