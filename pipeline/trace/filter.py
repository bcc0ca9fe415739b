"""Which messages a viewer wants: by method, user, address, Call-ID, status. Alternatives of one kind are or-ed, kinds are and-ed.

A status filter finds the answers with that status and the requests that were answered so by the step that decided. A message that could
not be parsed is looked for by its bytes: a filter must not hide what was dropped before anybody could read it.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.bind import write_address
from pipeline.passage import Reply
from pipeline.sip.grammar import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network

    from pipeline.flow import Address, Flow
    from pipeline.passage import Passage
    from pipeline.sip.message import Message
    from pipeline.trace.record import Seen

_STATUS = re.compile(r"[1-6](?:[0-9][0-9]|[xX]{2})?\Z")

KINDS = ("method", "user", "address", "call_id", "status")


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


def _upper(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(value.upper() for value in values)


def _lower(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(value.lower() for value in values)


@attrs.frozen
class Filter:
    """What to show; empty: everything."""

    method: tuple[str, ...] = attrs.field(default=(), converter=_upper)
    user: tuple[str, ...] = attrs.field(default=(), converter=_lower)
    address: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    call_id: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    status: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    _networks: tuple[IPv4Network | IPv6Network, ...] = attrs.field(init=False, default=())
    _hosts: frozenset[str] = attrs.field(init=False, default=frozenset())
    _statuses: tuple[str, ...] = attrs.field(init=False, default=())

    def __attrs_post_init__(self) -> None:
        networks, hosts = [], set()
        for text in self.address:
            try:
                networks.append(ip_network(text.strip("[]"), strict=False))
            except ValueError:
                if not re.fullmatch(r"(\[[0-9a-fA-F:.%\w]+\]|[0-9.]+):[0-9]+", text):
                    raise ValueError(f"{text!r} is no address: write 192.0.2.7, 192.0.2.0/24, 192.0.2.7:5060 or [2001:db8::7]") from None
                hosts.add(text)
        for text in self.status:
            if not _STATUS.match(text):
                raise ValueError(f"{text!r} is no status: write 401 or 4xx")
        object.__setattr__(self, "_networks", tuple(networks))
        object.__setattr__(self, "_hosts", frozenset(hosts))
        object.__setattr__(self, "_statuses", tuple(text.lower().rstrip("x") for text in self.status))

    @classmethod
    def of(cls, given: dict[str, Any]) -> Filter:
        """Make one of {"method": ["REGISTER"], ...}, as the control socket carries it; raises ValueError."""
        return cls(**{kind: [str(value) for value in given.get(kind) or ()] for kind in KINDS})

    def as_dict(self) -> dict[str, list[str]]:
        """Return what `of` takes."""
        return {kind: list(values) for kind in KINDS if (values := getattr(self, kind))}

    def matches(self, seen: Seen, message: Message | None) -> bool:
        """Tell whether a message is wanted."""
        _, _, _, passage, data, flow = seen
        return (
            (not self.method or self._by_method(message, data))
            and (not self.address or self._by_address(flow))
            and (not self.call_id or self._by_call_id(message, data))
            and (not self.status or self._by_status(message, passage))
            and (not self.user or self._by_user(message, data, passage))
        )

    def _by_method(self, message: Message | None, data: bytes) -> bool:
        if message is None:
            return any(data.startswith(method.encode()) for method in self.method)
        if message.is_request:
            return message.method in self.method  # type: ignore[attr-defined]
        return (message.get("cseq") or "").rpartition(" ")[2] in self.method

    def _by_address(self, flow: Flow) -> bool:
        return any(self._is_at(address) for address in (flow.peer, flow.local))

    def _is_at(self, address: Address) -> bool:
        if self._hosts and write_address(address[:2]) in self._hosts:
            return True
        if not self._networks:
            return False
        try:
            host = ip_address(address[0].partition("%")[0])
        except ValueError:
            return False
        return any(host in network for network in self._networks if network.version == host.version)

    def _by_call_id(self, message: Message | None, data: bytes) -> bool:
        if message is None:
            return any(wanted.encode() in data for wanted in self.call_id)
        value = message.get("call-id") or ""
        return any(value.startswith(wanted) for wanted in self.call_id)

    def _by_status(self, message: Message | None, passage: Passage | None) -> bool:
        status = getattr(message, "status", None)
        if status is None and passage is not None and passage.decided is not None and type(passage.decided[2]) is Reply:
            status = passage.decided[2].status
        return status is not None and str(status).startswith(self._statuses)

    def _by_user(self, message: Message | None, data: bytes, passage: Passage | None) -> bool:
        if message is None:
            lower = data.lower()
            return any(user.encode() in lower for user in self.user)
        names = _users(message)
        if passage is not None:
            names |= {passage.identity.lower()} | ({passage.endpoint.id.lower()} if passage.endpoint is not None else set())
        return not names.isdisjoint(self.user)


def _users(message: Message) -> set[str]:
    """The users that a message speaks of, each also with its domain."""
    found = set()
    uris = []
    for name in ("from_", "to", "uri"):
        try:
            part = getattr(message, name, None)
        except Malformed:
            continue
        uris.append(part if name == "uri" else getattr(part, "uri", None))
    for uri in uris:
        user = getattr(uri, "user", None)
        if user:
            user = uri.user_unescaped.lower()  # type: ignore[union-attr]
            found |= {user, f"{user}@{uri.host.lower()}"}  # type: ignore[union-attr]
    for field in ("authorization", "proxy-authorization"):
        value = message.get(field) if field in message.first else None
        claimed = re.search(r'(?i)\busername[ \t]*=[ \t]*"([^"\\]*)"', value or "")
        if claimed is not None:
            found.add(claimed[1].lower())
    return found
