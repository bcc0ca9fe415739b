"""Makes the voice prompts that come with Sipline, by a synthesiser: the words are ours, so are the files.

    apt-get install espeak-ng sox
    .venv/bin/python plugins/voicemail/sounds/make.py

Mu-law WAV files at 8 kHz, about 5 kB a word. They are kept in the repository; run this only to change them. In your own language, or voice:
record the same names into a folder of your own, [plugin.voicemail] prompts.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

VOICE, PACE, PITCH = "en-us", "150", "45"

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
TEENS = ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"]
WORDS = {
    **{str(number): word for number, word in enumerate(NUMBERS + TEENS)},
    **{str(10 * number): word for number, word in enumerate(TENS, 2)},
    **{f"day-{number}": word for number, word in enumerate(DAYS)},
    **{f"month-{number}": word for number, word in enumerate(MONTHS, 1)},
    "today": "today",
    "yesterday": "yesterday",
    "at": "at",
    "oh": "oh",
    "hundred": "hundred",
    "from": "from",
    "unknown": "an unknown caller",
    "new": "new",
    "old": "saved",
    "urgent": "urgent",
    "message": "message",
    "messages": "messages",
    "no-messages": "you have no messages",
    "no-more": "no more messages",
    "you-have": "you have",
    "and": "and",
    "person": "the person you have called",
    "unavailable": "is not available",
    "busy": "is on the phone",
    "leave": "please leave a message after the tone. then hang up, or press pound",
    "full": "this mailbox is full. goodbye",
    "review": "to send your message, press one. to listen to it, press two. to record it again, press three."
    " to mark it urgent, press four. to cancel, press star",
    "marked": "marked urgent",
    "sent": "your message has been sent",
    "cancelled": "your message was deleted",
    "too-short": "your message was too short",
    "mailbox": "please enter your mailbox number, then pound",
    "pin": "please enter your pin, then pound",
    "wrong": "that is not right",
    "locked": "this mailbox is locked for now. please try again later",
    "main": "for new messages, press one. for saved messages, press two. for your greeting, press zero. to leave, press pound",
    "menu": "press five to repeat, six for the next message, four for the previous one, seven to delete, nine to save, pound to go back",
    "deleted": "deleted",
    "undeleted": "not deleted",
    "saved": "saved",
    "greeting": "to record your greeting, press one. to listen to it, press two. for the standard greeting, press three."
    " to go back, press pound",
    "record": "record your greeting after the tone. then press pound",
    "keep": "to keep it, press one. to listen to it, press two. to record it again, press three. to go back, press pound",
    "standard": "callers now hear the standard greeting",
    "goodbye": "goodbye",
    "invalid": "sorry, I did not understand",
}
"""File -> what it says."""


def speak(text: str, path: Path) -> None:
    """Write what the synthesiser says, without the silence around it, as a mu-law file."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as raw:
        subprocess.run(["espeak-ng", "-v", VOICE, "-s", PACE, "-p", PITCH, "-w", raw.name, text], check=True)  # noqa: S603,S607
        edges = ["silence", "1", "0.01", "0.5%", "reverse", "silence", "1", "0.01", "0.5%", "reverse", "pad", "0", "0.08"]
        subprocess.run(["sox", raw.name, "-r", "8000", "-c", "1", "-e", "mu-law", str(path), "norm", "-6", *edges], check=True)  # noqa: S603,S607


if __name__ == "__main__":
    for name, text in WORDS.items():
        speak(text, Path(__file__).with_name(name + ".wav"))
