"""Lanes: in order within one, at once across them, and no task for a job that does not wait."""

import asyncio

import pytest

from pipeline.pending import Pending
from pipeline.servant import Lanes
from pipeline.testing.loop import VirtualLoop


@pytest.fixture
def failures():
    return []


@pytest.fixture
def lanes(failures):
    return Lanes(lambda passage, servant, error: failures.append((passage, servant, error)), limit=3)


def test_a_job_runs_at_once_when_its_lane_is_free(lanes):
    ran = []
    assert lanes.post("registrar", "alice", ran.append, "p1")
    assert ran == ["p1"]
    assert len(lanes) == 0


def test_a_job_behind_one_that_waits_runs_when_that_is_done(lanes):
    ran, pending = [], Pending()
    lanes.post("registrar", "alice", lambda passage: ran.append(passage) or pending, "p1")
    lanes.post("registrar", "alice", ran.append, "p2")
    lanes.post("registrar", "bob", ran.append, "p3")
    assert ran == ["p1", "p3"]
    assert lanes.items() == [("alice", "registrar", 1)]
    pending.resolve(None)
    assert ran == ["p1", "p3", "p2"]
    assert len(lanes) == 0
    assert lanes.backlog == 0


def test_a_job_posted_from_its_own_lane_waits_its_turn(lanes):
    ran = []

    def job(passage):
        lanes.post("registrar", "alice", lambda passage: ran.append("inner"), "p2")
        ran.append("outer")

    lanes.post("registrar", "alice", job, "p1")
    assert ran == ["outer", "inner"]


def test_a_full_lane_refuses_and_others_do_not(lanes):
    pending = Pending()
    lanes.post("registrar", "alice", lambda passage: pending, "p")
    assert [lanes.post("registrar", "alice", lambda passage: None, n) for n in range(4)] == [True, True, True, False]
    assert lanes.post("registrar", "bob", lambda passage: None, "p")


def test_a_job_that_raises_is_reported_and_the_lane_goes_on(lanes, failures):
    ran = []

    def broken(passage):
        raise ValueError("no")

    lanes.post("registrar", "alice", broken, "p1")
    lanes.post("registrar", "alice", ran.append, "p2")
    assert [(passage, servant, str(error)) for passage, servant, error in failures] == [("p1", "registrar", "no")]
    assert ran == ["p2"]


def test_a_pending_that_fails_is_reported_and_the_lane_goes_on(lanes, failures):
    ran, pending = [], Pending()
    lanes.post("registrar", "alice", lambda passage: pending, "p1")
    lanes.post("registrar", "alice", ran.append, "p2")
    pending.fail(OSError("disk"))
    assert str(failures[0][2]) == "disk"
    assert ran == ["p2"]


def test_a_long_row_of_waiting_jobs_does_not_recurse(failures):
    lanes, ran, pending = Lanes(lambda *what: failures.append(what), limit=10_000), [], Pending()
    lanes.post("registrar", "alice", lambda passage: pending, 0)
    for n in range(9_000):
        lanes.post("registrar", "alice", ran.append, n)
    pending.resolve(None)
    assert ran == list(range(9_000))


def test_a_coroutine_is_driven_and_keeps_its_lane_meanwhile(lanes):
    loop, ran = VirtualLoop(), []

    async def job(passage):
        await asyncio.sleep(1)
        ran.append(passage)

    async def main():
        lanes.post("registrar", "alice", job, "p1")
        lanes.post("registrar", "alice", ran.append, "p2")
        assert ran == []
        await asyncio.sleep(2)

    loop.run_until_complete(main())
    loop.close()
    assert ran == ["p1", "p2"]


def test_a_coroutine_that_raises_is_reported(lanes, failures):
    loop = VirtualLoop()

    async def job(passage):
        raise ValueError("later")

    async def main():
        lanes.post("registrar", "alice", job, "p1")
        await asyncio.sleep(1)

    loop.run_until_complete(main())
    loop.close()
    assert str(failures[0][2]) == "later"
    assert len(lanes) == 0
