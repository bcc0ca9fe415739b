import pytest

CASES = {
    '[endpoint.t]\nauth = ["alise"]': ("28:9", "[endpoint.t] refers to auth 'alise', which does not exist", "did you mean 'alice'?"),
    '[endpoint.t]\nauth = []\naors = ["alice", "alcie"]': (
        "29:18",
        "[endpoint.t] refers to aor 'alcie@example.com', which does not exist",
        "did you mean 'alice'?",
    ),
    '[endpoint.t]\nauth = []\naors = ["hotline"]': (
        "29:9",
        "[endpoint.t] refers to aor 'hotline@example.com', which does not exist",
        'write [aor."hotline@example.com"], or remove it',
    ),
    '[identify.x]\nendpoint = "trunk"\nmatch = ["10.0.0.1"]': (
        "28:12",
        "[identify.x] refers to endpoint 'trunk', which does not exist",
        "write [endpoint.trunk], or remove it",
    ),
    '[plugin.identify]\nanonymous = "alcie"': (
        "29:13",
        "anonymous of [plugin.identify] refers to endpoint 'alcie', which does not exist",
        "did you mean 'alice'?",
    ),
}


@pytest.mark.parametrize("table", CASES)
def test_what_refers_to_something_that_does_not_exist_is_told(problems, table):
    where, message, hint = CASES[table]
    (told,) = problems(table)
    assert (told.split("\n")[0], told.split("\n")[3]) == (f"pipeline.toml:{where}: {message}", f"  {hint}")


def test_what_a_backend_that_keeps_may_hold_is_left_to_it(plan):
    found = plan(
        '[plugin.sqlite]\nload = "parts.py:Sqlite"\n[endpoint.t]\nauth = ["alise"]\naors = ["sales"]',
        {'["toml", "memory"]': '["toml", "memory", "sqlite"]'},
    )
    assert [(r.type, r.id, found.document.place(*r.keys).line) for r in found.references] == [
        ("auth", "alise", 30),
        ("aor", "sales@example.com", 31),
    ]
    assert found.references[0].message == "[endpoint.t] refers to auth 'alise', which does not exist"
    assert found.warnings == []


def test_an_object_with_a_mistake_of_its_own_exists_all_the_same(problems):
    assert len(problems('[user.bob]\npasword = "x"\n[endpoint.t]\nauth = ["bob"]\naors = ["bob"]')) == 1


def test_a_user_who_lacks_a_hash_that_the_realm_offers_is_told(problems):
    digest = "MD5:" + "0" * 32
    assert problems(f'[domain."example.com"]\nalgorithms = ["SHA-256", "MD5"]\n[user.bob]\npassword_digest = ["{digest}"]') == [
        (
            "pipeline.toml:30:1: [user.bob] has no SHA-256 hash, which the realm 'example.com' offers\n"
            '    password_digest = "***"\n    ^^^^^^^^^^^^^^^\n'
            '  add "SHA-256:…" to password_digest, or take it out of algorithms of [domain."example.com"]'
        )
    ]


def test_a_plain_password_has_every_hash_and_a_domain_asks_only_its_own_users(plan):
    digest = "MD5:" + "0" * 32
    plan(
        f'[domain."other.org"]\nalgorithms = ["SHA-256"]\n[user."c@other.org"]\npassword = "x"\n[user.bob]\npassword_digest = ["{digest}"]'
    )


def test_objects_that_nobody_reads_are_a_warning(plan):
    warnings = plan('[dal]\naor = ["memory"]').warnings
    assert [str(warning) for warning in warnings] == [
        (
            "pipeline.toml:25:2: the aor of [user.alice] is not read: [dal] aor does not name 'toml'\n    [user.alice]\n     ^^^^^^^^^^\n"
            "  add 'toml' to aor in [dal]"
        )
    ]
    warnings = plan(changes={'["toml", "memory"]': '["memory"]'}).warnings
    assert [warning.message for warning in warnings if warning.message.startswith("[user")] == [
        "[user.alice] is not read: no backend for this file is listed"
    ]
