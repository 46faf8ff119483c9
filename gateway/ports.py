"""Choose ports of this machine that stay free until their owner listens, also while the owner is away."""

import atexit
import contextlib
import itertools
import os
import socket
import sys
from collections import deque
from typing import Final

_FIRST: Final = 10_000
_MANY: Final = 20_000
"""From 32,768 on Linux hands ports out by itself, to whoever asks for any and to every connection that goes
out; macOS and Windows do from 49,152 on.  What is chosen there may be somebody else's a moment later."""
_BLOCK: Final = 32
"""How many ports lie between those of a process and those of the next, so that two seldom try the same."""
_HELD: Final = 64
"""So many ports are held at once; whoever chose more has long begun to listen at the first of them."""

_chosen = itertools.count()
_held: deque[socket.socket] = deque()


def free_port(host: str = "127.0.0.1") -> int:
    """Give a port at which nobody listens, another one at each call; raises OSError where there is none.

    On Linux this process holds the port from then on: nobody else chooses it, and its owner listens there as
    servers do, with ``SO_REUSEADDR``.
    """
    for place in itertools.islice(_chosen, _MANY):
        port = _FIRST + (os.getpid() * _BLOCK + place) % _MANY
        with contextlib.ExitStack() as undo, contextlib.suppress(OSError):
            probe = undo.enter_context(socket.socket())
            probe.bind((host, port))
            if sys.platform == "linux" and _lets_its_owner_listen(probe):
                undo.pop_all()
                _hold(probe)
            return port
    raise OSError(f"no free port at {host}")


def _lets_its_owner_listen(probe: socket.socket) -> bool:
    """Say whether a server could listen where ``probe`` is bound and does not listen itself."""
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with socket.socket() as owner:
        owner.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            owner.bind(probe.getsockname())
            owner.listen()
        except OSError:
            return False
    return True


def _hold(probe: socket.socket) -> None:
    _held.append(probe)
    if len(_held) > _HELD:
        _held.popleft().close()


@atexit.register
def _let_go() -> None:
    while _held:
        _held.popleft().close()
