"""SIPp scenarios as Python writes them: a flow is a list of steps, a step one line of a call's ladder.

    caller: send("INVITE", user="600"), recv(200), ack(), send("BYE"), recv(200)
    callee: take("INVITE"), answer(180), answer(200, SDP), take("ACK"), ask("BYE"), recv(200)

Rule: what a side has to keep (Via and CSeq of the INVITE, the other's From, To and Contact) is kept by `take` and `recv`; everything else is
written out. A step may hold `checks`: (header, pattern), or (header, None) for one that must not be there.
"""

import html
import re

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n"
HELD = SDP.replace("1 1 IN", "1 2 IN") + "a=sendonly\r\n"
ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, UPDATE"
TAG = "[pid]x[call_number]"


def _message(start, fields, body="", retrans=True):
    lines = [start, *fields]
    if body:
        lines.append("Content-Type: application/sdp")
    text = "\n".join([*lines, "Content-Length: [len]", "", *body.replace("\r", "").splitlines()])
    how = ' retrans="500"' if retrans else ""
    return f"<send{how}><![CDATA[\n\n{text}\n\n]]></send>"


def _checks(checks, keep=()):
    found = [f'<ereg regexp="{pattern}" search_in="hdr" header="{header}:" assign_to="{name}"/>' for name, header, pattern in keep]
    for header, pattern in checks:
        how = 'check_it_inverse="true"' if pattern is None else 'check_it="true"'
        found.append(f'<ereg regexp="{html.escape(pattern or ".+")}" search_in="hdr" header="{header}:" {how} assign_to="seen"/>')
    return f"<action>{''.join(found)}</action>" if found else ""


# -- the caller ------------------------------------------------------------------------------------------------------


def send(method, user="600", *, body="", fields=(), cseq=1, branch="", retrans=True):
    """A request of the caller."""
    return _message(
        f"{method} sip:{user}@example.com SIP/2.0" if cseq == 1 else f"{method} [next_url] SIP/2.0",
        [
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{branch or f'{method}{cseq}'};rport",
            "Max-Forwards: 70",
            f'From: "Alice" <sip:alice@example.com>;tag={TAG}',
            f"To: <sip:{user}@example.com>[peer_tag_param]",
            "Call-ID: [call_id]",
            f"CSeq: {cseq} {method}",
            "Contact: <sip:alice@[local_ip]:[local_port];transport=[transport]>",
            ALLOW,
            *fields,
        ],
        body,
        retrans and method != "ACK",
    )


def recv(status, *checks, optional=False, timeout=0, keep=()):
    """An answer; `keep`: (variable, header, pattern) for what later steps write as [$variable]."""
    how = ' optional="true"' if optional else ""
    how += f' timeout="{timeout}"' if timeout else ""
    return f'<recv response="{status}" rrs="true"{how}>{_checks(checks, keep)}</recv>'


def trying():
    """What comes before anything else."""
    return recv(100, optional=True)


def ack(user="600", cseq=1, body="", branch=""):
    """The ACK of a 2xx; with the branch of its INVITE that of a refusal."""
    if branch:
        return send("ACK", user, cseq=1, branch=branch).replace("CSeq: 1 ACK", f"CSeq: {cseq} ACK")
    return send("ACK", user, cseq=cseq + 1000, body=body).replace(f"CSeq: {cseq + 1000} ACK", f"CSeq: {cseq} ACK")


# -- the callee ------------------------------------------------------------------------------------------------------

KEPT = [("via", "Via", ".*"), ("cseq", "CSeq", ".*"), ("from", "From", ".*"), ("to", "To", ".*")]


def take(method, *checks, keep=None, timeout=0, optional=False):
    """A request that comes; what an answer needs of an INVITE is kept."""
    kept = KEPT if method == "INVITE" and keep is not False else ()
    how = f' timeout="{timeout}"' if timeout else ""
    how += ' optional="true"' if optional else ""
    return f'<recv request="{method}" rrs="true"{how}>{_checks(checks, kept)}</recv>'


def answer(status, body="", fields=(), *, last=False, again=False, phrase="Said", retrans=False):
    """An answer to the INVITE, `again`: to one within the dialog; `last`: to what came last, whatever it was."""
    if last:
        lines = ["[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"]
    else:
        lines = ["Via:[$via]", "From:[$from]", "To:[$to]" + ("" if again else f";tag={TAG}"), "Call-ID: [call_id]", "CSeq:[$cseq]"]
    contact = (
        ()
        if any(field.startswith("Contact:") for field in fields)
        else ("Contact: <sip:bob@[local_ip]:[local_port];transport=[transport]>",)
    )
    return _message(f"SIP/2.0 {status} {phrase}", [*lines, *contact, ALLOW, *fields], body, retrans)


def ask(method, *, body="", fields=(), cseq=1):
    """A request of the callee, within the dialog."""
    return _message(
        f"{method} [next_url] SIP/2.0",
        [
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-bob{method}{cseq};rport",
            "Max-Forwards: 70",
            f"From:[$to];tag={TAG}",
            "To:[$from]",
            "Call-ID: [call_id]",
            f"CSeq: {cseq} {method}",
            "Contact: <sip:bob@[local_ip]:[local_port];transport=[transport]>",
            ALLOW,
            *fields,
        ],
        body,
    )


# -- the whole -------------------------------------------------------------------------------------------------------


def pause(milliseconds):
    """Time in which nothing may come."""
    return f'<pause milliseconds="{milliseconds}"/>'


def scenario(name, *steps):
    """The XML of a scenario."""
    text = "\n".join(steps)
    names = sorted(set(re.findall(r'assign_to="(\w+)"', text)))
    reference = f'<Reference variables="{",".join(names)}"/>\n' if names else ""
    return f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="{name}">\n{text}\n{reference}</scenario>\n'
