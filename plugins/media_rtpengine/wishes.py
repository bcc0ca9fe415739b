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

PADDED = ["pad"]
"""Keys in whole groups of four characters, as RFC 4648 3.2 has base64: without, softphones read AEAD_AES_256_GCM's wrongly."""


def offered_to(endpoint: Endpoint | None) -> dict[str, Any]:
    """Return what is asked for in an offer that goes to this endpoint; None: plain RTP, as for everybody of whom nothing is known."""
    encryption = "no" if endpoint is None else endpoint.media_encryption
    wanted = {
        "transport-protocol": PROTOCOLS[encryption, endpoint is not None and endpoint.use_avpf],
        "ICE": "force" if endpoint is not None and endpoint.ice_support else "remove",
        "rtcp-mux": ["offer"] if endpoint is not None and endpoint.rtcp_mux else ["demux"],
        "replace": ["origin", "session-connection"],
    }
    wanted |= _either_way(endpoint)
    if encryption != "dtls":
        wanted["DTLS"] = "off"
    wanted["SDES"] = ["off"] if encryption == "dtls" else PADDED
    return wanted


def answered_to(endpoint: Endpoint | None) -> dict[str, Any]:
    """Return what is asked for in an answer that goes to this endpoint: nothing but our address where the other side's would stand."""
    return {"replace": ["origin", "session-connection"], "SDES": PADDED, **_either_way(endpoint)}


def _either_way(endpoint: Endpoint | None) -> dict[str, Any]:
    """Return what is asked for in what goes to this endpoint, be it an offer or an answer."""
    found: dict[str, Any] = {}
    if endpoint is not None and endpoint.media_address:
        found["media-address"] = endpoint.media_address
    if endpoint is not None and endpoint.record_call:
        found["record-call"] = "yes"  # into the folder of its recording-dir; it records both sides, whoever asks
    return found
