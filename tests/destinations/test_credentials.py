"""pipeline.destinations.credentials: how we answer a challenge to a request of ours."""

import pytest

from pipeline.dal import Endpoint
from pipeline.destinations.credentials import Credentials
from pipeline.pending import walk

TOML = """
[user.alice]
password = "alice's"
[auth.trunk]
username = "us"
password = "secret"
[auth."them@realm.example"]
username = "them"
password_digest = ["MD5:0123456789abcdef0123456789abcdef"]
"""
TRUNK = Endpoint(id="trunk", outbound_auth=("gone", "trunk", "them@realm.example"))


@pytest.fixture
def credentials(sip):
    return Credentials(sip(TOML).engine)


def test_the_first_that_there_is_answers_any_realm(credentials):
    assert credentials.answer("some", TRUNK) == ("us", {"": "secret"})


def test_one_that_is_named_like_the_realm_comes_first(credentials):
    assert credentials.answer("realm.example", TRUNK) == ("them", {"MD5": "0123456789abcdef0123456789abcdef"})
    walk(credentials.read(TRUNK))
    assert credentials.answer("realm.example", TRUNK)[0] == "them"


def test_an_endpoint_that_proves_itself_to_us_gets_nothing_from_us(credentials):
    assert credentials.answer("example.com", Endpoint(id="alice", auth=("alice",))) is None
    assert credentials.answer("example.com", None) is None
    assert credentials.answer("example.com", Endpoint(id="x", outbound_auth=("gone",))) is None
