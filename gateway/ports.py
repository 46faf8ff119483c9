"""Choose ports of this machine that stay free until their owner listens, also while the owner is away."""

import contextlib
import itertools
import os
import socket
from typing import Final

_FIRST: Final = 10_000
_MANY: Final = 20_000
"""From 32,768 on Linux hands ports out by itself, to whoever asks for any and to every connection that goes
out; macOS and Windows do from 49,152 on.  What is chosen there may be somebody else's a moment later."""
_BLOCK: Final = 32
"""How many ports lie between those of a process and those of the next, so that two never choose the same."""

_chosen = itertools.count()


def free_port(host: str = "127.0.0.1") -> int:
    """Give a port at which nobody listens, another one at each call; raises OSError where there is none."""
    for place in itertools.islice(_chosen, _MANY):
        port = _FIRST + (os.getpid() * _BLOCK + place) % _MANY
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port
    raise OSError(f"no free port at {host}")
