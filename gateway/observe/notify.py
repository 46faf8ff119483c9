"""Tell systemd that the gateway is up, alive and stopping (sd_notify, without its library).

Outside of systemd there is no socket to tell, and nothing is done.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

from csenet.gateway.delivery.waiting import first_of

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
_ALIVE: Final = "WATCHDOG=1"


class ServiceManager:
    """Talk to whoever started this process, if he wants to be told."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """Read from the environment whom to tell, and within how long the watchdog wants to hear."""
        address = environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for a name that is not in the file system.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        asked = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environ.get("WATCHDOG_USEC", "")
        self._within = int(usec) / 1_000_000 if asked and usec.isdigit() else 0.0

    @property
    def watches(self) -> bool:
        """Say whether somebody wants to hear again and again that the gateway is alive."""
        return bool(self._address) and self._within > 0

    def tell(self, *lines: str) -> None:
        """Send a message; one that cannot be sent is no reason to stop."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return

    async def keep_telling(self, not_alive: Callable[[], list[str]], stop: asyncio.Event) -> None:
        """Say that the gateway is alive, twice as often as asked for, for as long as it is.

        It waits on the event loop itself: a loop that is stuck says nothing, and systemd starts it anew.
        """
        while not stop.is_set():
            problems = not_alive()
            if problems:
                self.tell(f"STATUS=not alive: {'; '.join(problems)}")
            else:
                self.tell(_ALIVE)
            await first_of(stop.wait(), asyncio.sleep(self._within / 2))
