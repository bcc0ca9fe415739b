import pytest

from pipeline.config.binds import first_domain, is_wildcard


def test_two_listeners_on_one_port_are_told_with_the_other_ones_line(problems):
    assert problems('[plugin.udp_lab]\nuse = "udp"\nbind = ["127.0.0.1:5060"]', {'["udp"]': '["udp", "udp_lab"]'}) == [
        (
            "pipeline.toml:29:9: 'udp_lab' cannot bind udp 127.0.0.1:5060: 'udp' binds 0.0.0.0:5060 (line 7)\n"
            '    bind = ["127.0.0.1:5060"]\n            ^^^^^^^^^^^^^^^^\n  give one of them another port'
        )
    ]
    assert problems('[plugin.udp]\nbind = ["10.0.0.1:5060", "10.0.0.1"]') == [
        (
            "pipeline.toml:29:26: 'udp' cannot bind udp 10.0.0.1: it already binds 10.0.0.1:5060 (line 29)\n"
            '    bind = ["10.0.0.1:5060", "10.0.0.1"]\n                             ^^^^^^^^^^\n  give one of them another port'
        )
    ]


def test_one_address_written_in_two_ways_is_one(problems):
    (told,) = problems('[plugin.udp]\nbind = ["[::1]:5060", "[0:0:0:0:0:0:0:1]:5060"]')
    assert "cannot bind udp [0:0:0:0:0:0:0:1]:5060: it already binds [::1]:5060" in told


@pytest.mark.parametrize(
    "binds",
    [
        '"0.0.0.0:5060", "[::]:5060"',
        '"0.0.0.0:0", "127.0.0.1:0"',
        '"10.0.0.1:5060", "10.0.0.2:5060"',
        '"10.0.0.1:5060", "10.0.0.1:5061"',
    ],
)
def test_listeners_that_do_not_meet_are_fine(plan, binds):
    plan(f"[plugin.udp]\nbind = [{binds}]")


def test_two_kinds_of_listener_share_a_port_number(plan, write):
    write("import parts\nfrom typing import ClassVar\n\nclass Tcp(parts.Udp):\n    listens: ClassVar[str] = 'tcp'\n", "tcp2.py")
    import sys

    sys.path.insert(0, ".")
    try:
        plan('[plugin.tcp_lab]\nload = "tcp2.py:Tcp"', {'["udp"]': '["udp", "tcp_lab"]'})
    finally:
        sys.path.remove(".")
        sys.modules.pop("parts", None)


def test_an_address_that_is_none_is_told(problems):
    (told,) = problems('[plugin.udp]\nbind = ["10.0.0.1:5060", "::1:5060"]')
    assert told.startswith("pipeline.toml:29:26: bind: ")
    assert "brackets" in told


@pytest.mark.parametrize(("host", "wildcard"), [("0.0.0.0", True), ("::", True), ("127.0.0.1", False), ("sip.example.com", False)])
def test_wildcards_are_known(host, wildcard):
    assert is_wildcard(host) is wildcard


def test_the_only_domain_of_a_file_without_one_is_the_first_address():
    assert first_domain(["192.0.2.7", "192.0.2.8"]) == "192.0.2.7"
    assert first_domain(["2001:db8::7"]) == "[2001:db8::7]"


def test_behind_a_wildcard_it_is_a_name_that_no_change_of_address_or_of_another_listener_changes():
    assert first_domain(["0.0.0.0", "::"]) == "sipline"
    assert first_domain(["0.0.0.0", "127.0.0.1"]) == first_domain(["127.0.0.1", "0.0.0.0"]) == "sipline"
    assert first_domain([]) == "sipline"
