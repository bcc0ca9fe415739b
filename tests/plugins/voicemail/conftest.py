"""A house with voicemail and phones that talk in tones, over the virtual network. Prompts are silence, so that what is heard is a message."""

import pathlib
import re
import wave

import pytest

from pipeline.mailboxes import Counts
from pipeline.testing.server import CALLS

WORDS = [path.stem for path in (pathlib.Path(__file__).parents[3] / "plugins/voicemail/sounds").glob("*.wav")]
PLAN = r"""
[user.alice]
password  = "alice's"
caller_id = "Alice <100>"
[user.bob]
password  = "bob's"
caller_id = "Bob <200>"
[user.carol]
password  = "carol's"
[context.default]
users     = true
voicemail = true
[context.default.extensions]
700  = ["voicemailmain"]
701  = [{ voicemailmain = "bob" }]
'/^\*(.+)$/' = [{ voicemail = "${1}" }]
[plugin.voicemail]
prompts = "words"
"""
STAGES = {**CALLS, "integration": [*CALLS["integration"], "voicemail"]}


class House:
    """The server, three phones that are registered, and what their mailboxes hold."""

    def __init__(self, sip, folder, more="", words=0.1, **stages):
        (folder / "words").mkdir(exist_ok=True)
        for word in WORDS:
            with wave.open(str(folder / "words" / f"{word}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(bytes(int(words * 16000)))
        plan = PLAN
        for table in re.findall(r"(?m)^\[(\S+)\]$", more):  # a table that the test writes replaces ours of that name
            plan = re.sub(rf"(?ms)^\[{re.escape(table)}\]$.*?(?=^\[|\Z)", "", plan)
        self.server = sip(plan + more, **{"intercept": ["identify", "auth"], **STAGES, **stages})
        self.engine = self.server.engine
        self.alice, self.bob, self.carol = (self.server.phone(name).online() for name in ("alice", "bob", "carol"))
        self.advance = self.server.advance

    @property
    def mailboxes(self):
        return self.server.engine.mailboxes

    def counts(self, name="bob"):
        return self.mailboxes.counts(name)

    def waiting(self, new=0, old=0, name="bob"):
        assert self.counts(name) == Counts(new, old), self.counts(name)
        folder = self.mailboxes.folder / name
        assert [len(list((folder / part).glob("*.wav"))) for part in ("new", "old", "tmp")] == [new, old, 0]

    def told(self, name):
        return [event.fields for event in self.server.told(name)]

    def leave(self, hertz, seconds=4, phone=None, to="*bob"):
        """Leave a message of one tone, and hang up."""
        call = (phone or self.alice).call(to).until("up")
        self.advance(1)  # the greeting is three words, the beep 0.2 s
        call.talk(hertz)
        self.advance(seconds)
        call.hangup()
        call.until("ended")
        self.advance(0.1)
        return call

    def dial(self, number="700", phone=None):
        """Call a mailbox and wait until its menu has been said."""
        call = (phone or self.bob).call(number).until("up")
        self.advance(2)
        return call

    def press(self, call, digits, wait=1.0):
        for digit in digits:
            call.press(digit)
            self.advance(wait)

    def nothing_left(self):
        self.server.advance(200)
        assert self.server.leftovers() == {}
        assert not self.server.told("step.failed")
        assert not self.server.told("channel.sound")


@pytest.fixture
def house(sip, tmp_path):
    return House(sip, tmp_path)


@pytest.fixture
def built(sip, tmp_path):
    """built(toml): a house with more in its file; a table of ours that is written there is left out."""
    return lambda more="", **keywords: House(sip, tmp_path, more, **keywords)
