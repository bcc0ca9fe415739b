"""A capture that others can read: by its bytes, and by tshark where it is installed."""

import ipaddress
import os
import shutil
import struct
import subprocess

import pytest

from pipeline.trace.jsonl import JsonLines
from pipeline.trace.pcap import Pcap, checksum

MESSAGE = (
    b"OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\nFrom: <sip:alice@example.com>;tag=1\r\n"
    b"To: <sip:example.com>\r\nCall-ID: abc@phone\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def record(kind="received", transport="UDP", peer="192.0.2.7:5060", local="10.0.0.1:5060", data=MESSAGE):
    return {"time": 1700000000.25, "kind": kind, "transport": transport, "peer": peer, "local": local, "data": data}


def written(path, *records):
    pcap = Pcap(path)
    for each in records:
        pcap.show(each)
    pcap.close()
    return path


def packets(path):
    data = path.read_bytes()
    magic, _, _, _, _, _, link = struct.unpack("<IHHiIII", data[:24])
    assert (magic, link) == (0xA1B2C3D4, 101)
    data = data[24:]
    while data:
        seconds, micros, kept, length = struct.unpack("<IIII", data[:16])
        assert (seconds, micros, kept) == (1700000000, 250000, length)
        yield data[16 : 16 + kept]
        data = data[16 + kept :]


def test_a_datagram_stands_behind_ip_and_udp_headers_with_right_checksums(tmp_path):
    (packet,) = packets(written(tmp_path / "x.pcap", record()))
    assert checksum(packet[:20]) == 0
    assert packet[12:20] == ipaddress.ip_address("192.0.2.7").packed + ipaddress.ip_address("10.0.0.1").packed
    assert struct.unpack("!HHH", packet[20:26]) == (5060, 5060, 8 + len(MESSAGE))
    pseudo = packet[12:20] + struct.pack("!II", len(packet) - 20, 17)
    assert checksum(pseudo + packet[20:]) == 0
    assert packet[28:] == MESSAGE


def test_an_answer_goes_the_other_way(tmp_path):
    (packet,) = packets(written(tmp_path / "x.pcap", record("sent")))
    assert packet[12:16] == ipaddress.ip_address("10.0.0.1").packed


def test_a_stream_has_a_running_sequence_number_each_way(tmp_path):
    three = [record(kind, "TCP") for kind in ("received", "received", "sent")]
    found = [struct.unpack("!II", packet[24:32]) for packet in packets(written(tmp_path / "x.pcap", *three))]
    assert found == [(1, 1), (1 + len(MESSAGE), 1), (1, 1 + 2 * len(MESSAGE))]


def test_ipv6_has_its_own_header(tmp_path):
    (packet,) = packets(written(tmp_path / "x.pcap", record(peer="[2001:db8::7]:5060", local="[2001:db8::1]:5060")))
    assert packet[0] >> 4 == 6 and packet[6] == 17
    assert packet[8:24] == ipaddress.ip_address("2001:db8::7").packed


def test_what_has_no_bytes_is_left_out(tmp_path):
    assert list(packets(written(tmp_path / "x.pcap", record(data=b""), record("ended")))) == []


@pytest.mark.parametrize("sink", [Pcap, JsonLines])
def test_only_its_owner_can_read_the_file_also_when_it_was_there(tmp_path, sink):
    path = tmp_path / "trace"
    path.touch(0o644)
    sink(path).close()
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_json_lines_hold_no_unmasked_bytes(tmp_path):
    sink = JsonLines(tmp_path / "x.jsonl")
    sink.show({"time": 1.0, "data": b"secret", "from": "ä"})
    sink.gap(3)
    sink.close()
    assert (tmp_path / "x.jsonl").read_text() == '{"time": 1.0, "from": "ä"}\n{"not_shown": 3}\n'


@pytest.mark.interop
def test_tshark_dissects_it_as_sip(tmp_path):
    if shutil.which("tshark") is None:
        assert os.environ.get("CI") != "true", "tshark is missing"
        pytest.skip("tshark is not installed")
    many = [
        record(),
        record("sent"),
        record("received", "TCP"),
        record(peer="[::1]:5061", local="[::1]:5060"),
        record("received", "TCP", peer="192.0.2.7:40001"),
    ]
    path = written(tmp_path / "x.pcap", *many)
    fields = ["-T", "fields", "-e", "sip.Method", "-e", "_ws.col.Protocol", "-e", "udp.checksum.status", "-e", "tcp.checksum.status"]
    checked = ["-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"]
    out = subprocess.run(["tshark", "-r", path, *checked, *fields], capture_output=True, text=True, check=True, timeout=60).stdout
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[:2] for row in rows] == [["OPTIONS", "SIP"]] * 5
    assert {status for row in rows for status in row[2:] if status} <= {"1", "Good"}
