import pytest

from pipeline.config import Document, Problems, read
from pipeline.config.read import dotted, undotted


def told(text):
    with pytest.raises(Problems) as caught:
        Document("pipeline.toml", text)
    return str(caught.value)


def test_a_value_a_key_and_a_table_have_their_places():
    document = Document("pipeline.toml", '[plugin.udp]\nbind = ["a", "b"]\n')
    place = document.place("plugin", "udp", "bind", 1)
    assert (str(place), place.column, place.length, place.text) == ("pipeline.toml:2", 14, 3, 'bind = ["a", "b"]')
    assert document.place("plugin", "udp", "bind").column == 8
    assert document.place("plugin", "udp", "bind", key=True).column == 1
    assert (document.place("plugin", "udp").line, document.place("plugin", "udp").column) == (1, 2)


def test_what_is_not_written_is_placed_at_what_encloses_it():
    document = Document("pipeline.toml", "[plugin.udp]\nbind = []\n")
    assert document.place("plugin", "udp", "advertise").line == 1
    assert document.place("nothing").line == 1


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("plugin", "auth", "window"), 7),
        (("plugin", "auth", "realm"), 6),
        (("plugin", "registrar"), 5),
        (("endpoint", "alice"), 8),
        (("aor", "alice@example.com"), 8),
        (("aor", "alice@example.com", "max_contacts"), 9),
        (("auth", "trunk"), 10),
        (("domain", "Example.COM"), 2),
        (("endpoint", "nobody"), None),
    ],
)
def test_the_line_that_decided_is_found_in_short_and_long_form(keys, line):
    text = """\
[pipeline]
domains = ["example.com"]
[[stage]]
name = "application"
plugins = ["auth", "registrar"]
[plugin.auth]
window = 9
[user.alice]
max_contacts = 1
[auth.trunk]
"""
    assert Document("pipeline.toml", text).line_of(*keys) == line


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "pipeline.toml"
    path.write_bytes(b"\xef\xbb\xbf[pipeline]\r\nname = 'a'\r\n")
    assert read(path).place("pipeline", "name").line == 2


def test_a_missing_file_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Problems) as caught:
        read("pipeline.toml")
    assert str(caught.value) == (
        "pipeline.toml: cannot be read: No such file or directory\n"
        "  go to its folder, or say where it is: -c FILE, or SIPLINE_CONFIG\n1 problem found"
    )


def test_bytes_that_are_not_utf_8_are_told_with_their_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.toml").write_bytes(b"[pipeline]\nname = '\xe4'\n")
    with pytest.raises(Problems) as caught:
        read("pipeline.toml")
    assert str(caught.value).startswith("pipeline.toml:2:1: byte 19 is not UTF-8\n  save the file as UTF-8")


SYNTAX = {
    "x = yes\n": "pipeline.toml:1:5: this is no TOML value\n    x = yes\n        ^^^\n  write true",
    "name = edge-1 # here\n": 'pipeline.toml:1:8: this is no TOML value\n    name = edge-1 # here\n           ^^^^^^\n  text stands in quotes: "edge-1"',
    "x = \n[a]\n": "pipeline.toml:1:5: a value is missing here\n    x =\n        ^",
    "x = [1,\n": "pipeline.toml:1:8: a value is missing here\n    x = [1,\n           ^",
    "[a]\n[b]\n[a]\n": "pipeline.toml:3:1: the table [a] stands twice\n    [a]\n    ^^^\n  put the keys of both under one header",
    "[a] # one\n[a] # two\n": "pipeline.toml:2:1: the table [a] stands twice\n    [a] # two\n    ^^^\n  put the keys of both under one header",
    "[stage]\nx = 1\n  [[stage]]  # the second\n": (
        "pipeline.toml:3:3: [[stage]] stands here, and [stage] above\n    [[stage]]  # the second\n    ^^^^^^^^^\n"
        "  write [[stage]] at each, if there may be several"
    ),
    "[[stage]]\nx = 1\n[stage]\n": (
        "pipeline.toml:3:1: [stage] stands here, and [[stage]] above\n    [stage]\n    ^^^^^^^\n"
        "  write [[stage]] at each, if there may be several"
    ),
    "[user.alice@example.org]\n": (
        "pipeline.toml:1:1: a name with other signs than letters, digits, '_' and '-' stands in quotes\n    [user.alice@example.org]\n"
        '    ^^^^^^^^^^^^^^^^^^^^^^^^\n  write [user."alice@example.org"]'
    ),
    "[context.bob smith] # x\n": (
        "pipeline.toml:1:1: a name with other signs than letters, digits, '_' and '-' stands in quotes\n    [context.bob smith] # x\n"
        '    ^^^^^^^^^^^^^^^^^^^\n  write [context."bob smith"]'
    ),
    "[user.bob smith]\n": (  # not as [user."bob smith"] either
        "pipeline.toml:1:1: a name with other signs than letters, digits, '_' and '-' stands in quotes\n    [user.bob smith]\n"
        "    ^^^^^^^^^^^^^^^^"
    ),
    "[plugin.registrar # the first\nx = 1\n": (
        "pipeline.toml:1:1: a header is not closed: ']' is missing\n    [plugin.registrar # the first\n"
        "    ^^^^^^^^^^^^^^^^^\n  write [plugin.registrar]"
    ),
    '[user."a@b.example"\n': (
        "pipeline.toml:1:1: a header is not closed: ']' is missing\n    [user.\"a@b.example\"\n"
        '    ^^^^^^^^^^^^^^^^^^^\n  write [user."a@b.example"]'
    ),
    "[plugin.registrar min = 1\n": (
        "pipeline.toml:1:1: a header is not closed: ']' is missing\n    [plugin.registrar min = 1\n    ^^^^^^^^^^^^^^^^^^^^^^^^^"
    ),
    "[[stage]\nx = 1\n": ("pipeline.toml:1:1: a header is not closed: ']]' is missing\n    [[stage]\n    ^^^^^^^^\n  write [[stage]]"),
    "a = 1\na = 2\n": "pipeline.toml:2:1: the key a stands twice\n    a = 2\n    ^\n  remove one of the two",
    'x = "abc\n': 'pipeline.toml:1:9: a text is not closed\n    x = "abc\n            ^\n  its closing quote is missing (texts over several lines stand in """)',
    "name 1\n": "pipeline.toml:1:6: a key needs '=' and a value\n    name 1\n         ^\n  write key = \"value\"",
    "x = [1 2]\n": "pipeline.toml:1:8: a list is not closed\n    x = [1 2]\n           ^\n  a ']' or a ',' is missing before this",
}


@pytest.mark.parametrize("text", SYNTAX)
def test_what_is_no_toml_is_told_in_the_users_words(text):
    assert told(text) == SYNTAX[text] + "\n1 problem found"


@pytest.mark.parametrize(
    "text",
    [
        'password = "hunter2\n',
        "pasword = hunter2\n",
        'password_digest = [\n"MD5:hunter2",\n"SHA-256:hunter2\n]\n',
        "[user.alice]\nauth_token = hunter2\n",
        'user.alice = { password = "hunter2" \n x = 1\n',
        'password = """hunter2\n',
        'x = "a" password = "hunter2"\n',
    ],
)
def test_a_line_that_does_not_parse_shows_no_secret(text):
    assert "hunter2" not in told(text)


@pytest.mark.parametrize(
    ("text", "keys", "shown", "column"),
    [
        ('[user.a]\npassword = "hunter2" # x', ("user", "a", "password"), 'password = "***" # x', 12),
        ('[user.a]\npasswort = "hunter2"', ("user", "a", "passwort"), 'passwort = "***"', 12),
        ('user.a = { password = "hunter2", auth = [] }', ("user", "a", "auth"), 'user.a = { password = "***", auth = [] }', 37),
        (
            '[user.a]\npassword_digest = ["MD5:hunter2", "SHA-256:hunter2"]',
            ("user", "a", "password_digest", 1),
            'password_digest = "***"',
            19,
        ),
        ('[user.a]\npassword_digest = [\n  "MD5:hunter2",\n]', ("user", "a", "password_digest", 0), '"***"', 1),
    ],
)
def test_a_place_never_shows_a_secret_and_its_caret_stays_right(text, keys, shown, column):
    place = Document("pipeline.toml", text).place(*keys)
    assert (place.text.strip(), place.column) == (shown, column)


def test_an_option_that_a_plugin_declares_secret_is_masked_too():
    document = Document("pipeline.toml", '[plugin.redis]\nurl = "redis://:hunter2@host"\n')
    document.secrets.add("url")
    assert document.place("plugin", "redis", "url").text == 'url = "***"'


def test_a_table_is_written_as_its_header():
    assert dotted("user", "alice@example.org") == '[user."alice@example.org"]'


@pytest.mark.parametrize("text", ['password = "hunter2"', '[user]\npassword = "hunter2"', '[pipeline]\npwd = "hunter2"'])
def test_a_secret_outside_its_table_is_masked(text):
    document = Document("pipeline.toml", text)
    assert "hunter2" not in "".join(document._place(span, key=False).text for span in document._spans.values())


def test_a_user_whose_name_sounds_secret_is_not_masked():
    assert Document("pipeline.toml", '[user.compass]\naors = ["x"]').place("user", "compass", "aors").text == 'aors = ["x"]'


def test_a_secret_that_becomes_known_later_is_masked():
    document = Document("pipeline.toml", '[plugin.redis]\nurl = "hunter2"\n')
    assert document.place("plugin", "redis").line == 1
    document.secrets.add("url")
    assert "hunter2" not in document.place("plugin", "redis", "url").text


def test_a_number_that_python_does_not_read_is_told_with_its_line():
    assert told("[a]\nx = 1" + "0" * 5000 + "\n").startswith("pipeline.toml:2:1: a number has thousands of digits\n")


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("domain", "example"), {"com": {"realm": "x"}}, '[domain."example.com"]'),
        (("domain", "sip"), {"example": {"com": {}}}, '[domain."sip.example.com"]'),
        (("user", "john"), {"doe": {"password": "x"}}, '[user."john.doe"]'),
        (("plugin", "udp"), {"x": {}}, ""),
        (("user", "john"), {"doe": "x"}, ""),
    ],
)
def test_a_table_within_that_of_a_name_is_a_name_with_a_dot(keys, value, said):
    ((key, inner),) = value.items()
    assert undotted(keys, key, inner) == (f"a name with a dot stands in quotes: {said}" if said else "")
