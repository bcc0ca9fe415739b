"""From where, and by what, `sipline conformance` asks: what is listed and let in; else it says that it cannot ask."""

import pytest

from pipeline.config import Document, build
from pipeline.conformance.run import run
from pipeline.testing.server import CALLS, STAGES, toml_of

LISTED = {**STAGES, **CALLS, "intercept": ["identify", "security", "auth"]}
ROUTE = '[context.default]\nusers = true\n[dal]\nendpoint = ["toml", "memory"]\nauth = ["toml", "memory"]\naor = ["toml", "memory"]\n'


@pytest.fixture
def conform(tmp_path):
    def conform(toml="", **stages):
        results, _ = run(build(Document(tmp_path / "pipeline.toml", toml_of(ROUTE + toml, {**LISTED, **stages}))))
        assert [result for result in results if result.result == "failed"] == []
        return {result.name: result for result in results}

    return conform


def details(results):
    return {result.detail for result in results.values() if result.result == "not applicable"}


@pytest.mark.parametrize(
    "toml",
    [
        '[plugin.security]\nallow = ["203.0.113.0/24"]',
        '[plugin.security]\ndeny = ["10.0.0.0/8"]',
        '[plugin.security]\nallow = ["203.0.113.7"]',
        '[plugin.security]\nacl = ["office"]\n[acl.office]\npermit = ["203.0.113.0/24"]',
    ],
)
def test_the_checks_ask_from_a_network_that_is_let_in(conform, toml):
    assert {result.result for result in conform(toml, transport=["shield", "udp", "tcp"]).values()} == {"passed"}


def test_where_no_address_is_let_in_nothing_is_applicable_and_the_list_is_named(conform):
    found = conform('[plugin.security]\ndeny = ["0.0.0.0/0"]')
    assert details(found) == {"no address that could be tried is let in: deny: 0.0.0.0/0 holds 198.51.100.1"}
    assert {result.result for result in found.values()} == {"not applicable"}


def test_what_a_list_of_methods_refuses_is_not_applicable(conform):
    found = conform('[plugin.security]\ndeny_methods = ["OPTIONS"]')
    assert "a list refuses what is asked: deny_methods: OPTIONS" in details(found)
    assert found["a-binding-is-made-listed-and-removed"].result == "passed"


def test_without_udp_the_checks_ask_by_tcp(conform):
    found = conform(transport=["tcp"])
    assert details(found) == {"of a datagram only"}
    assert found["a-call-is-answered-acknowledged-and-ended"].result == "passed"
    assert sum(result.result == "passed" for result in found.values()) == len(found) - 2


def test_without_udp_and_tcp_nothing_is_applicable(conform, write):
    source = """
        @plugin
        class Pigeon:
            listens: ClassVar[str] = "pigeon"
            bind: list[str] = option(factory=list, help="where they land")
            @hookimpl
            def listen(self, engine): ...
    """
    assert details(conform(write("pigeon", source), transport=["pigeon"])) == {
        "neither udp nor tcp is listed, and others are not there in memory"
    }
