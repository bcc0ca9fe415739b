"""Transfers with real softphones: baresip refers whom it talks to, and shows what the NOTIFYs say."""

import json

import pytest


@pytest.fixture
def server(serve, template):
    return serve(template("presence.toml").replace('"dialog", ', '"dialog", "refer", '))


def channels(server):
    """Whose channels there are."""
    return sorted(channel["channel"].partition("-")[0] for channel in json.loads(server.sipline("show", "channels", "--json").stdout))


def talk(phones, server, tools):
    alice, bob, carol = (phones.baresip(name) for name in ("alice", "bob", "carol"))
    alice.command("dial", f"sip:bob@127.0.0.1:{server.port}")
    bob.says("Incoming call")
    bob.command("accept")
    alice.says("Call established")
    return alice, bob, carol


def test_a_phone_transfers_whom_it_talks_to(phones, server, tools):
    _, bob, carol = talk(phones, server, tools)
    bob.command("transfer", f"sip:carol@127.0.0.1:{server.port}")
    carol.says("Incoming call")
    carol.command("accept")
    carol.says("Call established")
    tools.until(
        lambda: f"alice and carol alone: {channels(server)}; bob said:\n{bob.said}",
        lambda: channels(server) == ["alice", "carol"],
        20,
        pause=0.2,
    )


def test_a_phone_whose_transfer_fails_is_told_the_truth(phones, server, tools):
    _, bob, _ = talk(phones, server, tools)
    bob.command("transfer", f"sip:nobody@127.0.0.1:{server.port}")
    bob.says("transfer failed: 404 Not Found")  # it hangs up then, as it always does
    tools.until("no calls", lambda: not channels(server), 20, pause=0.2)
