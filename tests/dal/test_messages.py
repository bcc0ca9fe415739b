"""The stored type `message`: any body comes back as it was, from every backend, in the order of writing."""

import pytest

from pipeline.pending import finished

BODY = b"caf\xc3\xa9 \xff\x00\r\n\xf0\x9f\x94\xa5"


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
def test_a_body_of_any_octets_comes_back(sip, backend):
    from pipeline.dal import Message

    server = sip(
        f'[dal]\nmessage = ["{backend}"]\n', integration=[backend, "toml"] if backend == "memory" else ["memory", "toml", "sqlite"]
    )
    dal = server.engine.dal

    async def through():
        for number in range(3):
            stored = Message(id=f"m{number}", recipient="bob@example.com", body=BODY.decode("utf-8", "surrogateescape"), devices=("a", "b"))
            await finished(dal.change("message", "bob@example.com", (stored,)))
        return await finished(dal.owned("message", "bob@example.com"))

    found = server.run(through())
    assert [stored.id for stored in found] == ["m0", "m1", "m2"]
    assert {stored.body.encode("utf-8", "surrogateescape") for stored in found} == {BODY}
    assert found[0].devices == ("a", "b")


def test_it_is_stored_only_where_the_file_says_so(sip):
    assert not sip().engine.dal.stores("message")
