"""Changes of a call that is up: hold, codecs, late offers, refusals, glare. RFC 3261 14, RFC 3264 8, RFC 3311, RFC 6337 4, RFC 5407 3.2."""

import pytest

from pipeline.conformance.marks import rfc

TWO = b"v=0\r\no=- 7 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4444 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"


@rfc("3261", "14.1")
@rfc("3264", "8.4")
@pytest.mark.parametrize("who", ["caller", "callee"])
@pytest.mark.parametrize(
    ("direction", "zero", "theirs"), [("sendonly", False, "recvonly"), ("inactive", False, "inactive"), ("sendonly", True, "recvonly")]
)
def test_hold_and_resume(house, who, direction, zero, theirs):
    h = house()
    call, other = h.up()
    one, two = (call, other) if who == "caller" else (other, call)
    one.hold(direction, zero=zero)
    h.advance(2)
    assert one.holding
    assert two.held or zero
    if not zero:
        assert two.direction == theirs
    holds = list(h.server.told("channel.hold"))
    assert len(holds) == 1
    one.resume()
    h.advance(2)
    assert (one.direction, two.direction) == ("sendrecv", "sendrecv")
    assert call.mirrors(other)
    assert len(h.server.told("channel.hold")) == 2


@rfc("3311", "5.1", "5.2")
def test_hold_by_update(house):
    h = house()
    call, other = h.up()
    call.hold(by="UPDATE")
    h.advance(2)
    assert other.held and other.direction == "recvonly"
    assert len(other.requests("UPDATE")) == 1
    assert not [message for message in other.requests("INVITE") if message.to.tag]


@rfc("3261", "14.1", "14.2")
@pytest.mark.parametrize("late", [False, True])
def test_a_reinvite_changes_the_media_of_both(house, late):
    h = house()
    call, other = h.up()
    call.reinvite(b"" if late else TWO, late=late)
    h.advance(2)
    assert call.mirrors(other)
    assert call.state == other.state == "up"
    if not late:
        assert b"m=audio 4444 RTP/AVP 8" in other.remote


@rfc("3261", "14.1")
def test_a_refused_change_leaves_the_call_as_it_was(house):
    h = house()
    call, other = h.up()
    h.bob.refuses["INVITE"] = 488
    call.reinvite(TWO)
    h.advance(3)
    assert call.responses(488)
    assert call.state == other.state == "up"
    del h.bob.refuses["INVITE"]
    call.hold()
    h.advance(2)
    assert other.held


@rfc("3261", "14.1")
def test_both_sides_at_once_come_to_an_end(house):
    h = house()
    h.server.network.delay = (0.02, 0.02)
    call, other = h.up()
    call.hold()
    other.reinvite()
    h.advance(15)
    assert call.state == other.state == "up"
    assert call.mirrors(other)
    assert other.held


@rfc("3261", "14.1")
def test_a_glare_at_the_other_leg_is_tried_again_in_its_window(house):
    h = house()
    call, other = h.up()
    h.bob.refuses["INVITE"] = 491
    times = []
    h.server.network.filter = lambda data, source, destination: (
        (data.startswith(b"INVITE") and destination[0] == "10.0.0.3" and times.append(h.server.loop.time())) or True
    )
    call.hold()
    h.advance(1)
    del h.bob.refuses["INVITE"]
    h.advance(6)
    assert 2.1 <= times[1] - times[0] <= 4.2
    assert other.held


@rfc("3261", "14.2")
def test_a_reinvite_before_the_answer_to_the_last_is_refused_with_a_time(house):
    h = house()
    call, _other = h.up()
    h.bob.silent.add("INVITE")
    call.reinvite(TWO)
    h.advance(0.5)
    attempt = call.request("UPDATE", [("Contact", f"<{h.alice.contact}>"), ("Content-Type", "application/sdp")], TWO)
    h.server.wait(attempt)
    assert attempt.status == 500
    assert 0 <= int(attempt.response.get("retry-after")) <= 10


def test_a_cancelled_reinvite_leaves_the_call(house):
    h = house()
    call, other = h.up()
    h.bob.silent.add("INVITE")
    call.reinvite(TWO)
    h.advance(1)
    call.ours.asking.cancel()
    h.advance(1)
    assert call.responses(487)
    assert call.state == other.state == "up"


def test_a_bye_goes_ahead_of_a_change_that_waits(house):
    h = house()
    call, other = h.up()
    h.bob.refuses["INVITE"] = 491
    call.hold()
    h.advance(0.5)
    call.bye()
    other.until("ended", 5)
    assert other.why == "released"
    assert call.responses(487)


@rfc("3261", "12.2.1.2", "12.2.2")
def test_a_target_refresh_is_followed(house):
    h = house()
    call, other = h.up()
    moved = h.alice.contact.replace("alice@", "desk@")
    h.server.wait(call.request("UPDATE", [("Contact", f"<{moved}>")]))
    other.bye()
    call.until("ended")
    [bye] = call.requests("BYE")
    assert bye.uri_text == moved


def test_a_peer_that_has_lost_the_call_ends_it(house):
    h = house()
    call, other = h.up()
    h.bob.refuses["INVITE"] = 481
    call.hold()
    call.until("ended")
    assert call.why == "released"
    h.bob.refuses.clear()
    other.end("lost")


@rfc("3264", "8")
def test_the_description_has_one_author_and_a_rising_version_on_each_leg(house):
    h = house()
    call, other = h.up()
    origins = [call.remote.split(b"\r\n")[1].split()]
    for _ in range(2):
        other.hold() if not other.holding else other.resume()
        h.advance(2)
        origins.append(call.remote.split(b"\r\n")[1].split())
    assert len({origin[1] for origin in origins}) == 1
    assert [int(origin[2]) - int(origins[0][2]) for origin in origins] == [0, 1, 2]


def test_a_cancelled_reinvite_that_the_other_side_takes_all_the_same_is_taken_back(house):
    h = house()
    call, other = h.up()
    before = other.remote
    h.server.network.filter = lambda data, source, destination: not (source[0] == "10.0.0.3" and data.startswith(b"SIP/2.0 200"))
    call.reinvite(TWO)
    h.advance(0.3)
    call.ours.asking.cancel()
    h.advance(0.1)
    h.server.network.filter = None
    h.advance(5)
    assert call.responses(487)
    assert b"4444" not in other.remote and b"m=audio" in before
    assert call.mirrors(other)


@rfc("3261", "12.2.1.2")
def test_a_peer_that_has_lost_the_call_gets_a_bye(house):
    """RFC 3261 12.2.1.2."""
    h = house()
    call, other = h.up()
    h.bob.refuses["INVITE"] = 481
    call.hold()
    call.until("ended")
    h.advance(1)
    assert other.requests("BYE")


def test_a_bye_with_a_low_number_ends_the_call(house):
    h = house()
    call, other = h.up()
    h.server.wait(call.request("OPTIONS", cseq=50))
    bye = call.request("BYE", cseq=3)
    h.server.wait(bye)
    assert bye.status == 200
    other.until("ended")
    call.end("hung up")
