"""Ten certificate reloads by SIGHUP under load over TLS: no failed transaction, no closed connection; and what openssl finds to speak."""

import asyncio
import contextlib
import itertools
import signal
import socket
import ssl
import subprocess

import pytest

from pipeline.sip import digest
from pipeline.sip.parser import parse

CONNECTIONS, NEW = 20, 5
RELOADS = 10


@pytest.fixture
def server(serve, template, authority):
    cert, key = authority.issue("sip0.example.com", "dns:sip0.example.com", "dns:sip.example.com", file="reload")
    server = serve(template("tls.toml"), cert=cert, key=key)
    yield server
    assert "Traceback" not in server.log, server.log


class Client:
    """A phone that registers over one connection, again and again."""

    def __init__(self, n, port, context):
        self.n, self.port, self.context = n, port, context
        self.challenge, self.cseq, self.done = None, 0, 0

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.context, server_hostname="sip.example.com"
        )
        return self

    async def ask(self):
        """One REGISTER, challenged or not, to its 200."""
        for _ in range(2):
            self.cseq += 1
            request = self.request()
            self.writer.write(request.encode())
            answer = await asyncio.wait_for(self.answer(), 10)
            if answer.status != 401:
                break
            self.challenge = digest.choose(answer.all("www-authenticate"), "swordfish")
        assert answer.status == 200, answer
        self.done += 1

    def request(self):
        lines = [
            "REGISTER sip:example.com SIP/2.0",
            f"Via: SIP/2.0/TLS 127.0.0.1:{9000 + self.n};branch=z9hG4bK{self.n}.{self.cseq}.{id(self)}",
            f"From: <sip:alice@example.com>;tag={self.n}",
            "To: <sip:alice@example.com>",
            f"Call-ID: {self.n}.{id(self)}",
            f"CSeq: {self.cseq} REGISTER",
            "Max-Forwards: 70",
            f"Contact: <sip:alice@127.0.0.1:{9000 + self.n};transport=tls>",
            "Expires: 60",
        ]
        if self.challenge is not None:
            value = digest.answer(
                self.challenge, "REGISTER", "sip:example.com", username="alice", password="swordfish", cnonce=f"{self.cseq:08x}"
            )
            lines.append(f"Authorization: {value}")
        return "\r\n".join([*lines, "Content-Length: 0", "", ""])

    async def answer(self):
        head = await self.reader.readuntil(b"\r\n\r\n")
        return parse(head)

    def shown(self):
        return {value for kind, value in self.writer.get_extra_info("peercert")["subjectAltName"] if kind == "DNS"}

    async def close(self):
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


@pytest.mark.slow
def test_ten_certificates_change_under_load_and_nobody_notices(server, authority, tools):
    context = authority.client()

    async def scenario():
        over = asyncio.Event()
        lasting = [await Client(n, server.port, context).open() for n in range(CONNECTIONS)]
        fresh = 0

        async def load(client):
            while not over.is_set():
                await client.ask()

        async def come_and_go(n):
            nonlocal fresh
            while not over.is_set():
                client = await Client(100 + n, server.port, context).open()
                await client.ask()
                await client.close()
                fresh += 1

        tasks = [asyncio.create_task(load(client)) for client in lasting]
        tasks += [asyncio.create_task(come_and_go(n)) for n in range(NEW)]
        counts = []
        for n in range(1, RELOADS + 1):
            authority.issue(f"sip{n}.example.com", f"dns:sip{n}.example.com", "dns:sip.example.com", file="reload")
            server.process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(10):
                while True:
                    probe = await Client(200, server.port, context).open()
                    names = probe.shown()
                    await probe.close()
                    if f"sip{n}.example.com" in names:
                        break
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.3)
            counts.append(sum(client.done for client in lasting))
            assert not any(task.done() for task in tasks)
        over.set()
        await asyncio.gather(*tasks)  # raises what any transaction or connection has failed with
        assert all(later > earlier for earlier, later in itertools.pairwise(counts))
        assert {name for client in lasting for name in client.shown()} == {
            "sip0.example.com",
            "sip.example.com",
        }  # the connections of before
        assert not any(client.reader.at_eof() or client.writer.is_closing() for client in lasting)
        for client in lasting:
            await client.close()
        return sum(client.done for client in lasting), fresh

    done, fresh = asyncio.run(scenario())
    assert done > 50 * CONNECTIONS
    assert fresh > RELOADS


# -- what is spoken (as sslscan asks) ----------------------------------------------------------------------------------


def openssl(program, server, *words):
    command = [program("openssl"), "s_client", "-connect", f"127.0.0.1:{server.port}", *words]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=20, check=False)
    return done.returncode == 0 and b"Cipher is (NONE)" not in done.stdout


HELLO = bytes.fromhex("0000 0000") + bytes(28) + b"\0" + bytes.fromhex("0006 000a 0005 0004 01 00".replace(" ", ""))


@pytest.mark.parametrize("version", [b"\x03\x00", b"\x03\x01", b"\x03\x02"], ids=["SSLv3", "TLSv1.0", "TLSv1.1"])
def test_a_hello_of_an_old_protocol_is_refused(server, version):
    hello = version + HELLO
    shake = b"\x01" + len(hello).to_bytes(3, "big") + hello
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(b"\x16" + version + len(shake).to_bytes(2, "big") + shake)
        data = sock.recv(100)
        assert data[:1] in (b"", b"\x15")  # nothing, or an alert; never a handshake
        assert sock.recv(100) == b"" if data else True


def test_sslv2_is_no_tls_at_all(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(bytes.fromhex("802e0100020015000000100100800200800300800400800500800600400700c0") + bytes(16))
        data = sock.recv(100)
        assert data[:1] in (b"", b"\x15")


@pytest.mark.parametrize(("flag", "spoken"), [("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_nothing_below_tls_1_2_is_spoken(program, server, flag, spoken):
    assert openssl(program, server, flag, "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0") is spoken


def test_every_cipher_that_is_taken_is_strong(program, server):
    listed = subprocess.run(
        [program("openssl"), "ciphers", "-tls1_2", "-s", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True, check=True
    ).stdout.strip()
    offered = [name for name in listed.split(":") if not name.startswith("TLS_")]
    assert len(offered) > 50
    taken = [name for name in offered if openssl(program, server, "-tls1_2", "-cipher", f"{name}:@SECLEVEL=0")]
    assert "ECDHE-ECDSA-AES256-GCM-SHA384" in taken
    assert all(name.startswith("ECDHE-ECDSA-") for name in taken)  # forward secrecy, and a server that has proved itself
    assert not any(word in name for name in taken for word in ("NULL", "RC4", "DES", "MD5", "EXP", "ADH", "AECDH", "PSK", "SEED", "IDEA"))
