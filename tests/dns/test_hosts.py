"""Every address that a URI leads to: RFC 3263 4, without sending anything."""

import pytest

from pipeline.dns.hosts import STEPS, hosts_of
from pipeline.sip.uri import Uri


@pytest.fixture
def hosts(sip):
    server = sip(application=[])

    def of(uri):
        found = hosts_of(server.engine.locator, Uri.parse(uri))
        if hasattr(found, "done"):
            server.loop.run_until(lambda: found.done, 120)
            found = found.value()
        return found

    of.server = server
    of.zone = server.network.zone
    return of


def test_an_address_leads_to_itself(hosts):
    assert hosts("sip:192.0.2.7:5070") == {"192.0.2.7"}
    assert hosts.zone.asked == []


def test_a_service_leads_to_all_its_hosts(hosts):
    hosts.zone.add("_sip._udp.example.net", "SRV", "20 0 5080 b.example.net", "10 0 5070 a.example.net")
    hosts.server.network.names.update({"a.example.net": ["192.0.2.1", "192.0.2.3"], "b.example.net": ["192.0.2.2"]})
    assert hosts("sip:bob@example.net") == {"192.0.2.1", "192.0.2.2", "192.0.2.3"}


def test_a_name_that_nobody_knows_leads_nowhere(hosts):
    assert hosts("sip:bob@nowhere.example") == frozenset()


def test_a_service_of_a_thousand_hosts_costs_a_few_questions(hosts):
    hosts.zone.add("_sip._udp.many.example", "SRV", *(f"10 0 5060 h{number}.many.example" for number in range(60)))
    hosts.server.network.names.update({f"h{number}.many.example": ["192.0.2.1"] for number in range(60)})
    assert hosts("sip:bob@many.example") == {"192.0.2.1"}
    assert len({name for name, _ in hosts.zone.asked}) <= STEPS + 3
