"""The bus tells events to those who listen to them, and to nobody else."""

from pipeline.events import Bus


def test_a_listener_hears_its_name_and_what_lies_below_it():
    bus, heard = Bus(lambda: 5.0), []
    bus.listen("contact", lambda event: heard.append((event.name, event.time, event.fields)))
    bus.tell("contact.added", aor="alice@example.com")
    bus.tell("contacts.added")
    bus.tell("contact")
    assert heard == [("contact.added", 5.0, {"aor": "alice@example.com"}), ("contact", 5.0, {})]


def test_the_empty_prefix_hears_everything():
    bus, heard = Bus(lambda: 0.0), []
    bus.listen("", lambda event: heard.append(event.name))
    bus.tell("a.b")
    bus.tell("c")
    assert heard == ["a.b", "c"]


def test_whoever_stops_listening_hears_no_more():
    bus, heard = Bus(lambda: 0.0), []
    stop = bus.listen("a", lambda event: heard.append(event.name))
    bus.tell("a")
    stop()
    stop()
    bus.tell("a")
    assert heard == ["a"]
    assert not bus.wants("a")


def test_events_are_counted_whether_heard_or_not():
    bus = Bus(lambda: 0.0)
    bus.tell("a")
    bus.tell("a")
    assert bus.counts == {"a": 2}


def test_a_listener_that_raises_is_counted_and_disturbs_nobody():
    bus, heard = Bus(lambda: 0.0), []

    def broken(event):
        raise ValueError("no")

    bus.listen("a", broken)
    bus.listen("a", lambda event: heard.append(event.name))
    bus.tell("a")
    assert heard == ["a"]
    assert len(bus.failures) == 1


def test_an_event_may_have_a_field_called_name():
    bus, heard = Bus(lambda: 0.0), []
    bus.listen("a", lambda event: heard.append(event.fields))
    bus.tell("a", name="edge-1")
    assert heard == [{"name": "edge-1"}]
