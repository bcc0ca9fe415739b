"""Where the control socket is, who may use it, and what becomes of one that a dead server left."""

import socket

import pytest

from pipeline.control.place import LONGEST, NAME, Busy, Lock, connect


def test_socket_and_directory_are_their_owners_alone(tmp_path):
    folder = tmp_path / "state"
    lock = Lock(folder)
    with lock.bind():
        assert (folder / NAME).stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700
    lock.close()


def test_a_second_server_is_told_that_one_runs(tmp_path):
    lock = Lock(tmp_path)
    with pytest.raises(Busy, match="already running"):
        Lock(tmp_path)
    lock.close()
    Lock(tmp_path).close()


def test_the_socket_of_a_dead_server_is_replaced(tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / NAME))
    assert connect(tmp_path) is None
    lock = Lock(tmp_path)
    with lock.bind() as bound:
        bound.listen()
        connection = connect(tmp_path)
        assert connection is not None
        connection.close()
    lock.close()
    assert not (tmp_path / NAME).exists()


def test_no_server_no_connection(tmp_path):
    assert connect(tmp_path / "nowhere") is None


def test_a_path_that_the_kernel_would_not_take_is_said_in_a_short_way(tmp_path):
    folder = tmp_path / ("d" * LONGEST)
    lock = Lock(folder)
    with lock.bind() as bound:
        bound.listen()
        assert (folder / NAME).is_socket()
        connection = connect(folder)
        assert connection is not None
        connection.close()
    lock.close()
