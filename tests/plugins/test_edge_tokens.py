"""plugins.edge.tokens: what a flow token says, and that nobody else can write one. RFC 5626 5.2."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline.plugins.edge.tokens import DIALOG, LONGEST, PATH, Token, Tokens

KEY = bytes(range(64))
FLOWS = ["udp:192.0.2.1:5060", "udp:[2001:db8:ffff:ffff:ffff:ffff:255.255.255.255]:65535", "flow:0a1b2c3d4e5f60718293"]


def flow(ident, listener="udp"):
    return SimpleNamespace(id=ident, listener=listener)


@pytest.mark.parametrize("ident", FLOWS)
@pytest.mark.parametrize("kind", [PATH, DIALOG])
def test_a_token_says_which_flow_it_is(ident, kind):
    tokens = Tokens(KEY)
    text = tokens.make(flow(ident, "udp_lab"), kind, "call" if kind == DIALOG else "")
    assert len(text) <= LONGEST
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert tokens.read(text, "call") == Token(kind, ident, "udp_lab")
    assert Tokens(KEY).read(text, "call") is not None  # another run of the same installation
    assert Tokens(KEY[::-1]).read(text, "call") is None


def test_that_of_a_dialog_is_good_for_its_call_id_and_that_of_a_path_for_any():
    tokens = Tokens(KEY)
    assert tokens.read(tokens.make(flow(FLOWS[0]), DIALOG, "this"), "other") is None
    assert tokens.read(tokens.make(flow(FLOWS[0]), PATH), "other") is not None


def test_one_kind_cannot_be_made_the_other():
    from base64 import urlsafe_b64decode, urlsafe_b64encode

    tokens = Tokens(KEY)
    text = tokens.make(flow(FLOWS[0]), DIALOG, "")
    raw = bytearray(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[10:11] = PATH.encode()
    assert tokens.read(urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode(), "") is None


@given(st.text(max_size=250), st.text(max_size=20))
def test_whatever_comes_nothing_raises_and_nothing_is_believed(text, call_id):
    assert Tokens(KEY).read(text, call_id) is None
