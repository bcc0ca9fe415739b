"""Softphones that call: baresip without a sound card, what it says from a file, what it hears into one, commanded over ctrl_tcp.

Rule: as ../conftest.py: every wait has an end and says what it waited for; what a test started is ended by its own pid.
"""

import array
import contextlib
import json
import math
import re
import socket
import struct
import subprocess
import time
import wave
from pathlib import Path

import pytest

from pipeline.testing.voice import alaw, powers, ulaw

MODULES = (
    "/usr/lib/baresip/modules",
    "/usr/lib/x86_64-linux-gnu/baresip/modules",
    "/usr/lib/aarch64-linux-gnu/baresip/modules",
    "/usr/local/lib/baresip/modules",
)
RATE = 8000
SECONDS = 120
PART = 0.2
"""The share of all power that a tone needs to count as heard."""


def tone_file(path, hertz, seconds=SECONDS, loud=8000):
    """Write a WAV of one tone (several: added), 8 kHz, 16 bit."""
    tones = hertz if isinstance(hertz, tuple) else (hertz,)
    period = [int(loud / len(tones) * sum(math.sin(2 * math.pi * each * n / RATE) for each in tones)) for n in range(RATE)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for _ in range(seconds):
            file.writeframes(array.array("h", period).tobytes())
    return path


def tones_in(samples, tones):
    """Return those of `tones` that are in the samples, by Goertzel's filter over at most 2 s."""
    samples = samples[-2 * RATE :]
    if len(samples) < RATE // 10:
        return set()
    return {tone for tone, share in powers(samples, tuple(tones)).items() if share > PART}


class Softphone:
    """One baresip with one account."""

    def __init__(self, program, folder, tools, user, account, hertz, *, module="", max_calls=4):
        folder.mkdir()
        modules = next((path for path in MODULES if Path(path).is_dir()), None)
        if modules is None:
            tools.missing(f"baresip's modules are in none of {', '.join(MODULES)}")
        self.user, self.tools, self.folder, self.hertz = user, tools, folder, hertz
        self.sounds = folder / "recorded"
        self.sounds.mkdir()
        self.events = []
        self._control, self._read = None, b""
        self._forgotten = {}
        self.port, control = tools.spaced_port(), tools.free_port()
        (folder / "config").write_text(
            f"module_path {modules}\n{module}\nmodule g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n"
            f"module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control}\n"
            f"sip_listen 127.0.0.1:{self.port}\nnet_interface 127.0.0.1\naudio_source aufile,{tone_file(folder / 'says.wav', hertz)}\n"
            f"audio_player aubridge,nobody\naudio_alert aubridge,alert\nringback_disabled yes\nsnd_path {self.sounds}\ncall_max_calls {max_calls}\n"
        )
        (folder / "accounts").write_text(account + "\n")
        (folder / "contacts").write_text("")
        self.output = folder / "output.txt"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [program("baresip"), "-4", "-s", "-v", "-f", str(folder)], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder
            )
        self._connect(control)

    def _connect(self, port):
        def connected():
            with contextlib.suppress(ConnectionRefusedError):
                self._control = socket.create_connection(("127.0.0.1", port))
                self._control.setblocking(False)
            return self._control or self.process.poll() is not None

        self.tools.until(lambda: f"baresip's ctrl_tcp; it said:\n{self.said}", connected)
        assert self._control, f"baresip ended with {self.process.poll()}:\n{self.said}"

    @property
    def said(self):
        return "\n".join(line for line in self.output.read_text(errors="replace").splitlines() if "(bit/s)" not in line)[-8000:]

    def close(self):
        """Switch it off."""
        self.tools.end(self.process)
        if self._control is not None:
            self._control.close()

    # -- commands ----------------------------------------------------------------------------------------------------

    def command(self, name, argument=""):
        text = json.dumps({"command": name, "params": argument, "token": "t"}).encode()
        self._control.sendall(b"%d:%s," % (len(text), text))

    def dial(self, uri):
        self.command("dial", uri)

    def accept(self):
        self.command("accept")

    def hangup(self):
        self.command("hangup")

    def hold(self):
        self.command("hold")

    def resume(self):
        self.command("resume")

    def press(self, digits):
        for digit in digits:
            self.command("sndcode", digit)
            time.sleep(0.4)

    # -- what happened -----------------------------------------------------------------------------------------------

    def _pump(self):
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            while data := self._control.recv(65536):
                self._read += data
        while b":" in self._read:
            size, _, rest = self._read.partition(b":")
            if len(rest) < int(size) + 1:
                return
            event = json.loads(rest[: int(size)])
            self._read = rest[int(size) + 1 :]
            if event.get("event"):
                self.events.append(event)

    def types(self):
        self._pump()
        return [event["type"] for event in self.events]

    def wait(self, kind, count=1, seconds=15):
        """Wait for the event of that type, and return it."""
        self.tools.until(
            lambda: f"{kind} of {self.user}, who told {self.types()} and said:\n{self.said}",
            lambda: self.types().count(kind) >= count,
            seconds,
        )
        return [event for event in self.events if event["type"] == kind][count - 1]

    def registered(self):
        self.tools.until(lambda: f"the registration of {self.user}, who said:\n{self.said}", self._bound)
        return self

    def _bound(self):
        return b"[1 binding]" in self.output.read_bytes()

    def shown(self):
        """The From of the last INVITE that came: whom its display shows."""
        came = re.findall(
            rf"-> 127\.0\.0\.1:{self.port}\r?\nINVITE .*?^From: (.*?)\r?$",
            self.output.read_text(errors="replace"),
            re.DOTALL | re.MULTILINE,
        )
        return came[-1]

    def closed(self, seconds=15):
        """Wait until its call is over, and return why, as it says."""
        return self.wait("CALL_CLOSED", seconds=seconds)["param"]

    # -- what it hears -----------------------------------------------------------------------------------------------

    def _samples(self, kind):
        found = array.array("h")
        for path in sorted(self.sounds.glob(f"dump-*-{kind}.wav")):
            data = path.read_bytes()[44:]
            found.frombytes(data[: len(data) // 2 * 2])
        return found

    def listen(self):
        """Forget what was heard until now."""
        self._forgotten["dec"] = len(self._samples("dec"))

    def heard(self):
        """Everything that was heard since `listen`."""
        return self._samples("dec")[self._forgotten.get("dec", 0) :]

    def hears(self, *hertz, not_=(), seconds=8):
        """Listen anew until these tones were heard, for half a second, and none of `not_`."""
        self.listen()
        every = {*hertz, *not_}

        def heard():
            samples = self.heard()[-RATE // 2 :]
            return len(samples) >= RATE // 2 and tones_in(samples, every) == set(hertz)

        self.tools.until(
            lambda: f"{set(hertz)} Hz at {self.user}'s ear: {len(self.heard())} samples, {tones_in(self.heard(), every)}; it said:\n{self.said}",
            heard, seconds, 0.1,
        )  # fmt: skip

    def audio_port(self):
        """The port where it takes its audio, as its last description said."""
        sent = re.findall(
            rf"UDP 127\.0\.0\.1:{self.port} -> .*?(?=\x1b|\Z)|TCP .*?(?=\x1b|\Z)", self.output.read_text(errors="replace"), re.DOTALL
        )
        return int(re.findall(r"^m=audio (\d+)", "\n".join(sent), re.MULTILINE)[-1])

    def gets(self, *hertz, not_=(), seconds=8):
        """As `hears`, but from the packets that reach it: baresip 1.0 records nothing more once a call has been held."""
        every = {*hertz, *not_}
        with wire(self.audio_port(), self.tools) as listen:
            self.tools.until(
                lambda: f"{set(hertz)} Hz on the wire to {self.user}; it said:\n{self.said}",
                lambda: tones_in(listen(0.5), every) == set(hertz),
                seconds,
            )

    def gets_nothing_of(self, *hertz, seconds=1.0):
        """None of these tones may reach it during so long."""
        time.sleep(0.3)
        with wire(self.audio_port(), self.tools) as listen:
            found = tones_in(listen(seconds), hertz)
        assert not found, f"{found} Hz reach {self.user}"


@contextlib.contextmanager
def wire(port, tools):
    """Give listen(seconds): the samples of PCMU and PCMA that go to a UDP port of the loopback meanwhile."""
    try:
        sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    except PermissionError:
        tools.missing("looking at packets on the loopback needs root")

    def listen(seconds):
        samples, end = array.array("h"), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            sniffer.settimeout(left)
            try:
                data, where = sniffer.recvfrom(4096)
            except TimeoutError:
                break
            head = 4 * (data[0] & 0x0F)
            if where[2] != socket.PACKET_OUTGOING and data[9] == 17 and struct.unpack_from("!H", data, head + 2)[0] == port:
                rtp = data[head + 8 :]
                table = {0: ulaw()[0], 8: alaw()}.get(rtp[1] & 0x7F)
                if table:
                    samples.extend(table[octet] for octet in rtp[12:])
        return samples

    with sniffer:
        sniffer.bind(("lo", 0))
        yield listen


@pytest.fixture
def softphone(program, tmp_path, tools, serve):  # `serve`: a phone that ends says goodbye to its server
    """Give a function that starts a phone: softphone(server, "alice", 440, "audio_codecs=pcma", transport="udp").

    With None for a server it registers nowhere.
    """
    phones = []

    def softphone(server, user, hertz, options="answermode=manual", *, transport="udp", password="swordfish", **more):
        if server is None:
            phones.append(
                Softphone(
                    program, tmp_path / f"{user}{len(phones)}", tools, user, f"<sip:{user}@127.0.0.1>;regint=0;{options}", hertz, **more
                )
            )
            return phones[-1]
        host = getattr(server, "host", "127.0.0.1")
        account = f"<sip:{user}@{host}:{server.port};transport={transport}>;auth_user={user};auth_pass={password};regint=600;{options}"
        phones.append(Softphone(program, tmp_path / f"{user}{len(phones)}", tools, user, account, hertz, **more))
        return phones[-1].registered()

    yield softphone
    for each in phones:
        each.close()


@pytest.fixture(scope="session")
def write_tone():
    return tone_file
