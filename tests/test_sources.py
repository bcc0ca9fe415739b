"""How many connections a source may have: those that are needed, those that brought a request, those that did not; what a source is."""

import tracemalloc

from pipeline.sources import CROWDED, UNNEEDED, Sources


class Stream:
    """What ends one of them, and is noted by its doors."""

    def __init__(self, doors, name):
        self.doors, self.name = doors, name

    def give_up(self, reason):
        self.doors.reasons.add(reason)
        self.doors.closed.append(self.name)


class Doors:
    """Connections by name, and which had to make room."""

    def __init__(self, most=4, unproved=2, in_all=100):
        self.sources = Sources()
        self.limits = most, unproved, in_all
        self.closed = []

        self.reasons = set()

    def come(self, name, host="192.0.2.1", *, crowded=False):
        return self.sources.come(host, *self.limits, Stream(self, name), crowded=crowded)

    def unneeded(self, name, host="192.0.2.1"):
        place = self.come(name, host)
        place.prove()
        place.spare()
        return place


def test_of_too_many_that_brought_nothing_the_oldest_makes_room():
    doors = Doors()
    places = [doors.come(name) for name in ("first", "second", "third", "fourth")]
    assert None not in places
    assert doors.closed == ["first", "second"]
    assert doors.reasons == {CROWDED}
    assert doors.sources.crowded == 2
    assert doors.sources.by_key["192.0.2.1"].open == 2


def test_who_says_at_once_what_he_wants_is_never_in_the_way_of_the_next():
    doors = Doors(most=100)
    for number in range(20):
        doors.come(number).prove()
    assert doors.closed == []
    assert doors.sources.by_key["192.0.2.1"].open == 20


def test_a_source_has_so_many_connections_and_no_more():
    doors = Doors()
    places = [doors.come(number) for number in range(4)]
    for place in places:
        place.prove()
    while len([place for place in places if place.line is not None]) < 4:
        places.append(doors.come("more"))
        places[-1].prove()
    assert doors.come("too many") is None
    assert doors.sources.refused == 1
    assert doors.come("elsewhere", "192.0.2.2") is not None
    places[-1].leave()
    assert doors.come("again") is not None


def test_a_full_source_gives_up_one_that_brought_nothing_before_it_refuses():
    doors = Doors(most=2, unproved=2)
    doors.come("proved").prove()
    doors.come("silent")
    assert doors.come("new") is not None
    assert doors.closed == ["silent"]


def test_a_full_source_gives_up_the_longest_unneeded_before_it_refuses():
    doors = Doors(most=3, unproved=2)
    first, second, third = (doors.unneeded(name) for name in ("first", "second", "third"))
    first.need()
    second.need()
    second.spare()  # third has been unneeded for longer now
    assert doors.come("new") is not None
    assert (doors.closed, doors.reasons) == (["third"], {UNNEEDED})
    third.spare()  # it has closed: whatever lets go of it now changes nothing
    assert list(doors.sources.unheld) == list(doors.sources.by_key["192.0.2.1"].unheld) == [second]


def test_neither_kind_of_the_unneeded_is_ever_a_queue_of_one():
    doors = Doors(most=6, unproved=5)
    for number in range(6):
        doors.unneeded(number)
    for _ in range(3):
        doors.come("silent")
    assert doors.closed == [0, 1, 2]
    doors.come("silent")  # as many of each now
    assert doors.closed == [0, 1, 2, "silent"]
    doors.unneeded("challenged")
    assert doors.closed == [0, 1, 2, "silent", "silent"]


def test_a_neighbour_loses_none_that_is_needed_and_none_of_another_source():
    doors = Doors(most=2)
    doors.unneeded("elsewhere", "192.0.2.2")
    for name in ("one", "other"):
        doors.unneeded(name).need()
    assert doors.come("new") is None
    assert doors.closed == []


def test_near_the_limit_of_the_process_the_longest_unneeded_of_any_source_and_transport_makes_room():
    tcp, tls = Doors(), Doors()
    tls.sources = tcp.sources
    tcp.unneeded("tcp", "192.0.2.1")
    tls.unneeded("tls", "192.0.2.2")
    tls.come("needed", "192.0.2.3").prove()
    for name, place in (("new", "192.0.2.4"), ("newer", "192.0.2.5")):
        tls.come(name, place, crowded=True).prove()
    assert (tcp.closed, tls.closed) == (["tcp"], ["tls"])
    assert (tcp.sources.crowded, len(tcp.sources.by_key)) == (2, 3)
    assert tls.come("too many", "192.0.2.6", crowded=True) is None
    assert tls.sources.refused == 1


def test_who_makes_room_says_goodbye_as_long_as_there_is_one_to_say():
    doors = Doors(unproved=1)
    doors.come("first").goodbye = Stream(doors, "the first's goodbye")
    doors.come("second")
    doors.come("third")
    assert (doors.closed, doors.reasons) == (["the first's goodbye", "second"], {CROWDED})


def test_of_too_many_in_all_the_oldest_of_any_source_makes_room():
    doors = Doors(in_all=3)
    for number in range(5):
        doors.come(number, f"192.0.2.{number}")
    assert doors.closed == [0, 1]
    assert len(doors.sources.unproved) == 3


def test_who_leaves_from_the_middle_leaves_no_gap():
    doors = Doors(9, 9)
    one, two, three = (doors.come(name) for name in ("one", "two", "three"))
    line = one.source.unproved
    two.leave()
    assert list(line) == [one, three]
    four = doors.come("four")
    one.leave()
    four.leave()
    assert (list(line), len(line)) == ([three], 1)
    three.leave()
    assert (list(line), line.first, line.last) == ([], None, None)


def test_the_place_of_the_only_connection_of_a_source_takes_400_bytes():
    sources, hosts = Sources(), [f"192.0.{number >> 8}.{number & 255}" for number in range(1000)]
    tracemalloc.start()
    try:
        places = [sources.come(host, 9, 9, 1000, None) for host in hosts]
        taken = tracemalloc.get_traced_memory()[0] / len(places)
    finally:
        tracemalloc.stop()
    assert taken < 400


def test_nothing_is_left_of_a_source_without_connections():
    doors = Doors(9, 9)
    one, other = doors.come("one"), doors.come("other")
    assert one.source is other.source
    one.prove()
    one.leave()
    one.leave()
    assert (other.source.open, list(other.source.unproved)) == (1, [other])
    other.leave()
    assert doors.sources.by_key == {} and doors.sources.unproved == {}


def test_all_connections_of_a_source_are_closed_and_no_other():
    doors = Doors(9, 9)
    doors.come("silent", "2001:db8::1")
    doors.unneeded("unneeded", "2001:db8::2")
    doors.unneeded("needed", "2001:db8::3").need()
    doors.come("elsewhere", "2001:db8:0:1::1")
    doors.sources.close("2001:db8::", "banned")
    doors.sources.close("192.0.2.1", "banned")
    assert (doors.closed, doors.reasons) == (["silent", "unneeded", "needed"], {"banned"})
    assert [source.open for source in doors.sources.by_key.values()] == [1]


def test_a_source_that_makes_room_for_itself_is_still_counted():
    doors = Doors(most=1, unproved=1)
    doors.come("first")
    last = doors.come("last")
    assert doors.sources.by_key["192.0.2.1"].open == 1
    last.leave()
    assert doors.sources.by_key == {}


def test_an_ipv6_source_is_its_64_and_a_mapped_one_its_ipv4_address():
    def come(host):
        return doors.come("", host).source

    doors = Doors(9, 9)
    assert come("2001:db8::1") is come("2001:db8::ffff:1")
    assert come("2001:db8:0:1::1") is not come("2001:db8::1")
    assert come("fe80::1%2") is not None
    assert come("::ffff:192.0.2.1") is come("192.0.2.1")
