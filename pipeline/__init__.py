"""Sipline: the SIP server you can read, test and explain.

The names a plugin may import, re-exported; nothing is defined here. How a message travels: pipeline.hookspecs names the
stages and hooks in its order, pipeline.engine walks them, docs/architecture.md is the plan of the house.
"""

from pipeline.dal import Unavailable
from pipeline.flow import Flow, Target
from pipeline.hookspecs import hookimpl
from pipeline.option import option, plugin
from pipeline.passage import Claim, Drop, Packet, Passage, Reply, Verdict, Wait
from pipeline.pending import Pending, settle
from pipeline.sip.address import Address
from pipeline.sip.grammar import Malformed
from pipeline.sip.message import Message, Request, Response
from pipeline.sip.uri import Uri

__all__ = [
    "Address",
    "Claim",
    "Drop",
    "Flow",
    "Malformed",
    "Message",
    "Packet",
    "Passage",
    "Pending",
    "Reply",
    "Request",
    "Response",
    "Target",
    "Unavailable",
    "Uri",
    "Verdict",
    "Wait",
    "hookimpl",
    "option",
    "plugin",
    "settle",
]
