"""No sentence tells the password of a URI."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sip.grammar import Malformed
from pipeline.sip.passwords import passwordless
from pipeline.sip.uri import Uri

SECRET = "5ec4e7"


@given(st.text(alphabet="ab;:@=+$,&/?%41<>", max_size=12))
def test_no_password_that_a_uri_has_is_shown(user):
    try:
        password = Uri.parse(text := f"sip:{user}:{SECRET}@example.com").password
    except Malformed:
        return
    assert password is None or SECRET not in passwordless(f"why: to {text} it goes")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("refer: to sip:a:b@x, then SIPS:c:d@y", "refer: to sip:a:***@x, then SIPS:c:***@y"),
        ("at sip:192.0.2.1:5060 or sip:bob@192.0.2.1:5060", "at sip:192.0.2.1:5060 or sip:bob@192.0.2.1:5060"),
        ("alice@example.com: no credentials", "alice@example.com: no credentials"),
        ("from https://a:b@x/y", "from https://a:***@x/y"),
    ],
)
def test_only_the_password_goes(text, shown):
    assert passwordless(text) == shown
