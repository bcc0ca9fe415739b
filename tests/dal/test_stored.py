"""pipeline.dal.stored: what all stored types have in common."""

import attrs

from pipeline.dal import Stored
from pipeline.dal.stored import origin, version


def test_origin_and_version_are_declared_alike_in_every_type():
    @attrs.frozen(eq=False)
    class Thing(Stored):
        id: str
        origin: str = origin()
        version: int = version()

    thing = Thing("x")
    assert (thing.origin, thing.version, thing.owner, thing.indexed, thing.hot) == ("", 0, "", (), False)
