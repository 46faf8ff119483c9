"""A port that is chosen before anybody listens there stays free until then."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys

import pytest

from csenet.gateway import ports

ASKING = "from csenet.gateway.ports import free_port; print(*(free_port() for _ in range(5)))"


def test_no_two_choices_are_the_same_and_none_is_the_system_s_to_give_away() -> None:
    told = subprocess.run([sys.executable, "-c", ASKING], capture_output=True, text=True, check=True)
    chosen = [*map(int, told.stdout.split()), *(ports.free_port() for _ in range(5))]
    assert len(set(chosen)) == 10
    assert all(1024 < port < 32_768 for port in chosen)


def test_a_port_at_which_somebody_listens_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked_again() -> int:
        monkeypatch.setattr(ports, "_chosen", itertools.count(31))
        return ports.free_port()

    first = asked_again()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", first))
        taken.listen()
        assert asked_again() != first


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port cannot be held for somebody else")
def test_a_chosen_port_is_given_to_nobody_else_while_its_owner_is_away() -> None:
    chosen = ports.free_port()
    asking = "import itertools\nfrom csenet.gateway import ports\n"
    asking += f"ports._FIRST, ports._BLOCK, ports._chosen = {chosen}, 0, itertools.count()\n"
    asking += "print(ports.free_port())"
    told = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, check=True)
    assert chosen < int(told.stdout)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", chosen))
