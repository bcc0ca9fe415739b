import tomllib

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.scan import scan

TEXT = '''\
# a comment = "no key"
top = 1
[pipeline]
name = 'a "b" = [c]'   # behind
"quoted key" = """
several "lines" = here""""
[[stage]]
plugins = [ "a", # one
  "b", [1, 2], { x = "y", z.w = [3] }
]
[[stage]]
name = "two"
[stage.inner]
deep = 2024-01-01 10:00:00
[user."alice@example.org"]
password = "p\\"w"
[a.b.c]
d.e = true
'''


def at(text, span):
    return text[span.value : span.value_end]


def test_every_value_is_found_where_it_stands():
    found = scan(TEXT)
    assert at(TEXT, found["top",]) == "1"
    assert at(TEXT, found["pipeline", "name"]) == "'a \"b\" = [c]'"
    assert at(TEXT, found["pipeline", "quoted key"]).startswith('"""\nseveral')
    assert at(TEXT, found["stage", 0, "plugins", 1]) == '"b"'
    assert at(TEXT, found["stage", 0, "plugins", 2, 1]) == "2"
    assert at(TEXT, found["stage", 0, "plugins", 3, "z", "w", 0]) == "3"
    assert at(TEXT, found["stage", 1, "inner", "deep"]) == "2024-01-01 10:00:00"
    assert at(TEXT, found["user", "alice@example.org", "password"]) == '"p\\"w"'
    assert at(TEXT, found["a", "b", "c", "d", "e"]) == "true"


def test_a_table_is_found_at_its_header():
    found = scan(TEXT)
    assert at(TEXT, found["pipeline",]) == "pipeline"
    assert at(TEXT, found["user", "alice@example.org"]) == 'user."alice@example.org"'
    assert at(TEXT, found["user",]) == 'user."alice@example.org"'
    assert TEXT.count("\n", 0, found["stage", 1].value) == 10


def paths(data, prefix=()):
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*prefix, key), value
        if isinstance(value, dict | list):
            yield from paths(value, (*prefix, key))


words = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=8)
leaves = st.one_of(st.booleans(), st.integers(-9, 9), words)
tables = st.dictionaries(
    words,
    st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6),
    max_size=4,
)


@settings(deadline=None)
@given(tables)
def test_each_value_of_any_file_is_the_text_at_its_place(data):
    text = tomlkit.dumps(data)
    parsed = tomllib.loads(text)
    found = scan(text)
    for path, value in paths(parsed):
        assert path in found
        if not isinstance(value, dict | list):
            assert tomllib.loads(f"x = {at(text, found[path])}") == {"x": value}
