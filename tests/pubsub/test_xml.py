"""pipeline.pubsub.xml: what is read is bounded in size, depth and time; what is written is well-formed whatever the texts are."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from pipeline.pubsub import Unpublishable
from pipeline.pubsub.xml import DEEPEST, LARGEST, Document, Numbered, add, clean, local, namespace, read, text_of, verbatim

ROOT = "{urn:x}doc"


def doc(inside="", head="", more=""):
    return f'{head}<doc xmlns="urn:x"{more}>{inside}</doc>'.encode()


def refused(body, root=ROOT):
    began = time.process_time()
    with pytest.raises(Unpublishable) as caught:
        read(body, root)
    assert time.process_time() - began < 1.0
    return caught.value.status, str(caught.value)


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "body",
    [
        doc("&l9;", f'<?xml version="1.0"?><!DOCTYPE doc [<!ENTITY l0 "lol">{LAUGHS}]>'),
        doc("&a;" * 10000, f'<!DOCTYPE doc [<!ENTITY a "{"x" * 10000}">]>'),
        doc("&f;", '<!DOCTYPE doc [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
        doc("", '<!DOCTYPE doc SYSTEM "http://192.0.2.1/x.dtd">'),
        doc("", '<!DOCTYPE doc [<!ENTITY % p SYSTEM "http://192.0.2.1/x"> %p;]>'),
        ('﻿<!DOCTYPE doc [<!ENTITY l0 "lol">]>' + doc("&l0;").decode()).encode("utf-16-le"),
    ],
    ids=["billion laughs", "quadratic blowup", "a file", "a foreign type", "parameters", "hidden in UTF-16"],
)
def test_a_document_type_is_not_read(body):
    status, text = refused(body)
    assert status == 400
    assert "document type" in text


def test_a_document_type_is_told_with_its_place():
    assert "line 2, column 1" in refused(b'<?xml version="1.0"?>\n<!DOCTYPE doc><doc xmlns="urn:x"/>')[1]


@pytest.mark.parametrize("encoding", ["utf-7", "iso-8859-1", "utf-16-le", "utf-32", "cp037"])
def test_encodings_that_hide_things_or_nobody_needs_are_refused(encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + doc("ü" if encoding != "cp037" else "u").decode()
    assert refused(text.encode(encoding))[0] == 400


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00", b"\xff", b"caf\xe9", doc("\0"), b"", b" ", b"plain text", b"<", b"<doc", doc("<a></b>"), doc("&nope;")]
)
def test_what_is_not_well_formed_is_told_with_its_place(body):
    status, text = refused(body)
    assert status == 400
    assert any(word in text for word in ("line", "byte")), text


def test_a_mistake_is_told_with_line_and_column():
    assert refused(b'<doc xmlns="urn:x">\n  <a></b>\n</doc>')[1].startswith("line 2, column 10: ")


def test_a_document_of_a_megabyte_is_413_at_once():
    assert refused(doc("x" * 1_000_000))[0] == 413
    assert refused(doc("<a/>" * 250_000))[0] == 413


def test_the_largest_document_is_read_and_one_byte_more_is_not():
    rest = LARGEST - len(doc())
    assert len(text_of(read(doc("x" * rest), ROOT))) == rest
    assert refused(doc("x" * (rest + 1)))[0] == 413


@pytest.mark.parametrize("levels", [DEEPEST + 1, 250, 300, 5000])
def test_deep_nesting_is_refused(levels):
    assert refused(doc("<a>" * (levels - 1) + "</a>" * (levels - 1)))[0] in (400, 413)


def test_the_deepest_document_is_read():
    assert read(doc("<a>" * (DEEPEST - 1) + "</a>" * (DEEPEST - 1)), ROOT) is not None


@pytest.mark.parametrize(
    "body",
    [
        doc("<a/>" * 16000),
        doc("<a " + " ".join(f'a{n}=""' for n in range(7000)) + "/>"),
        doc("<a " + " ".join(f'xmlns:a{n}="u"' for n in range(3800)) + "/>" + "<b/>" * 1000),
        doc("<a " + " ".join(f'xmlns:a{n}="u{n}" a{n}:x=""' for n in range(1500)) + "/>" + "<b/>" * 2000),
        doc("<b/>" * 4000, more=" " + " ".join(f'xmlns:a{n}="{"u" * 700}{n}"' for n in range(60))),
    ],
    ids=["elements", "attributes", "namespaces", "attributes in namespaces", "long namespaces"],
)
def test_many_parts_take_a_bounded_time(body):
    assert len(body) <= LARGEST
    began = time.process_time()
    try:
        read(body, ROOT)
    except Unpublishable as error:
        assert error.status in (400, 413)
    assert time.process_time() - began < 0.5


def test_another_document_is_refused_by_name():
    status, text = refused(b'<presence xmlns="urn:y"/>')
    assert status == 400
    assert "<presence> of urn:y, not <doc> of urn:x" in text


@pytest.mark.parametrize(
    "body",
    [
        doc("ü"),
        ("﻿" + doc("ü").decode()).encode(),
        ('﻿<?xml version="1.0" encoding="UTF-16"?>' + doc("ü").decode()).encode("utf-16-le"),
        doc("&#252;", "<?xml version='1.0' encoding='us-ascii'?>"),
        doc("<![CDATA[ü]]>", "<?xml version='1.0' encoding='UTF-8'?>"),
        doc("ü<!-- said -->"),
    ],
)
def test_what_is_usual_is_read(body):
    element = read(body, ROOT)
    assert (namespace(element), local(element), text_of(element)) == ("urn:x", "doc", "ü")


def test_a_piece_means_the_same_in_another_document():
    body = b'<x:doc xmlns:x="urn:x" xmlns:r="urn:r"><r:act at="1"><plain>a &lt; b</plain><x:in/></r:act> tail</x:doc>'
    piece = read(body, ROOT)[0]
    data = verbatim(piece)
    written = Document("presence", "urn:pidf")
    add(written.root, "tuple", id="t")
    written.insert(written.root, data)
    add(written.root, "note", "after")
    again = etree.fromstring(written.write())
    assert [etree.QName(each).text for each in again.iter()] == [
        "{urn:pidf}presence", "{urn:pidf}tuple", "{urn:r}act", "plain", "{urn:x}in", "{urn:pidf}note",
    ]  # fmt: skip
    assert again[1][0].text == "a < b"
    assert b"tail" not in data
    assert verbatim(again[1]) == data or etree.tostring(again[1], method="c14n2") == etree.tostring(piece, method="c14n2", with_tail=False)


def test_a_piece_is_not_looked_through_for_places():
    piece = b'<a xmlns="urn:a"><?verbatim 0?></a>'
    written = Document("doc", "urn:x")
    written.insert(written.root, piece)
    written.insert(written.root, b'<b xmlns="urn:b"/>')
    assert piece + b'<b xmlns="urn:b"/>' in written.write()


TEXTS = st.text(st.characters(), max_size=40) | st.binary(max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@given(text=TEXTS, value=TEXTS)
def test_any_text_is_written_well_formed_and_read_back(text, value):
    written = Document("doc", "urn:x", display_name=value)
    add(written.root, "{urn:y}name", text, lang=value)
    again = etree.fromstring(written.write())
    assert again.get("display-name") == clean(value)
    assert (again[0].text or "").replace("\r\n", "\n") == clean(text).replace("\r\n", "\n")


@given(body=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: doc(text.encode("utf-8", "replace").decode())))
def test_any_bytes_are_a_document_or_refused(body):
    try:
        read(body, ROOT)
    except Unpublishable as error:
        assert error.status in (400, 413)


def test_a_document_that_many_are_told_is_written_once():
    made = []

    def write(state, before):
        made.append((state, before))
        written = Document("doc", "urn:x", entity=' version="0" ', version="0")
        add(written.root, "state", state)
        return written.write()

    numbered, before = Numbered(write), object()
    first, second = "first", "second"
    found = [etree.fromstring(numbered(first, before, version)) for version in (0, 7, 123456789012)]
    assert [each.get("version") for each in found] == ["0", "7", "123456789012"]
    assert {each.get("entity") for each in found} == {' version="0" '}
    assert made == [("first", before)]
    assert etree.fromstring(numbered(second, before, 8))[0].text == "second"
    assert etree.fromstring(numbered(second, None, 9)).get("version") == "9"
    assert len(made) == 3
