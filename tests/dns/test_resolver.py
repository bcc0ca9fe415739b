"""One name, one kind of record: the cache, the servers in turn, what is not there, what fails."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.dns.asker import RECORDS, NameError_, Unanswered
from pipeline.dns.records import Naptr, Srv


def test_addresses_come_in_the_order_of_the_kinds_asked_for(dns):
    dns.network.names["pbx.example.com"] = ["192.0.2.7", "2001:db8::7"]
    assert dns.find("PBX.example.com.", "AAAA", "A") == ["2001:db8::7", "192.0.2.7"]
    assert dns.find("pbx.example.com", "A") == ["192.0.2.7"]


def test_records_of_services_are_read(dns):
    dns.zone.add("_sip._udp.example.com", "SRV", "10 60 5070 A.example.com")
    dns.zone.add("example.com", "NAPTR", '10 50 "s" "SIP+D2U" "" _sip._udp.example.com')
    assert dns.wait(dns.resolver.records("_sip._udp.example.com", "SRV")) == [Srv(10, 60, 5070, "a.example.com")]
    assert dns.wait(dns.resolver.records("example.com", "NAPTR")) == [Naptr(10, 50, "s", "SIP+D2U", "_sip._udp.example.com")]


def test_an_alias_is_followed(dns):
    dns.zone.add("www.example.com", "CNAME", "pbx.example.com")
    dns.network.names["pbx.example.com"] = ["192.0.2.7"]
    assert dns.find("www.example.com") == ["192.0.2.7"]


def test_an_answer_is_kept_for_its_time_and_no_longer(dns):
    dns.zone.add("pbx.example.com", "A", "192.0.2.7", ttl=100)
    for _ in range(3):
        dns.find("pbx.example.com", "A")
    assert len(dns.zone.asked) == 1
    dns.loop.advance(101)
    dns.find("pbx.example.com", "A")
    assert len(dns.zone.asked) == 2


def test_the_same_question_is_not_asked_twice_at_a_time(dns):
    dns.zone.add("pbx.example.com", "A", "192.0.2.7", ttl=0)
    first, second = dns.resolver.addresses("pbx.example.com", ("A",)), dns.resolver.addresses("pbx.example.com", ("A",))
    assert dns.wait(first) == dns.wait(second) == ["192.0.2.7"]
    assert len(dns.zone.asked) == 1
    dns.find("pbx.example.com", "A")
    assert len(dns.zone.asked) == 2  # a TTL of 0 is kept by nobody


@rfc("2308", "5")
def test_what_is_not_there_is_kept_as_long_as_the_soa_says(dns):
    dns.zone.minimum = 40
    for _ in range(2):
        with pytest.raises(NameError_, match=r"nobody\.example\.com does not exist"):
            dns.find("nobody.example.com", "A")
    assert len(dns.zone.asked) == 1
    dns.loop.advance(41)
    with pytest.raises(NameError_):
        dns.find("nobody.example.com", "A")
    assert len(dns.zone.asked) == 2


def test_a_server_that_is_silent_costs_a_second_and_is_asked_last_afterwards(dns):
    second = dns.second_server()
    dns.network.names["a.example.com"] = dns.network.names["b.example.com"] = ["192.0.2.7"]
    dns.zone.fails = "silent"
    begin = dns.clock.now()
    assert dns.find("a.example.com", "A") == ["192.0.2.7"]
    assert 1.0 <= dns.clock.now() - begin < 1.2
    begin = dns.clock.now()
    assert dns.find("b.example.com", "A") == ["192.0.2.7"]
    assert dns.clock.now() - begin < 0.1
    assert len(second.asked) == 2


def test_a_server_that_fails_is_passed_over_at_once(dns):
    dns.second_server()
    dns.network.names["a.example.com"] = ["192.0.2.7"]
    dns.zone.fails = "SERVFAIL"
    begin = dns.clock.now()
    assert dns.find("a.example.com", "A") == ["192.0.2.7"]
    assert dns.clock.now() - begin < 0.1


def test_when_nobody_answers_the_time_limit_counts_and_the_failure_is_shared_for_a_moment(dns):
    dns.zone.fails = "silent"
    dns.resolver.seconds = 2.5
    begin = dns.clock.now()
    with pytest.raises(Unanswered, match="is silent"):
        dns.find("a.example.com", "A")
    assert 2.4 < dns.clock.now() - begin < 2.6
    begin = dns.clock.now()
    with pytest.raises(Unanswered):
        dns.find("a.example.com", "A")
    assert dns.clock.now() == begin
    dns.zone.fails = ""
    dns.network.names["a.example.com"] = ["192.0.2.7"]
    dns.loop.advance(6)
    assert dns.find("a.example.com", "A") == ["192.0.2.7"]


def test_records_whose_time_is_over_are_better_than_none(dns):
    dns.zone.add("a.example.com", "A", "192.0.2.7", ttl=10)
    dns.find("a.example.com", "A")
    dns.zone.fails = "SERVFAIL"
    dns.loop.advance(600)
    assert dns.find("a.example.com", "A") == ["192.0.2.7"]
    dns.loop.advance(7200)
    with pytest.raises(Unanswered):
        dns.find("a.example.com", "A")


def test_a_cut_answer_is_asked_for_again_by_tcp(dns):
    dns.zone.cut = True
    dns.zone.add("big.example.com", "A", *[f"192.0.2.{n}" for n in range(30)])
    assert len(dns.find("big.example.com", "A")) == 30


def test_of_too_many_records_those_of_the_lowest_priority_are_taken(dns):
    dns.zone.add("_sip._udp.big.example", "SRV", *[f"{n} 0 5060 h{n}.big.example" for n in range(200, 0, -1)])
    found = dns.wait(dns.resolver.records("_sip._udp.big.example", "SRV"))
    assert [each.priority for each in found] == list(range(1, RECORDS + 1))
    dns.zone.add("big.example", "A", *[f"192.0.2.{n}" for n in range(200)])
    assert len(dns.find("big.example", "A")) == RECORDS


def test_an_answer_that_would_take_long_to_read_is_not_read(dns):
    dns.zone.add("huge.example", "A", *[f"10.1.{n // 250}.{n % 250}" for n in range(4000)])
    with pytest.raises(Unanswered, match="longer than 8192 octets"):
        dns.find("huge.example", "A")
    dns.network.names["pbx.example.com"] = ["192.0.2.7"]
    assert dns.find("pbx.example.com", "A") == ["192.0.2.7"]
    assert dns.open_sockets() == []


def test_aliases_that_go_in_a_circle_lead_nowhere(dns):
    import dns.message as library
    import dns.rrset as sets

    def answer(data, *, stream):
        response = library.make_response(library.from_wire(data))
        for one, other in (("a", "b"), ("b", "a")):
            response.answer.append(sets.from_text(f"{one}.example.", 60, "IN", "CNAME", f"{other}.example."))
        return response.to_wire()

    dns.zone.answer = answer
    with pytest.raises(Unanswered, match="ChainTooLong"):
        dns.find("a.example", "A")


def test_an_exception_of_who_waits_for_records_leaves_the_resolver_whole(dns):
    dns.network.names["a.example.com"] = ["192.0.2.7"]
    heard = []
    first, second = dns.resolver.addresses("a.example.com", ("A",)), dns.resolver.addresses("a.example.com", ("A",))

    def broken(pending):
        raise OSError("a mistake of who waits")

    first.then(broken)
    second.then(lambda pending: heard.append(pending.value()))
    with pytest.raises(OSError, match="a mistake of who waits"):
        dns.loop.advance(1)
    assert heard == [["192.0.2.7"]]
    assert dns.resolver.asker.under_way == 0
    assert dns.find("a.example.com", "A") == ["192.0.2.7"]


def test_lost_packets_are_asked_for_again(dns):
    dns.network.names["a.example.com"] = ["192.0.2.7"]
    lost = []
    dns.network.filter = lambda data, source, destination: bool(lost) or lost.append(data)
    assert dns.find("a.example.com", "A") == ["192.0.2.7"]


def test_a_forged_answer_is_not_taken(dns):
    dns.network.names["a.example.com"] = ["192.0.2.7"]
    forger = dns.network.host("10.66.6.6")
    endpoint = forger.datagram("10.66.6.6", 53, lambda *_: None)
    answers = []

    def forge(data, source, destination):
        if destination[1] == 53:
            import dns.message as library

            query = library.from_wire(data)
            forged = library.make_response(query)
            wrong = library.make_response(library.make_query("a.example.com", "A"))
            answers.append(source)
            dns.loop.call_soon(endpoint.send, forged.to_wire(), source)  # from elsewhere
            dns.loop.call_soon(dns.network._launch, 0, wrong.to_wire(), ("10.53.53.53", 53), source)  # another number
            dns.loop.call_soon(dns.network._launch, 0, b"nonsense", ("10.53.53.53", 53), source)
        return True

    dns.network.filter = forge
    assert dns.find("a.example.com", "A") == ["192.0.2.7"]
    assert answers


def test_short_names_are_looked_for_in_the_search_list(dns):
    naming = dns.network.naming()
    from pipeline.dns.system import Naming

    dns.network._naming = Naming(naming.servers, ("corp.example", "example.com"), 1)
    dns.network.names["pbx.example.com"] = ["192.0.2.7"]
    assert dns.find("pbx", "A") == ["192.0.2.7"]
    with pytest.raises(NameError_):
        dns.find("pbx.", "A")


def test_the_hosts_file_comes_first_and_localhost_is_never_asked_for(dns):
    from pipeline.dns.system import Naming

    dns.network._naming = Naming(dns.network.naming().servers, hosts={"pbx.example.com": ("192.0.2.9",)})
    assert dns.find("pbx.example.com", "AAAA", "A") == ["192.0.2.9"]
    assert dns.find("localhost", "A") == ["127.0.0.1"]
    with pytest.raises(NameError_):
        dns.find("pbx.example.com", "AAAA")
    assert dns.zone.asked == []


def test_a_name_that_dns_cannot_hold_does_not_exist(dns):
    for name in ("a" * 64 + ".example.com", "a..example.com", "."):
        with pytest.raises(OSError):
            dns.find(name, "A")


def test_the_cache_is_bounded_and_no_socket_stays_open(dns, monkeypatch):
    monkeypatch.setattr("pipeline.dns.resolver.ENTRIES", 20)
    for n in range(50):
        dns.network.names[f"h{n}.example.com"] = ["192.0.2.7"]
        dns.find(f"h{n}.example.com", "A")
    assert len(dns.resolver) == 20
    assert dns.open_sockets() == []
    assert dns.resolver.asker.under_way == 0


def test_too_many_questions_at_once_are_refused(dns, monkeypatch):
    monkeypatch.setattr("pipeline.dns.asker.UNDER_WAY", 3)
    dns.zone.fails = "silent"
    waiting = [dns.resolver.records(f"h{n}.example.com", "SRV") for n in range(4)]
    with pytest.raises(Unanswered, match="under way already"):
        waiting[3].value()
