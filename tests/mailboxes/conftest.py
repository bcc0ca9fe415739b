import pytest


@pytest.fixture
def house(sip):
    """A server with three users and nothing that calls."""
    return sip("""
        [user.alice]
        password = "alice's"
        [user.bob]
        password = "bob's"
        [mailbox.office]
        aor = ["alice", "bob"]
        number = "800"
        retention_days = 7
    """)


@pytest.fixture
def mailboxes(house):
    return house.engine.mailboxes


@pytest.fixture
def put(mailboxes):
    """put("alice", "new", "1"): a message that somebody put there by hand."""

    def put(owner, part, name):
        folder = mailboxes.folder / owner / part
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.wav").write_bytes(b"RIFF")
        return folder / f"{name}.wav"

    return put
