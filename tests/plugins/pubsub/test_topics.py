"""plugins.pubsub.topics: a state is read once, a body written once for all whose form gives the same."""

from pipeline.plugins.pubsub.topics import Topic

from pipeline.pubsub import Form, Package, Resource, Watcher

RESOURCE = Resource("probe", "bob@example.com", "sip:bob@example.com")
ALICE, CAROL = Watcher("sip:alice@example.com"), Watcher("sip:carol@example.com")


def topic(reads):
    made = Topic(RESOURCE, Package("probe", bodies=("text/plain",)))
    made.take("state", 0.0)
    written = []

    def write(resource, state, form):
        written.append(tuple(getattr(form, name) for name in reads))
        return " ".join(str(each) for each in written[-1]).encode() or b"body"

    def body(version=0, watcher=ALICE, before=None, kind="text/plain", options=()):
        return made.body(write, Form(kind, version, watcher, "", before, options))

    return made, body, written


def test_a_body_that_depends_on_nothing_is_written_once():
    _, body, written = topic(())
    assert {body(number, watcher) for number in range(50) for watcher in (ALICE, CAROL)} == {b"body"}
    assert len(written) == 1


def test_one_that_depends_on_the_version_once_for_each():
    _, body, written = topic(("version",))
    for _ in range(10):
        assert [body(0), body(1), body(1, CAROL)] == [b"0", b"1", b"1"]
    assert len(written) == 2


def test_one_that_depends_on_who_watches_or_what_he_knew_is_his_own():
    _, body, written = topic(("watcher", "before"))
    knew = object()
    for _ in range(3):
        body(watcher=ALICE), body(watcher=CAROL), body(watcher=ALICE, before=knew), body(watcher=ALICE, before=object())
    assert len(written) == 3 + 3


def test_each_content_type_is_written_for_itself():
    _, body, written = topic(())
    body(kind="a/b"), body(kind="c/d"), body(kind="a/b")
    assert len(written) == 2


def test_another_state_is_written_anew():
    made, body, written = topic(())
    body()
    assert made.take("other", 1.0)
    body()
    assert len(written) == 2


def test_an_equal_state_is_no_change_but_is_renewed_in_time():
    made, body, written = topic(())
    body()
    assert not made.take("state", 0.5)
    body()
    assert len(written) == 1
    assert not made.take("state", 10.0)  # what is not compared in it (a duration) may be another
    body()
    assert len(written) == 2


def test_what_is_kept_is_bounded():
    made, body, _ = topic(("version",))
    for number in range(1000):
        body(number)
    assert len(made.bodies) <= 256
