"""Phones for bench/flood.py: they register with digest, call each other in pairs, answer, hang up, and count what they waited for.

Rule: a phone behaves as RFC 3261 17.1 says (on UDP a request is sent again after T1, 2*T1 ...), and fails when 8 s have gone without an answer.
"""

import asyncio
import contextlib
import os
import time

from pipeline.sip import digest
from pipeline.sip.framing import Framer
from pipeline.sip.message import Response
from pipeline.sip.parser import parse

T1, PATIENCE = 0.5, 8.0
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"


class Unanswered(Exception):  # noqa: N818 (what happened)
    """No answer, or another than was due."""


class Phone(asyncio.DatagramProtocol):
    """One phone, on UDP or on a TCP connection of its own."""

    def __init__(self, number, port, transport, phones):
        self.number, self.port, self.transport = number, port, transport
        self.user, self.password = f"p{number}", f"secret{number}"
        self.called_user = f"p{number ^ 1}" if number < phones else ""
        self.waiting, self.serial, self.ended = {}, 0, False
        self.wire = self.writer = None
        self.nonce = None
        self.forget()

    def forget(self):
        """Count from now on."""
        self.registered, self.called, self.failed, self.repeated = [], [], [], 0

    # -- the wire ----------------------------------------------------------------------------------------------------

    async def open(self):
        loop = asyncio.get_running_loop()
        if self.transport == "UDP":
            self.wire, _ = await loop.create_datagram_endpoint(
                lambda: self, local_addr=("127.0.0.1", 0), remote_addr=("127.0.0.1", self.port)
            )
            host, port = self.wire.get_extra_info("sockname")
        else:
            reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
            host, port = self.writer.get_extra_info("sockname")
            self.reading = asyncio.create_task(self.read(reader))
        self.me = f"{host}:{port}"
        self.contact = f"sip:{self.user}@{self.me}" + (";transport=tcp" if self.transport == "TCP" else "")

    async def read(self, reader):
        framer = Framer()
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                for piece in framer.feed(data):
                    if isinstance(piece, bytes):
                        self.datagram_received(piece, None)

    def close(self):
        if self.wire:
            self.wire.close()
        if self.writer:
            self.writer.close()

    def say(self, data):
        if self.wire:
            self.wire.sendto(data)
        else:
            self.writer.write(data)

    def datagram_received(self, data, _address):
        message = parse(data)
        if not message.is_request:
            waiter = self.waiting.get(message.via.branch)
            if waiter and message.status >= 200 and not waiter.done():
                waiter.set_result(message)
        elif message.method == "INVITE":
            headers = [("Contact", f"<{self.contact}>"), ("Content-Type", "application/sdp")]
            self.say(Response.to(message, 200, "OK", headers, SDP.encode(), to_tag=f"c{self.number}").encode())
        elif message.method != "ACK":
            self.say(Response.to(message, 200, "OK", to_tag=f"c{self.number}").encode())

    # -- asking ------------------------------------------------------------------------------------------------------

    def write(self, method, uri, to, *, call, tag, cseq, branch, more="", body=""):
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{self.transport} {self.me};branch={branch};rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{self.user}@example.com>;tag={tag}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n"
            f"Contact: <{self.contact}>\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    async def once(self, method, uri, to, *, call, tag, cseq, more="", body=""):
        """Send one request and give its final answer."""
        branch = "z9hG4bK" + os.urandom(6).hex()
        data = self.write(method, uri, to, call=call, tag=tag, cseq=cseq, branch=branch, more=more, body=body)
        waiter = self.waiting[branch] = asyncio.get_running_loop().create_future()
        end, pause = time.monotonic() + PATIENCE, T1 if self.transport == "UDP" else PATIENCE
        try:
            while True:
                self.say(data)
                with contextlib.suppress(TimeoutError):
                    answer = await asyncio.wait_for(asyncio.shield(waiter), pause)
                    break
                pause *= 2
                self.repeated += 1
                if time.monotonic() > end:
                    raise Unanswered(f"{self.transport} {method}: no answer")
            if method == "INVITE":
                answer_to = answer.get("to")
                next_uri = str(answer.contacts[0].uri) if answer.status == 200 else uri
                ack = "z9hG4bK" + os.urandom(6).hex() if answer.status == 200 else branch
                self.say(self.write("ACK", next_uri, answer_to, call=call, tag=tag, cseq=cseq, branch=ack))
            return answer
        finally:
            del self.waiting[branch]

    async def ask(self, method, uri, to, *, more="", body="", good=(200,)):
        """Send a request, answer the challenge, expect 200; give the answer and what the dialog is made of."""
        self.serial += 1
        call, tag = f"{os.urandom(6).hex()}@{self.number}", os.urandom(4).hex()
        answer = await self.once(method, uri, to, call=call, tag=tag, cseq=1, more=more, body=body)
        if answer.status == 401:
            challenge = digest.choose(answer.all("www-authenticate"), self.password)
            value = digest.answer(challenge, method, uri, username=self.user, password=self.password, cnonce=os.urandom(4).hex())
            answer = await self.once(method, uri, to, call=call, tag=tag, cseq=2, more=f"Authorization: {value}\r\n{more}", body=body)
        if answer.status not in good:
            raise Unanswered(f"{self.transport} {method}: {answer.status} {answer.reason}")
        return answer, call, tag

    async def register(self):
        begin = time.monotonic()
        await self.ask("REGISTER", "sip:example.com", f"<sip:{self.user}@example.com>", more="Expires: 300\r\n")
        self.registered.append(time.monotonic() - begin)

    async def call(self):
        """Call the other of the pair, wait a little, hang up."""
        uri = f"sip:{self.called_user}@example.com"
        begin = time.monotonic()
        answer, call, tag = await self.ask("INVITE", uri, f"<{uri}>", more="Content-Type: application/sdp\r\n", body=SDP)
        self.called.append(time.monotonic() - begin)
        await asyncio.sleep(0.5)
        bye = await self.once("BYE", str(answer.contacts[0].uri), answer.get("to"), call=call, tag=tag, cseq=3)
        if bye.status != 200:
            raise Unanswered(f"{self.transport} BYE: {bye.status} {bye.reason}")

    async def work(self):
        await asyncio.sleep(self.number * 0.05)
        while not self.ended:
            await self.attempt(self.register)
            if self.number % 2 == 0 and self.registered:
                await self.attempt(self.call)
            await asyncio.sleep(1.0)

    async def come_and_go(self):
        """Connect anew each time, as after a restart."""
        while not self.ended:
            await self.attempt(self.open)
            await self.attempt(self.register)
            self.close()
            await asyncio.sleep(1.0)

    async def attempt(self, doing):
        try:
            await doing()
        except (Unanswered, OSError) as error:
            self.failed.append(str(error) or type(error).__name__)
