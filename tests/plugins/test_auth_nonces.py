"""Nonces: whose they are, how long they live, which of their counts were used."""

from __future__ import annotations

import random

import pytest
from pipeline.plugins.auth.nonces import FOREIGN, FRESH, STALE, USED, Nonces, used

from pipeline.clock import Clock
from pipeline.conformance.marks import rfc
from pipeline.testing.loop import VirtualLoop

KEY = bytes(64)
HERE = "192.0.2.1"


@pytest.fixture
def loop():
    loop = VirtualLoop()
    yield loop
    loop.close()


def nonces(loop, key=KEY, instance="abcdef", lifetime=300.0, size=1024):
    return Nonces(key, instance, Clock(loop, epoch=1_800_000_000.0), lifetime, size)


def test_a_nonce_is_48_hexadecimal_digits_and_never_the_same(loop):
    made = {nonces_.make(HERE) for nonces_ in [nonces(loop)] for _ in range(5000)}
    assert len(made) == 5000
    assert all(len(nonce) == 48 and set(nonce) <= set("0123456789abcdef") for nonce in made)


@rfc("7616", "5.5")
def test_each_count_is_good_once_in_any_order(loop):
    table = nonces(loop)
    nonce = table.make(HERE)
    counts = list(range(1, 33))
    random.Random(1).shuffle(counts)
    assert [table.use(nonce, HERE, count) for count in counts] == [FRESH] * 32
    assert [table.use(nonce, HERE, count) for count in counts] == [USED] * 32


def test_a_count_below_the_window_is_refused_and_one_far_above_is_good(loop):
    table = nonces(loop)
    nonce = table.make(HERE)
    assert table.use(nonce, HERE, 100) == FRESH
    assert table.use(nonce, HERE, 69) == FRESH
    assert table.use(nonce, HERE, 68) == USED
    assert table.use(nonce, HERE, 0xFFFFFFFF) == FRESH
    assert table.use(nonce, HERE, 101) == USED


def test_the_window_agrees_with_a_set_of_all_counts():
    rng = random.Random(2)
    state, seen, highest = 0, set(), 0
    for _ in range(20_000):
        count = max(1, highest + rng.randrange(-40, 4))
        after = used(state, count)
        assert (after >= 0) == (count not in seen and count > highest - 32)
        if after >= 0:
            state, highest = after, max(highest, count)
            seen.add(count)
            assert state < 1 << 64


def test_count_0_is_never_good(loop):
    table = nonces(loop)
    assert table.use(table.make(HERE), HERE, 0) == USED


def test_another_address_is_stale(loop):
    table = nonces(loop)
    assert table.use(table.make(HERE), "192.0.2.2", 1) == STALE


@rfc("7616", "3.3")
def test_a_nonce_ends_with_its_lifetime(loop):
    table = nonces(loop, lifetime=300.0)
    nonce = table.make(HERE)
    loop.advance(299)
    assert table.use(nonce, HERE, 1) == FRESH
    loop.advance(2)
    assert table.use(nonce, HERE, 2) == STALE


@rfc("7616", "5.4")
@pytest.mark.parametrize(
    "forge",
    [
        lambda n: n[:-1] + ("0" if n[-1] != "0" else "1"),
        lambda n: n[:-1],
        lambda n: "",
        lambda n: "é" * 48,
        lambda n: " " * 48,
        lambda n: "g" * 48,
        lambda n: n.upper() + "x",
    ],
)
def test_what_we_did_not_make_is_stale(loop, forge):
    table = nonces(loop)
    assert table.use(forge(table.make(HERE)), HERE, 1) == STALE


def test_another_key_is_stale(loop):
    assert nonces(loop, key=b"x" * 64).use(nonces(loop).make(HERE), HERE, 1) == STALE


def test_what_the_ring_no_longer_knows_is_stale_and_nobody_is_locked_out(loop):
    table = nonces(loop, size=1024)
    old = table.make(HERE)
    for _ in range(1024):
        last = table.make(HERE)
    assert table.use(old, HERE, 1) == STALE
    assert table.use(last, HERE, 1) == FRESH


def test_a_restart_takes_the_nonces_of_the_life_before_each_count_once(loop):
    before = nonces(loop)
    nonce = before.make(HERE)
    assert before.use(nonce, HERE, 1) == FRESH
    after = nonces(loop, instance="123456")
    assert after.use(nonce, HERE, 2) == FRESH
    assert after.use(nonce, HERE, 2) == USED
    assert after.use(nonce, HERE, 1) == USED
    assert after.use(nonce, HERE, 3) == FRESH


def test_nonces_of_another_life_are_bounded_and_forgotten(loop):
    before, after = nonces(loop, size=1 << 17), nonces(loop, instance="123456")
    for _ in range(FOREIGN):
        assert after.use(before.make(HERE), HERE, 1) == FRESH
    assert after.use(before.make(HERE), HERE, 1) == STALE
    loop.advance(400)
    assert not after._foreign
    assert after.use(before.make(HERE), HERE, 1) == FRESH


def test_another_lifetime_after_a_reload_is_obeyed(loop):
    before, after = nonces(loop), nonces(loop, instance="123456")
    nonce = before.make(HERE)
    assert after.use(nonce, HERE, 1) == FRESH
    after.configure(600.0, 1024)
    loop.advance(500)
    assert after.use(nonce, HERE, 1) == USED
    assert after.use(nonce, HERE, 2) == FRESH


def test_another_size_of_the_ring_makes_older_nonces_stale_and_no_replay_good(loop):
    table = nonces(loop, size=1024)
    nonce = table.make(HERE)
    assert table.use(nonce, HERE, 1) == FRESH
    for size in (2048, 1024):
        table.configure(300.0, size)
        assert table.use(nonce, HERE, 1) == STALE
        nonce = table.make(HERE)
        assert table.use(nonce, HERE, 1) == FRESH
