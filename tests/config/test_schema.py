from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from pipeline.config.schema import MISSING, misspelt, options_of
from pipeline.dal.objects import TYPES
from pipeline.option import option, plugin

if TYPE_CHECKING:
    from nowhere import Unknown


@plugin
class Mine:
    listens: ClassVar[str] = "udp"
    bind: list[str] = option(factory=list, help="addresses", unit="", validator=attrs.validators.min_len(1))
    realm: str = option(help="realm", secret=True, refers="domain")
    odd: Unknown = option(None, help="of a type that cannot be found")
    _private: int = 3
    late: int = attrs.field(init=False, default=0)


def test_options_are_the_fields_that_a_table_can_set():
    options = options_of(Mine)
    assert list(options) == ["bind", "realm", "odd"]
    assert (options["bind"].kind, options["bind"].default_value(), options["bind"].limits) == (list[str], [], "at least 1 long")
    assert (options["realm"].required, options["realm"].secret, options["realm"].refers) == (True, True, "domain")
    assert options["realm"].default_value() is MISSING


def test_an_object_is_written_without_its_id_origin_and_version():
    assert not {"id", "origin", "version"} & options_of(TYPES["aor"]).keys()
    assert "max_contacts" in options_of(TYPES["aor"])


def test_a_class_without_fields_has_no_options():
    assert options_of(int) == {}


def test_a_missing_key_under_a_wrong_name_is_noticed():
    assert misspelt("realm", {"relm": 1}, ["realm"])
    assert not misspelt("realm", {"realm_2": 1}, ["realm_2"])
