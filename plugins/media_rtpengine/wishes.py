"""What rtpengine is asked to make of a description for the one who gets it: by the options of the endpoint.

Rule: an offer says everything, for rtpengine remembers for the answer what the offerer had. Option names are Asterisk's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.dal import Endpoint

PROTOCOLS = {
    ("no", False): "RTP/AVP",
    ("no", True): "RTP/AVPF",
    ("sdes", False): "RTP/SAVP",
    ("sdes", True): "RTP/SAVPF",
    ("dtls", False): "UDP/TLS/RTP/SAVP",
    ("dtls", True): "UDP/TLS/RTP/SAVPF",
}
"""(media_encryption, use_avpf) -> the protocol of its m= lines: RFC 3551, 4585, 3711, 5124, 5764."""


def offered_to(endpoint: Endpoint | None) -> dict[str, Any]:
    """Return what is asked for in an offer that goes to this endpoint; None: plain RTP, as for everybody of whom nothing is known."""
    encryption = "no" if endpoint is None else endpoint.media_encryption
    wanted = {
        "transport-protocol": PROTOCOLS[encryption, endpoint is not None and endpoint.use_avpf],
        "ICE": "force" if endpoint is not None and endpoint.ice_support else "remove",
        "rtcp-mux": ["offer"] if endpoint is not None and endpoint.rtcp_mux else ["demux"],
        "replace": ["origin", "session-connection"],
    }
    if encryption != "dtls":
        wanted["DTLS"] = "off"
    if encryption == "dtls":
        wanted["SDES"] = ["off"]
    return wanted


def answered_to() -> dict[str, Any]:
    """Return what is asked for in an answer: nothing but our address where the other side's would stand."""
    return {"replace": ["origin", "session-connection"]}
