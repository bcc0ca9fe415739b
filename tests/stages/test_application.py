"""RFC 3261 8.2.1 to 8.2.3, from what the listed plugins declare: 501, 405, 416, 420, 415, 404, 480, 403."""

import pytest

from pipeline.conformance.marks import rfc

ECHO = """
@plugin
class Echo:
    methods: ClassVar = ("OPTIONS", "INVITE")
    accepts: ClassVar = ("application/sdp",)
    extensions: ClassVar = ("path", "100rel")

    @hookimpl
    def application(self, message, passage):
        return Reply(200) if message.uri.user == "echo" else None
"""


@pytest.fixture
def server(sip, write):
    return sip(write("echo", ECHO), application=["echo"])


@rfc("3261", "8.2.1", "21.5.2")
def test_a_method_that_nobody_declares_is_501_with_allow(server):
    answer = server.request("FROBNICATE", "echo")
    assert (answer.status, answer.get("allow")) == (501, "OPTIONS, INVITE, ACK, CANCEL")


def test_register_without_registrar_is_501(server):
    assert server.request("REGISTER").status == 501


def test_a_standard_method_for_a_user_nobody_knows_is_404(server):
    assert server.request("MESSAGE", "nobody").status == 404
    assert server.request("MESSAGE", "bob").status == 501


@rfc("3261", "8.2.1", "21.4.6")
def test_a_declared_method_that_is_not_for_this_uri_is_405_with_allow(server):
    answer = server.request("INVITE", uri="sip:example.com")
    assert (answer.status, answer.get("allow")) == (405, "OPTIONS, INVITE, ACK, CANCEL")
    assert [event.fields["passage"].message.method for event in server.told("request.unsupported")] == ["INVITE"]


@rfc("3261", "8.2.2.1")
@pytest.mark.parametrize("uri", ["tel:+12015550123", "http://example.com/", "nobodyKnowsThisScheme:opaque"])
def test_a_scheme_nobody_serves_is_416(server, uri):
    assert server.request("OPTIONS", uri=uri, headers=[("To", "<sip:echo@example.com>")]).status == 416


@rfc("3261", "8.2.2.3")
def test_an_unknown_extension_is_420_and_named(server):
    answer = server.request("OPTIONS", "echo", headers=[("Require", "path, nothing, 100rel, neither")])
    assert (answer.status, answer.get("unsupported")) == (420, "nothing, neither")


@rfc("3261", "8.2.3")
def test_a_body_of_an_unknown_type_is_415_with_accept(server):
    answer = server.request("INVITE", "echo", headers=[("Content-Type", "application/unknown")], body=b"x")
    assert (answer.status, answer.get("accept")) == (415, "application/sdp")


@rfc("3261", "8.2.3")
def test_an_encoded_body_is_415_with_accept_encoding(server):
    answer = server.request("INVITE", "echo", headers=[("Content-Type", "application/sdp"), ("Content-Encoding", "gzip")], body=b"x")
    assert (answer.status, answer.get("accept-encoding")) == (415, "identity")


@rfc("3261", "20.11")
def test_a_body_that_may_be_ignored_is(server):
    headers = [("Content-Type", "application/unknown"), ("Content-Disposition", "session;handling=optional")]
    assert server.request("INVITE", "echo", headers=headers, body=b"x").status == 200


def test_a_body_without_a_type_is_400(server):
    answer = server.request("INVITE", "echo", body=b"x")
    assert (answer.status, answer.reason) == (400, "Missing Content-Type")


@rfc("3261", "21.4.5", "21.4.18")
def test_what_nobody_claims_is_480_for_one_of_ours_and_404_for_others(server):
    assert server.request("INVITE", "bob").status == 480
    assert server.request("INVITE", "nobody").status == 404
    assert server.request("INVITE", uri="sip:bob@elsewhere.example").status == 404


@rfc("3261", "19.1.1")
def test_headers_in_a_request_uri_are_400(server):
    assert server.request("INVITE", uri="sip:echo@example.com?Route=%3Csip:x%3E").status == 400


@pytest.mark.parametrize("host", ["example.com", "EXAMPLE.COM", "example.com.", "example.com:5070", "10.0.0.1", "10.0.0.1:5060"])
def test_a_domain_is_ours_whatever_its_case_dot_and_port_and_so_is_the_bound_address(server, host):
    assert server.request("INVITE", uri=f"sip:bob@{host}").status == 480


@pytest.mark.parametrize(
    "more",
    [
        {"headers": [("Require", "nothing")]},
        {"headers": [("Content-Type", "application/none")], "body": b"x"},
        {"headers": [("Content-Encoding", "gzip"), ("Content-Type", "application/sdp")], "body": b"x"},
        {"body": b"x"},
        {"uri": "mailto:bob@example.com"},
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "INVITE", "REGISTER", "NOSUCH"])
def test_what_is_refused_to_a_stranger_leaves_nothing_behind(server, method, more):
    request = server.message(method, **more)
    server.send(request)
    (first,) = server.replies()
    assert 400 <= first.status < 600
    assert len(server.engine.transactions) == 0 and not server.engine.transactions.merges
    server.send(request)
    _, again = server.replies()
    assert again.encode() == first.encode()  # a retransmission is answered afresh and alike
