"""plugins.messages: what travels with a message, and what answers mean in both directions."""

import pytest
from pipeline.plugins.messages.driver import author_of
from pipeline.plugins.messages.incoming import status_of
from pipeline.plugins.messages.lines import carried, date_of, joined
from pipeline.plugins.messages.place import receipt_of

from pipeline.core import Fate, Receipt
from pipeline.sip import Malformed
from pipeline.sip.parser import parse

RAW = (
    b"MESSAGE sip:bob@example.com SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nf: <sip:a@x>;tag=1\r\n"
    b"t: <sip:bob@example.com>\r\ni: 1@x\r\nCSeq: 7 MESSAGE\r\nRoute: <sip:10.0.0.1;lr>\r\nc: text/plain\r\nX-many: 1\r\nX-Many: 2\r\n"
    b"Subject: folded\r\n and more\r\nAuthorization: Digest x\r\nContent-Length: 2\r\n\r\nhi"
)


def test_what_its_reader_may_see_travels_and_the_rest_does_not():
    lines = carried(parse(RAW), 69, "<sip:a@x>;tag=1", [("P-Asserted-Identity", "<sip:a@x>")])
    assert lines == [
        "Max-Forwards: 69", "From: <sip:a@x>;tag=1", "To: <sip:bob@example.com>", "Call-ID: 1@x", "CSeq: 7 MESSAGE", "Content-Type: text/plain",
        "X-Many: 1", "X-Many: 2", "Subject: folded and more", "P-Asserted-Identity: <sip:a@x>", "Content-Length: 2",
    ]  # fmt: skip


def test_who_hides_gets_another_call_id():
    lines = carried(parse(RAW), 69, "nobody", hidden="abc")
    assert "Call-ID: abc" in lines
    assert not any("1@x" in line for line in lines)


def test_a_line_break_inside_a_value_is_malformed():
    with pytest.raises(Malformed, match="line break"):
        joined(["A: 1", "B: 2\r\nC: 3"])
    with pytest.raises(Malformed, match="line break"):
        joined(["A: 1\n"])


def test_a_date_is_written_in_english_and_gmt():
    assert date_of(1289690940) == "Sat, 13 Nov 2010 23:29:00 GMT"


@pytest.mark.parametrize(
    ("status", "again", "fate"),
    [
        (200, False, Fate.DELIVERED), (202, False, Fate.ACCEPTED), (482, True, Fate.DELIVERED), (482, False, Fate.REFUSED),
        (408, False, Fate.ABSENT), (480, False, Fate.ABSENT), (503, False, Fate.ABSENT), (415, False, Fate.REFUSED),
        (413, False, Fate.TOO_LARGE), (513, False, Fate.TOO_LARGE), (603, False, Fate.REFUSED), (302, False, Fate.REFUSED),
        (401, False, Fate.REFUSED),
    ],
)  # fmt: skip
def test_what_a_phones_answer_means(status, again, fate):
    assert receipt_of(status, "", again=again).fate is fate


@pytest.mark.parametrize(
    ("receipt", "status"),
    [
        (Receipt(Fate.DELIVERED), 200), (Receipt(Fate.ACCEPTED), 202), (Receipt(Fate.UNKNOWN), 404), (Receipt(Fate.ABSENT), 480),
        (Receipt(Fate.TOO_LARGE), 513), (Receipt(Fate.TOO_LARGE, code=413), 413), (Receipt(Fate.LIMITED), 480), (Receipt(Fate.FAILED), 503),
        (Receipt(Fate.REFUSED, code=603), 603), (Receipt(Fate.REFUSED), 403), (Receipt(Fate.REFUSED, code=200), 403),
    ],
)  # fmt: skip
def test_what_a_sender_is_answered(receipt, status):
    assert status_of(receipt)[0] == status


@pytest.mark.parametrize(
    ("author", "written"),
    [
        ("", "<sip:sipline@example.com>"), ("alice", "<sip:alice@example.com>"), ("Kitchen <kitchen>", '"Kitchen" <sip:kitchen@example.com>'),
        ("sip:bob@other.org", "<sip:bob@other.org>"), ('"A B" <sip:ab@other.org>', '"A B" <sip:ab@other.org>'),
    ],
)  # fmt: skip
def test_who_a_message_that_begins_here_is_from(author, written):
    assert author_of(author, "example.com") == written


def test_a_type_that_is_none_is_told_with_its_line(sip):
    with pytest.raises(Exception, match=r"types holds 'text'"):
        sip('[plugin.messages]\ntypes = ["text"]\n', application=["registrar", "messages"], integration=["memory", "toml"])


def test_its_options_change_at_a_reload_and_what_waits_stays(sip):
    from pipeline.config import Document, build

    server = sip('[dal]\nmessage = ["memory"]\n', application=["registrar", "messages"], integration=["memory", "toml"])
    asked = {"headers": [("Contact", ""), ("Content-Type", "text/plain")], "body": b"x"}
    assert server.request("MESSAGE", "bob", **asked).status == 202
    text = server.text + "\n[plugin.messages]\nkeep_count = 1\n"
    server.run(server.engine.reload(build(Document(server.folder / "pipeline.toml", text))))
    assert server.request("MESSAGE", "bob", **asked).status == 480
    assert len(server.engine.core.messages.keeping) == 1
    phone = server.phone("bob").online()
    server.advance(1)
    assert [message.body for message in phone.received] == [b"x"]


def test_put_back_by_a_reload_it_brings_what_was_kept_to_who_has_come_meanwhile(sip):
    from pipeline.config import Document, build

    server = sip('[dal]\nmessage = ["memory"]\n', application=["registrar", "messages"], integration=["memory", "toml"])
    asked = {"headers": [("Contact", ""), ("Content-Type", "text/plain")], "body": b"x"}
    assert server.request("MESSAGE", "bob", **asked).status == 202
    path, without = server.folder / "pipeline.toml", server.text.replace(', "messages"', "")
    assert without != server.text
    server.run(server.engine.reload(build(Document(path, without))))
    phone = server.phone("bob").online()
    server.advance(1)
    assert phone.received == []
    server.run(server.engine.reload(build(Document(path, server.text))))
    server.advance(1)
    assert [message.body for message in phone.received] == [b"x"]
