"""Mailboxes: the messages that people leave, how many there are, whose they are, and who proves that he may hear them. No SIP, no sound.

    STATE/mailboxes/NAME/new/*.wav     not heard yet; old/: heard or saved; beside each a .json: who called, when, how long
    STATE/mailboxes/NAME/tmp/          what is being recorded; after a crash see crash.py
    STATE/mailboxes/NAME/greeting.wav  the owner's own greeting
    STATE/mailboxes/NAME/external.json how many messages another voicemail system has for him

`engine.mailboxes` is what the dialplan's `mailbox`, the plugin `voicemail`, the lamps of `mwi` and `sipline mailbox` share. Every change of
the numbers is the event `mailbox.changed` (mailbox=its name, counts=Counts).

Rule: the files are the truth; the numbers are kept beside them and counted anew at start and by `sipline mailbox rescan`.
"""

from pipeline.mailboxes.box import Box, Counts
from pipeline.mailboxes.mailboxes import Full, Mailboxes, Taking
from pipeline.mailboxes.message import Message, folder_name
from pipeline.mailboxes.owners import aors_of, chosen, mailbox_id, mailbox_named, mailbox_of, owns
from pipeline.mailboxes.pins import Guard, Weak, hash_pin, verify

__all__ = [
    "Box",
    "Counts",
    "Full",
    "Guard",
    "Mailboxes",
    "Message",
    "Taking",
    "Weak",
    "aors_of",
    "chosen",
    "folder_name",
    "hash_pin",
    "mailbox_id",
    "mailbox_named",
    "mailbox_of",
    "owns",
    "verify",
]
