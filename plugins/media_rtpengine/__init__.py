"""The `media_rtpengine` plugin: media through rtpengine, for SRTP, DTLS, ICE and load. Its ng control protocol, over UDP."""

from .rtpengine import MediaRtpengine

__all__ = ["MediaRtpengine"]
