"""XML as event packages read and write it: nothing that was sent is trusted when it is read, and no text when it is written.

Reading: UTF-8 (or UTF-16 that says so), no document type, hence no entity of the sender's (billion laughs, quadratic blowup, files), at
most `LARGEST` bytes and `DEEPEST` levels; what is wrong is told with line and column. RFC 3023 8 and 10, RFC 3863 4.1, RFC 3856 9.

Writing: by lxml, which escapes; a character that XML 1.0 does not have (2.2) becomes U+FFFD. What others published goes in as it came
(`verbatim`, `Document.insert`): a document of ours has a default namespace, so each such piece carries the declarations that it was under.

Rule: only values here, no package's words.
"""

from __future__ import annotations

import codecs
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lxml import etree

from pipeline.pubsub.watch import Unpublishable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DEEPEST",
    "LARGEST",
    "Document",
    "Element",
    "Numbered",
    "add",
    "clean",
    "date_time",
    "local",
    "namespace",
    "read",
    "text_of",
    "verbatim",
]

Element = Any
"""An lxml element: lxml has no types of its own."""
LARGEST = 65536
"""Bytes of a document: what a UDP datagram can hold; published presence has 500 to 3,000."""
DEEPEST = 32
"""Levels of elements: RFC 3863 has five, with a location (RFC 4119) in it twelve."""
MOST = 4096
"""Elements, and attributes of all of them together: no document of 64 kB that means something has more."""
NAMESPACES = 64
"""Namespace declarations: each piece that is kept verbatim carries those that it was under."""
TOO_LARGE = 413
_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_DECLARATION = re.compile(r"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_START = re.compile(rb"<[^\s/>]+")
_PLACE = re.compile(rb"<\?verbatim (\d+)\?>")
_PARSER_OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
    "strip_cdata": False,
    "encoding": "utf-8",
}


# -- reading -----------------------------------------------------------------------------------------------------------


def read(body: bytes, root: str) -> Element:
    """Return the root element of a document, whose name must be `root` ("{namespace}name").

    Raises Unpublishable: 413 for what is too large, 400 for everything else that is wrong.
    """
    if len(body) > LARGEST:
        raise Unpublishable(f"a document of {len(body)} bytes; at most {LARGEST} are read", TOO_LARGE)
    text = _decoded(body)
    for mark in ("<!DOCTYPE", "<!ENTITY"):
        if mark in text:
            raise Unpublishable(f"{_place(text, text.index(mark))}: a document type is not read: no entities, no external files")
    if text.count("<") > 2 * MOST:  # before anything is built of them
        raise Unpublishable(f"more than {MOST} elements", TOO_LARGE)
    if text.count("xmlns") > NAMESPACES:
        raise Unpublishable(f"more than {NAMESPACES} namespaces are declared", TOO_LARGE)
    data = text.encode("utf-8")
    parser = etree.XMLParser(**_PARSER_OPTIONS)
    try:
        element = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise Unpublishable(f"line {line}, column {column}: {_first_line(error.msg)}") from None
    except ValueError as error:
        raise Unpublishable(f"not XML: {_first_line(str(error))}") from None
    _bounded(element)
    if element.tag != root:
        raise Unpublishable(f"line {element.sourceline or 1}, column 1: the document is {shown(element)}, not {shown_name(root)}")
    return element


def _decoded(body: bytes) -> str:
    """Return a document's text. Only encodings that cannot hide `<!DOCTYPE` from who looks for it."""
    encoding = "utf-16" if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unpublishable(f"byte {error.start + 1}: not {encoding.removesuffix('-sig').upper()}") from None
    said = _DECLARATION.match(text)
    if said is not None:
        name = said[1].lower()
        fitting = ("utf-16",) if encoding == "utf-16" else ("utf-8", "us-ascii")
        if name not in fitting:
            raise Unpublishable(f"{_place(text, said.start(1))}: the encoding {said[1]} is not read: write UTF-8")
        if name == "us-ascii" and not text.isascii():
            raise Unpublishable("says that it is US-ASCII, and is not")
        text = text[: said.start(1)] + "utf-8" + text[said.end(1) :]
    if "\0" in text:
        raise Unpublishable(f"{_place(text, text.index(chr(0)))}: a NUL is no character of XML")
    return text


def _bounded(root: Element) -> None:
    """Refuse what is deeper or has more parts than any document that means something."""
    count, level = 0, [root]
    depth = 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise Unpublishable(f"line {level[0].sourceline}: elements in more than {DEEPEST} levels")
        below: list[Element] = []
        for element in level:
            count += 1 + len(element.attrib)
            below.extend(element)
        if count > MOST:
            raise Unpublishable(f"more than {MOST} elements and attributes", TOO_LARGE)
        level = below


def _place(text: str, index: int) -> str:
    before = text[:index]
    return f"line {before.count(chr(10)) + 1}, column {index - (before.rfind(chr(10)) + 1) + 1}"


def _first_line(text: str) -> str:
    line = text.partition("\n")[0]
    return re.sub(r", line \d+, column \d+$", "", line)[:200]


def namespace(element: Element) -> str:
    """Return the namespace of an element; "" when it has none."""
    tag = element.tag
    return tag[1:].partition("}")[0] if isinstance(tag, str) and tag[:1] == "{" else ""


def local(element: Element) -> str:
    """Return the name of an element without its namespace; "" for what is no element (an entity's reference)."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def text_of(element: Element) -> str:
    """Return the text of an element and of all within it, with single spaces."""
    return " ".join("".join(element.itertext()).split())


def shown(element: Element) -> str:
    """Return an element's name as a message shows it."""
    return shown_name(element.tag)


def shown_name(tag: str) -> str:
    """Return "{namespace}name" as a message shows it."""
    space, _, name = tag.rpartition("}")
    return f"<{name}> of {space[1:]}" if space else f"<{name}> of no namespace"


def verbatim(element: Element) -> bytes:
    """Return an element as it was written, with all namespace declarations that it was under: it means the same wherever it is put."""
    data: bytes = etree.tostring(element, encoding="utf-8", with_tail=False)
    if None not in element.nsmap:  # unprefixed names in it have no namespace, and would get that of their new place
        data = _START.sub(lambda start: start[0] + b' xmlns=""', data, count=1)
    return data


# -- writing -----------------------------------------------------------------------------------------------------------


def clean(text: str) -> str:
    """Return a text that can be written: what XML 1.0 2.2 does not have (controls, lone surrogates) is U+FFFD."""
    return text if text.isprintable() else _UNWRITABLE.sub("�", text)


def add(parent: Element, name: str, text: str | None = None, /, **attributes: str | None) -> Element:
    """Add an element; `name` without a namespace is in its parent's. An attribute that is None is left out; `lang` is xml:lang."""
    space = namespace(parent)
    element = etree.SubElement(parent, f"{{{space}}}{name}" if space and name[:1] != "{" else name)
    if text is not None:
        element.text = clean(text)
    _attributes(element, attributes)
    return element


def date_time(seconds: float) -> str:
    """Write seconds since 1970 as xs:dateTime in UTC (RFC 3339 5.6)."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds" if seconds % 1 else "seconds")
    return text.replace("+00:00", "Z")


def _attributes(element: Element, attributes: dict[str, str | None]) -> None:
    for name, value in attributes.items():
        if value is not None:
            key = "{http://www.w3.org/XML/1998/namespace}lang" if name == "lang" else name.rstrip("_").replace("_", "-")
            element.set(key, clean(value))


class Document:
    """A document that is being written: its elements are added to `root`."""

    def __init__(self, name: str, space: str, prefixes: dict[str, str] | None = None, /, **attributes: str | None) -> None:
        spaces: dict[str | None, str] = {None: space} if space else {}
        spaces.update(prefixes or {})
        self.root: Element = etree.Element(f"{{{space}}}{name}" if space else name, nsmap=spaces)
        """The root element, with `space` as the default namespace (empty: none) and others by their prefixes."""
        self._pieces: list[bytes] = []
        _attributes(self.root, attributes)

    def insert(self, parent: Element, data: bytes) -> None:
        """Put what `verbatim` gave behind what `parent` has so far."""
        if data:
            parent.append(etree.ProcessingInstruction("verbatim", str(len(self._pieces))))
            self._pieces.append(data)

    def write(self, doctype: str = "") -> bytes:
        """Return it as UTF-8; `doctype` for readers that look for one."""
        data: bytes = etree.tostring(self.root, encoding="utf-8", doctype=doctype or None)
        if self._pieces:  # no text of ours has "<?" in it: it is escaped
            data = _PLACE.sub(lambda place: self._pieces[int(place[1])], data)
        return _HEAD + data + b"\n"


class Numbered:
    """Writes documents that differ in their number: one that many are told, each as his own next, is built once.

    `write(state, before)` gives it with version="0" in its root element; `before` is what its reader was told last.
    """

    def __init__(self, write: Callable[[Any, object], bytes]) -> None:
        self._write = write
        self._of: tuple[Any, object] = (None, None)
        self._pieces = (b"", b"")

    def __call__(self, state: Any, before: object, version: int) -> bytes:
        """Return the document with this number."""
        if self._of[0] is not state or self._of[1] is not before:
            head, found, tail = self._write(state, before).partition(b' version="0"')
            assert found, "a document with a version"
            self._of, self._pieces = (state, before), (head, tail)
        head, tail = self._pieces
        return b'%s version="%d"%s' % (head, version, tail)
