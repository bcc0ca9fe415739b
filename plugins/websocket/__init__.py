"""The `websocket` transport: SIP for browsers, ws and wss; and the little HTTP that stands at the same door. RFC 7118, RFC 6455."""

from .websocket import Websocket

__all__ = ["Websocket"]
