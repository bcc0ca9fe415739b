"""From a sentence to a line of the file."""

import textwrap

import pytest

from pipeline.config import Document, build
from pipeline.trace.why import Places

TEXT = textwrap.dedent("""\
    [pipeline]
    domains = ["example.com"]
    claim_seconds = 20.0

    [[stage]]
    name = "transport"
    plugins = ["udp"]
    [[stage]]
    name = "protocol"
    plugins = ["stack"]
    [[stage]]
    name = "intercept"
    plugins = []
    [[stage]]
    name = "application"
    plugins = []
    [[stage]]
    name = "integration"
    plugins = ["toml"]

    [plugin.udp]
    bind = ["127.0.0.1:0"]

    [user.alice]
    password = "x"

    [endpoint.trunk]
    auth = []
    """)


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Places(build(Document(tmp_path / "pipeline.toml", TEXT)))


@pytest.mark.parametrize(
    ("plugin", "because", "expected"),
    [
        ("udp", "bind: no", ("udp.bind", "pipeline.toml:22", "no")),
        ("udp", "advertise: no", ("udp.advertise (default)", "pipeline.toml:7", "no")),
        ("udp", "bind", ("udp.bind", "pipeline.toml:22", "")),
        ("udp", "auth.alice: wrong password", ("auth.alice", "pipeline.toml:24", "wrong password")),
        ("udp", "endpoint.trunk: no", ("endpoint.trunk", "pipeline.toml:27", "no")),
        ("udp", "aor.alice@example.com: no", ("aor.alice@example.com", "pipeline.toml:24", "no")),
        ("udp", "domain.example.com: no", ("domain.example.com", "pipeline.toml:2", "no")),
        ("udp", "auth.carol: no", ("auth.carol", "", "no")),
        ("udp", "claim_seconds: over", ("pipeline.claim_seconds", "pipeline.toml:3", "over")),
        ("udp", "stack: no such dialog", ("stack", "pipeline.toml:10", "no such dialog")),
        ("stack", "To: unterminated quoted string", ("", "pipeline.toml:10", "To: unterminated quoted string")),
        ("udp", "a sentence of its own", ("", "pipeline.toml:7", "a sentence of its own")),
        ("nobody", "", ("", "", "")),
    ],
)
def test_the_first_word_finds_its_line(places, plugin, because, expected):
    assert tuple(places.why(plugin, because)) == expected
