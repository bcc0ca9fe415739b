"""How many connections a source may have: those that brought a request, those that did not, and what a source is."""

from pipeline.sources import Sources


def test_the_unproved_are_counted_apart():
    sources = Sources()
    first = [sources.come("192.0.2.1", 4, 2) for _ in range(2)]
    assert sources.come("192.0.2.1", 4, 2) is None
    for source in first:
        source.prove()
    more = [sources.come("192.0.2.1", 4, 2) for _ in range(2)]
    for source in more:
        source.prove()
    assert sources.come("192.0.2.1", 4, 2) is None
    assert sources.refused == 2
    assert sources.come("192.0.2.2", 4, 2) is not None


def test_nothing_is_left_of_a_source_without_connections():
    sources = Sources()
    one, other = sources.come("192.0.2.1", 9, 9), sources.come("192.0.2.1", 9, 9)
    assert one is other
    one.prove()
    one.leave(proved=True)
    assert (one.open, one.unproved) == (1, 1)
    one.leave(proved=False)
    assert sources.by_key == {}


def test_an_ipv6_source_is_its_64_and_a_mapped_one_its_ipv4_address():
    sources = Sources()
    assert sources.come("2001:db8::1", 9, 9) is sources.come("2001:db8::ffff:1", 9, 9)
    assert sources.come("2001:db8:0:1::1", 9, 9) is not sources.come("2001:db8::1", 9, 9)
    assert sources.come("fe80::1%2", 9, 9) is not None
    assert sources.come("::ffff:192.0.2.1", 9, 9) is sources.come("192.0.2.1", 9, 9)
