"""The instruments themselves: two softphones without a server between them hear each other's tone, and not their own."""

import pytest

A, B = 440, 1000
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("ends", ["caller", "callee"])
def test_two_softphones_hear_each_other(softphone, ends):
    alice, bob = softphone(None, "alice", A), softphone(None, "bob", B)
    alice.dial(f"sip:bob@127.0.0.1:{bob.port}")
    bob.wait("CALL_INCOMING")
    bob.accept()
    alice.wait("CALL_ESTABLISHED")
    alice.hears(B, not_=(A,))
    bob.hears(A, not_=(B,))
    alice.hold()
    alice.gets_nothing_of(B)
    alice.resume()
    alice.gets(B, not_=(A,))
    bob.gets(A, not_=(B,))
    (alice if ends == "caller" else bob).hangup()
    (bob if ends == "caller" else alice).closed()
