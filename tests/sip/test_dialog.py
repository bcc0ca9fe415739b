"""Mirror of pipeline/sip/dialog.py."""

from __future__ import annotations

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip import DialogId, Malformed, Request, Response, dialog_id
from pipeline.sip.dialog import Dialog, credentials_of, in_dialog

INVITE = Request.new("INVITE", "sip:b@h", [("from", "<sip:a@h>;tag=theirs"), ("to", "<sip:b@h>"), ("call-id", "1"), ("cseq", "1 INVITE")])


@rfc("3261", "12")
def test_both_sides_name_the_same_dialog():
    answer = Response.to(INVITE, 200, to_tag="ours")
    at_the_server = dialog_id(answer, received=False)
    at_the_client = dialog_id(answer)
    assert at_the_server == DialogId("1", "ours", "theirs") == at_the_client.reverse
    bye = Request.new("BYE", "sip:b@h", [("from", "<sip:a@h>;tag=theirs"), ("to", "<sip:b@h>;tag=ours"), ("call-id", "1")])
    assert dialog_id(bye) == at_the_server
    assert dialog_id(bye, received=False) == at_the_client


def test_a_missing_tag_is_empty_and_means_no_dialog_yet():
    assert dialog_id(INVITE) == ("1", "", "theirs")
    assert not in_dialog(INVITE)
    assert in_dialog(Response.to(INVITE, 200, to_tag="ours"))


def invite(**more):
    fields = {
        "from": '"Alice" <sip:alice@a.example>;tag=theirs',
        "to": "<sip:bob@b.example>",
        "call-id": "1",
        "cseq": "7 INVITE",
        "contact": "<sip:alice@10.0.0.9:5070>",
    }
    fields.update({name.replace("_", "-"): value for name, value in more.items()})
    pairs = [(name, each) for name, value in fields.items() if value for each in ([value] if isinstance(value, str) else value)]
    return Request.new("INVITE", "sip:bob@b.example", pairs)


def inside(method, number, contact="", **more):
    pairs = [
        ("from", "<sip:alice@a.example>;tag=theirs"),
        ("to", "<sip:bob@b.example>;tag=ours"),
        ("call-id", "1"),
        ("cseq", f"{number} {method}"),
    ]
    return Request.new(method, "sip:us@10.0.0.1", [*pairs, *([("contact", contact)] if contact else []), *more.items()])


def answer(request, status, tag="theirs", headers=()):
    return Response.to(request, status, headers=headers, to_tag=tag)


@rfc("3261", "12.1.1")
def test_the_server_keeps_the_route_set_in_the_order_received():
    dialog = Dialog.from_request(invite(record_route=["<sip:p2;lr>, <sip:p1;lr>", "<sip:p0;lr;x=1>;y=2"]), "ours")
    assert dialog.route_set == ("<sip:p2;lr>", "<sip:p1;lr>", "<sip:p0;lr;x=1>;y=2")
    assert (dialog.id, dialog.remote_cseq, dialog.early, dialog.initiator) == (("1", "ours", "theirs"), 7, True, False)
    bye = dialog.request("BYE")
    assert bye.uri_text == "sip:alice@10.0.0.9:5070"
    assert bye.all("route") == list(dialog.route_set)
    assert str(dialog.hop) == "sip:p2;lr"
    assert bye.get("from") == "<sip:bob@b.example>;tag=ours"
    assert bye.get("to") == '"Alice" <sip:alice@a.example>;tag=theirs'
    assert (bye.cseq, bye.max_forwards, bye.get("via")) == ((1, "BYE"), 70, None)


@rfc("3261", "12.1.2")
def test_the_client_reverses_the_route_set():
    ours = invite()
    dialog = Dialog.from_response(
        ours, answer(ours, 180, headers=[("record-route", "<sip:p1;lr>, <sip:p2;lr>"), ("contact", "<sip:bob@10.0.0.8>")])
    )
    assert (dialog.route_set, dialog.target, dialog.early, dialog.initiator) == (
        ("<sip:p2;lr>", "<sip:p1;lr>"),
        "sip:bob@10.0.0.8",
        True,
        True,
    )
    assert dialog.id == ("1", "theirs", "theirs")
    assert dialog.local_cseq == 7
    assert dialog.request("UPDATE").cseq == (8, "UPDATE")


@rfc("3261", "13.2.2.4")
def test_a_2xx_makes_the_route_set_of_an_early_dialog_anew():
    ours = invite()
    dialog = Dialog.from_response(ours, answer(ours, 183, headers=[("record-route", "<sip:p1;lr>"), ("contact", "<sip:bob@10.0.0.8>")]))
    dialog.confirm(answer(ours, 200, headers=[("record-route", "<sip:p1;lr>, <sip:p3;lr>"), ("contact", "<sip:bob@10.0.0.7>")]))
    assert (dialog.route_set, dialog.target, dialog.early) == (("<sip:p3;lr>", "<sip:p1;lr>"), "sip:bob@10.0.0.7", False)
    assert str(dialog.hop) == "sip:p3;lr"


def test_each_tag_of_a_fork_is_a_dialog_of_its_own():
    ours = invite()
    one, two = (Dialog.from_response(ours, answer(ours, 200, tag, [("contact", f"<sip:{tag}@h>")])) for tag in ("x", "y"))
    assert one.id != two.id
    assert (one.target, two.target) == ("sip:x@h", "sip:y@h")
    assert one.request("BYE").get("to") == "<sip:bob@b.example>;tag=x"


@rfc("3261", "12.2.1.1")
def test_a_strict_router_gets_the_request_by_its_own_uri():
    dialog = Dialog.from_request(invite(record_route="<sip:strict.example>, <sip:p1;lr>"), "ours")
    bye = dialog.request("BYE")
    assert bye.uri_text == "sip:strict.example"
    assert bye.all("route") == ["<sip:p1;lr>", "<sip:alice@10.0.0.9:5070>"]
    assert str(dialog.hop) == "sip:strict.example"


@rfc("3261", "12.2.2")
def test_a_lower_number_is_out_of_order_but_for_ack_cancel_and_bye():
    dialog = Dialog.from_request(invite(), "ours")
    assert dialog.receive(inside("ACK", 7)) == 0
    assert dialog.receive(inside("INFO", 6)) == 500
    assert dialog.receive(inside("INFO", 7)) == 0
    assert dialog.receive(inside("INFO", 12)) == 0
    assert dialog.receive(inside("ACK", 7)) == 0
    assert dialog.receive(inside("UPDATE", 11)) == 500
    assert dialog.receive(inside("BYE", 11)) == 0
    assert dialog.receive(inside("BYE", 13)) == 0


def test_the_peers_first_request_may_have_any_number():
    ours = invite()
    dialog = Dialog.from_response(ours, answer(ours, 200))
    assert dialog.receive(inside("BYE", 0)) == 0


@rfc("3261", "12.2")
def test_only_requests_that_refresh_the_target_move_it_and_only_when_accepted():
    dialog = Dialog.from_request(invite(), "ours")
    update = inside("UPDATE", 8, "<sip:alice@10.0.0.10>")
    assert dialog.receive(update) == 0
    assert dialog.target == "sip:alice@10.0.0.9:5070"
    assert dialog.refresh(update)
    assert not dialog.refresh(update)
    assert dialog.target == "sip:alice@10.0.0.10"
    assert not dialog.refresh(inside("INFO", 9, "<sip:alice@10.0.0.11>"))
    assert not dialog.refresh(inside("INVITE", 10))
    ours = dialog.request("INVITE")
    assert dialog.refresh(answer(ours, 200, headers=[("contact", "<sip:alice@10.0.0.12>")]))
    assert dialog.request("BYE").uri_text == "sip:alice@10.0.0.12"


def test_our_contact_goes_with_what_refreshes_the_target_at_the_peer():
    dialog = Dialog.from_request(invite(), "ours")
    dialog.contact = "<sip:us@10.0.0.1>"
    assert dialog.request("INVITE").get("contact") == "<sip:us@10.0.0.1>"
    assert dialog.request("BYE").get("contact") is None


@rfc("3261", "13.2.2.4", "22.1")
def test_an_ack_has_the_number_and_the_credentials_of_its_invite():
    sent = invite(authorization='Digest username="a"')
    dialog = Dialog.from_response(sent, answer(sent, 200, headers=[("contact", "<sip:bob@10.0.0.8>")]))
    ack = dialog.ack(7, credentials_of(sent), b"answer")
    assert (ack.cseq, ack.uri_text, ack.get("authorization")) == ((7, "ACK"), "sip:bob@10.0.0.8", 'Digest username="a"')
    assert ack.body == b"answer"
    assert dialog.local_cseq == 7


def test_a_challenged_request_was_sent_again_with_the_next_number():
    ours = invite()
    dialog = Dialog.from_response(ours, answer(ours, 200))
    again = dialog.request("BYE")
    again.set("cseq", "9 BYE")
    dialog.numbered(answer(again, 200))
    assert dialog.request("INFO").cseq.number == 10
    assert (dialog.number(), dialog.request("INFO").cseq.number) == (11, 12)


@pytest.mark.parametrize("contact", ["", "<tel:+1555>", "<sip:", "*"])
def test_an_invite_without_a_contact_to_go_to_makes_no_dialog(contact):
    with pytest.raises(Malformed):
        Dialog.from_request(invite(contact=contact), "ours")


@pytest.mark.parametrize(
    "headers", [[], [("contact", "<sip:")], [("contact", "<tel:1>")], [("contact", "<sip:b@h>"), ("record-route", "<sip:")]]
)
def test_an_answer_without_one_can_still_be_acknowledged_and_ended(headers):
    ours = invite()
    dialog = Dialog.from_response(ours, answer(ours, 200, headers=headers))
    assert dialog.request("BYE").uri_text in ("sip:bob@b.example", "sip:b@h")
    assert dialog.route_set == ()


def test_a_refresh_with_an_unusable_contact_is_malformed():
    dialog = Dialog.from_request(invite(), "ours")
    with pytest.raises(Malformed):
        dialog.receive(inside("INVITE", 8, "<mailto:a@b>"))


@rfc("3261", "12.1.1")
def test_a_request_to_a_sips_uri_makes_a_secure_dialog():
    request = invite()
    request.set_uri("sips:bob@b.example")
    assert Dialog.from_request(request, "ours").secure
    assert not Dialog.from_request(invite(), "ours").secure


@rfc("3261", "12.1.1")
def test_only_the_request_uri_makes_a_dialog_secure_while_our_contact_follows_the_nearest_hop():
    for more, sips in (
        ({"contact": "<sips:alice@10.0.0.9>"}, True),
        ({"contact": "sips:alice@10.0.0.9"}, True),
        ({"contact": "<sips:alice@10.0.0.9>", "record_route": ["<sip:p1;lr>, <sips:p2;lr>"]}, False),
        ({"record_route": ['"sip:" <SIPS:p1;lr>']}, True),
    ):
        dialog = Dialog.from_request(invite(**more), "ours")
        assert (dialog.secure, dialog.sips_contact) == (False, sips)


@rfc("3261", "8.1.1.8", "12.1.2")
def test_our_own_request_to_a_sips_uri_or_by_a_sips_route_wants_a_sips_contact():
    for uri, route, sips in (("sips:b@h", None, True), ("sip:b@h", "<sips:p;lr>", True), ("sip:b@h", "<sip:p;lr>, <sips:q;lr>", False)):
        request = invite(**({"route": route} if route else {}))
        request.set_uri(uri)
        dialog = Dialog.from_response(request, answer(request, 200, headers=[("Contact", "<sip:b@h>")]))
        assert (dialog.secure, dialog.sips_contact) == (uri == "sips:b@h", sips)


@rfc("3261", "12.1.1")
def test_a_peer_of_rfc_2543_has_no_tag():
    request = invite(**{"from": "<sip:old@h>"})
    dialog = Dialog.from_request(request, "ours")
    assert dialog.request("BYE").get("to") == "<sip:old@h>"
    assert dialog.remote_tag == ""
