"""pipeline.dal.hints: a name that can be watched, written in the file and held to what there is."""

import pytest

from pipeline.config.problems import Problems

TOML = """
[endpoint.alice]
auth = []
[hint.600]
endpoints = ["alice"]
conference = "room"
"""


def test_a_hint_is_read_from_the_file(sip):
    hint = sip(TOML).engine.dal.get("hint", "600")
    assert (hint.endpoints, hint.conference, hint.name, hint.origin) == (("alice",), "room", "", "toml")


def test_an_endpoint_that_there_is_not_is_a_mistake(sip):
    with pytest.raises(Problems, match=r"hint\.600\] refers to endpoint 'bob', which does not exist"):
        sip(TOML.replace('endpoints = ["alice"]', 'endpoints = ["bob"]'))
