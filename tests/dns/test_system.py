"""resolv.conf and hosts as the machine has them."""

import os

from pipeline.dns.system import System


def system(tmp_path, resolv="", hosts=""):
    (tmp_path / "resolv.conf").write_text(resolv)
    (tmp_path / "hosts").write_text(hosts)
    return System(str(tmp_path / "resolv.conf"), str(tmp_path / "hosts"))


def test_servers_search_and_ndots_are_read(tmp_path):
    naming = system(
        tmp_path,
        "# comment\n; another\nnameserver 192.0.2.1\nnameserver 2001:db8::53\nnameserver nonsense\nsearch a.example b.example.\noptions rotate ndots:3\n",
    ).naming()
    assert naming.servers == (("192.0.2.1", 53), ("2001:db8::53", 53))
    assert naming.search == ("a.example", "b.example")
    assert naming.ndots == 3


def test_hosts_are_read_with_all_their_names(tmp_path):
    naming = system(tmp_path, hosts="127.0.0.1 localhost\n192.0.2.7 PBX.example.com pbx # the old one\n2001:db8::7 pbx\n").naming()
    assert naming.hosts["pbx"] == ("192.0.2.7", "2001:db8::7")
    assert naming.hosts["pbx.example.com"] == ("192.0.2.7",)


def test_files_that_are_not_there_mean_the_local_server(tmp_path):
    assert System(str(tmp_path / "no"), str(tmp_path / "neither")).naming().servers == (("127.0.0.1", 53),)


def test_a_file_that_changes_counts_at_once(tmp_path):
    found = system(tmp_path, "nameserver 192.0.2.1\n")
    assert found.naming().servers == (("192.0.2.1", 53),)
    (tmp_path / "resolv.conf").write_text("nameserver 192.0.2.2\n")
    os.utime(tmp_path / "resolv.conf", ns=(1, 1))
    assert found.naming().servers == (("192.0.2.2", 53),)


def test_the_real_network_reads_the_machines_own_files():
    import asyncio

    from pipeline.sockets import Sockets

    loop = asyncio.new_event_loop()
    try:
        assert Sockets(loop).naming().servers
    finally:
        loop.close()
