"""pipeline.dal.objects: the stored types."""

import attrs
import pytest

from pipeline.dal import TYPES, Aor, Auth, Contact, Domain, Endpoint, Stored, register, version_of
from pipeline.dal.objects import shared


def test_every_field_of_every_type_says_what_it_is():
    for kind, cls in TYPES.items():
        assert cls.kind == kind
        assert cls.__doc__
        for field in attrs.fields(cls):
            assert field.metadata["help"], (kind, field.name)
            assert {"unit", "refers", "secret"} <= set(field.metadata)
            assert field.metadata["refers"] in ("", *TYPES)


def test_the_id_comes_first_and_origin_and_version_are_everywhere():
    for cls in TYPES.values():
        names = [field.name for field in attrs.fields(cls)]
        assert names[0] == "id"
        assert names[-2:] == ["origin", "version"]
        assert cls.owner in ("", *names)
        assert set(cls.indexed) <= set(names)


def test_an_object_cannot_be_changed_nor_given_a_dict():
    contact = Contact(id="c", aor="alice@example.com", uri="sip:alice@192.0.2.1")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        contact.q = 0.5
    assert not hasattr(contact, "__dict__")


def test_only_secrets_are_secret():
    assert {field.name for field in attrs.fields(Auth) if field.metadata["secret"]} == {"password", "password_digest"}


def test_names_default_to_the_id():
    assert Auth(id="alice").username == "alice"
    assert Auth(id="alice", username="al").username == "al"
    assert Domain(id="example.com").realm == "example.com"


def test_hashes_are_read_as_the_file_has_them_and_as_a_table():
    md5, sha = "AB" * 16, "cd" * 32
    auth = Auth(id="alice", password_digest=[f"MD5:{md5}", f"sha-256:{sha}"])
    assert auth.password_digest == {"MD5": md5.lower(), "SHA-256": sha}
    assert Auth(id="alice", password_digest=auth.password_digest).password_digest == auth.password_digest


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (["MD4:" + "a" * 32], "password_digest must be of MD5, SHA-256, SHA-512-256, not 'MD4'"),
        (["MD5:" + "a" * 31], "password_digest of MD5 must be 32 hexadecimal digits"),
        (["SHA-256:" + "x" * 64], "password_digest of SHA-256 must be 64 hexadecimal digits"),
    ],
)
def test_a_wrong_hash_is_refused_without_showing_it(wrong, text):
    with pytest.raises(ValueError) as refused:
        Auth(id="alice", password_digest=wrong)
    assert refused.value.args[0] == text


def test_a_list_of_names_is_no_single_name():
    with pytest.raises(TypeError, match='must be a list, not "alice"'):
        Endpoint(id="e", auth="alice")


def test_limits_of_an_aor_are_checked():
    with pytest.raises(ValueError):
        Aor(id="a@b", maximum_expiration=0)


def test_equal_strings_of_many_contacts_are_one():
    first = Contact(id="1", aor="a", uri="u", user_agent=f"Phone/{len('1')}")
    second = Contact(id="2", aor="a", uri="u", user_agent=f"Phone/{len('1')}")
    assert first.user_agent is second.user_agent


def test_shared_strings_are_bounded():
    for number in range(10_000):
        shared(f"agent {number}")
    assert len(shared.__self__) <= 4096


def test_the_version_of_a_set_tells_every_change_of_it():
    def of(*versions):
        return version_of([Contact(id=str(v), aor="a", uri="u", version=v) for v in versions])

    assert of() == 0
    assert of(7) == 7
    sets = [(), (5,), (7,), (5, 7), (12,), (5, 12), (7, 12), (5, 7, 12)]
    assert len({of(*chosen) for chosen in sets if chosen}) >= 5
    assert of(5, 7) != of(7)  # one was deleted
    assert of(5, 7) != of(5, 12)  # one was replaced
    assert of(5, 7) != of(12)  # both


def test_a_plugin_may_register_a_type_but_not_take_a_name():
    @attrs.frozen(eq=False)
    class Thing(Stored):
        id: str
        origin: str = ""
        version: int = 0

    try:
        register("thing", Thing)
        register("thing", Thing)
        assert Thing.kind == "thing"
        with pytest.raises(ValueError, match="already"):
            register("contact", Thing)
        assert TYPES["contact"] is Contact
    finally:
        TYPES.pop("thing", None)
