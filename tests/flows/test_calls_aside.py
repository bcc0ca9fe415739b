"""Requests within an early dialog that has not won, and in one that has lost: nothing of the call is changed. RFC 3261 12.1.2, 15; RFC 3311."""

import importlib.util
import pathlib

import pytest

spec = importlib.util.spec_from_file_location("tests_flows_forks", pathlib.Path(__file__).with_name("test_calls_forks.py"))
forks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(forks)
called, sdp = forks.called, forks.sdp


def ask(h, proxy, method, tag, body=b"", cseq=1, headers=()):
    """Send a request in the dialog that `tag` has made; its status."""
    invite = proxy.invite
    fields = [
        ("From", f"{invite.get('to')};tag={tag}"),
        ("To", invite.get("from")),
        ("Call-ID", invite.call_id),
        ("Contact", f"<sip:{tag}@10.0.0.50>"),
        *headers,
    ]
    if body:
        fields.append(("Content-Type", "application/sdp"))
    message = h.server.message(
        method,
        uri=invite.contacts[0].uri.text,
        headers=[*fields, ("Via", f"SIP/2.0/UDP 10.0.0.50;branch=z9hG4bK{method}{tag}{cseq}")],
        body=body,
        cseq=cseq,
    )
    before = len(proxy.got)
    proxy.socket.send(message, ("10.0.0.1", 5060))
    h.advance(0.2)
    return [each for each in proxy.got[before:] if not each.is_request and each.cseq.method == method and each.status >= 200]


@pytest.fixture
def forked(house):
    """A call that two ring for, the second reliably and described: it has an early dialog of its own."""
    h, proxy, call = called(house)
    proxy.answer(183, "one", sdp(111))
    proxy.answer(183, "two", sdp(222), headers=[("Require", "100rel"), ("RSeq", "1")])
    [prack] = proxy.named("PRACK")
    assert prack.to.tag == "two"
    proxy.answer(200, "two", request=prack)
    return h, proxy, call


@pytest.mark.parametrize(
    ("method", "body", "headers", "status"),
    [
        ("UPDATE", sdp(333), (), 500),
        ("UPDATE", b"", (), 200),
        ("INFO", b"", (), 200),
        ("INFO", b"x", (("Info-Package", "g.3gpp.ussd"),), 469),
        ("PRACK", b"", (("RAck", "1 1 INVITE"),), 481),
        ("INVITE", sdp(333), (), 491),
        ("OPTIONS", b"", (), 200),
        ("BYE", b"", (), 200),
    ],
)
def test_what_a_branch_asks_that_has_not_won_leaves_the_call_as_it_is(forked, method, body, headers, status):
    h, proxy, call = forked
    [answer] = ask(h, proxy, method, "two", body, headers=headers)
    assert answer.status == status
    assert (status != 500) or 0 <= int(answer.get("retry-after")) <= 10
    assert call.state == "proceeding"
    assert not proxy.named("CANCEL")
    heard = call.remote
    proxy.answer(200, "one", sdp(111))
    assert call.until("up").remote.count(b"4111")
    assert heard.count(b"4333") == 0
    call.hangup()
    h.advance(0.1)
    proxy.answer(200, "one", request=proxy.named("BYE")[-1])


@pytest.mark.parametrize("method", ["UPDATE", "INFO", "PRACK", "INVITE", "BYE", "OPTIONS"])
def test_what_comes_for_a_branch_that_has_lost_is_481(forked, method):
    h, proxy, call = forked
    proxy.answer(200, "one", sdp(111))
    call.until("up")
    assert [answer.status for answer in ask(h, proxy, method, "two", headers=[("RAck", "1 1 INVITE")])] == [481]
    assert call.state == "up"
    call.hangup()
    h.advance(0.1)
    proxy.answer(200, "one", request=proxy.named("BYE")[-1])


def test_a_branch_that_said_bye_may_still_answer_and_is_released_or_taken_as_any(forked):
    h, proxy, call = forked
    ask(h, proxy, "BYE", "two")
    assert ask(h, proxy, "OPTIONS", "two", cseq=2)[0].status == 481
    proxy.answer(200, "two", sdp(222))
    assert call.until("up").remote.count(b"4222")
    call.hangup()
    h.advance(0.1)
    proxy.answer(200, "two", request=proxy.named("BYE")[-1])


def test_the_first_branch_is_the_session_s_own_and_its_bye_ends_the_call(forked):
    h, proxy, call = forked
    assert ask(h, proxy, "BYE", "one")[0].status == 200
    h.advance(0.1)
    [cancel] = proxy.named("CANCEL")
    proxy.answer(200, "", request=cancel)
    proxy.answer(487, "one")
    assert call.until("ended")


def test_a_caller_who_hears_several_may_end_one_of_them(house):
    h = house(phones=("alice", "bob", "carol"), alice="early_dialogs = true")
    h.bob.answers(early=True, after=None)
    h.carol.answers(early=True, after=2.0)
    call = h.alice.call("700").until("proceeding")
    h.advance(0.5)
    tags = {response.body: response.to.tag for response in call.responses(183)}
    assert len(tags) == 2
    session = next(each for each in h.driver.sessions.values() if each.direction == "in")
    leg = next(each.id for each in h.server.engine.core.channels.values() if each.endpoint == "bob")
    tag = session.branches[leg].dialog.local_tag
    fields = [("From", call.invite.get("from")), ("To", f"{call.invite.get('to')};tag={tag}"), ("Call-ID", call.invite.call_id)]
    source = h.alice.address
    message = h.server.message("BYE", "bob", headers=fields, source=source, cseq=50)
    h.server.network.host(source[0])
    h.server.send(message, (source[0], 5999))
    h.advance(0.2)
    assert [reply.status for reply in h.server.replies((source[0], 5999))] == [200]
    assert call.until("up").mirrors(h.carol.calls[-1])
