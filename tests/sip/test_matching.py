"""Keys of transactions: RFC 3261 17.1.3, 17.2.3, 9.2, 8.2.2.2, and RFC 2543's way."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip.matching import ack_belongs, client_key, has_cookie, merge_key, server_key, server_key_for_cancel
from pipeline.sip.message import Request, Response

NEW, OLD = "z9hG4bK74bf9", "1"


def request(
    method="INVITE", branch=NEW, *, to_tag="", from_tag="f1", number=1, sent_by="192.0.2.4", call_id="c1", uri="sip:bob@x", transport="UDP"
):
    via = f"SIP/2.0/{transport} {sent_by}" + (f";branch={branch}" if branch else "")
    to = "<sip:bob@x>" + (f";tag={to_tag}" if to_tag else "")
    return Request.new(
        method, uri,
        [("Via", via), ("From", f"<sip:alice@x>;tag={from_tag}"), ("To", to), ("Call-ID", call_id), ("CSeq", f"{number} {method}")],
    )  # fmt: skip


@rfc("3261", "17.2.3")
@pytest.mark.parametrize("branch", [NEW, OLD, "", "z9hG4bK"])
@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "CANCEL"])
def test_a_retransmission_finds_its_transaction(branch, method):
    assert server_key(request(method, branch)) == server_key(request(method, branch))


@rfc("3261", "17.2.3")
@pytest.mark.parametrize("branch", [NEW, OLD, "", "z9hG4bK"])
def test_an_ack_finds_the_transaction_of_its_invite(branch):
    assert server_key(request("ACK", branch, to_tag="t1")) == server_key(request("INVITE", branch))


@rfc("3261", "9.2", "17.2.3")
@pytest.mark.parametrize("branch", [NEW, OLD, ""])
def test_a_cancel_finds_the_invite_and_is_a_transaction_of_its_own(branch):
    cancel, invite = request("CANCEL", branch), request("INVITE", branch)
    assert server_key_for_cancel(cancel) == server_key(invite)
    assert server_key(cancel) != server_key(invite)


@rfc("3261", "17.2.3")
def test_the_branch_decides_with_sent_by_method_and_call_id():
    key = server_key(request())
    assert key == server_key(request(from_tag="f2", number=2, uri="sip:carol@x", to_tag="t"))
    assert key != server_key(request(branch=NEW + "x"))
    assert key != server_key(request(sent_by="192.0.2.5"))
    assert key != server_key(request("MESSAGE"))
    assert key != server_key(request(call_id="c2"))  # a client that uses a branch again must not get another call's answer


@rfc("3261", "17.2.3")
def test_sent_by_compares_without_case_and_with_its_default_port():
    assert server_key(request(sent_by="PC33.Atlanta.com")) == server_key(request(sent_by="pc33.atlanta.com:5060"))
    assert server_key(request(sent_by="pc33:5061")) != server_key(request(sent_by="pc33"))
    assert server_key(request(sent_by="pc33:5061", transport="TLS")) == server_key(request(sent_by="pc33", transport="TLS"))


@rfc("3261", "17.2.3")
@pytest.mark.parametrize(
    "other",
    [
        {"uri": "sip:carol@x"},
        {"from_tag": "f2"},
        {"call_id": "c2"},
        {"number": 2},
        {"sent_by": "192.0.2.5"},
        {"branch": "2"},
        {"transport": "TCP"},
    ],
)
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_without_the_cookie_every_field_of_rfc_2543_decides(method, other):
    assert server_key(request(method, **{"branch": OLD, **other})) != server_key(request(method, OLD))


def test_without_the_cookie_the_to_tag_decides_but_for_invite_and_ack():
    assert server_key(request("BYE", OLD, to_tag="t1")) != server_key(request("BYE", OLD, to_tag="t2"))
    assert server_key(request("INVITE", OLD, to_tag="t1")) == server_key(request("ACK", OLD, to_tag="t2"))


def test_an_ack_in_rfc_2543_s_way_is_for_the_response_with_its_to_tag():
    assert ack_belongs(request("ACK", OLD, to_tag="t1"), "t1")
    assert not ack_belongs(request("ACK", OLD, to_tag="t2"), "t1")
    assert ack_belongs(request("ACK", OLD), "")
    assert ack_belongs(request("ACK", NEW, to_tag="t2"), "t1")


def test_keys_of_the_two_ways_are_never_equal():
    assert server_key(request(branch=OLD)).startswith("\n")
    assert "\n" not in server_key(request(branch=NEW))


def test_the_bare_cookie_promises_nothing():
    assert has_cookie("z9hG4bK1")
    assert has_cookie("Z9HG4BK1")
    assert not has_cookie("z9hG4bK")
    assert not has_cookie("")
    assert server_key(request(branch="z9hG4bK")) != server_key(request(branch="z9hG4bK", call_id="c2"))


@rfc("3261", "17.1.3")
def test_a_response_finds_its_client_transaction_by_branch_and_method():
    invite, cancel = request(), request("CANCEL")
    assert client_key(Response.to(invite, 200)) == client_key(invite)
    assert client_key(Response.to(cancel, 200)) == client_key(cancel) != client_key(invite)
    assert client_key(request(branch="z9hG4bKother")) != client_key(invite)


@rfc("3261", "8.2.2.2")
def test_copies_of_a_forked_request_have_one_merge_key():
    key = merge_key(request())
    assert key == merge_key(request(branch="z9hG4bKother", sent_by="proxy2", uri="sip:bob@y"))
    assert key != merge_key(request(from_tag="f2"))
    assert key != merge_key(request(call_id="c2"))
    assert key != merge_key(request(number=2))
    assert key != merge_key(request("MESSAGE"))


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("<sip:a@x>;tag=f1", "f1"),
        ("sip:a@x;tag=f1", "f1"),
        ('"A;tag=no>" <sip:a@x;tag=no>;x=1;tag=f1;y=2', "f1"),
        ('<sip:a@x>;x=";tag=no";tag=f1', "f1"),
        ("<sip:a@x> ; TAG = f1", "f1"),
        ("<sip:a@x>;tag=f1 ;y", "f1"),
        ("<sip:a@x>", ""),
    ],
)
def test_the_from_tag_is_found_however_from_is_written(value, tag):
    made = Request.new("BYE", "sip:x", [("From", value), ("Call-ID", "c"), ("CSeq", "1 BYE")])
    assert merge_key(made) == f"{tag} c 1 BYE"
    assert made.from_.tag == tag
