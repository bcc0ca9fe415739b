"""Microseconds of the parser, best of several rounds: `python bench/parse.py`. The budget of each figure stands beside it."""

from __future__ import annotations

import time

from pipeline.sip import Response, check, parse
from pipeline.sip import uri as uri_room

REGISTER = (
    "REGISTER sip:example.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK{n:08x}524287;rport\r\n"
    "Max-Forwards: 70\r\n"
    'From: "Alice" <sip:alice{u}@example.com>;tag={n:08x}\r\n'
    "To: <sip:alice{u}@example.com>\r\n"
    "Call-ID: {n:08x}-9d1b-4c1e@192.0.2.17\r\n"
    "CSeq: 1826 REGISTER\r\n"
    "Contact: <sip:alice{u}@192.0.2.17:5062;transport=udp>;expires=3600\r\n"
    "User-Agent: Grandstream GXP2170 1.0.11.64\r\n"
    "Allow: INVITE, ACK, OPTIONS, CANCEL, BYE, REFER, NOTIFY, INFO\r\n"
    "Supported: path, outbound\r\n"
    "Content-Length: 0\r\n\r\n"
)
ROUNDS, COUNT = 9, 4000


def best(job, inputs):
    found = 1e9
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for item in inputs:
            job(item)
        found = min(found, (time.perf_counter() - start) / len(inputs))
    return found * 1e6


def read(data):
    message = parse(data)
    check(message)
    _ = message.via, message.from_, message.to, message.cseq, message.call_id, message.contacts


def main():
    few = [REGISTER.format(n=n, u=n % 50).encode() for n in range(COUNT)]
    many = [REGISTER.format(n=n, u=n * 7919).encode() for n in range(20_000)]
    requests = [parse(data) for data in few]
    for request in requests:
        check(request)
    print(f"message: {len(few[99])} octets")
    print(f"parse                                {best(parse, few):6.2f} us   (budget 6)")
    print(f"parse + check + six typed, 50 users  {best(read, few):6.2f} us   (budget 20)")
    print(f"the same, every URI new              {best(read, many):6.2f} us   (budget 20)")
    uri_room._remembered.cache_clear()
    answer = Response.to
    print(
        f"Response.to(401).encode()            {best(lambda r: answer(r, 401, to_tag='a1b2c3d4').encode(), requests):6.2f} us   (budget 4)"
    )
    extra = (("www-authenticate", 'Digest realm="example.com", nonce="0123456789abcdef", qop="auth"'), ("server", "Sipline"))
    print(
        f"  with two headers more              {best(lambda r: answer(r, 401, headers=extra, to_tag='a1b2c3d4').encode(), requests):6.2f} us"
    )
    print(f"stamp(host, port) of a new message   {best(lambda d: parse(d).stamp('192.0.2.99', 40123), few) - best(parse, few):6.2f} us")


if __name__ == "__main__":
    main()
