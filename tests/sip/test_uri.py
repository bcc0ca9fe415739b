"""Mirror of pipeline/sip/uri.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip import uri as room
from pipeline.sip.grammar import Malformed
from pipeline.sip.uri import Uri, unescape


@rfc("3261", "19.1.1")
def test_the_parts_of_a_uri():
    uri = Uri.parse("sip:alice:secret@Example.com:5070;transport=TCP;LR?subject=a%20b&to=x")
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == ("sip", "alice", "secret", "Example.com", 5070)
    assert uri.params == {"transport": "TCP", "lr": None}
    assert uri.headers == "subject=a%20b&to=x"
    assert str(uri) == uri.text == "sip:alice:secret@Example.com:5070;transport=TCP;LR?subject=a%20b&to=x"


def test_the_same_text_gives_the_same_value_and_long_texts_are_not_kept():
    assert Uri.parse("sip:a@b.example") is Uri.parse("sip:a@b.example")
    long = f"sip:{'a' * 300}@b.example"
    assert Uri.parse(long) == Uri.parse(long)
    assert Uri.parse(long) is not Uri.parse(long)
    assert len({Uri.parse(long), Uri.parse(long)}) == 1
    assert repr(Uri.parse("sip:a@b.example")) == "<Uri sip:a@b.example>"


@rfc("4475", "3.1.1.9")
def test_a_user_part_may_hold_semicolons_and_an_escaped_at():
    uri = Uri.parse("sip:user;par=u%40example.net@example.com")
    assert (uri.user_unescaped, uri.host, uri.params) == ("user;par=u@example.net", "example.com", {})


@rfc("3261", "19.1.2")
def test_escapes_are_undone_once_and_never_twice():
    assert unescape("v%61lue%25%34%31") == "value%41"
    uri = Uri.parse("sip:example.com;n%61me=v%61lue%25%34%31")
    assert uri.param("name") == "value%41"
    assert uri.param("other") is None
    assert Uri.parse("sip:example.com;lr").param("lr") == ""


@rfc("4475", "3.1.1.4")
def test_escaped_nuls_are_kept_and_counted():
    one, two = Uri.parse("sip:%00@host.example"), Uri.parse("sip:%00%00@host.example")
    assert (one.user_unescaped, two.user_unescaped) == ("\0", "\0\0")
    assert not Uri.same(one, two)


def test_escaped_octets_that_are_not_utf8_survive():
    assert Uri.parse("sip:%FF@h.example").user_unescaped.encode("utf-8", "surrogateescape") == b"\xff"


@rfc("5118", "4.1")
def test_ipv6_hosts_keep_brackets_and_give_their_address():
    uri = Uri.parse("sip:[2001:db8::10:5070]")
    assert (uri.host, uri.address, uri.port) == ("[2001:db8::10:5070]", "2001:db8::10:5070", None)
    assert Uri.parse("sip:[2001:db8::10]:5070").port == 5070
    assert Uri.parse("sip:u@[2001:db8:::192.0.2.1]").address == "2001:db8::192.0.2.1"


def test_other_schemes_are_opaque():
    uri = Uri.parse("soap.beep://192.0.2.103:3002")
    assert (uri.scheme, uri.host, uri.opaque, uri.user) == ("soap.beep", "", "//192.0.2.103:3002", None)
    assert Uri.parse("ISBN:2983792873").scheme == "isbn"
    assert Uri.parse("SIP:a@b.example").scheme == "sip"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it must begin with a scheme such as 'sip:'"),
        ("alice@example.com", "it must begin with a scheme such as 'sip:'"),
        ("<sip:a@example.com>", "it must begin with a scheme such as 'sip:'"),
        (" sip:a@example.com", "it must begin with a scheme such as 'sip:'"),
        ("sip:", "no host"),
        ("sip:@example.com", "empty user part"),
        ("sip:a#b@example.com", "character not allowed in the user part"),
        ("sip:a%4@example.com", "character not allowed in the user part"),
        ("sip:a:<@example.com", "character not allowed in the password"),
        ("sip:a@b@example.com", "character not allowed in a host"),
        ("sip:2001:db8::10", "an IPv6 address must stand in brackets"),
        ("sip:a@example.com:99999", "port larger than 65535"),
        ("sip:a@example.com; lr", "character not allowed in a parameter"),
        ("sip:a@example.com;", "empty parameter"),
        ("sip:a@example.com;a=", "character not allowed in a parameter"),
        ("sip:a@example.com;a;A", "the same parameter twice"),
        ("sip:a@example.com;a;%41", "the same parameter twice"),
        ("sip:a@example.com?subject", "not a header after '?'"),
        ("sip:a@example.com?", "not a header after '?'"),
        ("x:a b", "character not allowed"),
        ("tel:alice", "not a telephone number"),
        ("sip:a@exa\0mple.com", "character not allowed in a host"),
    ],
)
def test_a_bad_uri_says_what_is_wrong(text, why):
    with pytest.raises(Malformed) as caught:
        Uri.parse(text)
    assert caught.value.reason == f"Bad URI: {why}"
    assert caught.value.status == 400


def test_a_uri_beyond_the_limit_is_too_long():
    assert Uri.parse("sip:" + "a" * (room.MAX_URI - 6) + "@b").host == "b"
    with pytest.raises(Malformed) as caught:
        Uri.parse("sip:" + "a" * room.MAX_URI + "@b")
    assert caught.value.status == 414


SAME = [  # the first eight: RFC 3261 19.1.4
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    ("sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=off"),
    ("sip:a@b.example;x=%41", "sip:a@b.example;x=a"),
    ("sip:a@[2001:db8::9:1]", "sip:a@[2001:DB8:0::9:01]"),  # RFC 5954 4.2
    ("sip:a@[::ffff:192.0.2.128]", "sip:a@[::ffff:c000:280]"),
    ("sip:a%2fb@c.example", "sip:a%2Fb@c.example"),
    ("tel:+1-201-555-0123", "tel:+12015550123"),
    ("tel:+1(201)555.0123;ext=1-2", "TEL:+12015550123;ext=12"),
    ("tel:7042;phone-context=Example.com", "tel:70-42;phone-context=example.com"),
    ("tel:7042;phone-context=+1-914-555", "tel:7042;phone-context=+1914555"),
    ("tel:+1201;a=1;b=2", "tel:+1201;B=2;A=1"),
    ("x:Same", "X:Same"),
]
DIFFERENT = [  # the first eight: RFC 3261 19.1.4
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:a@b.example", "sips:a@b.example"),
    ("sip:a@b.example", "sip:b.example"),
    ("sip:a:x@b.example", "sip:a@b.example"),
    ("sip:a@b.example;user=ip", "sip:a@b.example"),
    ("sip:a@b.example", "sip:a@b.example;ttl=1"),
    ("sip:a@b.example;method=INVITE", "sip:a@b.example"),
    ("sip:a@b.example;maddr=192.0.2.1", "sip:a@b.example"),
    ("sip:a%3Bb@c.example", "sip:a;b@c.example"),  # ";" is reserved: escaped it is another
    ("sip:a@[::ffff:192.0.2.10]", "sip:a@192.0.2.10"),
    ("tel:+12015550123", "tel:12015550123"),
    ("tel:7042;phone-context=example.com", "tel:7042"),
    ("tel:7042;phone-context=example.com", "tel:7042;phone-context=example.org"),
    ("tel:+12015550123", "sip:+12015550123@b.example"),
    ("x:Same", "x:same"),
]


@rfc("3261", "19.1.4")
@pytest.mark.parametrize(("a", "b"), SAME)
def test_uris_that_are_the_same(a, b):
    assert Uri.same(Uri.parse(a), Uri.parse(b))
    assert Uri.same(Uri.parse(b), Uri.parse(a))


@rfc("3261", "19.1.4")
@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_uris_that_are_different(a, b):
    assert not Uri.same(Uri.parse(a), Uri.parse(b))
    assert not Uri.same(Uri.parse(b), Uri.parse(a))
    assert Uri.parse(a) != Uri.parse(b)


PIECES = st.sampled_from(
    ["a", "B", "1", ".", "-", "_", ":", "@", ";", "=", "?", "&", "%", "%41", "[", "]", "::1", "/", "sip:", "lr", " ", "<", "é"]
)


@given(st.lists(PIECES, max_size=12).map(lambda pieces: "sip:" + "".join(pieces)))
def test_the_fast_way_and_the_careful_way_agree(text):
    def outcome(parse):
        try:
            uri = parse(text)
        except Malformed as error:
            return error.reason
        return uri.scheme, uri.user, uri.password, uri.host, uri.port, dict(uri.params), uri.headers, uri.text

    assert outcome(room._parse) == outcome(room._careful)
