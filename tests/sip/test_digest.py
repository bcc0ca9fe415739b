"""The sums of RFC 7616 and RFC 8760, held to vectors from three sources: the RFCs, other servers' tests, and the openssl command."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip import digest
from pipeline.sip.digest import (
    answer,
    base_of,
    can_answer,
    canonical,
    challenge_value,
    choose,
    expected,
    hash_of,
    matches,
    parse_challenge,
    parse_credentials,
    response_of,
    userhash,
)

SHARED = Path(__file__).resolve().parents[3] / "shared/digest/vectors.json"

ALICE = ("alice", "example.com", "secret", "REGISTER", "sip:example.com", b"")
JUERGEN = ("jürgen", "büro.example", "paß wort", "INVITE", "sip:bob@example.com;transport=tcp", b"v=0")
QUOTED = ('a"b\\c', "r", ":", "MESSAGE", "sip:x", b"")

# Made with `printf '%s' "$text" | openssl dgst -md5` (-sha256, -sha512-256); nonce n0nce, cnonce cn0nce, nc 0000002a.
OPENSSL = [
    # algorithm, whose, qop, -sess, HA1, response, userhash
    (
        "MD5",
        ALICE,
        "auth",
        False,
        "b1726872c344b6dc8365b774f8fd6412",
        "101cfec5610a0f9c8be269a54c875b1a",
        "e714bf7dde243fc2061a4e3d877edc0d",
    ),
    (
        "MD5",
        JUERGEN,
        "auth-int",
        False,
        "cbf2070bbb6a8a23b166fec512a75709",
        "3c02b16a0153d1ac63d07690bbb16fdc",
        "3cde0c3fcbc91e88f97758ddc2d951e4",
    ),
    ("MD5", QUOTED, "", False, "430fa000e1d0501b3ee01c591ce819f3", "6d6a421548255b6eee7db05198150bc9", "3d1f32f1a12340ea2c52db76f4bc2c49"),
    (
        "MD5",
        ALICE,
        "auth",
        True,
        "b1726872c344b6dc8365b774f8fd6412",
        "0f8318dc592c68fc1917d86b61718b03",
        "e714bf7dde243fc2061a4e3d877edc0d",
    ),
    (
        "SHA-256",
        ALICE,
        "auth",
        False,
        "ed8925b20f9a77b8f8f8d5f8e4467fe32b866f7208ab9e4b20595e9821a0fdee",
        "53c164b927171128b4281b1f032ec056191d5115bb73c553a6caf9a2f06e4ec4",
        "182821e63518db2dd774c82f8142291d0376025311d4a5988d61e5a5dfafbbde",
    ),
    (
        "SHA-256",
        JUERGEN,
        "auth-int",
        False,
        "3d193bc191a70b4182db57d7d2ae06f5d2b59a55a7f8b0eeb520657ac4c36667",
        "6757261a62feb16696fc2c65a9f2e63776166062d34ba4a62cf6fea0f6748918",
        "bf0f1ffcae4a8d1705769502ef3ae50b99325fd1caff4ce740e2f268c2cd7586",
    ),
    (
        "SHA-256",
        QUOTED,
        "",
        False,
        "16ec9aa7e3c798313d64647a0b71b129904b2c164e2434c296a7dd848ef1db28",
        "6e6dfb57bdda9c5c58df4e80ffdf316d8fddcef7a1fa5402288375e833a822c2",
        "13f6f307f32853e9fa35a1aceee733c85f352c01aeb8d2aa945ac97a8602a0f0",
    ),
    (
        "SHA-256",
        ALICE,
        "auth",
        True,
        "ed8925b20f9a77b8f8f8d5f8e4467fe32b866f7208ab9e4b20595e9821a0fdee",
        "1110529a53916aaf0ec043b0b18e5944742836a4b07d98cf40ef2a626f185617",
        "182821e63518db2dd774c82f8142291d0376025311d4a5988d61e5a5dfafbbde",
    ),
    (
        "SHA-512-256",
        ALICE,
        "auth",
        False,
        "9e413627514b03d0753229d450617d94a9b2a2a635222e49bad90404c29e97ad",
        "66b3ce3147f0bdf10c8a265e3e3312c615af48bf48d83ccda680ec9b79bc8d94",
        "57dfef4a5cc421c244596a418535c430e6f6586304d4df8ef4a9e5e4286c82e5",
    ),
    (
        "SHA-512-256",
        JUERGEN,
        "auth-int",
        False,
        "5bee16f8f1fedaad4fae158512305c2ac187aae038a80ac8e31bf8bbef605a05",
        "f7cb30114faed80eb61c1d33bc05d79e70bf76db7a1eb54ffb91aa05baf9c0e3",
        "ddea76d39e131a7fe522016cc0c069d1e91f78e7bdeaccc14b26a1f58ac197f4",
    ),
    (
        "SHA-512-256",
        QUOTED,
        "",
        False,
        "eb5132613d39a9d27f3fbaf3a4fae95c5bdb893c8b3430ecc41c1e8d7958461d",
        "482c7a1fbca085f36ef3b32b02bca9274f86bc4948b1988d3be4514b81205632",
        "ac0bf1fac6796e7c9466f83aec6a39c6002c22e2dd7e1a5ea89863ae3a0475fc",
    ),
    (
        "SHA-512-256",
        ALICE,
        "auth",
        True,
        "9e413627514b03d0753229d450617d94a9b2a2a635222e49bad90404c29e97ad",
        "8903b342cacedd4d4270cc4cbfac1a682596ce80d92dd94ff894895421b5e0ae",
        "57dfef4a5cc421c244596a418535c430e6f6586304d4df8ef4a9e5e4286c82e5",
    ),
]


@rfc("7616", "3.4.2")
@pytest.mark.parametrize(("algorithm", "whose", "qop", "session", "ha1", "response", "hashed_name"), OPENSSL)
def test_hashes_agree_with_openssl(algorithm, whose, qop, session, ha1, response, hashed_name):
    username, realm, password, method, uri, body = whose
    assert hash_of(algorithm, username, realm, password) == ha1
    assert userhash(algorithm, username, realm) == hashed_name
    name = algorithm + ("-sess" if session else "")
    assert response_of(name, ha1, "n0nce", method, uri, qop=qop, nc="0000002a", cnonce="cn0nce", body=body) == response


def vectors():
    return json.loads(SHARED.read_text())["vectors"] if SHARED.exists() else []


@pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not here")
def test_the_shared_vectors_agree():
    assert len(vectors()) > 15
    for v in vectors():
        algorithm = v.get("algorithm", "MD5")
        ha1 = hash_of(algorithm, v["username"], v["realm"], v["password"])
        if not algorithm.endswith("-sess"):
            assert ha1 == v["ha1"], v["source"]
        body = v.get("body", "").encode()
        got = response_of(
            algorithm, ha1, v["nonce"], v["method"], v["uri"],
            qop=v.get("qop", ""), nc=v.get("nc", ""), cnonce=v.get("cnonce", ""), body=body,
        )  # fmt: skip
        # RFC 7616 3.9.2 prints SHA-512 cut short; SHA-512/256 has initial values of its own.
        assert got == v.get("response_sha512_256", v["response"]), v["source"]
        if v.get("userhash"):
            assert userhash(algorithm, v["username"], v["realm"]) == v["username_hash_sha512_256"]


@rfc("7616", "3.4.1")
def test_rfc_2617_section_3_5():
    ha1 = hash_of("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life")
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    response = response_of("MD5", ha1, nonce, "GET", "/dir/index.html", qop="auth", nc="00000001", cnonce="0a4f113b")
    assert response == "6629fae49393a05397450978507c4ef1"


def test_an_empty_method_gives_rspauth():
    ha1, md5 = hash_of("MD5", "a", "r", "p"), digest.HASHES["MD5"]
    assert response_of("MD5", ha1, "n", "", "sip:x") == md5(f"{ha1}:n:{md5(b':sip:x')}".encode())


def test_algorithm_names_compare_without_case_and_none_is_md5():
    assert [canonical(n) for n in ("", "md5", "MD5-SESS", "sha-256", "SHA-512-256-sess")] == [
        "MD5", "MD5", "MD5-sess", "SHA-256", "SHA-512-256-sess",
    ]  # fmt: skip
    assert canonical("SHA-1") == ""
    assert base_of("sha-256-SESS") == "SHA-256"


def test_octets_that_are_not_utf8_are_hashed_as_they_came():
    name = b"J\xe4s\xf8n".decode("utf-8", "surrogateescape")
    assert hash_of("MD5", name, "r", "p") == digest.HASHES["MD5"](b"J\xe4s\xf8n:r:p")


def test_responses_are_compared_without_case_and_never_raise():
    assert matches("abc123", "ABC123")
    assert not matches("abc123", "abc124")
    assert not matches("abc123", "")
    assert not matches("abc123", "äöü\udcff")


def test_a_challenge_is_spelled_as_phones_expect():
    assert challenge_value("example.com", "n") == 'Digest realm="example.com", nonce="n", algorithm=MD5, qop="auth"'
    assert challenge_value('a"b', "n", "SHA-256", ("auth", "auth-int"), opaque="o", stale=True, userhash=True, utf8=True) == (
        'Digest realm="a\\"b", nonce="n", algorithm=SHA-256, qop="auth,auth-int", opaque="o", stale=true, charset=UTF-8, userhash=true'
    )
    assert challenge_value("r", "n", qop=()) == 'Digest realm="r", nonce="n", algorithm=MD5'


@rfc("7616", "3.4")
def test_an_answer_has_quotes_where_rfc_7616_wants_them_and_nowhere_else():
    challenge = parse_challenge(challenge_value("example.com", "n", opaque="o"))
    value = answer(challenge, "REGISTER", "sip:example.com", username="alice", password="secret", cnonce="c", nc=10)
    response = response_of("MD5", hash_of("MD5", "alice", "example.com", "secret"), "n", "REGISTER", "sip:example.com",
                           qop="auth", nc="0000000a", cnonce="c")  # fmt: skip
    assert value == (
        f'Digest username="alice", realm="example.com", nonce="n", uri="sip:example.com", response="{response}", algorithm=MD5, '
        'opaque="o", qop=auth, nc=0000000a, cnonce="c"'
    )


TEXT = st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
NAME = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)


@given(
    NAME, NAME, TEXT, NAME, TEXT,
    st.sampled_from(["", "MD5", "SHA-256", "SHA-512-256", "MD5-sess", "SHA-256-sess", "sha-512-256-SESS"]),
    st.sampled_from([(), ("auth",), ("auth-int",), ("auth", "auth-int"), ("future", "auth-int")]),
    st.booleans(), st.integers(1, 2**32 - 1), st.binary(max_size=20),
)  # fmt: skip
def test_what_we_answer_is_what_we_expect(username, realm, nonce, password, cnonce, algorithm, qop, hashed, nc, body):
    value = challenge_value(realm, nonce, algorithm or "MD5", qop, userhash=hashed)
    if not algorithm:
        value = value.replace(", algorithm=MD5", "")
    challenge = parse_challenge(value)
    assert (challenge.realm, challenge.nonce, challenge.qop, challenge.userhash) == (realm, nonce, qop, hashed)
    sent = answer(challenge, "INVITE", "sip:bob@x", username=username, password=password, cnonce=cnonce, nc=nc, body=body)
    credentials = parse_credentials(sent)
    assert credentials.username == (userhash(algorithm, username, realm) if hashed else username)
    assert credentials.userhash is hashed
    ha1 = hash_of(algorithm, username, realm, password)
    assert matches(expected(credentials, ha1, "INVITE", body), credentials.response)
    assert not matches(expected(credentials, ha1, "BYE", body), credentials.response)
    assert credentials.nonce_count == (nc if qop else 0)
    if qop and "auth" not in qop:
        assert not matches(expected(credentials, ha1, "INVITE", body + b"!"), credentials.response)


@rfc("8760", "2.4")
def test_the_topmost_challenge_that_can_be_answered_is_chosen():
    offered = [
        'Digest realm="r", nonce="1", algorithm=SHA-3, qop="auth"',  # unknown
        'Basic realm="r"',  # MUST NOT be used: RFC 8760 2.6
        'Digest realm="r, nonce="1"',  # not understood
        'Digest realm="r", nonce="2", algorithm=SHA-256, qop="auth-conf"',
        'Digest realm="r", nonce="3", algorithm=SHA-256, qop="auth"',
        'Digest realm="r", nonce="4", algorithm=MD5, qop="auth"',
    ]
    assert choose(offered, "secret").nonce == "3"
    assert choose(offered, None, {"MD5": "x"}).nonce == "4"
    assert choose(offered, None) is None
    assert choose(offered[:4], "secret") is None


def test_a_stored_hash_answers_as_well_as_the_password():
    challenge = parse_challenge(challenge_value("r", "n", "SHA-256"))
    stored = {"SHA-256": hash_of("SHA-256", "alice", "r", "secret")}
    common = {"username": "alice", "cnonce": "c"}
    assert answer(challenge, "BYE", "sip:x", ha1=stored, **common) == answer(challenge, "BYE", "sip:x", password="secret", **common)


def test_a_challenge_that_cannot_be_answered_is_refused():
    challenge = parse_challenge(challenge_value("r", "n", "SHA-3", ("auth",)))
    assert not can_answer(challenge, "secret")
    with pytest.raises(ValueError, match="no answer to a challenge with algorithm SHA-3 and qop auth"):
        answer(challenge, "BYE", "sip:x", username="a", password="p", cnonce="c")


def test_a_session_answer_without_qop_still_says_its_cnonce():
    challenge = parse_challenge(challenge_value("r", "n", "MD5-sess", ()))
    credentials = parse_credentials(answer(challenge, "BYE", "sip:x", username="a", password="p", cnonce="c"))
    assert (credentials.cnonce, credentials.qop, credentials.nc) == ("c", "", "")
    assert expected(credentials, hash_of("MD5", "a", "r", "p"), "BYE") == credentials.response
