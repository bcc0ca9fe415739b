import pytest

from pipeline.config.objects import spread

MD5 = "MD5:" + "0" * 32


def by_kind(found, kind):
    return {stored.id: stored for stored in found.objects if stored.kind == kind}


def test_a_user_is_an_endpoint_an_auth_and_an_aor(plan):
    found = plan(f'[user.bob]\npassword_digest = ["{MD5}"]\nmax_contacts = 2\ntrust_from = true')
    endpoint, auth, aor = (by_kind(found, kind) for kind in ("endpoint", "auth", "aor"))
    assert (endpoint["bob"].auth, endpoint["bob"].aors, endpoint["bob"].trust_from) == (("bob",), ("bob@example.com",), True)
    assert (auth["bob"].username, auth["bob"].password_digest) == ("bob", {"MD5": "0" * 32})
    assert aor["bob@example.com"].max_contacts == 2


def test_a_user_of_another_domain_keeps_its_name_and_is_called_by_its_user_part(plan):
    found = plan('[domain."other.org"]\n[user."bob@other.org"]\npassword = "x"')
    assert by_kind(found, "endpoint")["bob@other.org"].aors == ("bob@other.org",)
    assert by_kind(found, "auth")["bob@other.org"].username == "bob"


def test_the_long_form_says_the_same(plan):
    found = plan(
        '[endpoint.trunk]\nauth = ["trunk"]\naors = ["sales"]\n[auth.trunk]\nusername = "t"\npassword = "x"\n[aor.sales]\n'
        '[identify.trunk]\nendpoint = "trunk"\nmatch = ["192.0.2.0/24", "2001:db8::1"]'
    )
    assert by_kind(found, "endpoint")["trunk"].aors == ("sales@example.com",)
    assert by_kind(found, "auth")["trunk"].username == "t"
    assert by_kind(found, "identify")["trunk"].match == ("192.0.2.0/24", "2001:db8::1")


def test_a_user_takes_the_auth_and_the_aor_that_the_long_form_gives_it(plan):
    found = plan('[user.bob]\n[auth.bob]\npassword = "x"\n[aor.bob]\nmax_contacts = 3')
    assert by_kind(found, "endpoint")["bob"].auth == ("bob",)
    assert by_kind(found, "aor")["bob@example.com"].max_contacts == 3


def test_a_user_without_authentication_says_so(plan):
    found = plan("[user.door]\nauth = []")
    assert by_kind(found, "endpoint")["door"].auth == ()
    assert "door" not in by_kind(found, "auth")


def test_each_key_of_a_user_goes_to_one_type():
    goes = spread()
    assert (goes["password"], goes["auth"], goes["max_contacts"]) == (("auth",), ("endpoint",), ("aor",))


def test_a_key_of_two_types_is_ambiguous(problems, monkeypatch):
    from pipeline.config import objects

    monkeypatch.setattr(objects, "spread", lambda: {**spread(), "username": ("endpoint", "auth")})
    assert problems('[user.bob]\npassword = "x"\nusername = "b"') == [
        (
            "pipeline.toml:29:1: 'username' of [user.bob] could be of endpoint or auth\n    username = \"b\"\n    ^^^^^^^^\n"
            "  write it in [endpoint.bob] or [auth.bob]"
        )
    ]


CASES = {
    "[user.bob]": (
        "27:2",
        "[user.bob] has no password",
        'write password_digest = ["MD5:…"] or password = "…", or auth = [] to let it in without one',
    ),
    "[endpoint.bob]\nauth = []\nmax_contacts = 2": (
        "29:1",
        "[endpoint.bob] has no key 'max_contacts'",
        "it belongs to [aor.NAME] or [user.NAME]",
    ),
    '[aor.bob]\ncontext = "x"': ("28:1", "[aor.bob] has no key 'context'", "it belongs to [endpoint.NAME] or [user.NAME]"),
    '[endpoint.bob]\nauth = []\nmatch = ["10.0.0.7"]': ("29:1", "[endpoint.bob] has no key 'match'", "it belongs to [identify.NAME]"),
    '[user.bob]\npassword = "x"\nrealm = "x"': ("29:1", "[user.bob] has no key 'realm'", "it belongs to [domain.NAME]"),
    '[user.bob]\npasword = "x"': ("28:1", "[user.bob] has no key 'pasword'", "did you mean 'password'?"),
    '[user.bob]\npassword = "x"\nauth = []': ("28:1", "[user.bob] has 'password', but says auth = []", "keep one of the two"),
    '[user.bob]\npassword = "x"\nmax_contacts = "2"': ("29:16", 'max_contacts must be a whole number, not "2"', "write max_contacts = 2"),
    '[user.bob]\npassword = "x"\nmax_contacts = 1\naors = ["alice"]': (
        "29:1",
        "'max_contacts' is of aor 'bob@example.com', which aors does not name",
        'add "bob" to aors, or remove it',
    ),
    '[user.""]\npassword = "x"': ("27:2", "'' is no user name", "letters, digits and . - _ + will do"),
    '[user."a\\nb"]\npassword = "x"': ("27:2", "'a\\nb' is no user name", "letters, digits and . - _ + will do"),
    '[user."a@b@c"]\npassword = "x"': ("27:2", "'a@b@c' is no user name", "letters, digits and . - _ + will do"),
    '[user."bob@nowhere.org"]\npassword = "x"': (
        "27:2",
        "'nowhere.org' is no domain of this server",
        'add "nowhere.org" to domains of [pipeline]',
    ),
    '[user."bob@exmaple.com"]\npassword = "x"': ("27:2", "'exmaple.com' is no domain of this server", "did you mean 'example.com'?"),
    '[user."alice@example.com"]\npassword = "x"': (
        "27:2",
        "aor 'alice@example.com' is made already by [user.alice] in line 25",
        "keep one of the two",
    ),
    "[endpoint.alice]\nauth = []": ("25:2", "endpoint 'alice' is made already by [endpoint.alice] in line 27", "keep one of the two"),
    "[endpoint.trunk]": (
        "27:2",
        "[endpoint.trunk] does not say 'auth'",
        'write auth = ["trunk"], or auth = [] to let it in without a password',
    ),
    "[auth.trunk]": ("27:2", "[auth.trunk] has no password", 'write password_digest = ["MD5:…"] or password = "…"'),
    '[aor."sip:x@example.com"]': ("27:2", "'sip:x@example.com' is an id, not a URI", "write 'x@example.com'"),
    '[identify.x]\nmatch = ["10.0.0.1"]': ("27:2", "[identify.x] needs 'endpoint'", "endpoint: the endpoint that a matching source is"),
    '[identify.x]\nendpoint = "alice"\nmatch = ["10.0.0.300"]': (
        "29:10",
        '"10.0.0.300" is no address and no network',
        'write "192.0.2.7", "192.0.2.0/24" or "2001:db8::/32"',
    ),
    '[identify.x]\nendpoint = "alice"\nmatch = ["192.0.2.1", "10.0.0.1/8"]': (
        "29:23",
        '"10.0.0.1/8" has bits set behind its prefix',
        'write "10.0.0.0/8", or "10.0.0.1" for the one address',
    ),
    '[identify.x]\nendpoint = "alice"\nmatch = ["::1/64"]': (
        "29:10",
        '"::1/64" has bits set behind its prefix',
        'write "::/64", or "::1" for the one address',
    ),
    '[user.bob]\npassword_digest = "x"': (
        "28:19",
        "password_digest must be a list of texts",
        'write password_digest = ["MD5:…", "SHA-256:…"]',
    ),
    '[user.bob]\npassword_digest = ["MD5:12"]': (
        "28:19",
        "item 1 of password_digest: a hash of MD5 is 32 hexadecimal digits",
        "this has 2",
    ),
    '[user.bob]\npassword_digest = ["SHA256:12"]': (
        "28:19",
        "item 1 of password_digest: unknown algorithm 'SHA256'",
        "did you mean 'SHA-256'?",
    ),
    f'[user.bob]\npassword_digest = ["{MD5}", "{MD5}"]': ("28:19", "password_digest has two hashes of MD5", "remove one of the two"),
}


@pytest.mark.parametrize("table", CASES)
def test_an_object_that_is_wrong_is_told(problems, table):
    where, message, hint = CASES[table]
    (told,) = problems(table)
    assert (told.split("\n")[0], told.split("\n")[3]) == (f"pipeline.toml:{where}: {message}", f"  {hint}")


def test_keys_that_stand_under_no_name_are_told(problems):
    assert problems('[identify]\nendpoint = "alice"') == [
        'pipeline.toml:28:1: its keys stand under a name: write [identify.NAME]\n    endpoint = "alice"\n    ^^^^^^^^'
    ]


def test_what_calls_need_is_said_of_the_user_himself(plan):
    found = plan(
        '[user.bob]\npassword = "x"\ncontext = "sales"\ncaller_id = "Bob <200>"\nmedia = "media_local"\ncodecs = ["PCMA"]\nmax_calls = 2\n'
        'contact = ["sip:bob@10.0.0.7", "<sip:bob@10.0.0.8;transport=tcp>;q=0.5"]'
    )
    bob = by_kind(found, "endpoint")["bob"]
    assert (bob.context, bob.caller_id, bob.media, bob.codecs, bob.max_calls) == ("sales", "Bob <200>", "media_local", ("PCMA",), 2)
    assert by_kind(found, "aor")["bob@example.com"].contact == ("sip:bob@10.0.0.7", "<sip:bob@10.0.0.8;transport=tcp>;q=0.5")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('contact = ["tel:+1555"]', "'tel:+1555' is no sip or sips URI"),
        ('contact = ["sip:ok@h", "bob"]', "'bob': it must begin with a scheme such as 'sip:'"),
        ('contact = ["<sip:bob@h>;q=2"]', "'<sip:bob@h>;q=2': it must be 0 to 1 with at most three decimals"),
        ('outbound_proxy = "proxy.example.net"', "'proxy.example.net': it must begin with a scheme such as 'sip:'"),
    ],
)
def test_where_requests_are_sent_to_must_be_a_uri(problems, line, text):
    assert text in "".join(problems(f'[user.bob]\npassword = "x"\n{line}'))
