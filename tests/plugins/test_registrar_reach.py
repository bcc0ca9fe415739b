"""plugins.registrar.reach and ledger: where requests to a binding really go, and bindings that hang on a connection."""

import pytest

from pipeline.sip.parser import parse

HERE, NAT = ("10.0.0.9", 5060), ("10.0.0.9", 40000)


def reach(server, contact, via, source=HERE, more=()):
    headers = [("Contact", contact), ("Via", f"SIP/2.0/UDP {via};branch=z9hG4bK{id(contact)}{via.replace(':', '')};rport"), *more]
    assert server.request("REGISTER", headers=headers, source=source).status == 200
    return server.contacts("alice")[-1].reach


@pytest.mark.parametrize(
    ("contact", "via", "reach_is"),
    [
        ("<sip:alice@10.0.0.9:5060>", "10.0.0.9:5060", ""),  # as it says
        ("<sip:alice@10.0.0.9:5062>", "10.0.0.9:5060", ""),  # it listens on another port, and should know
        ("<sip:alice@192.168.1.7:5060>", "192.168.1.7:5060", "udp:10.0.0.9:5060"),  # behind an address translator
        ("<sip:alice@192.168.1.7>", "192.168.1.7:5080", "udp:10.0.0.9:5060"),
        ("<sip:alice@[2001:DB8::7]>", "[2001:db8:0::7]:5060", "udp:10.0.0.9:5060"),
        ("<sip:alice@198.51.100.3>", "192.168.1.7:5060", ""),  # a public address set by hand, or somebody else's device
        ("<sip:alice@phone.example.net>", "phone.example.net", ""),  # a name is looked up
        ("<sip:df7jal23ls0d@df7jal23ls0d.invalid;transport=ws>", "df7jal23ls0d.invalid", "udp:10.0.0.9:5060"),
        ("<sip:alice@10.0.0.9;ob>", "10.0.0.9", "udp:10.0.0.9:5060"),
        ("<tel:+15551234>", "10.0.0.9", ""),
    ],
)
def test_a_contact_is_believed_unless_it_is_shown_wrong(sip, contact, via, reach_is):
    assert reach(sip(), contact, via) == reach_is


def test_behind_a_proxy_the_path_leads_to_the_phone(sip):
    more = [("Supported", "path"), ("Path", "<sip:edge.example.net;lr>")]
    assert reach(sip(), "<sip:x@x.invalid>", "10.0.0.9", more=more) == ""


def test_a_proxy_in_between_is_not_the_phone(sip):
    server = sip()
    assert reach(server, "<sip:alice@192.168.1.7>", "10.0.0.9, SIP/2.0/UDP 192.168.1.7:5060") == ""


def test_what_an_interceptor_has_found_out_counts(sip, write):
    probe = write(
        "probe",
        """
    @plugin
    class Probe:
        stage: ClassVar = "intercept"
        @hookimpl
        def intercept(self, message, passage):
            passage.reach = "udp:203.0.113.5:777"
    """,
    )
    assert reach(sip(probe, intercept=["probe"]), "<sip:alice@10.0.0.9>", "10.0.0.9") == "udp:203.0.113.5:777"


def test_what_was_received_is_not_rewritten(sip):
    server = sip()
    reach(server, "<sip:alice@192.168.1.7>", "192.168.1.7:5060")
    assert server.contacts("alice")[0].uri == "sip:alice@192.168.1.7"


# -- connections -----------------------------------------------------------------------------------------------------


class Connection:
    """A TCP connection of a phone to the server."""

    def __init__(self, server, host="10.0.0.7"):
        self.server, self.got = server, b""
        pending = server.network.host(host).connect("10.0.0.1", 5060)
        server.loop.run_until(lambda: pending.done, 5)
        self.stream = pending.value()
        self.stream.on_closed = lambda reason: None
        self.stream.on_data = self._came

    def _came(self, data):
        self.got += data

    def register(self, contact, cseq=1, via="192.168.1.7:5060", to="alice"):
        data = self.server.message("REGISTER", to, headers=[("Contact", contact), ("Call-ID", "one")], cseq=cseq)
        lines = data.replace(b"SIP/2.0/UDP 10.0.0.9:5060", b"SIP/2.0/TCP " + via.encode())
        self.got = b""
        self.stream.write(lines)
        self.server.loop.run_until(lambda: b"\r\n\r\n" in self.got, 5)
        return parse(self.got)

    def close(self):
        self.stream.close()
        self.server.advance(0.1)


BEHIND_NAT = "<sip:alice@192.168.1.7:5060;transport=tcp>"


def the_flow(server):
    [flow] = server.engine.flows.values()
    return flow


def test_a_phone_behind_nat_is_reached_by_its_connection_which_is_held(sip):
    server = sip()
    phone = Connection(server)
    assert phone.register(BEHIND_NAT).status == 200
    [contact] = server.contacts("alice")
    assert contact.reach == the_flow(server).id
    assert the_flow(server).held
    phone.register(BEHIND_NAT + ";expires=0", cseq=2)
    assert not the_flow(server).held


def test_a_contact_that_is_the_far_end_of_its_connection_holds_it(sip):
    """Nobody listens on the port that a phone connects from: without the connection it is not to be reached."""
    server = sip()
    phone = Connection(server)
    host, port = the_flow_once(server)
    assert phone.register(f"<sip:alice@{host}:{port};transport=tcp>", via=f"{host}:{port}").status == 200
    assert the_flow(server).held
    phone.close()
    assert server.contacts("alice") == []


def the_flow_once(server):
    """Where the only connection comes from, as soon as the server knows it."""
    server.loop.run_until(lambda: server.engine.flows, 5)
    return the_flow(server).peer[:2]


def test_a_refresh_holds_the_connection_once(sip):
    server = sip()
    phone = Connection(server)
    for cseq in (1, 2, 3):
        phone.register(BEHIND_NAT, cseq=cseq)
    phone.register(BEHIND_NAT + ";expires=0", cseq=4)
    assert not the_flow(server).held


def test_an_expired_binding_lets_the_connection_go(sip):
    server = sip()
    phone = Connection(server)
    phone.register(BEHIND_NAT + ";expires=60")
    server.advance(63)
    assert not the_flow(server).held


def test_when_the_connection_closes_the_binding_that_hung_on_it_ends(sip):
    server = sip()
    phone = Connection(server)
    phone.register(f"{BEHIND_NAT}, <sip:alice@198.51.100.3>")
    phone.close()
    assert [contact.uri for contact in server.contacts("alice")] == ["sip:alice@198.51.100.3"]
    [event] = server.told("contact.removed")
    assert event.fields["reason"].startswith("the connection closed")


def test_a_binding_whose_contact_can_be_connected_to_outlives_its_connection(sip):
    server = sip()
    phone = Connection(server)
    phone.register("<sip:alice@10.0.0.7:5060;transport=tcp>", via="10.0.0.7:5060")
    phone.close()
    assert [contact.reach for contact in server.contacts("alice")] == [""]


def test_a_phone_that_came_back_by_a_new_connection_keeps_its_binding_when_the_old_one_closes(sip):
    server = sip()
    old = Connection(server)
    old.register(BEHIND_NAT)
    new = Connection(server)
    new.register(BEHIND_NAT, cseq=2)
    old.close()
    [contact] = server.contacts("alice")
    assert contact.reach == the_flow(server).id
    assert the_flow(server).held


def test_bindings_may_be_kept_when_their_connection_closes(sip):
    server = sip("[plugin.registrar]\ndrop_on_close = false")
    phone = Connection(server)
    phone.register(BEHIND_NAT)
    phone.close()
    assert len(server.contacts("alice")) == 1


def test_after_a_restart_bindings_that_hung_on_a_connection_end_and_others_stay(sip):
    server = sip('[dal]\ncontact = { backends = ["sqlite"], durability = "commit" }\n', integration=["toml", "sqlite"])
    phone = Connection(server)
    phone.register(f"{BEHIND_NAT}, <sip:alice@198.51.100.3>")
    assert len(server.contacts("alice")) == 2
    server.stop()
    server.start()
    server.advance(3)
    assert [contact.uri for contact in server.contacts("alice")] == ["sip:alice@198.51.100.3"]
    [event] = server.told("contact.removed")
    assert event.fields["reason"] == "its connection was closed by a restart"
