"""Let in or refuse by source address, Contact, user agent and method, before anybody authenticates. RFC 3261 26.1.5 (denial of service).

Rule: of all networks in both lists that hold an address, the longest decides; of two equal ones `deny`. With an `allow` list, who is in
neither list is refused; without one, let in. What these options refuse is dropped in silence, so that a scanner learns nothing, or
answered 403. Who fails the lists of his endpoint is nobody from then on: he is challenged for ever, exactly as one who does not exist.

A method that his endpoint may not use is a 403 once he has proved who he is.

Listed behind `identify` it knows the endpoint; in front of it, it applies its own options only, and `check` says so.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Drop, Pending, Reply, Wait, hookimpl, option, plugin
from pipeline.dal.acls import agents, methods, networks
from pipeline.sip.dialog import TARGET_REFRESH

from .accounts import Accounts
from .aors import Aors
from .contacts import refusal, strip
from .kinds import FOLLOWING, Kinds
from .lists import Lists, Rules, first_refusal, has_lists
from .report import DEFAULT, EVENTS, Reports

if TYPE_CHECKING:
    from pipeline import Message, Passage, Verdict
    from pipeline.config.checked import Checked
    from pipeline.engine import Pipeline

    from .lists import Own

UNANSWERED = frozenset({"ACK", "CANCEL"})
"""No answer of ours may follow these: an ACK has none (RFC 3261 17), and a CANCEL is answered by who has its INVITE (9.2)."""


def events(_instance: Any, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    """Validate `log`."""
    for text in value:
        if text not in EVENTS:
            raise ValueError(f"{attribute.name} holds {text!r}: the events are {', '.join(sorted(EVENTS))}")


def _followed(response: Any) -> bool:
    """Tell whether requests of ours would go where an answer's Contact says: it makes or refreshes a dialog, or is a redirection."""
    status = response.status
    return 300 <= status < 400 or (100 < status < 300 and response.cseq.method in TARGET_REFRESH)


@plugin
class Security:
    """Allow and deny lists by source, Contact, user agent and method; security events and their log."""

    stage: ClassVar[str] = "intercept"
    after: ClassVar[tuple[str, ...]] = ("logging", "nat", "identify")

    allow: list[str] = option(
        factory=list,
        validator=networks,
        help='networks that may send to us, as "192.0.2.0/24"; [] = all but those of `deny`, else who is in neither list is refused',
    )
    deny: list[str] = option(
        factory=list, validator=networks, help="networks that may not; the longest network decides, of two equal ones this list"
    )
    acl: list[str] = option(factory=list, refers="acl", help="`acl` objects that every source must pass as well")
    contact_allow: list[str] = option(
        factory=list, validator=networks, help="networks that Contacts may be in; [] = all but those of `contact_deny`"
    )
    contact_deny: list[str] = option(
        factory=list,
        validator=networks,
        help="networks that Contacts may not be in, nor a proxy in front of them (Path, Record-Route); a host name cannot be judged and is"
        " refused",
    )
    contact_acl: list[str] = option(factory=list, refers="acl", help="`acl` objects that the address of every Contact must pass as well")
    allow_user_agents: list[str] = option(
        factory=list, validator=agents, help="texts one of which User-Agent of a request must hold, in any case; [] = any, or none"
    )
    deny_user_agents: list[str] = option(
        factory=list, validator=agents, help="texts that User-Agent of a request may not hold, in any case"
    )
    allow_methods: list[str] = option(
        factory=list, validator=methods, help="methods of requests that are let in; [] = all but `deny_methods`"
    )
    deny_methods: list[str] = option(factory=list, validator=methods, help="methods of requests that are refused")
    action: str = option(
        "drop", validator=attrs.validators.in_(("drop", "reject")), help='"drop" refuses in silence, "reject" answers requests with 403'
    )
    account_failures: int = option(
        20,
        validator=attrs.validators.ge(0),
        help="failed logins as one user at once, from anywhere; beyond, one each `account_seconds`, but for addresses from which that user"
        " has logged in; 0 = no limit",
    )
    account_seconds: float = option(
        10.0, unit="s", validator=attrs.validators.gt(0), help="time in which one of these failures is forgotten"
    )
    # Off: a number that is called by all, or whose presence thousands watch, is rightly asked more often than any default would let it be.
    aor_rate: float = option(
        0.0,
        validator=attrs.validators.ge(0),
        help="requests a second outside dialogs to one address of record, from all together: calls, messages, subscriptions; beyond, 480"
        " (REGISTER: 503) with Retry-After; its own registrations have a budget of their own, and so has who need not prove himself; 0 = no"
        " limit",
    )
    aor_burst: int = option(20, validator=attrs.validators.ge(1), help="such requests at once")
    aor_trunks: bool = option(False, help="whether requests of endpoints with `trust_from` count there, which bring the calls of many")
    log: list[str] = option(
        factory=lambda: sorted(DEFAULT), validator=events, help="security events that are logged, a line each; [] = none"
    )
    log_file: str = option("", writes=True, help="file of these lines, from this file's folder; empty: the server's log")
    log_lines: int = option(
        100, validator=attrs.validators.ge(1), help="lines a second that are written at most; the rest is counted and told in one line"
    )

    _source: Rules | None = attrs.field(init=False, default=None)
    _contact: Rules | None = attrs.field(init=False, default=None)
    _kinds: Any = attrs.field(init=False, default=None)
    _by_request: bool = attrs.field(init=False, default=False)
    _lists: Any = attrs.field(init=False, default=None)
    _accounts: Any = attrs.field(init=False, default=None)
    _aors: Any = attrs.field(init=False, default=None)
    _reports: Any = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        if self.allow or self.deny:
            self._source = Rules(self.allow, self.deny, ("allow", "deny"))
        if self.contact_allow or self.contact_deny:
            self._contact = Rules(self.contact_allow, self.contact_deny, ("contact_allow", "contact_deny"))
        self._kinds = Kinds(self)
        self._by_request = bool(self._kinds or self._contact or self.contact_acl)

    @hookimpl
    def check(self, file: Checked) -> None:
        """Say that an endpoint's lists are not applied where `security` is listed in front of `identify`."""
        stages = file.data.get("stage")
        listed: list[Any] = []
        for stage in stages if isinstance(stages, list) else ():
            if isinstance(stage, dict) and stage.get("name") == "intercept" and isinstance(stage.get("plugins"), list):
                listed = stage["plugins"]
        if "identify" in listed and file.name in listed and listed.index(file.name) > listed.index("identify"):
            return
        for endpoint, keys in file.objects("endpoint"):
            if has_lists(endpoint):
                message = f"endpoint '{endpoint.id}' has lists, which nobody applies"
                file.error(keys, message, f'list "{file.name}" behind "identify"')

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Take over what is known from before a reload."""
        state = engine.state(self, lambda: (Lists(engine.dal), Accounts(engine), Aors(engine), Reports(engine)))
        self._lists, self._accounts, self._aors, self._reports = state
        self._aors.serve(self.aor_rate, self.aor_burst, trunks=self.aor_trunks)
        self._accounts.serve(self.account_failures, self.account_seconds)
        self._reports.serve(self.log, self.log_file, self.log_lines)

    @hookimpl
    def stop(self) -> None:
        """Listen no more."""
        if self._reports is not None:
            self._lists.close()
            self._accounts.stop()
            self._aors.stop()
            self._reports.stop()

    @hookimpl
    def intercept(self, message: Message, passage: Passage) -> Verdict | None:
        """Refuse what may not be sent, or not from there."""
        source = passage.flow.peer[0]
        if self._source is not None and (why := self._source.refusal(source)):
            return self._refused(why, message, passage)
        if self.acl:
            named = self._lists.named(self.acl)
            if isinstance(named, Pending):
                return Wait(named, partial(self._passes, message, passage), because="acl")
            if why := first_refusal(named, source):
                return self._refused(why, message, passage)
        return self._request(message, passage)

    def _passes(self, message: Message, passage: Passage, named: Any) -> Verdict | None:
        if why := first_refusal(named, passage.flow.peer[0]):
            return self._refused(why, message, passage)
        return self._request(message, passage)

    def _request(self, message: Any, passage: Passage) -> Verdict | None:
        """What only requests are asked."""
        if not message.is_request:
            return self._response(message, passage) if "contact" in message.first or "record-route" in message.first else None
        if self._by_request:
            why = self._kinds.method(message.method) or self._kinds.agent(message)
            if not why and self._contact is not None:
                why = refusal((self._contact,), message, passage.flow.peer[0])
            if why:
                return self._refused(why, message, passage)
            if self.contact_acl:
                named = self._lists.named(self.contact_acl)
                if isinstance(named, Pending):
                    return Wait(named, partial(self._contacts_pass, message, passage), because="contact_acl")
                return self._contacts_pass(message, passage, named)
        return self._endpoint(message, passage)

    def _contacts_pass(self, message: Any, passage: Passage, named: Any) -> Verdict | None:
        if why := refusal(named, message, passage.flow.peer[0]):
            return self._refused(why, message, passage)
        return self._endpoint(message, passage)

    # -- answers -----------------------------------------------------------------------------------------------------

    def _response(self, message: Any, passage: Passage) -> Verdict | None:
        """Take out of an answer what leads where we may not go: a dialog's requests and a followed 3xx go where these say."""
        asked = passage.pipeline.clients.asked(message)
        endpoint = None if asked is None else asked.endpoint
        names = (*self.contact_acl, *(endpoint.contact_acl if endpoint is not None else ()))
        lists = self._lists.of(endpoint) if endpoint is not None else None
        own = None if lists is None else lists.contact
        if (self._contact is None and own is None and not names) or not _followed(message):
            return None
        proxied = asked is not None and "record-route" in asked.message.first
        named = self._lists.named(names) if names else ()
        if isinstance(named, Pending):
            return Wait(named, partial(self._strip, message, passage, (self._contact, own), proxied), because="contact_acl")
        self._strip(message, passage, (self._contact, own), proxied, named)
        return None

    def _strip(self, message: Any, passage: Passage, own: Any, proxied: bool, named: Any) -> None:
        flow, domain_of = passage.flow, passage.pipeline.domain_of
        for why in strip((*own, *named), message, flow.peer[0], lambda host: domain_of(host, flow) is not None, proxied=proxied):
            self._tell(why, message, passage)

    def _endpoint(self, message: Any, passage: Passage) -> Verdict | None:
        """The lists of the endpoint that `identify` found, then how often its user's logins failed."""
        endpoint = passage.endpoint
        if endpoint is not None and (own := self._lists.of(endpoint)) is not None:
            named = self._lists.named((*endpoint.acl, *endpoint.contact_acl))
            if isinstance(named, Pending):
                return Wait(named, partial(self._of_endpoint, message, passage, own), because=f"endpoint.{endpoint.id}: acl")
            return self._of_endpoint(message, passage, own, named)
        return self._account(message, passage)

    def _of_endpoint(self, message: Any, passage: Passage, own: Own, named: Any) -> Verdict | None:
        endpoint, source, within = passage.endpoint, passage.flow.peer[0], passage.dialog is not None
        assert endpoint is not None
        count = len(endpoint.acl)
        why = first_refusal((own.source, *named[:count]), source)
        if not why and (own.contact is not None or endpoint.contact_acl):
            why = refusal((own.contact, *named[count:]), message, source)
        if not why and own.kinds:
            why = own.kinds.agent(message, within=within)
            if not why and message.method not in FOLLOWING and (unwanted := own.kinds.method(message.method)):
                return self._unwanted(unwanted, message, passage)
        if not why:
            return self._account(message, passage)
        if within or message.method in UNANSWERED:
            return self._refused(why, message, passage)
        self._tell(why, message, passage, endpoint.id)
        passage.endpoint, passage.identified = None, False
        return self._account(message, passage)

    def _unwanted(self, why: str, message: Any, passage: Passage) -> Verdict | None:
        """Refuse a method that an endpoint may not use. Who that is has to be proved first, or names could be guessed by it, and its phones
        would count as strangers who fail; then the checks before the applications answer (pipeline/stages/application.py).
        """
        if passage.dialog is not None:  # not in silence: a phone that hears nothing ends the call (RFC 3261 12.2.1.2)
            self._tell(why, message, passage, passage.endpoint.id if passage.endpoint is not None else "")
            return Reply(403, because=why, stateless=True)
        passage.refused, passage.identified = why, False
        return self._account(message, passage)

    def _account(self, message: Any, passage: Passage) -> Verdict | None:
        if self._accounts.busy and (why := self._accounts.refusal(message, passage)):
            return Drop(why)
        return self._aors.refusal(message, passage) if self.aor_rate else None

    def _tell(self, why: str, message: Any, passage: Passage, account: str = "") -> None:
        flow = passage.flow
        passage.pipeline.tell("security.refused", source=flow.peer[0], transport=flow.transport, because=why, user=account, passage=passage)

    def _refused(self, why: str, message: Any, passage: Passage) -> Verdict:
        self._tell(why, message, passage)
        if self.action == "drop" or not message.is_request or message.method in UNANSWERED:
            return Drop(why)
        return Reply(403, because=why, stateless=True)

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        if self._reports is None:
            return {}
        return {"log_lost": self._reports.lost, "accounts_held": self._accounts.held, "aors_limited": self._aors.limited}
