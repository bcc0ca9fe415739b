"""pipeline.proxy.onward: the copy that goes on, and the answer that goes back. RFC 3261 16.6, 16.7; RFC 3327 5.2."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.proxy import onward, stripped, withheld
from pipeline.sip.message import Request, Response
from pipeline.sip.parser import parse

CAME = (
    b"INVITE sip:bob@example.com SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1;received=1.2.3.4\r\nRoute: <sip:edge;lr>\r\n"
    b"Record-Route: <sip:before;lr>\r\nRoute: <sip:next;lr>\r\nmax-forwards: 7\r\nFrom: <sip:a@example.com>;tag=1\r\nX-Odd:  what ,ever \r\n"
    b"To: <sip:bob@example.com>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nl: 4\r\nc: text/plain\r\n\r\nbody"
)


def lines(message):
    return message.encode().decode().split("\r\n")


@rfc("3261", "16.6")
def test_the_copy_has_one_hop_less_and_our_values_on_top():
    made = onward(parse(CAME), routes=["<sip:next;lr>"], record=["<sip:us;lr>"], path=["<sip:p;lr>"])
    assert made.all("record-route") == ["<sip:us;lr>", "<sip:before;lr>"]
    assert made.all("route") == ["<sip:next;lr>"]
    assert made.all("path") == ["<sip:p;lr>"]
    assert made.max_forwards == 6
    assert made.get("x-odd") == "what ,ever"
    assert made.body == b"body"
    assert made.via.received == "1.2.3.4"


def test_what_need_not_be_changed_is_as_it_came():
    request = parse(CAME)
    made = onward(request)
    assert made.all("route") == ["<sip:edge;lr>", "<sip:next;lr>"]
    assert made.uri_text == request.uri_text
    assert onward(request, uri="sip:x@y").uri_text == "sip:x@y"
    assert request.encode() == CAME


def test_without_max_forwards_there_are_seventy():
    assert onward(parse(CAME.replace(b"max-forwards: 7\r\n", b""))).max_forwards == 70


@rfc("5393", "5.3.3")
@pytest.mark.parametrize(("came", "goes"), [((), "60"), (("7",), "7"), (("1000",), "60"), (("5", "9"), "5")])
def test_what_goes_on_has_one_breadth_which_is_added_kept_or_cut_to_sixty(came, goes):
    fields = b"".join(b"max-breadth: %s\r\n" % value.encode() for value in came)
    made = onward(parse(CAME.replace(b"max-forwards", fields + b"max-forwards")))
    assert made.all("max-breadth") == [goes]


@rfc("3261", "16.7")
def test_an_answer_goes_back_without_our_via():
    request = Request.new(
        "INVITE",
        "sip:b@x",
        [
            ("Via", "SIP/2.0/UDP us;branch=z9hG4bKus, SIP/2.0/UDP them;branch=z9hG4bK1"),
            ("Via", "SIP/2.0/TCP far;branch=z9hG4bK2"),
            ("From", "<sip:a@x>;tag=1"),
            ("To", "<sip:b@x>"),
            ("Call-ID", "c"),
            ("CSeq", "1 INVITE"),
            ("Record-Route", "<sip:us;lr>"),
        ],
    )
    answer = Response.to(request, 200, "Fine", [("X-Y", "y")], b"hello", to_tag="t")
    back = stripped(answer)
    assert [via.host for via in back.vias] == ["them", "far"]
    assert (back.status, back.reason, back.get("x-y"), back.body, back.to.tag) == (200, "Fine", "y", b"hello", "t")
    assert back.all("record-route") == ["<sip:us;lr>"]


@rfc("7339", "4.1")
@pytest.mark.parametrize(
    ("said", "left"),
    [
        ('oc=100;oc-algo="loss";oc-validity=60000;oc-seq=1.5', 'oc;oc-algo="loss"'),
        ('OC = 100 ; oc-algo="loss";OC-Seq=1', 'oc; oc-algo="loss"'),
        ('oc;oc-algo="loss"', 'oc;oc-algo="loss"'),
        ("received=1.2.3.4", "received=1.2.3.4"),
    ],
)
def test_who_answers_wishes_nothing_of_our_neighbour(said, left):
    fields = [
        ("Via", f"SIP/2.0/UDP us;branch=z9hG4bKus;oc=20, SIP/2.0/UDP them;branch=z9hG4bKoc=1;{said}"),
        ("From", "<sip:a@x>;tag=1"),
        ("To", "<sip:b@x>"),
        ("Call-ID", "c"),
        ("CSeq", "1 INVITE"),
    ]
    back = stripped(Response.to(Request.new("INVITE", "sip:b@x", fields), 200, "OK", to_tag="t"))
    assert back.values("via") == [f"SIP/2.0/UDP them;branch=z9hG4bKoc=1;{left}"]


def test_an_answer_with_no_other_via_is_nobodys():
    request = Request.new(
        "INVITE",
        "sip:b@x",
        [
            ("Via", "SIP/2.0/UDP us;branch=z9hG4bKus"),
            ("From", "<sip:a@x>;tag=1"),
            ("To", "<sip:b@x>"),
            ("Call-ID", "c"),
            ("CSeq", "1 INVITE"),
        ],
    )
    assert stripped(Response.to(request, 200)) is None


@rfc("3325", "5")
def test_whose_word_counts_and_who_may_hear_it():
    request = parse(CAME.replace(b"To:", b"P-Asserted-Identity: <sip:a@x>\r\nRemote-Party-ID: <sip:a@x>\r\nTo:"))
    private = parse(CAME.replace(b"To:", b"Privacy: header;id\r\nTo:"))
    assert not withheld(request, trusted=True, trusting=False)
    assert withheld(request, trusted=False, trusting=True)
    assert withheld(private, trusted=True, trusting=False)
    assert not withheld(private, trusted=True, trusting=True)
    made = onward(request, without=withheld(request, trusted=False, trusting=True))
    assert (made.get("p-asserted-identity"), made.get("remote-party-id"), made.get("x-odd")) == (None, None, "what ,ever")
