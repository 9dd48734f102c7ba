"""The port of a server: one alone listens on it, and it is free for the next as soon as that one has ended."""

import socket

import pytest

from millrace.errors import Unavailable
from millrace.serve.app import bound, on_socket


def listening(taken: socket.socket) -> None:
    """Listen as a server does, without an application to answer."""
    on_socket(taken.fileno())(lambda *_: None)


def test_port_on_which_another_server_listens_is_refused():
    with bound("127.0.0.1", 0) as first:
        listening(first)
        port = first.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"cannot listen on 127\.0\.0\.1:{port} \(Address already in use\): choose another --port"):
            bound("127.0.0.1", port)


def test_port_is_free_again_at_once_though_connections_of_the_last_server_linger():
    first = bound("127.0.0.1", 0)
    port = first.getsockname()[1]
    listening(first)
    with socket.create_connection(("127.0.0.1", port)), first:
        accepted, _ = first.accept()
        accepted.close()  # who closes first is left with a connection that lingers
    with pytest.raises(OSError, match="in use"), socket.socket() as plain:
        plain.bind(("127.0.0.1", port))
    with bound("127.0.0.1", port) as second:
        listening(second)
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass


def test_who_comes_second_to_a_port_that_was_shared_is_told_what_to_do():
    """Two that start at once are both given the port, as long as neither listens; the second to listen is refused in plain words."""
    with bound("127.0.0.1", 0) as one, bound("127.0.0.1", one.getsockname()[1]) as other:
        listening(one)
        with pytest.raises(Unavailable, match="choose another --port or --host"):
            listening(other)
