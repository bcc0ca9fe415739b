"""plugins.registrar.bindings against a model: any sequence of REGISTERs does what RFC 3261 10.3 says, to the letter.

The model is written from the RFC's steps alone, with a dict of URIs that are pairwise different by 19.1.4.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline.plugins.memory.tables import Tables
from pipeline.plugins.registrar.bindings import decide

from pipeline import Malformed, Reply
from pipeline.dal import Aor, Contact, Layer, Mapping, version_of
from pipeline.sip.parser import parse

AOR = Aor(id="alice@example.com", max_contacts=3, minimum_expiration=60, maximum_expiration=600, default_expiration=300)
STRICT = Aor(
    id="alice@example.com", max_contacts=3, remove_existing=False, minimum_expiration=60, maximum_expiration=600, default_expiration=300
)
# Each line one contact, in forms that are the same by RFC 3261 19.1.4.
FORMS = [
    ["sip:a@h1.example.com", "sip:a@H1.EXAMPLE.com", "sip:%61@h1.example.com", "sip:a@h1.example.com;x=1"],
    ["sip:a@h1.example.com:5060", "SIP:a@h1.example.com:5060"],
    ["sip:A@h1.example.com"],
    ["sip:a@h2.example.com;transport=tcp", "sip:a@h2.example.com;Transport=TCP"],
    ["tel:+15551234", "tel:+1-555-1234"],
]
WHICH = {form: number for number, forms in enumerate(FORMS) for form in forms}

contact = st.tuples(st.sampled_from(sorted(WHICH)), st.sampled_from([None, 0, 1, 59, 60, 100, 600, 601, 2**32 - 1]))
registers = st.fixed_dictionaries(
    {
        "contacts": st.one_of(st.just("*"), st.lists(contact, max_size=4)),
        "expires": st.sampled_from([None, 0, 30, 120]),
        "call_id": st.sampled_from(["one", "two"]),
        "cseq": st.integers(1, 6),
        "pause": st.sampled_from([0, 0, 10, 80, 500]),
    }
)


def message_of(register):
    lines = ["REGISTER sip:example.com SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "From: <sip:alice@example.com>;tag=1"]
    lines += ["To: <sip:alice@example.com>", f"Call-ID: {register['call_id']}", f"CSeq: {register['cseq']} REGISTER"]
    if register["contacts"] == "*":
        lines.append("Contact: *")
    else:
        lines += [f"Contact: <{uri}>" + ("" if expires is None else f";expires={expires}") for uri, expires in register["contacts"]]
    if register["expires"] is not None:
        lines.append(f"Expires: {register['expires']}")
    return parse("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())


def model(before, register, now, remove_existing):
    """Return (status, bindings afterwards). A binding: which -> (uri, ends, call_id, cseq)."""
    live = {which: binding for which, binding in before.items() if binding[1] > now}
    order = (register["call_id"], register["cseq"])
    stale = {which for which, (_, _, call_id, cseq) in live.items() if call_id == order[0] and order[1] <= cseq}
    if register["contacts"] == "*":
        if register["expires"] != 0:
            return 400, live
        return (500, live) if stale else (200, {})
    after, touched = dict(live), set()
    for uri, expires in register["contacts"]:
        asked = expires if expires is not None else register["expires"] if register["expires"] is not None else 300
        if 0 < asked < 60:
            return 423, live
        which = WHICH[uri]
        if which in stale and which not in touched:
            return 500, live
        if which in after or asked:
            touched.add(which)
        if asked:
            after[which] = (uri, now + min(asked, 600), *order)
        else:
            after.pop(which, None)
    put = touched & after.keys()
    surplus = len(after) - 3
    if surplus > 0 and put - live.keys():
        untouched = sorted((which for which in after if which not in put), key=lambda which: after[which][1])
        if surplus > len(untouched) or not remove_existing:
            return 403, live
        for which in untouched[:surplus]:
            del after[which]
    return 200, after


@settings(max_examples=400, deadline=None)
@given(st.lists(registers, max_size=12), st.booleans())
def test_any_sequence_of_registers_does_what_the_rfc_says(sequence, remove_existing):
    store = Tables()
    store.name = "memory"
    dal = Layer({"contact": Mapping(("memory",))}, {"memory": store})
    aor = AOR if remove_existing else STRICT
    now, expected, serial = 1e9, {}, 0
    for register in sequence:
        now += register["pause"]
        message = message_of(register)

        def make(address, old, seconds):
            nonlocal serial
            serial += 1
            ident = old.id if old is not None else str(serial)
            return Contact(
                id=ident, aor=aor.id, uri=address.uri.text, expires_at=now + seconds, call_id=message.call_id, cseq=message.cseq.number
            )

        status, expected_after = model(expected, register, now, remove_existing)
        stored = dal.owned("contact", aor.id)
        try:
            change = decide(message, aor, stored, now, make)
        except Malformed as error:
            change = Reply(error.status)
        if isinstance(change, Reply):
            assert change.status == status
            assert dal.owned("contact", aor.id) == stored
        else:
            assert status == 200
            puts = (*change.refreshed, *change.added)
            assert {each.id for each in change.refreshed} <= {each.id for each in stored}
            assert {each.id for each in change.added}.isdisjoint(each.id for each in stored)
            after = dal.change("contact", aor.id, puts, [each for each, _ in change.gone], version_of(stored))
            assert {each.id for each in after if each.expires_at > now} == {each.id for each in change.after}
        expected = expected_after
        there = {WHICH[each.uri]: (each.uri, each.expires_at, each.call_id, each.cseq) for each in dal.owned("contact", aor.id)}
        live = {which: binding for which, binding in there.items() if binding[1] > now}
        assert live == expected
        assert len(live) == len([each for each in dal.owned("contact", aor.id) if each.expires_at > now])
