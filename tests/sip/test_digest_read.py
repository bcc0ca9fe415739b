"""Reading Authorization and WWW-Authenticate: what phones send, what nobody may send, and both ways of reading agree."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip.digest_read import Credentials, _careful, parse_challenge, parse_credentials
from pipeline.sip.grammar import Malformed

USUAL = 'Digest username="alice", realm="example.com", nonce="n1", uri="sip:example.com", response="abc"'
NEEDED = {"username": '"a"', "realm": '"r"', "nonce": '"n"', "uri": '"sip:x"', "response": '"f"'}

PHONES = [
    # from the wire or the source of: baresip, SIPp, sipsak, pjsip, linphone, Cisco, an IMS phone's first REGISTER
    USUAL + ', cnonce="c", qop=auth, nc=00000001, algorithm=MD5',
    'Digest username="alice",realm="example.com",cnonce="c",nc=00000001,qop=auth,uri="sip:example.com",nonce="n1",response="abc",algorithm=MD5',
    USUAL + ", algorithm=MD5",
    USUAL + ', algorithm=MD5, cnonce="c", opaque="", qop=auth, nc=00000001',
    'Digest  realm="example.com", nonce="n1", algorithm=MD5, opaque="o", username="alice",  uri="sip:example.com", response="abc", cnonce="c", nc=00000001, qop=auth',
    USUAL + ',algorithm=MD5,cnonce="c",nc="00000001",qop="auth"',
    'digest USERNAME = "alice" , Realm="example.com", NONCE ="n1",uri= "sip:example.com",response="abc", qop=AUTH, nc=1, cnonce=c,',
    USUAL + ",",
    USUAL + ", , ,",
]


@pytest.mark.parametrize("value", PHONES)
def test_what_phones_send_is_read(value):
    c = parse_credentials(value)
    assert (c.username, c.realm, c.nonce, c.uri, c.response) == ("alice", "example.com", "n1", "sip:example.com", "abc")
    if "cnonce" in value:
        assert (c.qop, c.nonce_count, c.cnonce) == ("auth", 1, "c")
    else:
        assert (c.qop, c.nonce_count, c.cnonce) == ("", 0, "")


def test_a_value_that_was_not_given_yet_may_be_empty():
    c = parse_credentials('Digest username="u@ims", realm="ims", nonce="", uri="sip:ims", response=""')  # RFC 8760 2.7
    assert (c.username, c.nonce, c.response) == ("u@ims", "", "")


@rfc("3261", "22.4")
def test_another_scheme_is_nobody_s_fault():
    assert parse_credentials("Basic YTpi") is None
    assert parse_credentials('Digester username="a"') is None
    assert parse_credentials("") is None
    assert parse_challenge('NTLM realm="x"') is None


def test_escapes_are_removed_from_the_names_and_from_nothing_that_is_hashed_as_sent():
    c = parse_credentials(r'Digest username="a\"b\\c", realm="r\"", nonce="n\"", uri="sip:\x", response="f", cnonce="c\\", qop=auth, nc=1')
    assert (c.username, c.realm) == ('a"b\\c', 'r"')
    assert (c.nonce, c.uri, c.cnonce) == (r"n\"", r"sip:\x", r"c\\")


def test_a_comma_or_an_equals_sign_inside_quotes_belongs_to_the_value():
    c = parse_credentials(USUAL.replace("alice", "al, nonce=x, uri=y").replace('nonce="n1"', 'nonce="a=b,c=="'))
    assert (c.username, c.nonce) == ("al, nonce=x, uri=y", "a=b,c==")


@rfc("7616", "3.4")
def test_a_username_beyond_ascii_comes_as_utf8_or_in_extended_notation():
    assert parse_credentials(USUAL.replace("alice", "Jäsøn Doe")).username == "Jäsøn Doe"
    extended = USUAL.replace('username="alice"', "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe")
    assert parse_credentials(extended).username == "Jäsøn Doe"


@pytest.mark.parametrize("flag", ["true", '"true"', "TRUE"])
def test_userhash_is_seen(flag):
    assert parse_credentials(f"{USUAL}, userhash={flag}").userhash is True
    assert parse_credentials(f"{USUAL}, userhash=false").userhash is False


FAULTS = [
    (USUAL.replace('nonce="n1", ', ""), "no nonce"),
    (USUAL.replace('username="alice", ', ""), "no username"),
    (USUAL.replace(', response="abc"', ""), "no response"),
    ("Digest", "no realm"),
    ("Digest ", "no realm"),
    (USUAL + ', nonce="n2"', "the same parameter twice"),
    (USUAL + ", NONCE=n2", "the same parameter twice"),
    (USUAL + ', x="1", X="1"', "the same parameter twice"),
    (USUAL + ', opaque="abc', "unterminated quoted string"),
    (USUAL + ', opaque="a\\"', "unterminated quoted string"),
    (USUAL + " opaque=1", "text that is no parameter"),
    (USUAL + "; opaque=1", "text that is no parameter"),
    (USUAL + ", opaque", "text that is no parameter"),
    (USUAL + ', opaque="a"b', "text that is no parameter"),
    (USUAL + ', cnonce="c", qop=auth', "qop without nc"),
    (USUAL + ", nc=00000001, qop=auth", "qop without cnonce"),
    (USUAL + ', cnonce="c", nc=00000001, qop=auth-conf', "unknown qop"),
    (USUAL + ', cnonce="c", nc=0000000g, qop=auth', "nc is not a hexadecimal count"),
    (USUAL + ', cnonce="c", nc=000000001, qop=auth', "nc is not a hexadecimal count"),
    (USUAL + ", username*=UTF-8''a", "both username and username*"),
    (USUAL.replace('username="alice"', "username*=alice"), "username* is not in the notation of RFC 5987"),
    (USUAL.replace('username="alice"', "username*=ISO-8859-1''a"), "username* is not in the notation of RFC 5987"),
]


@pytest.mark.parametrize(("value", "why"), FAULTS)
def test_a_fault_is_named(value, why):
    with pytest.raises(Malformed) as fault:
        parse_credentials(value)
    assert str(fault.value) == f"Bad Authorization: {why}"
    assert (fault.value.header, fault.value.status) == ("Authorization", 400)


def test_the_header_s_name_can_be_given():
    with pytest.raises(Malformed, match="Bad Proxy-Authorization: no realm"):
        parse_credentials("Digest", "Proxy-Authorization")


def test_a_challenge_is_read():
    challenge = parse_challenge(
        'Digest realm="a\\"b", domain="sip:x", nonce="n", opaque="", stale=TRUE, algorithm=SHA-256, qop="auth, Auth-Int"'
    )
    assert challenge == ('a"b', "n", "SHA-256", ("auth", "auth-int"), "", True, False, "sip:x")
    assert parse_challenge('Digest realm="r",nonce="n"') == ("r", "n", "", (), None, False, False, "")


@pytest.mark.parametrize(
    ("value", "why"),
    [("Digest nonce=n", "no realm"), ('Digest realm="r"', "no nonce"), ("Digest realm=r nonce=n", "text that is no parameter")],
)
def test_a_fault_of_a_challenge_is_named(value, why):
    with pytest.raises(Malformed, match=f"Bad WWW-Authenticate: {why}"):
        parse_challenge(value)


def read(reader, value):
    try:
        return reader(value, "Authorization")
    except Malformed as fault:
        return fault.reason


PIECE = st.sampled_from(
    [f"{name}={value}" for name, value in NEEDED.items()]
    + ["algorithm=MD5", "qop=auth", "qop=auth-int", "nc=00000001", 'cnonce="c"', 'opaque=""', 'opaque="o"', "opaque=o", "qop=", "nc=x", 'cnonce=""', 'x="y"'],
)  # fmt: skip


@given(st.lists(PIECE, max_size=5), st.permutations(list(NEEDED.items())), st.sampled_from([", ", ",", " ,", ",  ", ";"]))
def test_the_quick_way_and_the_careful_way_read_the_same(others, needed, comma):
    value = "Digest " + comma.join([*(f"{n}={v}" for n, v in needed), *others])
    assert read(parse_credentials, value) == read(_careful, value)


@given(st.text('Digest ,="\\;\tuaénonce*', max_size=60))
def test_any_text_is_read_or_refused_with_a_reason(text):
    for value in (text, "Digest " + text, USUAL + text):
        found = read(parse_credentials, value)
        assert found is None or isinstance(found, Credentials) or found.startswith("Bad Authorization: ")
        assert found == read(_careful, value)


def test_a_hostile_value_costs_linear_time():
    pieces = ('a="', "\\", 'a="\\', "a=b,", " ", ",", "a ", 'username=",', ' "', "a =", "\t;", "nc=1, ", 'opaque="", ')
    for piece in pieces:
        for end in ("", '"', "x"):
            text = piece * (60_000 // len(piece)) + end
            start = time.process_time()
            read(parse_credentials, "Digest " + text)
            read(parse_credentials, USUAL + ", " + text)
            assert time.process_time() - start < 0.5, (piece, end)  # 5 ms; four seconds when it was quadratic
