"""Advice that `check` prints: passwords that are soon guessed, without showing them; a name where subscriptions are kept."""

import os

from pipeline.config import Document, build
from pipeline.testing.server import STAGES, toml_of

USERS = '[user.bob]\npassword = "Bob"\n[user.carol]\npassword = "secret7"\n[user.dave]\npassword = "eight888"\n'


def hints(found):
    return [hint for hint in found.hints if "password" in hint]


def test_a_password_that_is_the_user_name_or_short_is_advised_against(plan):
    found = hints(plan(USERS))
    assert found == [
        "the password of 'bob' is the user name, which scanners try first: choose another",
        "the password of 'carol' is shorter than 8 characters, and soon guessed: choose a longer one",
    ]
    assert "secret7" not in "".join(found)


def test_the_name_at_a_domain_and_the_digest_user_name_count_as_well(plan):
    toml = '[domain."other.org"]\n[user."zed@other.org"]\npassword = "zed"\n[endpoint.t]\nauth = ["t"]\n[auth.t]\nusername = "trunk-77"\npassword = "trunk-77"'
    assert hints(plan(toml)) == ["the password of 't' and 'zed@other.org' is the user name, which scanners try first: choose another"]


def test_of_many_users_three_are_named(plan):
    toml = "".join(f'[user.u{number}]\npassword = "short"\n' for number in range(5))
    assert hints(plan(toml)) == [
        "the password of 'u0', 'u1', 'u2' and 2 more is shorter than 8 characters, and soon guessed: choose a longer one"
    ]


def test_where_subscriptions_are_kept_a_name_is_advised(tmp_path):
    text = toml_of("", {**STAGES, "application": ["registrar", "pubsub"], "integration": ["toml", "sqlite"]})
    named = build(Document(tmp_path / "pipeline.toml", text))
    assert [hint for hint in named.hints if "subscriptions" in hint] == []
    (hint,) = [hint for hint in build(Document(tmp_path / "pipeline.toml", text.replace('name = "test"\n', ""))).hints if "kept" in hint]
    assert hint.endswith(f'[pipeline] name = "{os.uname().nodename}"')
    text = text.replace('name = "test"\n', "").replace('"sqlite"', '"memory"')
    assert [hint for hint in build(Document(tmp_path / "pipeline.toml", text)).hints if "subscriptions" in hint] == []
