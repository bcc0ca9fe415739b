"""The stored type `acl`: networks that may and that may not, under a name that endpoints and `security` refer to.

Rule: of all networks of both lists that hold an address the longest decides, of two equal ones `deny`; where `permit` names any, who is
in neither list is refused. Asterisk's usual "deny everything, permit mine" means the same in either reading.
"""

import re
from typing import Any, ClassVar

import attrs

from pipeline.option import option
from pipeline.prefixes import network

from .stored import Stored, register, strings
from .stored import origin as origin_field
from .stored import version as version_field


def networks(_instance: Any, attribute: "attrs.Attribute[Any]", value: tuple[str, ...]) -> None:
    """Validate a list of networks."""
    for text in value:
        try:
            network(text)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{attribute.name}: {error}") from None


def methods(_instance: Any, attribute: "attrs.Attribute[Any]", value: tuple[str, ...]) -> None:
    """Validate a list of methods."""
    for text in value:
        if not re.fullmatch(r"[A-Z][A-Z0-9.!%*_+`'~-]*", text):
            raise ValueError(f'{attribute.name} holds {text!r}: methods are written as "SUBSCRIBE"')


def agents(_instance: Any, attribute: "attrs.Attribute[Any]", value: tuple[str, ...]) -> None:
    """Validate a list of texts that User-Agent may hold."""
    if not all(value):
        raise ValueError(f"{attribute.name} holds an empty text, which stands in every user agent")


@attrs.frozen(eq=False, weakref_slot=False)
class Acl(Stored):
    """Networks that may, and that may not."""

    in_file: ClassVar[bool] = True

    id: str = option(help="name of the list")
    permit: tuple[str, ...] = option(
        default=(),
        converter=strings,
        validator=networks,
        help='networks that may, as "192.0.2.0/24"; [] = all but those of `deny`, else who is in neither list is refused',
    )
    deny: tuple[str, ...] = option(
        default=(), converter=strings, validator=networks, help="networks that may not; the longest network decides, of two equal ones this"
    )
    origin: str = origin_field()
    version: int = version_field()


register("acl", Acl)
