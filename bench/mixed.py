"""Mixed traffic for `bench/soak.py --mixed`: phones that do everything phones do, and whether the memory stays where it was. See soak.py.

Each phone, on UDP or TCP, all the time: registers anew, asks OPTIONS, calls another, calls the echo at 600 with media, writes a MESSAGE to
another, publishes its presence, watches another's (SUBSCRIBE, NOTIFY). What the server does not take (501, 489) is left out and said.
The server is pipeline.toml of this repository, on core 0; the phones are on core 1.
"""

import asyncio
import pathlib
import random
import re
import socket
import statistics
import tempfile
import time
from collections import Counter

from flood import Server, configuration
from phones import SDP, Phone, Unanswered

PHONES = 40
WARM, GROWTH = 300.0, 0.05
"""Seconds after which memory is what it shall be at the end, and by what share it may be more then. Medians of a minute: Python collects by
the minute."""
P99_MS = 250.0
RTP = 0.02
"""Seconds between two packets of G.711."""
PIDF = (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:{user}@example.com">'
    '<tuple id="t"><status><basic>open</basic></status></tuple></presence>\r\n'
)
WORK = ("register", "options", "call", "echo", "message", "publish", "subscribe")


class Everything(Phone):
    """A phone that does everything, in any order."""

    def __init__(self, number, port, transport):
        super().__init__(number, port, transport, PHONES)
        self.random = random.Random(number)
        self.done, self.waited, self.left_out = Counter(), [], set()

    def forget(self):
        """Count from now on."""
        super().forget()
        self.done, self.waited = Counter(), []

    async def options(self):
        answer = await self.once("OPTIONS", "sip:example.com", "<sip:example.com>", call=self.token(), tag=self.token(), cseq=1)
        if answer.status != 200:
            raise Unanswered(f"OPTIONS: {answer.status}")

    def token(self):
        return f"{self.random.getrandbits(48):x}x{self.number}"

    async def echo(self):
        """Call 600, send two seconds of sound, hear it again, hang up."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
            media.bind(("127.0.0.1", 0))
            media.setblocking(False)
            body = SDP.replace("40000", str(media.getsockname()[1]))
            answer, call, tag = await self.ask(
                "INVITE", "sip:600@example.com", "<sip:600@example.com>", more="Content-Type: application/sdp\r\n", body=body
            )
            there = int(re.search(rb"m=audio (\d+)", answer.body)[1])
            came = []
            loop.add_reader(media, lambda: came.append(len(media.recv(2000))))
            try:
                for number in range(100):
                    packet = b"\x80\x00" + number.to_bytes(2, "big") + (number * 160).to_bytes(4, "big") + b"\0\0\0\1" + bytes(160)
                    media.sendto(packet, ("127.0.0.1", there))
                    await asyncio.sleep(RTP)
            finally:
                loop.remove_reader(media)
            await self.bye(answer, call, tag)
            if len(came) < 50:
                raise Unanswered(f"echo: {len(came)} of 100 packets came back")

    async def bye(self, answer, call, tag):
        bye = await self.once("BYE", str(answer.contacts[0].uri), answer.get("to"), call=call, tag=tag, cseq=9)
        if bye.status != 200:
            raise Unanswered(f"BYE: {bye.status}")

    async def message(self):
        uri = f"sip:{self.called_user}@example.com"
        await self.ask("MESSAGE", uri, f"<{uri}>", more="Content-Type: text/plain\r\n", body="hello", good=(200, 202))

    async def publish(self):
        uri = f"sip:{self.user}@example.com"
        more = "Event: presence\r\nExpires: 60\r\nContent-Type: application/pidf+xml\r\n"
        await self.ask("PUBLISH", uri, f"<{uri}>", more=more, body=PIDF.format(user=self.user))

    async def subscribe(self):
        """Watch the other's presence for a while, then no more."""
        uri = f"sip:{self.called_user}@example.com"
        answer, call, tag = await self.ask("SUBSCRIBE", uri, f"<{uri}>", more="Event: presence\r\nExpires: 600\r\n", good=(200, 202))
        await asyncio.sleep(1)
        await self.once(
            "SUBSCRIBE", str(answer.contacts[0].uri), answer.get("to"), call=call, tag=tag, cseq=9, more="Event: presence\r\nExpires: 0\r\n"
        )

    async def work(self):
        """One thing after the other, at random."""
        await asyncio.sleep(self.number * 0.1)
        await self.attempt(self.register)
        while not self.ended:
            what = self.random.choice([word for word in WORK if word not in self.left_out])
            begin = time.monotonic()
            try:
                await getattr(self, what)()
                self.done[what] += 1
                if what in ("register", "options", "message", "publish"):
                    self.waited.append(time.monotonic() - begin)
            except (Unanswered, OSError) as error:
                if any(f" {status} " in f"{error} " for status in (501, 405, 489)):
                    self.left_out.add(what)
                else:
                    self.failed.append(f"{what}: {error}")
            await asyncio.sleep(self.random.uniform(0.2, 1.0))


async def drive(server, seconds, every, tell):
    """Let the phones work; give (seconds, resident) all the time, and the phones."""
    phones = [Everything(number, server.port, "TCP" if number % 4 > 1 else "UDP") for number in range(PHONES)]
    for phone in phones:
        await phone.open()
    tasks = [asyncio.create_task(phone.work()) for phone in phones]
    begin = time.monotonic()
    samples = []
    while (now := time.monotonic() - begin) < seconds:
        samples.append((now, server.resident()))
        tell(*samples[-1])
        await asyncio.sleep(every)
    for phone in phones:
        phone.ended = True
    await asyncio.gather(*tasks)
    samples.append((time.monotonic() - begin, server.resident()))
    for phone in phones:
        phone.close()
    return samples, phones


def verdict(samples, phones, stats, status):
    """Print every figure beside its limit; True when all hold."""
    fine = True

    def say(what, value, holds, limit=""):
        nonlocal fine
        fine = fine and holds
        print(f"{'ok  ' if holds else 'FAIL'} {what:32}{value}{f'   (limit {limit})' if limit else ''}")

    done = sum((phone.done for phone in phones), Counter())
    failed = [why for phone in phones for why in phone.failed]
    waited = sorted(wait for phone in phones for wait in phone.waited)
    p99 = 1000 * waited[int(len(waited) * 0.99)] if waited else float("nan")
    say("done", ", ".join(f"{what} {count}" for what, count in sorted(done.items())), bool(done))
    left = set().union(*(phone.left_out for phone in phones))
    say("not taken by this server", ", ".join(sorted(left)) or "nothing", holds=True)
    say("failed", f"{len(failed)} {failed[:3] or ''}", not failed, "0")
    say("p99 of an answer", f"{p99:.1f} ms", p99 < P99_MS, f"{P99_MS:g} ms")
    last = samples[-1][0]
    warm = WARM if last > WARM * 1.5 else last / 2
    minute = min(60.0, last / 10)
    before = statistics.median(size for at, size in samples if warm <= at <= warm + minute)
    after = statistics.median(size for at, size in samples if at >= last - minute)
    grown = (after - before) / before
    print(
        f"     memory                          {samples[0][1] / 2**20:.1f} MiB at the start, {max(size for _, size in samples) / 2**20:.1f} at most"
    )
    say(f"memory since {warm:.0f} s", f"{before / 2**20:.1f} -> {after / 2**20:.1f} MiB ({grown:+.2%})", grown <= GROWTH, f"{GROWTH:.0%}")
    broken = {name: count for name, count in stats["counts"].items() if name.startswith(("failed.", "unavailable"))}
    say("server's own complaints", broken or "none", not broken)
    say("exit status", status, status == 0, "0")
    return fine


def run(seconds, every, tell):
    """Run the whole; True when everything holds."""
    with tempfile.TemporaryDirectory(prefix="sipline-mixed-") as place:
        server = Server(pathlib.Path(place), configuration, PHONES)
        status = "not asked"
        try:
            samples, phones = asyncio.run(drive(server, seconds, every, tell))
            stats = server.stats()
        finally:
            status = server.stop()
    fine = verdict(samples, phones, stats, status)
    for line in server.said[:10]:
        print("server:", line.rstrip()[:200])
    return fine
