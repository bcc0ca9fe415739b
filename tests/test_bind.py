"""Addresses as the file writes them: those we listen on are tested in config/test_binds.py, those we tell others here."""

import pytest

from pipeline.bind import parse_advertised
from pipeline.config import Problems


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("sip.example.com", ("sip.example.com", 5060)),
        ("sip.example.com:5070", ("sip.example.com", 5070)),
        ("192.0.2.1:5080", ("192.0.2.1", 5080)),
        ("[2001:db8::5]", ("2001:db8::5", 5060)),
        ("[2001:db8::5]:5080", ("2001:db8::5", 5080)),
    ],
)
def test_what_we_advertise_is_a_host_with_or_without_a_port(sip, text, address):
    assert parse_advertised(text, 5060) == address
    sip(f'[plugin.udp]\nadvertise = "{text}"\n')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a b:99999", "character not allowed in a host"),
        ("sip.example.com:99999", "port larger than 65535"),
        ("sip.example.com:0", "the port must be 1 to 65535"),
        ("sip.example.com:", "the port is not a number"),
        ("exämple.com", "character not allowed in a host"),
        ("2001:db8::5", 'an IPv6 address stands in brackets, "[2001:db8::5]"'),
        ("0.0.0.0", '"0.0.0.0" stands for every address, and nobody can send to it: write the one by which peers reach us'),
        ("[::]:5060", '"[::]:5060" stands for every address'),
        ("[::ffff:0.0.0.0]", "stands for every address"),
        ("192.0.2.300", "no name ends in a number"),
    ],
)
@pytest.mark.parametrize("option", ["[plugin.udp]\nadvertise", "[plugin.tcp]\nadvertise", "[plugin.nat]\nexternal_signaling_address"])
def test_what_nobody_could_send_to_is_not_advertised(sip, option, text, said):
    with pytest.raises(Problems) as caught:
        sip(f'{option} = "{text}"\n', intercept=["nat"])
    assert f"{option.partition(chr(10))[2]}: " in str(caught.value) and said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a b", '"a b" is not an IP address, and media need one'),
        ("media.example.com", "is not an IP address"),
        ("0.0.0.0", '"0.0.0.0" stands for every address, and nobody can send media to it'),
        ("::", "stands for every address"),
    ],
)
@pytest.mark.parametrize(
    "option", ["[plugin.media_local]\nadvertise", "[plugin.nat]\nexternal_media_address", "[endpoint.x]\nauth = []\nmedia_address"]
)
def test_peers_are_told_to_send_media_to_an_address_alone(sip, option, text, said):
    with pytest.raises(Problems) as caught:
        sip(f'{option} = "{text}"\n', intercept=["nat"], application=["channel"], integration=["channel", "media_local", "memory", "toml"])
    assert said in str(caught.value)


def test_each_address_to_listen_on_that_is_wrong_is_told_at_its_own_place(sip):
    with pytest.raises(Problems) as caught:
        sip('[plugin.udp]\nbind = ["127.0.0.1:99999", "127.0.0.1:5070", "127.0.0.1:88888"]\n')
    first, second = caught.value.problems
    assert first.message == 'bind: "127.0.0.1:99999": the port must be 0 to 65535'
    assert second.message == 'bind: "127.0.0.1:88888": the port must be 0 to 65535'
    assert (second.place.line, second.place.column - first.place.column) == (first.place.line, len('"127.0.0.1:99999", "127.0.0.1:5070", '))
