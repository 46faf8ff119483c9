"""Put each batch on an SFTP server: whole or not at all, and once, whenever the line or the power fails.

As in a folder, only over the network: the bytes go to a hidden name, are read back and compared by size and
SHA-256, that fact is committed, then one rename makes the file visible.  After a crash the store and the
hidden name together say how far it came: *spooled* without a hidden file means that the rename happened.  For
that, nobody but us may touch hidden files there.

A transfer that broke off goes on where it stopped, if the server lets one write in the middle of a file;
otherwise it starts anew.  Either way the whole file is compared afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import asyncssh
import msgspec

from csenet.gateway.delivery.probing import ProbeStep, Question, failed, well
from csenet.gateway.delivery.retry import DELIVERED, Outcome, mistaken, permanent, transient
from csenet.gateway.delivery.transports.base import Parcel

_KEEP_ALIVE: Final = 15.0
_BLOCK: Final = 256 * 1024

# Below warnings it tells of each connection and file with the names in it.
logging.getLogger("asyncssh").setLevel(logging.WARNING)


class SftpPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Name a server, who we are there, by what we know it, and how long we wait, in seconds."""

    host: str
    user: str
    key: Path
    known_hosts: Path
    port: int = 22
    folder: str = "."
    connect_seconds: float = 15.0
    timeout_seconds: float = 300.0


class SftpLink:
    """Keep one connection to a server and make it anew when it broke."""

    def __init__(self, place: SftpPlace) -> None:
        """Remember the place; nothing is connected before it is needed."""
        self.place = place
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    async def client(self) -> asyncssh.SFTPClient:
        """Give a client on a living connection.

        The server must show a key that ``known_hosts`` holds for it; neither the machine's own list nor its
        settings nor an agent are asked.
        """
        if self._client is not None:
            return self._client
        place = self.place
        async with asyncio.timeout(place.connect_seconds):
            self._connection = await asyncssh.connect(
                place.host,
                place.port,
                username=place.user,
                client_keys=[str(place.key)],
                known_hosts=str(place.known_hosts),
                config=None,
                agent_path=None,
                preferred_auth="publickey",
                keepalive_interval=_KEEP_ALIVE,
            )
            self._client = await self._connection.start_sftp_client()
        return self._client

    def path(self, name: str) -> str:
        """Give the path of a name in the folder."""
        return f"{self.place.folder.rstrip('/')}/{name}" if self.place.folder != "." else name

    async def drop(self) -> None:
        """Let go of the connection; the next use makes a new one."""
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            connection.abort()
            await connection.wait_closed()


class SftpTransport:
    """Deliver into the folder of a server."""

    way = "sftp"

    def __init__(self, place: SftpPlace) -> None:
        """Remember the place; nothing is connected before the first parcel."""
        self._link = SftpLink(place)

    async def open(self) -> None:
        """Do nothing: a server that is away delays its parcels and nobody else."""

    async def deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        """Upload, compare, commit, rename.

        A host key or a login that is refused is told as such; raises what asyncssh raises for all else.
        """
        try:
            async with asyncio.timeout(self._link.place.timeout_seconds):
                return await self._deliver(parcel, spooled)
        except BaseException as error:
            await self._link.drop()
            if (why := refused(error)) is None:
                raise
            return mistaken(why)

    async def probe(self, question: Question) -> list[ProbeStep]:
        """Sign in, then write, compare and remove a hidden file."""
        place = self._link.place
        steps: list[ProbeStep] = []
        try:
            async with asyncio.timeout(place.timeout_seconds):
                client = await self._link.client()
                steps.append(
                    well("connection", f"{place.host} port {place.port} shows the key that we know.")
                )
                steps.append(well("authentication", f"It lets {place.user} in."))
                steps.append(await self._try_to_write(client, question.word))
        except Exception as error:
            steps.append(_lost(error, place, connected=bool(steps)))
        finally:
            await self._link.drop()
        return steps

    async def close(self) -> None:
        """Close the connection."""
        await self._link.drop()

    async def _try_to_write(self, client: asyncssh.SFTPClient, word: str) -> ProbeStep:
        path, data = self._link.path(f".probe-{word}.part"), word.encode()
        await _write(client, path, data, None)
        same = await read_whole(client, path, len(data)) == data
        await client.remove(path)
        if not same:
            return failed("folder", "The folder does not give back what was written into it.")
        return well("folder", f"{self._link.place.folder} takes files and gives them back unchanged.")

    async def _deliver(self, parcel: Parcel, spooled: Callable[[], Awaitable[None]]) -> Outcome:
        client = await self._link.client()
        hidden, final = self._link.path(f".{parcel.name}.part"), self._link.path(parcel.name)
        if parcel.spooled and not await client.exists(hidden):
            return DELIVERED
        if not await _same(client, hidden, parcel) and not await _upload(client, hidden, parcel):
            return transient("upload_digest")
        if not parcel.spooled:
            await spooled()
        return await _publish(client, hidden, final, parcel)


def _lost(error: BaseException, place: SftpPlace, *, connected: bool) -> ProbeStep:
    """Say in words where a test message ended."""
    why = refused(error)
    if why == "sftp_host_key":
        text = f"{place.host} shows another key than known_hosts has for it: nothing is sent there."
        return failed("connection", text)
    if why == "sftp_login":
        text = f"{place.host} does not let {place.user} in, or not into its folder."
        return failed("folder" if connected else "authentication", text)
    if connected:
        return failed("folder", f"{place.folder} cannot be written ({type(error).__name__}).")
    return failed("connection", f"{place.host} cannot be reached ({type(error).__name__}).")


async def _upload(client: asyncssh.SFTPClient, hidden: str, parcel: Parcel) -> bool:
    """Write what is missing, else everything, and say whether the server then has what we sent."""
    there = await _size(client, hidden)
    if there is not None and 0 < there < len(parcel.payload):
        # A server that does not let one go on in the middle gets the whole file again.
        with contextlib.suppress(
            asyncssh.SFTPOpUnsupported, asyncssh.SFTPFailure, asyncssh.SFTPPermissionDenied
        ):
            await _write(client, hidden, parcel.payload, there)
            if await _same(client, hidden, parcel):
                return True
    await _write(client, hidden, parcel.payload, None)
    return await _same(client, hidden, parcel)


async def _write(client: asyncssh.SFTPClient, path: str, data: bytes, start: int | None) -> None:
    flags = asyncssh.FXF_WRITE | (asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC if start is None else 0)
    async with client.open(path, flags, encoding=None) as file:
        for place in range(start or 0, len(data), _BLOCK):
            await file.write(data[place : place + _BLOCK], place)
        # Not every server can be asked; one that cannot keeps its promise of a file as well as its disk does.
        with contextlib.suppress(asyncssh.SFTPOpUnsupported):
            await file.fsync()


async def _publish(client: asyncssh.SFTPClient, hidden: str, final: str, parcel: Parcel) -> Outcome:
    if await client.exists(final):
        # A store that was put back from a copy gives names out again: what lies there is somebody's mail.
        if not await _same(client, final, parcel):
            return permanent("name_taken")
        await client.remove(hidden)
        return DELIVERED
    await client.rename(hidden, final)
    return DELIVERED


async def _size(client: asyncssh.SFTPClient, path: str) -> int | None:
    try:
        return (await client.stat(path)).size
    except asyncssh.SFTPNoSuchFile:
        return None


async def _same(client: asyncssh.SFTPClient, path: str, parcel: Parcel) -> bool:
    """Read a file back and compare size and digest with what it should hold."""
    if await _size(client, path) != len(parcel.payload):
        return False
    return hashlib.sha256(await read_whole(client, path, len(parcel.payload))).hexdigest() == parcel.sha256


async def read_whole(client: asyncssh.SFTPClient, path: str, largest: int) -> bytes:
    """Read a file; raises ``ValueError`` as soon as it proves to be longer than ``largest`` bytes."""
    data = bytearray()
    async with client.open(path, "rb", encoding=None) as file:
        while block := await file.read(_BLOCK, len(data)):
            data += block  # type: ignore[arg-type]  # bytes, as no encoding was named
            if len(data) > largest:
                raise ValueError("the file is longer than it may be")
    return bytes(data)


def refused(error: BaseException) -> str | None:
    """Say in one word why a server and we do not know each other; None where the failure is another one."""
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return "sftp_host_key"
    if isinstance(error, asyncssh.PermissionDenied):
        return "sftp_login"
    return None
