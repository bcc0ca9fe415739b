"""Mirror of pipeline/sip/info.py."""

from __future__ import annotations

import pytest

from pipeline.sip import Request
from pipeline.sip.info import info_package_of, recv_info_of


def info(*fields):
    return Request.new("INFO", "sip:b@h", fields)


def test_the_package_of_an_info():
    assert info_package_of(info(("Info-Package", "Foo ;bar=1"))) == "foo"
    assert info_package_of(info()) == ""


@pytest.mark.parametrize(("values", "packages"), [(["P, r;x=1", "t"], {"p", "r", "t"}), ([""], set()), (["nil"], set())])
def test_the_packages_that_somebody_takes(values, packages):
    assert recv_info_of(info(*(("Recv-Info", value) for value in values))) == packages


def test_who_says_nothing_is_not_who_takes_none():
    assert recv_info_of(info()) is None
