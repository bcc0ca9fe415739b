"""Mirror of pipeline/sip/dialog.py."""

from __future__ import annotations

from pipeline.sip import DialogId, Request, Response, dialog_id
from pipeline.sip.dialog import in_dialog

INVITE = Request.new("INVITE", "sip:b@h", [("from", "<sip:a@h>;tag=theirs"), ("to", "<sip:b@h>"), ("call-id", "1"), ("cseq", "1 INVITE")])


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
