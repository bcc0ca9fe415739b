"""Fax within a call: T.38 offered, taken, refused, forgotten, and back to sound. RFC 3362, RFC 3264 8.3.3, ITU-T T.38 Annex D."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip import sdp, t38
from pipeline.testing.descriptions import Media

FAX = Media(fax=True)
HEAD = "v=0\r\no=phone 77 {version} IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
IMAGE = (
    "m=image {port} udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxFillBitRemoval\r\na=T38FaxRateManagement:transferredTCF\r\n"
    "a=T38FaxMaxBuffer:262\r\na=T38FaxMaxDatagram:176\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
)
AUDIO = "m=audio {port} RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"


def describe(call, *sections):
    """Describe as that phone would, in a version of its own."""
    version = call.local.split(b"\r\n")[1].decode().partition(" ")[2]
    session, number = version.split()[:2]
    address = call.phone.address[0]
    text = HEAD.replace("77 {version}", f"{session} {int(number) + 1}").format(address=address)
    return (text + "".join(section.format(port=call.voice.port + (4 if "image" in section else 0)) for section in sections)).encode()


def machines(house, **more):
    h = house(**more)
    for phone in h.phones.values():
        phone.media = FAX
    return h


def faxes(house, **more):
    h = machines(house, **more)
    return h, *h.up()


def session_of(h, direction):
    return next(each for each in h.driver.sessions.values() if each.direction == direction)


def states(h):
    return [session_of(h, direction).show().get("t38") for direction in ("in", "out")]


def kinds(description):
    return [media.kind for media in sdp.parse(description).media if media.port]


@rfc("3362")
@pytest.mark.parametrize("who", ["caller", "callee"])
@pytest.mark.parametrize("provider", ["", "media_direct"])
def test_fax_passes_both_ways_and_back_to_sound(house, who, provider):
    media = f'media = "{provider}"'
    h, call, other = faxes(house, alice=media, bob=media)
    one, two = (call, other) if who == "caller" else (other, call)
    one.reinvite(describe(one, IMAGE))
    h.advance(2)
    assert kinds(one.remote) == kinds(two.remote) == ["image"]
    assert states(h) == ["enabled", "enabled"]
    assert session_of(h, "in").show()["t38_remote"]["error_correction"] == "redundancy"
    one.voice.send_other("image", b"page")
    h.advance(0.5)
    assert sum(two.voice.extra.values()) == 1
    one.reinvite(describe(one, AUDIO))
    h.advance(2)
    assert kinds(one.remote) == kinds(two.remote) == ["audio"]
    assert states(h) == ["disabled", "disabled"]
    call.talk(697)
    assert other.hears(1) == {697}


def test_the_answer_has_no_more_than_the_offer(house):
    h, call, other = faxes(house)
    call.reinvite(describe(call, IMAGE.replace("Redundancy", "NoEC")))
    h.advance(2)
    assert t38.read(call.remote).error_correction == "none"  # the callee says redundancy
    assert not t38.read(call.remote).fill_bit_removal
    assert t38.read(other.remote).max_datagram == 176


def test_an_endpoint_is_told_and_believed_what_its_options_say(house):
    h, call, other = faxes(house, alice="t38_udptl_maxdatagram = 400", bob='t38_udptl_ec = "none"')
    call.reinvite(describe(call, IMAGE))
    h.advance(2)
    assert t38.read(other.remote).max_datagram == 400
    assert t38.read(other.remote).error_correction == "none"
    assert t38.read(call.remote).error_correction == "none"


@pytest.mark.parametrize("status", [415, 488, 606])
def test_a_refused_fax_falls_back_to_sound(house, status):
    h, call, other = faxes(house)
    h.bob.refuses["INVITE"] = status
    call.reinvite(describe(call, IMAGE))
    h.advance(2)
    assert call.responses(status)
    assert states(h) == ["rejected", "rejected"]
    assert kinds(call.remote) == kinds(other.remote) == ["audio"]
    call.talk(697)
    assert other.hears(1) == {697}
    del h.bob.refuses["INVITE"]
    call.reinvite(describe(call, IMAGE))
    h.advance(2)
    assert states(h) == ["enabled", "enabled"]


def test_a_phone_without_fax_refuses_it_and_the_call_goes_on(house):
    h = house(phones=("alice", "bob"))
    call, other = h.up()
    call.reinvite(describe(call, IMAGE))
    h.advance(2)
    assert call.responses(488)
    assert states(h) == ["rejected", "rejected"]
    assert call.state == other.state == "up"


def test_an_offer_of_fax_that_nobody_takes_is_refused_after_five_seconds(house):
    h, call, other = faxes(house)
    h.bob.silent.add("INVITE")
    call.reinvite(describe(call, IMAGE))
    h.advance(4.8)
    assert not call.responses(488)
    h.advance(0.4)
    assert call.responses(488)
    assert states(h)[0] == "rejected"
    h.bob.silent.clear()  # it answers what is sent again, too late
    h.advance(10)
    assert kinds(call.remote) == kinds(other.remote) == ["audio"]
    assert states(h) == ["rejected", "disabled"]
    call.talk(697)
    assert other.hears(1) == {697}


def test_a_cancelled_offer_of_fax_is_taken_back_from_who_took_it(house):
    h, call, other = faxes(house)
    h.bob.silent.add("INVITE")
    call.reinvite(describe(call, IMAGE))
    h.advance(0.2)
    call.ours.asking.cancel()
    h.bob.silent.clear()
    h.advance(8)
    assert call.responses(487)
    assert kinds(call.remote) == kinds(other.remote) == ["audio"]
    assert call.mirrors(other)


def test_an_application_that_takes_no_fax_refuses_it_and_goes_on(house):
    h = machines(house)
    call = h.alice.call("600").until("up")
    h.advance(0.2)
    call.reinvite(describe(call, IMAGE))
    h.advance(1)
    assert call.responses(488)
    assert [each.show()["t38"] for each in h.driver.sessions.values()] == ["rejected"]
    call.talk(697)
    assert call.hears(1) == {697}


def test_media_that_pass_through_us_carry_no_fax_and_say_so(house):
    media = 'media = "media_local"'
    h, call, other = faxes(house, alice=media, bob=media)
    call.reinvite(describe(call, IMAGE))
    h.advance(1)
    assert call.responses(488)
    call.talk(697)
    assert other.hears(1) == {697}


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_an_endpoint_that_may_have_no_fax_gets_and_gives_none(house, who):
    h, call, other = faxes(house, **{who: "t38_udptl = false"})
    call.reinvite(describe(call, IMAGE))
    h.advance(1)
    assert call.responses(488)
    assert not [each for each in other.requests("INVITE") if b"m=image" in each.body]
    call.reinvite(describe(call, AUDIO, IMAGE))
    h.advance(2)
    assert kinds(call.remote) == kinds(other.remote) == ["audio"]
    assert len(sdp.parse(call.remote).media) == 2


def test_a_call_of_fax_alone(house):
    h = machines(house, carol="t38_udptl = false", phones=("alice", "bob", "carol"))
    offer = (HEAD.format(version=1, address="10.0.0.2") + IMAGE.format(port=4004)).encode()
    call = h.alice.call("bob", sdp=offer).until("up")
    h.advance(1)
    assert kinds(call.remote) == ["image"]
    assert states(h) == ["enabled", "enabled"]
    refused = h.alice.call("carol", sdp=offer).until("ended")
    assert refused.status == 488
    refused = h.carol.call("bob", sdp=offer.replace(b"10.0.0.2", b"10.0.0.4")).until("ended")
    assert refused.status == 488


def test_the_states_are_told(house):
    h, call, _ = faxes(house)
    call.reinvite(describe(call, IMAGE))
    h.advance(2)
    told = [(event.fields["channel"].direction, event.fields["old"], event.fields["new"]) for event in h.server.told("channel.t38")]
    assert told == [
        ("in", "disabled", "peer_reinvite"),
        ("out", "disabled", "local_reinvite"),
        ("out", "local_reinvite", "enabled"),
        ("in", "peer_reinvite", "enabled"),
    ]


ANSWERED = (
    "a=T38FaxVersion:0",
    "a=T38MaxBitRate:14400",
    "a=T38FaxRateManagement:transferredTCF",
    "a=T38FaxMaxBuffer:200",
    "a=T38FaxMaxDatagram:72",
    "a=T38FaxUdpEC:t38UDPRedundancy",
)


@pytest.mark.parametrize("who", ["caller", "callee"])
@pytest.mark.parametrize(
    ("offered", "told", "answered"),
    [
        ("a=T38MaxBitRate:9600", {"bit_rate": 9600}, {"bit_rate": 9600}),
        ("a=T38MaxBitRate:33600", {"bit_rate": 33600}, {"bit_rate": 14400}),
        ("a=T38FaxVersion:3", {"version": 3}, {"version": 0}),
        ("a=T38FaxUdpEC:t38UDPFEC", {"error_correction": "fec"}, {"error_correction": "redundancy"}),
        ("a=T38FaxUdpEC:t38UDPNoEC", {"error_correction": "none"}, {"error_correction": "none"}),
        ("a=T38FaxMaxDatagram:400", {"max_datagram": 400}, {"max_datagram": 72}),
        ("a=T38FaxMaxBuffer:1000", {"max_buffer": 1000}, {"max_buffer": 200}),
        ("a=T38FaxRateManagement:localTCF", {"rate_management": "localTCF"}, {"rate_management": "localTCF"}),
    ],
)
def test_what_each_machine_is_told_of_the_other(house, who, offered, told, answered):
    """Version, rate and correction are settled, the offerer's rate management holds; buffer and datagram are each one's own."""
    h, call, other = faxes(house)
    one, two = (call, other) if who == "caller" else (other, call)
    two.exchange.media = Media(fax=True, fax_lines=ANSWERED)
    name = offered.partition(":")[0]
    image = "".join(f"{line}\r\n" for line in IMAGE.split("\r\n")[:-1] if not line.startswith(name + ":")) + offered + "\r\n"
    one.reinvite(describe(one, image))
    h.advance(2)
    assert states(h) == ["enabled", "enabled"]
    heard, said = t38.read(two.remote), t38.read(one.remote)
    assert {key: getattr(heard, key) for key in told} == told
    assert {key: getattr(said, key) for key in answered} == answered


def test_both_machines_that_ask_for_fax_at_once_are_told_491_and_one_of_them_gets_it(house):
    h, call, other = faxes(house)
    call.reinvite(describe(call, IMAGE))
    other.reinvite(describe(other, IMAGE))
    h.advance(0.5)
    assert call.responses(491) or other.responses(491)
    h.advance(10)
    assert states(h) == ["enabled", "enabled"]
    assert kinds(call.remote) == kinds(other.remote) == ["image"]
    call.voice.send_other("image", b"page")
    other.voice.send_other("image", b"page")
    h.advance(0.5)
    assert sum(call.voice.extra.values()) == sum(other.voice.extra.values()) == 1


def test_fax_against_a_hold_is_a_glare_too_and_neither_is_lost(house):
    h, call, other = faxes(house)
    call.hold()
    other.reinvite(describe(other, IMAGE))
    h.advance(12)
    assert call.state == other.state == "up"
    assert call.responses(491) or other.responses(491)
    assert set(states(h)) <= {"enabled", "rejected", "disabled"} and len(set(states(h))) == 1
