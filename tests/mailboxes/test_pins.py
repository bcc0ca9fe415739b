import pytest

from pipeline.clock import Clock
from pipeline.mailboxes import Guard, Weak, hash_pin, verify
from pipeline.mailboxes.pins import LAST, REMEMBERED
from pipeline.testing.loop import VirtualLoop


def test_a_pin_opens_what_it_was_set_for():
    stored = hash_pin("4711")
    assert "4711" not in stored and stored != hash_pin("4711")
    assert verify("4711", stored)
    for wrong in ("4712", "", "47110", "4711#"):
        assert not verify(wrong, stored)


@pytest.mark.parametrize("stored", ["", "4711", "scrypt::", "scrypt:zz:00", "md5:00:00", "scrypt:00"])
def test_where_no_pin_is_stored_none_opens(stored):
    assert not verify("4711", stored) and not verify("", stored)


@pytest.mark.parametrize("pin", ["", "123", "1234", "9876", "0000", "abcd", "1" * 17, "²³²³", "8005"])
def test_what_anybody_would_try_first_is_no_pin(pin):
    with pytest.raises(Weak):
        hash_pin(pin, name="8005")


def test_each_wrong_pin_locks_for_twice_as_long_and_never_longer_than_a_day():
    loop = VirtualLoop()
    guard = Guard(Clock(loop))
    assert [guard.wrong("bob") for _ in range(5)] == [0, 0, 60, 120, 240]
    assert guard.locked("bob") == 240 and guard.locked("alice") == 0
    assert max(guard.wrong("bob") for _ in range(2000)) == LAST
    loop.advance(LAST)
    assert guard.locked("bob") == 0
    guard.right("bob")
    assert guard.wrong("bob") == 0
    for number in range(2 * REMEMBERED):
        guard.wrong(str(number))
    assert len(guard._wrong) == REMEMBERED
    loop.close()
