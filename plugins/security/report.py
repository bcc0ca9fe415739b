r"""Security events: what happened at the doors, with the names and fields of Asterisk's security log, on the bus and as lines.

On the bus each is told as `security.event` with the fields `event`, `severity`, `service`, `account`, `session` (Call-ID), `local`,
`remote`, `proved`, and those of its own. As a line, in this order, which is an interface that filters (examples/fail2ban) read:

    SecurityEvent="InvalidPassword",EventTV="2026-11-23T10:11:12.345+0000",Severity="Error",Service="SIP",EventVersion="1",
    AccountID="alice",SessionID="a84b4c76e66710",LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/198.51.100.9/5062",
    Proved="yes",RequestType="REGISTER",Challenge="...",Reason="...",ReceivedChallenge="...",ReceivedHash="..."

Rules: `Proved` says whether the remote address is more than a claim: a stream, or a datagram that answered a nonce sent there. Who bans by
these lines must look at it, or anybody can have anybody banned. What a message said cannot forge a line or a field: quotes, backslashes
and everything that is not printable are written \xHH. No secret is among the fields, nor what a password could be tried against: of
Asterisk's fields ExpectedResponse is left out, which is made of the right password, and Response, which of ChallengeResponseFailed may be
so too; ReceivedHash is that of a wrong password, and said only with a qop, whose cnonce is not.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.sip.passwords import passwordless

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline import Passage
    from pipeline.engine import Pipeline
    from pipeline.events import Event

LOG = logging.getLogger("sipline.security")
ERROR, INFORMATIONAL = "Error", "Informational"
EVENTS = {
    "FailedACL": ERROR,
    "InvalidAccountID": ERROR,
    "InvalidPassword": ERROR,
    "ChallengeResponseFailed": ERROR,
    "AuthMethodNotAllowed": ERROR,
    "RequestNotAllowed": ERROR,
    "RequestNotSupported": ERROR,
    "UnexpectedAddress": ERROR,
    "SessionLimit": ERROR,
    "RequestBadFormat": ERROR,
    "LoadAverageLimit": ERROR,
    "MemoryLimit": ERROR,
    "ChallengeSent": INFORMATIONAL,
    "SuccessfulAuth": INFORMATIONAL,
    # ours: Asterisk neither bans nor limits
    "SourceBanned": ERROR,
    "SourceLimited": ERROR,
    "AorLimited": ERROR,
}
DEFAULT = frozenset(name for name, severity in EVENTS.items() if severity == ERROR)
FAILURES = {
    "account": "InvalidAccountID",
    "password": "InvalidPassword",
    "method": "AuthMethodNotAllowed",
    "response": "ChallengeResponseFailed",
}
LONGEST = 256
"""Letters of a field."""
NAMES = (
    ("AccountID", "account"),
    ("SessionID", "session"),
    ("LocalAddress", "local"),
    ("RemoteAddress", "remote"),
    ("Proved", "proved"),
    ("ACLName", "acl"),
    ("RequestType", "request"),
    ("Challenge", "challenge"),
    ("Reason", "reason"),
    ("ReceivedChallenge", "received_challenge"),
    ("ReceivedHash", "received_hash"),
    ("AuthMethod", "method"),
    ("UsingPassword", "using_password"),
    ("ExpectedAddress", "expected"),
)


class Reports:
    """Turns what is told on the bus into security events. Lives in the engine's state, beyond a reload."""

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._wanted: frozenset[str] = frozenset()
        self._path: Path | None = None
        self._file = -1
        self._most = 1
        self._second = 0
        self._lines = 0
        self.lost = 0
        """Lines that were not written: too many in one second, or the disk is full."""
        self._untold = 0
        listen = engine.bus.listen
        self._stops = [
            listen("auth.challenged", self._challenged),
            listen("auth.stale", self._challenged),
            listen("auth.failed", self._failed),
            listen("auth.succeeded", self._succeeded),
            listen("auth.refused", self._not_allowed),
            listen("security.refused", self._acl),
            listen("request.malformed", self._bad_format),
            listen("request.unsupported", self._not_supported),
            listen("request.unexpected", self._unexpected),
            listen("call.limited", self._session_limit),
            listen("mailbox.refused", self._pin),
            listen("shield.banned", self._banned),
            listen("shield.limited", self._limited),
            listen("security.limited", self._aor_limited),
            listen("overload.begun", self._overload),
            listen("log.reopen", lambda _event: self._close()),
        ]

    def serve(self, wanted: list[str], file: str, most: int) -> None:
        """Take the options of this reading of the file; raises OSError when the log cannot be opened."""
        path = self._engine.plan.path.parent / file if file else None
        if path != self._path:
            self._close()
            self._path = path
        if path is not None:
            self._open()
        self._wanted = frozenset(wanted)
        self._most = most

    # -- what happened -----------------------------------------------------------------------------------------------

    def _asked(self, name: str) -> bool:
        """Tell whether anybody wants this event: it is costly to describe."""
        return name in self._wanted or self._engine.bus.wants("security.event")

    def _challenged(self, event: Event) -> None:
        if self._asked("ChallengeSent"):
            fields = event.fields
            self._report("ChallengeSent", fields["passage"], account=fields["user"], proved=fields["proved"], challenge=fields["challenge"])

    def _failed(self, event: Event) -> None:
        fields = event.fields
        name = FAILURES.get(fields["kind"], "ChallengeResponseFailed")
        if self._asked(name):
            credentials, more = fields.get("credentials"), {}
            if credentials is None:
                pass
            elif name == "InvalidPassword":
                more["received_challenge"] = credentials.nonce
                if credentials.qop:
                    more["received_hash"] = credentials.response
            elif name == "AuthMethodNotAllowed":
                more["method"] = f"{credentials.algorithm or 'MD5'} {credentials.qop}".rstrip()
            self._report(
                name,
                fields["passage"],
                account=fields["user"],
                proved=fields["proved"],
                challenge=fields["answered"],
                reason=fields["reason"],
                **more,
            )

    def _succeeded(self, event: Event) -> None:
        if self._asked("SuccessfulAuth"):
            self._report("SuccessfulAuth", event.fields["passage"], account=event.fields["user"], proved=True, using_password=1)

    def _not_allowed(self, event: Event) -> None:
        fields = event.fields
        if self._asked("RequestNotAllowed"):
            passage = fields["passage"]
            self._report("RequestNotAllowed", passage, account=fields["user"], proved=bool(passage.identity), reason=fields["reason"])

    def _acl(self, event: Event) -> None:
        if self._asked("FailedACL"):
            why = event.fields["because"]
            self._report("FailedACL", event.fields["passage"], account=event.fields["user"], acl=why.partition(":")[0], reason=why)

    def _bad_format(self, event: Event) -> None:
        if self._asked("RequestBadFormat"):
            self._report("RequestBadFormat", event.fields["passage"], reason=event.fields["reason"])

    def _not_supported(self, event: Event) -> None:
        if self._asked("RequestNotSupported"):
            passage = event.fields["passage"]
            self._report("RequestNotSupported", passage, account=passage.identity, proved=bool(passage.identity))

    def _unexpected(self, event: Event) -> None:
        if self._asked("UnexpectedAddress"):
            passage, expected = event.fields["passage"], event.fields["expected"]
            transport, host = expected if expected is not None else ("", "")
            more: dict[str, Any] = {"expected": f"{_family(host)}/{transport}/{host.partition('%')[0]}"} if host else {}
            self._report("UnexpectedAddress", passage, account=getattr(passage.endpoint, "id", ""), **more)

    def _session_limit(self, event: Event) -> None:
        if self._asked("SessionLimit"):
            leg, account = event.fields["leg"], event.fields["endpoint"]
            self._report("SessionLimit", None, proved=leg.flow.reliable, account=account, reason="max_calls", **_where(leg, "INVITE"))

    def _pin(self, event: Event) -> None:
        """A wrong PIN of a mailbox: the call is up, so its source has got our answer and is no claim."""
        if self._asked("InvalidPassword"):
            where = _where(event.fields["channel"].leg, "INVITE")
            reason = "the PIN of a mailbox"
            self._report("InvalidPassword", None, proved=True, account=event.fields["mailbox"], reason=reason, **where)

    def _banned(self, event: Event) -> None:
        if self._asked("SourceBanned"):
            self._report("SourceBanned", None, remote=event.fields["source"], proved=True, reason=event.fields["reason"])

    def _limited(self, event: Event) -> None:
        if self._asked("SourceLimited"):
            fields = event.fields
            self._report("SourceLimited", fields["passage"], remote=fields["source"], reason=fields["reason"])

    def _aor_limited(self, event: Event) -> None:
        if self._asked("AorLimited"):
            self._report("AorLimited", event.fields["passage"], account=event.fields["aor"], reason=event.fields["reason"])

    def _overload(self, event: Event) -> None:
        name = "MemoryLimit" if event.fields.get("what") == "memory" else "LoadAverageLimit"
        if self._asked(name):
            self._report(name, None, reason=f"overload: {event.fields}")

    def _report(self, name: str, passage: Passage | None, *, proved: bool = False, **fields: Any) -> None:
        if passage is not None:
            flow, message = passage.flow, passage.message
            fields.setdefault("account", "")
            if message is not None:
                fields["session"] = message.get("call-id") or ""
                if message.is_request:
                    fields["request"] = message.method  # type: ignore[attr-defined]
            fields["local"] = _address(flow.transport, flow.local)
            fields["remote"] = _address(flow.transport, flow.peer)
            proved = proved or flow.reliable
        told = {"event": name, "severity": EVENTS[name], "service": "SIP", **fields, "proved": proved}
        self._engine.tell("security.event", **told)
        if name in self._wanted:
            self._log(told)

    # -- lines -------------------------------------------------------------------------------------------------------

    def _log(self, told: dict[str, Any]) -> None:
        now = self._engine.clock.time()
        if int(now) != self._second:
            self._second, self._lines = int(now), 0
            if self._untold:
                untold, self._untold = self._untold, 0
                self._write(
                    f'SecurityEvent="Suppressed",EventTV="{_time(now)}",Severity="Informational",Service="SIP",Count="{untold}"', now
                )
        if self._lines >= self._most:
            self.lost += 1
            self._untold += 1
            return
        self._lines += 1
        self._write(line(told, now), now)

    def _write(self, text: str, now: float) -> None:
        if self._path is None:
            LOG.warning("%s", text)
            return
        try:
            if self._file < 0:
                self._open()
            os.write(self._file, f"{_time(now)} {text}\n".encode("utf-8", "backslashreplace"))
        except OSError:
            self.lost += 1

    def _open(self) -> None:
        if self._file < 0 and self._path is not None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def stop(self) -> None:
        """Listen no more."""
        for stop in self._stops:
            stop()
        self._close()


def line(told: dict[str, Any], now: float) -> str:
    """Write a security event as a line."""
    told = {**told, "proved": "yes" if told.get("proved") else "no"}
    head = f'SecurityEvent="{told["event"]}",EventTV="{_time(now)}",Severity="{told["severity"]}",Service="SIP",EventVersion="1"'
    return head + "".join(f',{name}="{_value(passwordless(str(told[key])))}"' for name, key in NAMES if key in told)


def _value(text: str) -> str:
    if len(text) > LONGEST:
        text = text[:LONGEST] + "..."
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(char if char.isprintable() and char not in '"\\' else _escaped(ord(char)) for char in text)


def _escaped(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # an octet that was no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _where(leg: Any, request: str) -> dict[str, Any]:
    """Say where a call is from."""
    fields: dict[str, Any] = {"session": getattr(leg, "call_id", ""), "request": request}
    flow = getattr(leg, "flow", None)
    if flow is not None:
        fields |= {"local": _address(flow.transport, flow.local), "remote": _address(flow.transport, flow.peer)}
    return fields


def _family(host: str) -> str:
    return "IPV6" if ":" in host else "IPV4"


def _address(transport: str, address: tuple[str, int]) -> str:
    host = address[0].partition("%")[0]
    return f"{_family(host)}/{transport}/{host}/{address[1]}"


def _time(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(now % 1 * 1000):03}+0000"
