"""The stored type `endpoint`: a phone, a trunk or a gateway, and how calls with it are made.

Rule: an option stands here when some code reads it, under the name that Asterisk's res_pjsip has for it where it means the same.
Who reads which: plugins/security, plugins/nat, plugins/channel (identity, limits, targets, session), the routing and media plugins.
"""

from ipaddress import ip_address

import attrs

from pipeline.option import option

from .acls import agents, methods, networks
from .stored import Stored, register, strings
from .stored import origin as origin_field
from .stored import version as version_field

__all__ = ["Endpoint"]

SHORTEST_SESSION = 90  # RFC 4028 4


def _address(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if value:
        try:
            address = ip_address(value)
        except ValueError:
            raise ValueError(f'{attribute.name}: "{value}" is not an IP address, and media need one') from None
        if address.is_unspecified:
            raise ValueError(f'{attribute.name}: "{value}" stands for every address, and nobody can send media to it')


@attrs.frozen(eq=False, weakref_slot=False)
class Endpoint(Stored):
    """A phone, a trunk or a gateway: who may talk to us and as whom."""

    indexed = ("auth", "aors")

    id: str = option(help="name of the endpoint")
    auth: tuple[str, ...] = option(
        default=(), converter=strings, refers="auth", help="credentials that prove this endpoint; [] = none are asked for"
    )
    aors: tuple[str, ...] = option(
        default=(), converter=strings, refers="aor", help="addresses of record it may register and call as, and by which it is called"
    )
    trust_from: bool = option(default=False, help="whether it may use any From, as a trunk does")
    identify_by: tuple[str, ...] = option(
        default=(), converter=strings, help="ways of `identify` that may find it; [] = all that are configured"
    )

    # from where it may come, where it may be called, what it may ask and by which programs (plugins/security); who fails is nobody: he is
    # challenged for ever; but for methods, which are refused when he has proved himself
    acl: tuple[str, ...] = option(default=(), converter=strings, refers="acl", help="lists of networks; its source must pass each of them")
    permit: tuple[str, ...] = option(
        default=(), converter=strings, validator=networks, help="networks it may come from; [] = all but those of `deny`"
    )
    deny: tuple[str, ...] = option(
        default=(), converter=strings, validator=networks, help="networks it may not come from; the longest network decides"
    )
    contact_acl: tuple[str, ...] = option(
        default=(), converter=strings, refers="acl", help="lists of networks; the address of each Contact of its requests must pass them"
    )
    contact_permit: tuple[str, ...] = option(
        default=(), converter=strings, validator=networks, help="networks that its Contacts may be in; [] = all but those of `contact_deny`"
    )
    contact_deny: tuple[str, ...] = option(
        default=(), converter=strings, validator=networks, help="networks that its Contacts may not be in, nor a proxy in front of them"
    )

    allow_user_agents: tuple[str, ...] = option(
        default=(),
        converter=strings,
        validator=agents,
        help="texts one of which User-Agent of its requests must hold, in any case; [] = any, or none",
    )
    deny_user_agents: tuple[str, ...] = option(
        default=(), converter=strings, validator=agents, help="texts that User-Agent of its requests may not hold, in any case"
    )
    allow_methods: tuple[str, ...] = option(
        default=(),
        converter=strings,
        validator=methods,
        help="methods it may use, in its calls too; ACK, BYE, CANCEL and PRACK belong to INVITE; [] = all but `deny_methods`; else 403",
    )
    deny_methods: tuple[str, ...] = option(
        default=(), converter=strings, validator=methods, help="methods it may not use, in its calls neither, but for those four; else 403"
    )

    # whom it may call, and how often at once
    context: str = option(default="default", help="the extensions that its calls are looked up in")
    max_calls: int = option(
        default=0, validator=attrs.validators.ge(0), help="calls it may have at once, in and out together; 0 = no limit"
    )

    # who it is said to be, and is told (RFC 3261 8.1.1.3, RFC 3323, RFC 3325)
    caller_id: str = option(default="", help='who its calls are from, for others to see: "Alice <100>"; "" = what its From says')
    privacy: bool = option(default=False, help="whether its calls are anonymous for others, as if it had sent Privacy: id")
    trust_id_inbound: bool = option(
        default=False, help="whether P-Asserted-Identity, Remote-Party-ID and Diversion that it sends are believed (RFC 3325 5)"
    )
    trust_id_outbound: bool = option(
        default=False, help="whether it is told who a caller is who wants to be anonymous (RFC 3325 7); it must keep that to itself"
    )
    send_pai: bool = option(default=True, help="whether it is told by P-Asserted-Identity whom it is connected to")
    send_rpid: bool = option(default=False, help="whether it is told by Remote-Party-ID whom it is connected to")
    send_diversion: bool = option(default=True, help="whether it is told by Diversion who has forwarded a call (RFC 5806)")
    from_user: str = option(default="", help='user of the From of calls to it, as trunks want it; "" = the caller\'s number')
    from_domain: str = option(default="", help='domain of the From of calls to it; "" = our own')

    # the way to it
    rewrite_contact: str = option(
        default="",
        validator=attrs.validators.in_(("", "always", "mismatch", "private", "never")),
        help='when requests to it go to where its own came from, instead of to its Contact (plugin `nat`); "" = as that says',
    )
    force_rport: bool = option(
        default=True, help="whether `nat` may answer to the port that its requests come from also where it does not ask for that (RFC 3581)"
    )
    outbound_proxy: str = option(default="", help='URI that its requests are routed through, as "sip:proxy.example.net;lr"')
    outbound_auth: tuple[str, ...] = option(
        default=(), converter=strings, refers="auth", help="credentials with which we answer when it asks us (401, 407); their realm is any"
    )
    pass_challenges: bool = option(
        default=False,
        help="whether a caller is asked when it asks who calls (401, 407) and outbound_auth has nothing; it could collect the answers of"
        " callers, so only for those that are trusted",
    )
    redirect_method: str = option(
        default="user",
        validator=attrs.validators.in_(("user", "uri", "no")),
        help='what becomes of a 3xx of its: "user" dials for it what it names, in its context, as if it had called there itself, "uri" goes'
        ' to the very URIs, each once (for proxies that are trusted), "no" tells the caller to go there',
    )

    # sessions
    rel100: str = option(
        default="yes",
        validator=attrs.validators.in_(("no", "yes", "peer_supported", "required")),
        help='reliable provisional responses (RFC 3262): "no" refuses them, "yes" sends them to who requires them, "peer_supported" to who'
        ' supports them, "required" asks it for them',
    )
    early_dialogs: bool = option(
        default=False,
        help="whether its calls to several phones let it hear each of them before the answer, in early dialogs as behind a forking proxy;"
        " else it is only told that they ring",
    )
    timers: str = option(
        default="yes",
        validator=attrs.validators.in_(("no", "yes", "required", "always")),
        help='session timers (RFC 4028): "yes" when it asks for one, "required" refuses it without, "always" refreshes also without it',
    )
    timers_min_se: int = option(
        default=90,
        unit="s",
        validator=attrs.validators.ge(SHORTEST_SESSION),
        help="shortest interval of a session timer that it may ask for",
    )
    timers_sess_expires: int = option(
        default=1800, unit="s", validator=attrs.validators.ge(SHORTEST_SESSION), help="interval of a session timer that we ask it for"
    )
    dtmf_mode: str = option(
        default="auto",
        validator=attrs.validators.in_(("rfc4733", "info", "inband", "auto", "none")),
        help='how digits go to it and come from it: in RTP, by INFO, as tones, not at all, or "auto": in RTP where it was agreed, otherwise'
        " as tones, and by INFO where the media do not pass through us",
    )

    # what it may do with its calls (plugin `refer`)
    allow_transfer: bool = option(
        default=True, help="whether it may transfer its calls and have itself connected (REFER), to whom it could call itself; else 603"
    )

    # what it may watch and publish (plugin `pubsub`)
    allow_subscribe: bool = option(default=True, help="whether it may watch others (SUBSCRIBE)")
    allow_publish: bool = option(default=True, help="whether it may publish (PUBLISH)")
    sub_min_expiry: int = option(
        default=0,
        unit="s",
        validator=attrs.validators.ge(0),
        help="shorter subscriptions of it are refused with 423; 0 = as `pubsub` says (RFC 6665 4.2.1.1)",
    )

    mailboxes: tuple[str, ...] = option(
        default=(),
        converter=strings,
        help="mailboxes about whose messages its phones are told unasked (plugin `mwi`): when one registers, and when the numbers change;"
        " not while it has subscribed to one of them",
    )

    # media
    media: str = option(default="", help='the plugin that provides its media, as "media_local"; "" = any that can')
    media_encryption: str = option(
        default="no",
        validator=attrs.validators.in_(("no", "sdes", "dtls")),
        help='how its media are encrypted, with a provider that can: "sdes" SRTP with keys in the description, "dtls" DTLS-SRTP',
    )
    use_avpf: bool = option(default=False, help="whether its media use AVPF (RFC 4585), as browsers do")
    ice_support: bool = option(default=False, help="whether it is offered ICE candidates")
    rtcp_mux: bool = option(default=False, help="whether it is offered RTCP on the port of RTP (RFC 5761)")
    codecs: tuple[str, ...] = option(
        default=(),
        converter=strings,
        help='codecs offered to it and taken from it, the best first, as ["PCMA", "PCMU"]; [] = all that are there',
    )
    media_address: str = option(
        default="",
        validator=_address,
        help='address that it is told to send its media to, with a provider whose media pass through us; "" = that of the provider',
    )
    rtp_timeout: float = option(
        default=-1.0,
        unit="s",
        validator=attrs.validators.ge(-1),
        help="a call of it is dead when no packet came for so long; 0 = never, -1 = as the provider's own option says",
    )
    rtp_timeout_hold: float = option(
        default=-1.0,
        unit="s",
        validator=attrs.validators.ge(-1),
        help="the same while it has put the other side on hold; 0 = never, -1 = as the provider's own option says",
    )
    record_call: bool = option(default=False, help="whether its calls are recorded, with a provider that can: media_rtpengine")
    t38_udptl: bool = option(default=True, help="whether it may send and get fax as T.38 over UDPTL; else that is refused, and sound stays")
    t38_udptl_ec: str = option(
        default="",
        validator=attrs.validators.in_(("", "none", "redundancy", "fec")),
        help='best error correction of T.38 that it is offered: "none", "redundancy" or "fec"; "" = what the other side has',
    )
    t38_udptl_maxdatagram: int = option(
        default=0,
        unit="bytes",
        validator=attrs.validators.ge(0),
        help="longest UDPTL packet that may be sent to it, whatever it says itself; 0 = as it says",
    )

    origin: str = origin_field()
    version: int = version_field()


register("endpoint", Endpoint)
