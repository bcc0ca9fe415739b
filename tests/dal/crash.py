"""The process that the crash tests end: `crash.py load FILE` writes for ever, `points` and `syncs` die or fail at every point of a short life.

Each phone does one thing after the other: its k-th REGISTER has CSeq k, every seventh removes the binding. What is acknowledged is
printed as "PHONE k" with one write(2), so the reader knows what a phone may believe; the disk may be one step ahead of that, never behind.
"""

import asyncio
import ctypes
import errno
import importlib.util
import os
import shutil
import sqlite3
import sys
from pathlib import Path

from pipeline.dal import Unavailable

_spec = importlib.util.spec_from_file_location("sipline_tests_store", Path(__file__).with_name("store.py"))
store = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(store)


def state_after(k):
    """The CSeq of a phone's binding after its k-th REGISTER; None: it has none."""
    return k if k and k % 7 else None


def believed(lines):
    """phone -> the last k that was acknowledged."""
    last = {}
    for line in lines:
        phone, _, k = line.partition(" ")
        last[phone] = int(k)
    return last


def wrong(path, lines):
    """Compare a file with what was acknowledged; return what is missing or was never sent."""
    disk = dict(store.on_disk(path, "SELECT aor, cseq FROM contact"))
    last = believed(lines)
    return [
        f"{phone}: acknowledged {last.get(phone, 0)}, on disk {disk.get(phone)}"
        for phone in sorted({*last, *disk})
        if disk.get(phone) not in (state_after(last.get(phone, 0)), state_after(last.get(phone, 0) + 1))
    ]


def say(text):
    os.write(1, f"{text}\n".encode())


async def phone(dal, aor, rounds, told=say):
    k = 0
    while k < rounds:
        k += 1
        puts, gone = ([store.contact(aor, aor, cseq=k)], []) if state_after(k) else ([], [aor])
        try:
            await dal.change("contact", aor, puts, gone)
        except Unavailable:
            k -= 1  # a phone tries again
            await asyncio.sleep(0.002)
        else:
            told(f"{aor} {k}")


async def live(path, phones, rounds, **options):
    dal, database = store.opened(path, kinds=("contact",), **options)
    await asyncio.gather(*(phone(dal, f"p{n}@x", rounds) for n in range(phones)))
    memory = sorted((c.aor, c.cseq) for c in dal.find("contact"))
    await database.stop()
    assert memory == sorted(store.on_disk(path, "SELECT aor, cseq FROM contact")), "memory and disk differ"


def child(fn):
    """Run fn in a forked child; return (how it ended, its lines)."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(read)
            os.dup2(write, 1)
            fn()
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        lines = file.read().splitlines()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), lines


def judged(name, path, ended, lines):
    faults = wrong(path, lines) if path.exists() and "contact" in store.on_disk(path, "SELECT name FROM sqlite_master") else lines
    say(f"{name}: ended {ended}, {len(lines)} acknowledged{''.join(f'; WRONG {fault}' for fault in faults)}")


def points(folder):
    """Fail or die at each statement of each batch, before and after it."""
    for word in ("BEGIN", "INSERT", "DELETE", "COMMIT"):
        for when in ("before", "after"):
            for act in ("raise", "die"):
                for number in range(3):
                    path = folder / f"{word}-{when}-{act}-{number}.db"

                    def run(path=path, word=word, when=when, act=act, number=number):
                        asyncio.run(live(path, 0, 0))  # the file itself is made in peace; see syncs()
                        if act == "raise":
                            store.Faulty.plan = {word: Once(number, when, act)}
                        else:
                            store.Faulty.plan = {word: [number, when, act]}
                        asyncio.run(live(path, 3, 9, connect=store.faulty))

                    judged(path.stem, path, *child(run))


class Once(list):
    """A rule of Faulty that holds once."""

    def __init__(self, *rule):
        super().__init__(rule)
        self.spent = False

    def __getitem__(self, place):
        if place == 0 and self.spent:
            return 1
        if place == 2:
            self.spent = True
        return super().__getitem__(place)


def syncs(folder):
    """Fail or die at each fsync; and look, at each acknowledgement, at what a power cut would have left."""
    libc = ctypes.CDLL(None)
    handler_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
    counted = folder / "counted"
    counted.mkdir()

    kept = []  # C does not keep it alive

    def handled(fn):
        kept.append(handler_type(fn))
        libc.on_sync(kept[-1])

    def cut():
        """Keep apart what was synced, and nothing else, as the disk after a power cut."""
        path, durable = counted / "live.db", counted / "durable"
        durable.mkdir()

        def synced(fd):
            name = os.readlink(f"/proc/self/fd/{fd}")
            if os.path.isfile(name) and os.path.dirname(name) == str(counted):  # not the copies that are looked at
                libc.real_sync(fd)
                shutil.copy(name, durable / os.path.basename(name))
                say("sync")
            return 0

        handled(synced)
        lines = []

        def told(line):
            lines.append(line)
            after = counted / "after"
            shutil.rmtree(after, ignore_errors=True)
            after.mkdir()
            for kept in durable.iterdir():
                if (counted / kept.name).exists():  # SQLite syncs the folder too: what it deleted is gone
                    shutil.copy(kept, after)
            faults = wrong(after / "live.db", lines)
            say(f"{line}{''.join(f'; WRONG {fault}' for fault in faults)}")

        async def run():
            dal, database = store.opened(path, kinds=("contact",))
            await phone(dal, "p@x", 30, told)
            await database.stop()

        asyncio.run(run())

    ended, lines = child(cut)
    total = lines.count("sync")
    faults = [line for line in lines if "WRONG" in line]
    say(f"power cut at {len(lines) - total} moments: ended {ended}, {total} syncs{''.join(faults)}")

    for act in ("error", "before", "after"):
        for number in range(1, 26):
            path = folder / f"{act}-{number}.db"
            seen = [0]

            def synced(fd, act=act, number=number, seen=seen):
                seen[0] += 1
                if seen[0] != number:
                    return 0
                if act == "error":
                    return errno.EIO
                if act == "after":
                    libc.real_sync(fd)
                os.kill(os.getpid(), 9)
                return 0

            def run(path=path, synced=synced):
                handled(synced)
                try:
                    asyncio.run(live(path, 3, 9))
                except (Unavailable, sqlite3.Error) as error:  # it could not even be opened: nothing was acknowledged
                    os.write(2, f"{error}\n".encode())

            judged(path.stem, path, *child(run))


if __name__ == "__main__":
    what, where = sys.argv[1], Path(sys.argv[2])
    if what == "load":
        asyncio.run(live(where, 40, 1 << 30, gather=0.002))
    else:
        {"points": points, "syncs": syncs}[what](where)
