"""Ask a SIP server from inside a network namespace: run by test_namespace.py as `ip netns exec NAME python namespaced.py ...`.

Each argument is FAMILY/FROM/TO/PORT; prints as JSON where each answer came from, "" when none came.
"""

import json
import os
import socket
import sys


def ask(family, source, target, port):
    version = socket.AF_INET6 if family == "6" else socket.AF_INET
    written = f"[{source}]" if family == "6" else source
    uri = f"sip:[{target}]:{port}" if family == "6" else f"sip:{target}:{port}"
    with socket.socket(version, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.settimeout(3)
        token = os.urandom(6).hex()
        me = f"{written}:{sock.getsockname()[1]}"
        sock.sendto(
            f"OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{token};rport\r\nMax-Forwards: 70\r\nFrom: <sip:probe@elsewhere.example>;tag={token}\r\n"
            f"To: <{uri}>\r\nCall-ID: {token}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".encode(),
            (target, int(port)),
        )
        try:
            data, peer = sock.recvfrom(65536)
        except TimeoutError:
            return ""
        return f"{data[8:11].decode()} from {peer[0]} port {peer[1]}"


print(json.dumps([ask(*word.split("/")) for word in sys.argv[1:]]))
