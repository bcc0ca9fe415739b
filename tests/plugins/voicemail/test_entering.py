import pytest

from pipeline.mailboxes import hash_pin

A = 440
PIN = f'[mailbox.bob]\npin_hash = "{hash_pin("4711", salt=bytes(16))}"\nnumber = "200"\n'


@pytest.fixture
def locked(built):
    house = built(PIN)
    house.leave(A)
    return house


def enter(house, phone, number, digits):
    call = phone.call(number).until("up")
    house.advance(0.6)
    for digit in digits:
        call.press(digit)
        house.advance(0.3)
    house.advance(1.5)
    return call


def hears(house, call):
    call.press("1")
    house.advance(3)
    return call.hears() == {A}


def test_a_foreign_phone_needs_the_pin(locked):
    call = enter(locked, locked.carol, "701", "4711#")
    assert hears(locked, call)
    assert [told["mailbox"] for told in locked.told("mailbox.entered")] == ["bob"]


@pytest.mark.parametrize("digits", ["0815#", "#", "47110#", "4711" * 6])
def test_a_wrong_pin_opens_nothing(locked, digits):
    call = enter(locked, locked.carol, "701", digits)
    assert not hears(locked, call)
    call.hangup()
    assert not locked.told("mailbox.entered")
    locked.waiting(1, 0)


def test_a_mailbox_without_a_pin_is_closed_to_foreign_phones(house):
    house.leave(A)
    for digits in ("#", "0000#", "1234#"):
        call = enter(house, house.carol, "701", digits)
        assert not hears(house, call)
        call.hangup()
    assert not house.told("mailbox.entered")


def test_wrong_pins_lock_the_mailbox_for_longer_and_longer(locked):
    call = enter(locked, locked.carol, "701", "0001#")
    for pin in ("0002#", "0003#"):
        for digit in pin:
            call.press(digit)
            locked.advance(0.3)
        locked.advance(1)
    call.until("ended")
    assert [told["locked"] for told in locked.told("mailbox.refused")] == [0, 0, 60]
    call = enter(locked, locked.alice, "701", "4711#")  # the right one, but now nobody gets in
    assert not hears(locked, call)
    call.hangup()
    own = locked.dial()
    assert hears(locked, own)  # but the owner's own phone needs no PIN
    own.hangup()
    locked.advance(61)
    call = enter(locked, locked.carol, "701", "0004#")
    call.hangup()
    assert locked.told("mailbox.refused")[-1]["locked"] == 120
    locked.advance(121)
    assert hears(locked, enter(locked, locked.carol, "701", "4711#"))


def test_many_calls_at_once_guess_no_more_than_one(locked):
    calls = [phone.call("701").until("up") for phone in (locked.alice, locked.carol) for _ in range(4)]
    locked.advance(1)
    for digit in "0001":
        for call in calls:
            call.press(digit)
        locked.advance(0.3)
    for call in calls:
        call.press("#")
    locked.advance(1)
    assert sorted(told["locked"] for told in locked.told("mailbox.refused")) == [0, 0, 60]


def test_a_wrong_pin_is_a_security_event_that_names_its_source(built):
    house = built(PIN, intercept=["identify", "security", "auth"])
    enter(house, house.carol, "701", "0815#").hangup()
    told = [event for event in house.told("security.event") if event["event"] == "InvalidPassword"]
    assert [(event["account"], event["remote"], event["proved"]) for event in told] == [("bob", "IPV4/UDP/10.0.0.4/5060", True)]
    assert told[0]["session"]


def test_a_call_has_three_tries(locked):
    call = enter(locked, locked.carol, "701", "1#")
    for _ in range(2):
        for digit in "1#":
            call.press(digit)
            locked.advance(0.3)
        locked.advance(1)
    call.until("ended")
    assert len(locked.told("mailbox.refused")) == 3


def test_the_owners_phone_can_be_asked_too(built):
    house = built(PIN + '[context.default]\nusers = true\n[context.default.extensions]\n700 = [{ voicemailmain = "", pin = true }]\n')
    call = house.bob.call("700").until("up")
    house.advance(1)
    call.press("1")
    house.advance(6)
    assert not house.told("mailbox.entered")
    call.hangup()
    enter(house, house.bob, "700", "4711#")
    assert house.told("mailbox.entered")


GATEWAY = """
[endpoint.gateway]
auth = []
trust_from = true
aors = ["bob"]
[identify.gateway]
endpoint = "gateway"
match = ["10.0.0.77"]
"""


def test_an_address_that_is_let_in_without_a_password_is_a_foreign_phone_and_chooses_a_number(built):
    house = built(PIN + GATEWAY)
    house.leave(A)
    gateway = house.server.phone("gateway", password="", address=("10.0.0.77", 5060))
    call = enter(house, gateway, "700", "200#4711#")
    assert hears(house, call)
    call.hangup()
    call = enter(house, gateway, "700", "999#4711#")  # no such number: it sounds like a wrong PIN
    assert not hears(house, call)
    assert [told["mailbox"] for told in house.told("mailbox.refused")] == [""]


def test_a_star_in_the_greeting_leads_the_owner_to_his_mailbox(locked):
    call = locked.carol.call("*bob").until("up")
    locked.advance(0.1)
    call.press("*")
    locked.advance(1)
    for digit in "4711#":
        call.press(digit)
        locked.advance(0.3)
    locked.advance(1.5)
    assert hears(locked, call)


def test_another_number_is_no_other_caller_and_another_address_is(built):
    boxes = [f'[mailbox.m{number}]\npin_hash = "{hash_pin("4711", salt=bytes(16))}"\nnumber = "{number}"\n' for number in range(301, 306)]
    house = built("".join(boxes) + GATEWAY.replace('["10.0.0.77"]', '["10.0.0.77", "10.0.0.78"]'))
    one, other = (house.server.phone("gateway", password="", address=(host, 5060)) for host in ("10.0.0.77", "10.0.0.78"))

    def tries(phone, name, box, *pins):
        call = phone.call("700", from_user=name).until("up")
        house.advance(0.6)
        for digit in "".join(f"{box}#{pin}#" for pin in pins):
            call.press(digit)
            house.advance(0.3)
        house.advance(1.5)
        call.hangup()

    for number in (301, 302, 303):
        tries(one, f"4930{number}", number, "1111", "1112", "1113")
    tries(one, "4930999", 304, "4711")
    assert not house.told("mailbox.entered")
    tries(other, "4930999", 304, "4711")
    assert [told["mailbox"] for told in house.told("mailbox.entered")] == ["m304"]


def test_one_caller_does_not_try_the_usual_pins_at_every_mailbox(built):
    boxes = [f'[mailbox.m{number}]\npin_hash = "{hash_pin("4711", salt=bytes(16))}"\nnumber = "{number}"\n' for number in range(301, 306)]
    house = built("".join(boxes) + GATEWAY)
    gateway = house.server.phone("gateway", password="", address=("10.0.0.77", 5060))
    for number in (301, 302, 303):
        call = enter(house, gateway, "700", f"{number}#" + f"{number}#".join(("1111#", "1112#", "1113#")))
        call.hangup()
    enter(house, gateway, "700", "304#4711#").hangup()
    assert not house.told("mailbox.entered")
    enter(house, house.carol, "700", "").hangup()  # others are not locked out, nor is he from his own
    assert [told["mailbox"] for told in house.told("mailbox.entered")] == ["carol"]
    house.advance(600)
    for _ in range(3):  # what is right is not counted
        enter(house, gateway, "700", "305#4711#").hangup()
    assert [told["mailbox"] for told in house.told("mailbox.entered")] == ["carol", "m305", "m305", "m305"]
    assert not house.mailboxes.guard.locked("m304")


def test_callers_through_a_trunk_that_vouches_for_their_numbers_do_not_lock_out_each_other(built):
    boxes = [f'[mailbox.m{number}]\npin_hash = "{hash_pin("4711", salt=bytes(16))}"\nnumber = "{number}"\n' for number in range(301, 350)]
    house = built("".join(boxes) + GATEWAY.replace("[identify", "trust_id_inbound = true\n[identify"))
    gateway = house.server.phone("gateway", password="", address=("10.0.0.77", 5060))

    def tries(name, box, *pins):
        call = gateway.call("700", from_user=name).until("up")
        house.advance(0.6)
        for digit in "".join(f"{box}#{pin}#" for pin in pins):
            call.press(digit)
            house.advance(0.3)
        house.advance(1.5)
        call.hangup()

    for number in (301, 302, 303):
        tries("4930111", number, "1111", "1112", "1113")
    tries("4930111", 304, "4711")
    assert not house.told("mailbox.entered")
    tries("4930999", 304, "4711")
    assert [told["mailbox"] for told in house.told("mailbox.entered")] == ["m304"]
    for number in range(305, 340):  # who can choose his number after all is stopped with the trunk
        tries(f"4930{number}", number, "1111", "1112", "1113")
    tries("4930998", 345, "4711")
    assert [told["mailbox"] for told in house.told("mailbox.entered")] == ["m304"]
