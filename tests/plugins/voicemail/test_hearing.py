A, B = 440, 1633


def test_what_was_said_is_heard_and_then_old(house):
    house.leave(A)
    call = house.dial()
    call.press("1")
    house.advance(3)
    assert call.hears() == {A}
    house.advance(5)
    house.waiting(0, 1)  # heard to its end: the lamp goes out at once
    call.hangup()
    house.nothing_left()


def test_who_hangs_up_in_the_middle_has_not_heard_it(house):
    house.leave(A)
    call = house.dial()
    call.press("1")
    house.advance(3)
    call.hangup()
    house.advance(1)
    house.waiting(1, 0)
    house.nothing_left()


def test_a_deleted_message_is_gone_when_the_caller_leaves(house):
    house.leave(A)
    call = house.dial()
    house.press(call, "1", wait=2)
    house.press(call, "7")
    call.hangup()
    house.advance(1)
    house.waiting(0, 0)
    assert [told["mailbox"] for told in house.told("mailbox.deleted")] == ["bob"]
    assert not list((house.mailboxes.folder / "bob").glob("*/*"))
    house.nothing_left()


def test_deleting_can_be_taken_back(house):
    house.leave(A)
    house.leave(B)
    call = house.dial()
    house.press(call, "1", wait=2)
    house.press(call, "7", wait=2.5)  # the first; the second is played
    assert call.hears() == {B}
    house.press(call, "4", wait=1)
    house.press(call, "7")
    call.hangup()
    house.advance(1)
    house.waiting(1, 1)
    house.nothing_left()


def test_next_previous_repeat_save(house):
    house.leave(A)
    house.leave(B)
    call = house.dial()
    call.press("1")
    for digit, tone in (("", A), ("5", A), ("6", B), ("4", A), ("9", B)):
        if digit:
            call.press(digit)
        house.advance(2.8)
        assert call.hears() == {tone}, digit
    house.press(call, "#", wait=2)
    house.waiting(1, 1)
    call.press("2")
    house.advance(2.8)
    assert call.hears() == {A}
    call.hangup()
    house.nothing_left()


def test_a_phone_hears_its_own_mailbox_alone(house):
    house.leave(A)  # for bob
    call = house.dial(phone=house.carol)
    house.press(call, "1", wait=3)
    assert call.hears() == set()
    house.waiting(1, 0)
    call.hangup()
    house.nothing_left()


def test_who_says_nothing_is_left_alone(house):
    call = house.dial()
    call.until("ended", 60)
    house.nothing_left()


def test_a_message_that_another_phone_has_deleted_meanwhile_is_passed_over(house):
    house.leave(A)
    house.leave(B)
    call = house.dial()
    house.press(call, "1", wait=2)
    for message in house.mailboxes.box("bob").messages("new"):
        house.mailboxes.delete(message)
    house.press(call, "6" * 3)
    call.hangup()
    house.advance(1)
    house.waiting(0, 0)
    assert not house.server.told("step.failed")


def test_a_message_that_comes_while_the_owner_listens_is_there_when_he_asks_again(house):
    call = house.dial()
    gone = house.alice.call("*bob").until("up")
    house.advance(0.1)
    gone.hangup()  # leaves nothing: the empty mailbox is tidied away
    house.leave(A)
    if call.state != "up":
        call = house.dial()
    house.press(call, "*", wait=0.5)
    call.press("1")
    house.advance(3)
    assert call.hears() == {A}
    call.hangup()
    house.nothing_left()
