"""What a REFER asks for. RFC 3515 2.1 and 2.4.1, RFC 3892 3, RFC 4488 4, RFC 3891 (Replaces in the URI of Refer-To).

Rule: requests in, a value or a Reply out. Raises Malformed for a field that cannot be read (400).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import attrs

from pipeline import Address, Malformed, Reply
from pipeline.destinations.identity import user_text
from pipeline.location import called
from pipeline.sip import params
from pipeline.sip.grammar import bad
from pipeline.sip.replaces import Replaces

if TYPE_CHECKING:
    from pipeline import Request, Uri
    from pipeline.dal import Endpoint
    from pipeline.engine import Pipeline
    from pipeline.flow import Flow

__all__ = ["Referral", "read", "referrer"]


@attrs.frozen
class Referral:
    """A REFER that can be carried out."""

    extension: str
    """What the referred party is to dial."""
    uri: str
    replaces: Replaces | None = None
    """The dialog in which whom is meant is talking already: an attended transfer."""
    silent: bool = False
    """Whether nobody wants to be told how it goes (Refer-Sub: false)."""


def read(message: Request, engine: Pipeline, flow: Flow | None) -> Referral | Reply:
    """Return what a REFER asks for, or why that cannot be."""
    values = message.all("refer-to")
    if len(values) != 1:
        return Reply(400, "Exactly One Refer-To", because=f"refer: {len(values)} Refer-To fields (RFC 3515 2.4.2)")
    uri = Address.parse(values[0], "Refer-To").uri
    if (uri.param("method") or "INVITE").upper() != "INVITE":
        return Reply(501, "Only INVITE Is Referred", because=f"refer: Refer-To with method {uri.param('method')}")
    silent = (message.get("refer-sub") or "").partition(";")[0].strip().lower() == "false"
    if uri.scheme == "tel":
        return Referral(uri.user or "", uri.text, None, silent)
    if uri.scheme not in ("sip", "sips"):
        return Reply(416, because=f"refer: Refer-To with the scheme {uri.scheme}")
    if engine.domain_of(uri.host, flow) is None or not uri.user:
        return Reply(404, because=f"refer: {uri.host} is no domain of ours")
    replaces = _replaces(uri)
    who = called(engine, uri, flow)
    if who is None:
        return Reply(404, because="refer: a GRUU that nobody was given")
    extension = who.aor.rpartition("@")[0] if who.hides else uri.user_unescaped
    return Referral(extension, uri.text.partition("?")[0], replaces, silent)


def _replaces(uri: Uri) -> Replaces | None:
    for field in (uri.headers or "").split("&"):
        name, _, value = field.partition("=")
        if name.lower() != "replaces":
            continue
        call_id, semicolon, tail = unquote(value).partition(";")
        found = params.parse(semicolon + tail, "Replaces")
        to_tag, from_tag = found.get("to-tag"), found.get("from-tag")
        if not call_id or not to_tag or not from_tag:
            raise bad("Refer-To", "Replaces needs a Call-ID, a to-tag and a from-tag")
        return Replaces(call_id, to_tag, from_tag, "early-only" in found)
    return None


def referrer(message: Request, endpoint: Endpoint, engine: Pipeline) -> str:
    """Return the Referred-By that the new call carries: an address of the referrer's own, whatever he says; "" when he is anonymous."""
    if endpoint.privacy or not endpoint.aors:
        return ""
    own = endpoint.aors[0]
    said = message.get("referred-by")
    if said is not None:
        try:
            uri = Address.parse(said, "Referred-By").uri
            if uri.scheme in ("sip", "sips") and (found := engine.aor_of(uri)) in endpoint.aors:
                own = found or own
        except Malformed:
            pass
    user, _, domain = own.rpartition("@")
    return f"<sip:{user_text(user)}@{domain}>"
