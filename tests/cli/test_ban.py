"""`sipline ban`, without a server and with one."""

import json

import pytest

from pipeline.cli.ban import seconds_of


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("15m", 900), ("2h", 7200), ("7d", 604800), ("1.5h", 5400)])
def test_times_are_short(text, seconds):
    assert seconds_of(text) == seconds


def test_without_a_server_the_stores_are_used(sipline):
    assert sipline("ban", "list")[:2] == (0, "no bans\n")
    assert sipline("ban", "add", "192.0.2.7", "--time", "1h", "--reason", "noise")[:2] == (0, "banned 192.0.2.7 for 3600 s\n")
    assert sipline("ban", "add", "198.51.100.77/24")[1] == "banned 198.51.100.0/24 until it is lifted\n"
    (first, second) = json.loads(sipline("ban", "list", "--json")[1])
    assert (first["source"], first["by"], first["reason"]) == ("192.0.2.7", "admin", "noise")
    assert second["seconds"] is None
    assert "until it is lifted" in sipline("ban", "list")[1]
    assert sipline("ban", "remove", "192.0.2.7")[1] == "lifted the ban of 192.0.2.7\n"
    assert sipline("ban", "remove", "all")[1] == "lifted the ban of 198.51.100.0/24\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "phone"), "'phone' is no address and no network"),
        (("add", "192.0.2.7", "--time", "soon"), "'soon' is no time"),
        (("remove", "192.0.2.7"), "192.0.2.7 is not banned"),
    ],
)
def test_a_mistake_is_one_line(sipline, arguments, said):
    status, _, err = sipline("ban", *arguments)
    assert status == 1 and said in err


def test_a_running_server_is_asked(serve, sipline):
    serve()
    assert sipline("ban", "add", "192.0.2.7")[0] == 0
    assert "192.0.2.7" in sipline("show", "bans")[1]
    assert sipline("ban", "remove", "192.0.2.7")[0] == 0
    assert sipline("show", "bans")[1] == "no bans\n"
