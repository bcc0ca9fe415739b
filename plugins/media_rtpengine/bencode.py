"""Bencoding, in which ng commands are written (BEP 3): byte strings, integers, lists, dictionaries.

Rule: strings are bytes on the wire and when read; keys are read as str, for they are names. What comes from the network need not be short
or flat.
"""

from __future__ import annotations

from typing import Any

DEEPEST = 32
"""Levels: `query` nests eight."""


def encode(value: Any) -> bytes:
    """Return the value bencoded; text as UTF-8, keys in the order of their bytes."""
    parts: list[bytes] = []
    _write(value, parts)
    return b"".join(parts)


def _write(value: Any, parts: list[bytes]) -> None:
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        parts += (str(len(value)).encode(), b":", value)
    elif isinstance(value, int):
        parts.append(b"i%de" % value)
    elif isinstance(value, dict):
        parts.append(b"d")
        for key in sorted(value):
            _write(key, parts)
            _write(value[key], parts)
        parts.append(b"e")
    elif isinstance(value, list | tuple):
        parts.append(b"l")
        for item in value:
            _write(item, parts)
        parts.append(b"e")
    else:
        raise TypeError(f"cannot be bencoded: {type(value).__name__}")


def decode(data: bytes) -> Any:
    """Return the value; raises ValueError when it is none, or more than one."""
    try:
        value, end = _read(data, 0, 0)
    except IndexError:
        raise ValueError("bencoding ends too early") from None
    if end != len(data):
        raise ValueError(f"bencoding ends at {end} of {len(data)} bytes")
    return value


def _read(data: bytes, place: int, depth: int) -> tuple[Any, int]:
    if depth > DEEPEST:
        raise ValueError("bencoding is nested too deeply")
    kind = data[place : place + 1]
    if kind == b"i":
        end = data.index(b"e", place)
        return _number(data[place + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        items = []
        place += 1
        while data[place] != 0x65:  # e
            item, place = _read(data, place, depth + 1)
            items.append(item)
        return (items if kind == b"l" else _table(items)), place + 1
    colon = data.index(b":", place)
    start = colon + 1
    length = _number(data[place:colon])
    if length < 0 or start + length > len(data):
        raise ValueError("a string is longer than what came")
    return data[start : start + length], start + length


def _number(text: bytes) -> int:
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit() or len(digits) > 20:
        raise ValueError("no number where one must stand")
    return int(text)


def _table(items: list[Any]) -> dict[str, Any]:
    if len(items) % 2 or not all(isinstance(key, bytes) for key in items[::2]):
        raise ValueError("a dictionary must have a string before each value")
    return {key.decode("utf-8", "replace"): value for key, value in zip(items[::2], items[1::2], strict=True)}
