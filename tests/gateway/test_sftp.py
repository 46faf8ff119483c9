"""Files go to and come from a real SFTP server on loopback, once, whatever breaks on the way."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import msgspec
import pytest
import structlog

from csenet.gateway.clock import ManualClock
from csenet.gateway.delivery.retry import DELIVERED, Outcome, Verdict
from csenet.gateway.delivery.transports.base import Parcel
from csenet.gateway.delivery.transports.sftp import SftpPlace, SftpTransport
from csenet.gateway.errors import NotFound
from csenet.gateway.intake.sftp import SftpIntake
from csenet.gateway.ports import free_port

from .patience import BOUND

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PAYLOAD = b"".join(b"transaction %06d\n" % number for number in range(60_000))
Hook = Callable[[str, str], Awaitable[None]]


class Cut(asyncssh.SFTPFailure):
    """What the server answers where a test has it fail."""

    def __init__(self) -> None:
        super().__init__("no")


class Server:
    """An SFTP server on a folder that can be told to fail, and by what key it is known."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "remote"
        self.root.mkdir()
        self.folder = folder
        self.before: Callable[[str, bytes], None] = lambda operation, path: None
        self.done: list[str] = []
        self.connections: list[Any] = []
        self.listener: asyncssh.SSHAcceptor | None = None
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.user_key.write_private_key(folder / "user.key")
        self.user_key.write_public_key(folder / "authorized")

    async def start(self) -> None:
        server = self

        class Files(asyncssh.SFTPServer):
            def __init__(self, chan: Any) -> None:
                super().__init__(chan, chroot=str(server.root).encode())
                server.connections.append(chan.get_connection())

            def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
                writes = pflags & asyncssh.FXF_WRITE
                server.happens("write" if writes else "read", path)
                if writes and pflags & asyncssh.FXF_TRUNC:
                    server.happens("anew", path)
                return super().open(path, pflags, attrs)

            def write(self, file_obj: Any, offset: int, data: bytes) -> int:
                server.happens("block", b"")
                return int(super().write(file_obj, offset, data))

            def rename(self, oldpath: bytes, newpath: bytes) -> None:
                server.happens("rename", newpath)
                super().rename(oldpath, newpath)
                server.happens("renamed", newpath)

            def remove(self, path: bytes) -> None:
                server.happens("remove", path)
                super().remove(path)
                server.happens("removed", path)

        self.listener = await asyncssh.listen(
            "127.0.0.1",
            free_port(),  # nobody takes it while this one is away
            server_host_keys=[self.host_key],
            authorized_client_keys=str(self.folder / "authorized"),
            sftp_factory=Files,
        )
        self.know(self.host_key)

    def happens(self, operation: str, path: bytes) -> None:
        self.done.append(operation)
        self.before(operation, path)

    def know(self, key: asyncssh.SSHKey) -> None:
        assert self.listener is not None
        public = key.export_public_key().decode().strip()
        known = f"[127.0.0.1]:{self.listener.get_port()} {public}\n"
        (self.folder / "known_hosts").write_text(known)

    def cut(self) -> None:
        for connection in self.connections:
            connection.abort()
        self.connections.clear()

    async def stop(self) -> None:
        listener, self.listener = self.listener, None
        if listener is not None:
            self.cut()
            listener.close()
            await listener.wait_closed()

    @property
    def place(self) -> SftpPlace:
        assert self.listener is not None
        return SftpPlace(
            host="127.0.0.1",
            port=self.listener.get_port(),
            user="minnesota",
            key=self.folder / "user.key",
            known_hosts=self.folder / "known_hosts",
            timeout_seconds=BOUND,
        )

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.root.iterdir()}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(tmp_path)
    await made.start()
    yield made
    await made.stop()


def parcel(payload: bytes = PAYLOAD, *, spooled: bool = False) -> Parcel:
    sha256 = hashlib.sha256(payload).hexdigest()
    return Parcel(key="B-1", name="B-1.txt", payload=payload, sha256=sha256, count=1, spooled=spooled)


class Journal:
    """Remember, as the store does, that the bytes are safe on the other side."""

    def __init__(self) -> None:
        self.spooled = False

    async def mark(self) -> None:
        self.spooled = True


async def deliver(place: SftpPlace, journal: Journal, payload: bytes = PAYLOAD) -> Outcome:
    transport = SftpTransport(place)
    try:
        return await transport.deliver(parcel(payload, spooled=journal.spooled), journal.mark)
    finally:
        await transport.close()


async def until_delivered(server: Server, journal: Journal) -> int:
    """Try again as the courier does; give the number of tries."""
    for number in range(1, 10):
        try:
            outcome = await deliver(server.place, journal)
        except (OSError, asyncssh.Error):
            continue
        if outcome == DELIVERED:
            return number
    raise AssertionError("never delivered")


class TestDelivery:
    async def test_a_batch_is_put_under_a_hidden_name_and_then_renamed(self, server: Server) -> None:
        journal = Journal()
        seen: list[list[str]] = []
        server.before = lambda operation, path: seen.append(sorted(server.files()))
        assert await deliver(server.place, journal) == DELIVERED
        assert server.files() == {"B-1.txt": PAYLOAD}
        assert journal.spooled
        assert all("B-1.txt" not in names for names in seen[:-1])

    async def test_one_connection_carries_many_batches(self, server: Server) -> None:
        transport = SftpTransport(server.place)
        for number in range(5):
            one = msgspec.structs.replace(parcel(), name=f"B-{number}.txt")
            assert await transport.deliver(one, Journal().mark) == DELIVERED
        assert len(server.connections) == 1
        await transport.close()
        assert len(server.files()) == 5

    async def test_a_folder_of_the_server_can_be_named(self, server: Server) -> None:
        (server.root / "in").mkdir()
        place = msgspec.structs.replace(server.place, folder="/in/")
        assert await deliver(place, Journal()) == DELIVERED
        assert (server.root / "in" / "B-1.txt").read_bytes() == PAYLOAD

    @pytest.mark.parametrize("operation", ["write", "block", "rename", "renamed"])
    async def test_a_line_cut_at_any_step_ends_in_one_whole_file(
        self, server: Server, operation: str
    ) -> None:
        cuts = iter([True])

        def cut(happening: str, path: bytes) -> None:
            if happening == operation and next(cuts, False):
                server.cut()
                raise Cut

        server.before = cut
        assert await until_delivered(server, Journal()) == 2
        assert server.files() == {"B-1.txt": PAYLOAD}

    async def test_a_file_that_was_taken_away_is_not_sent_again(self, server: Server) -> None:
        journal = Journal()

        def taken_and_cut(happening: str, path: bytes) -> None:
            if happening == "renamed":
                (server.root / "B-1.txt").unlink()
                server.cut()
                raise Cut

        server.before = taken_and_cut
        with pytest.raises((OSError, asyncssh.Error)):
            await deliver(server.place, journal)
        server.before = lambda operation, path: None
        assert await deliver(server.place, journal) == DELIVERED
        assert server.files() == {}

    async def test_a_broken_transfer_goes_on_where_it_stopped(self, server: Server) -> None:
        (server.root / ".B-1.txt.part").write_bytes(PAYLOAD[:500_000])
        assert await deliver(server.place, Journal()) == DELIVERED
        assert server.files() == {"B-1.txt": PAYLOAD}
        assert "anew" not in server.done

    @pytest.mark.parametrize("there", [b"x" * 500_000, b"x" * len(PAYLOAD), PAYLOAD + b"x"])
    async def test_rubbish_under_the_hidden_name_is_replaced(self, server: Server, there: bytes) -> None:
        (server.root / ".B-1.txt.part").write_bytes(there)
        assert await deliver(server.place, Journal()) == DELIVERED
        assert server.files() == {"B-1.txt": PAYLOAD}

    async def test_a_server_that_cannot_go_on_gets_the_whole_file(self, server: Server) -> None:
        (server.root / ".B-1.txt.part").write_bytes(PAYLOAD[:500_000])

        def refuse(happening: str, path: bytes) -> None:
            if happening == "write" and "anew" not in server.done and server.done.count("write") == 1:
                raise asyncssh.SFTPOpUnsupported("no")

        server.before = refuse
        assert await deliver(server.place, Journal()) == DELIVERED
        assert server.files() == {"B-1.txt": PAYLOAD}

    async def test_bytes_changed_on_the_server_are_noticed_before_they_show(self, server: Server) -> None:
        def spoil(happening: str, path: bytes) -> None:
            if happening == "read":
                (server.root / ".B-1.txt.part").write_bytes(b"y" * len(PAYLOAD))

        server.before = spoil
        journal = Journal()
        outcome = await deliver(server.place, journal)
        assert (outcome.verdict, outcome.error) == (Verdict.TRANSIENT, "upload_digest")
        assert not journal.spooled
        assert list(server.files()) == [".B-1.txt.part"]

    async def test_somebody_elses_file_of_that_name_is_left_alone(self, server: Server) -> None:
        (server.root / "B-1.txt").write_bytes(b"older mail")
        outcome = await deliver(server.place, Journal())
        assert (outcome.verdict, outcome.error) == (Verdict.PERMANENT, "name_taken")
        assert server.files()["B-1.txt"] == b"older mail"

    async def test_the_same_file_already_there_is_a_delivery(self, server: Server) -> None:
        (server.root / "B-1.txt").write_bytes(PAYLOAD)
        assert await deliver(server.place, Journal()) == DELIVERED
        assert server.files() == {"B-1.txt": PAYLOAD}

    async def test_a_server_with_another_key_is_refused(self, server: Server) -> None:
        server.know(asyncssh.generate_private_key("ssh-ed25519"))
        outcome = await deliver(server.place, Journal())
        assert (outcome.verdict, outcome.error) == (Verdict.TRANSIENT, "sftp_host_key")
        assert server.files() == {}

    async def test_a_login_that_is_refused_is_told(self, server: Server) -> None:
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(server.folder / "user.key")
        outcome = await deliver(server.place, Journal())
        assert (outcome.verdict, outcome.error) == (Verdict.TRANSIENT, "sftp_login")

    async def test_a_server_that_is_away_is_a_failure_like_any_other(self, server: Server) -> None:
        place = server.place
        await server.stop()
        with pytest.raises(ConnectionRefusedError):
            await deliver(place, Journal())

    async def test_a_server_that_says_nothing_is_given_up(self, server: Server) -> None:
        writers: list[asyncio.StreamWriter] = []
        silent = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        place = msgspec.structs.replace(server.place, port=port, connect_seconds=0.1)
        with pytest.raises(TimeoutError):
            await deliver(place, Journal())
        silent.close()
        for writer in writers:
            writer.close()
            await writer.wait_closed()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    file_id: int
    sha256: str


class Desk:
    """A desk that keeps bytes in memory, outliving the intake that feeds it."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.kept: dict[str, Receipt] = {}
        self.names: list[str] = []
        self.settled: list[int] = []
        self.trouble: list[BaseException] = []

    async def accept(self, raw: bytes, *, source: str, name: str) -> Receipt:
        assert source == "sftp"
        if self.trouble:
            raise self.trouble.pop()
        self.names.append(name)
        digest = hashlib.sha256(raw).hexdigest()
        return self.kept.setdefault(digest, Receipt(file_id=len(self.kept) + 1, sha256=digest))

    async def settle(self, file_id: int) -> None:
        self.settled.append(file_id)


class TestIntake:
    @pytest.fixture
    def desk(self) -> Desk:
        return Desk()

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock(NOW)

    @pytest.fixture
    async def intake(self, server: Server, desk: Desk, clock: ManualClock) -> AsyncIterator[SftpIntake]:
        made = SftpIntake(desk, server.place, 60.0, clock, structlog.get_logger(), largest=len(PAYLOAD))
        yield made
        await made._link.drop()

    async def test_files_are_kept_oldest_first_and_then_deleted(
        self, server: Server, desk: Desk, intake: SftpIntake
    ) -> None:
        import os

        for name, age in (("b.txt", 5), ("a.txt", 5), ("c.txt", 9)):
            (server.root / name).write_bytes(name.encode())
            os.utime(server.root / name, (10**9 - age, 10**9 - age))
        assert await intake.scan() == 3
        assert desk.names == ["c.txt", "a.txt", "b.txt"]
        assert desk.settled == [1, 2, 3]
        assert server.files() == {}

    async def test_what_is_not_complete_is_left_alone(
        self, server: Server, desk: Desk, intake: SftpIntake
    ) -> None:
        for name in (".hidden", "a.tmp", "b.part", "c.filepart"):
            (server.root / name).write_bytes(b"half")
        (server.root / "folder").mkdir()
        assert await intake.scan() == 0
        assert desk.names == []

    async def test_nothing_is_deleted_that_could_not_be_kept(
        self, server: Server, desk: Desk, clock: ManualClock, intake: SftpIntake
    ) -> None:
        (server.root / "a.txt").write_bytes(PAYLOAD)
        desk.trouble = [OSError("disk full")]
        assert await intake.scan() == 0
        assert "remove" not in server.done
        assert await intake.scan() == 0  # not before its time
        clock.advance(121)
        assert await intake.scan() == 1
        assert list(desk.kept) == [hashlib.sha256(PAYLOAD).hexdigest()]
        assert server.files() == {}

    @pytest.mark.parametrize("operation", ["read", "remove", "removed"])
    async def test_a_line_cut_at_any_step_keeps_each_file_once(
        self, server: Server, desk: Desk, clock: ManualClock, intake: SftpIntake, operation: str
    ) -> None:
        cuts = iter([True])

        def cut(happening: str, path: bytes) -> None:
            if happening == operation and next(cuts, False):
                server.cut()
                raise Cut

        server.before = cut
        (server.root / "a.txt").write_bytes(PAYLOAD)
        await intake.scan()
        clock.advance(600)
        await intake.scan()
        assert len(desk.kept) == 1
        assert server.files() == {}

    async def test_a_file_replaced_while_it_was_fetched_is_not_deleted(
        self, server: Server, desk: Desk, clock: ManualClock, intake: SftpIntake
    ) -> None:
        (server.root / "a.txt").write_bytes(b"first")
        accept = desk.accept

        async def replaced(raw: bytes, *, source: str, name: str) -> Receipt:
            if raw == b"first":
                (server.root / "a.txt").write_bytes(b"second one")
            return await accept(raw, source=source, name=name)

        desk.accept = replaced  # type: ignore[method-assign]
        assert await intake.scan() == 0
        assert server.files() == {"a.txt": b"second one"}
        clock.advance(600)
        assert await intake.scan() == 1
        assert len(desk.kept) == 2

    @pytest.mark.parametrize("right", [True, False])
    async def test_a_digest_beside_the_file_has_to_be_right(
        self, server: Server, desk: Desk, intake: SftpIntake, right: bool
    ) -> None:
        (server.root / "a.txt").write_bytes(PAYLOAD)
        digest = hashlib.sha256(PAYLOAD if right else b"other").hexdigest()
        (server.root / "a.txt.sha256").write_text(f"{digest.upper()}  a.txt\n")
        assert await intake.scan() == int(right)
        assert len(server.files()) == (0 if right else 2)
        assert len(desk.kept) == int(right)

    @pytest.mark.parametrize("only", [True, False])
    async def test_receipts_for_our_batches_are_taken_and_other_sidecars_stay(
        self, server: Server, desk: Desk, clock: ManualClock, only: bool
    ) -> None:
        came: list[tuple[str, str, bytes]] = []

        async def take_receipt(raw: bytes, *, way: str, name: str = "") -> None:
            if "999" in name:
                raise NotFound("no batch of ours has that key")
            came.append((way, name, raw))

        ours = ("CSENET-27-000000000001.receipt.json", "CSENET-27-000000000002.txt.receipt.p7m")
        for name in (*ours, "CSENET-27-000000000999.receipt.json", "theirs.receipt.json", "a.txt"):
            (server.root / name).write_bytes(name.encode())
        (server.root / f"{ours[0]}.sha256").write_text(hashlib.sha256(ours[0].encode()).hexdigest())
        log = structlog.get_logger()
        made = SftpIntake(desk, server.place, 60.0, clock, log, take_receipt=take_receipt, receipts_only=only)
        assert await made.scan() == int(not only)
        assert came == [("file", name, name.encode()) for name in ours]
        left = ["CSENET-27-000000000999.receipt.json", *(["a.txt"] if only else []), "theirs.receipt.json"]
        assert sorted(server.files()) == left
        assert desk.names == ([] if only else ["a.txt"])
        clock.advance(600)
        await made.scan()
        assert len(came) == 2
        await made._link.drop()

    async def test_a_file_that_is_too_long_waits_for_a_person_and_stops_nobody(
        self, server: Server, desk: Desk, intake: SftpIntake
    ) -> None:
        (server.root / "a.txt").write_bytes(PAYLOAD + b"x")
        (server.root / "b.txt").write_bytes(b"fine")
        assert await intake.scan() == 1
        assert list(server.files()) == ["a.txt"]

    async def test_a_server_that_is_away_is_asked_again_less_and_less_often(
        self, server: Server, desk: Desk, clock: ManualClock, intake: SftpIntake
    ) -> None:
        await server.stop()
        stop = asyncio.Event()
        task = asyncio.create_task(intake.run(stop))
        for number, wait in enumerate((120, 240, 480), 1):
            async with asyncio.timeout(BOUND):
                while not clock.sleeping:  # noqa: ASYNC110 - nothing tells of a failed look
                    await asyncio.sleep(0)
            assert intake._failures == number
            clock.advance(wait)
        stop.set()
        await task

    async def test_a_stop_ends_the_fetching(
        self, server: Server, desk: Desk, clock: ManualClock, intake: SftpIntake
    ) -> None:
        (server.root / "a.txt").write_bytes(b"one")
        stop = asyncio.Event()
        task = asyncio.create_task(intake.run(stop))
        async with asyncio.timeout(BOUND):
            while not clock.sleeping:  # noqa: ASYNC110 - asleep means that all was fetched
                await asyncio.sleep(0)
        stop.set()
        await task
        assert desk.names == ["a.txt"]
