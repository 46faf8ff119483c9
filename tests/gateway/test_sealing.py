"""What the store holds of people cannot be read, moved or changed by whoever has the store alone."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import StatementError

from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk, agency_of
from csenet.gateway.store import cases, sealing
from csenet.gateway.store.columns import Closed
from csenet.gateway.store.engine import Store, open_store
from csenet.gateway.store.errors import SealBroken, SealingError
from csenet.gateway.store.keyring import LOOK_AGAIN, Keyring
from csenet.gateway.store.tables import case_file, inbound, metadata, outbound
from csenet.gateway.store.tables_sealing import data_key
from csenet.gateway.store.wrapping import Credential, HeldKeys, KeyFile, new_line

from .conftest import KEYS, LEDGER, NOON, QUIET, arriving, contents, facts, lines, tamper


async def settle(desk: Desk, *transactions: bytes) -> None:
    receipt = await desk.accept(lines(*transactions), source="test", name="batch")
    await desk.settle(receipt.file_id)


async def everything(store: Store) -> bytes:
    """Read each value of each table as it is stored."""
    found = b""
    async with store.read() as conn:
        for table in metadata.sorted_tables:
            for row in await conn.execute(text(f'SELECT * FROM "{table.name}"')):
                found += b"".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
    return found


async def test_nothing_of_a_person_is_stored_in_the_clear(desk: Desk, store: Store) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    await settle(desk, arriving("MSC R GRINT", 1), b"27000  about ROWAN EXAMPLESON")
    assert (await desk.submit({"case_id": "MN1", "far": "MSC P GSC15"}, "key")).transactions
    stored = await everything(store)
    for word in (b"EXAMPLESON", b"NORDQUIST", b"ROWAN", b"2021-07-31"):
        assert word not in stored, word
    assert b"transaction.received" in stored, "what is no content can be read"
    view = await desk.get_case("MN1")
    assert view is not None
    assert view.facts["ncp_identification"]["name_last"] == "EXAMPLESON"


async def test_each_table_with_content_names_its_records_by_what_an_insert_knows() -> None:
    tables = sealing.content_tables(metadata.sorted_tables)
    assert {"inbound", "outbound", "case_file", "timeline", "work_item"} <= {table.name for table in tables}
    for table in tables:
        shape = sealing.shape_of(table)
        assert shape.columns
        # Only the chain of the audit numbers its rows itself.
        assert "id" not in shape.name or table.name == "audit"


async def test_content_does_not_open_in_another_record_column_or_table(desk: Desk, store: Store) -> None:
    await settle(desk, arriving("MSC R GRINT", 1), arriving("MSC R GRINT", 2))
    async with store.begin() as conn:
        first, second = (await conn.execute(select(inbound).order_by(inbound.c.id))).mappings().all()
    shape = sealing.shape_of(inbound)
    for moved in ({**second, "raw": first["raw"]}, {**first, "problems": first["decision"]}):
        async with store.read() as conn:
            with pytest.raises(SealBroken, match=r"inbound\.(raw|problems) of row \d was changed or moved"):
                await sealing.opened(conn, inbound, [moved])
    stranger = {"serial": 1, "raw": first["raw"]}
    async with store.read() as conn:
        with pytest.raises(SealBroken, match=r"outbound\.raw"):
            await sealing.opened(conn, outbound, [stranger])
    assert shape.name == ("correlation",)


async def test_changed_and_unsealed_content_is_refused(
    desk: Desk, store: Store, location: str | Path
) -> None:
    await desk.put_case("MN1", facts())
    blob = "X'7B7D'" if isinstance(location, Path) else "'\\x7B7D'"
    await tamper(location, f"UPDATE case_file SET facts = {blob}")
    with pytest.raises(SealBroken, match=r"case_file\.facts is not sealed"):
        await desk.get_case("MN1")
    async with store.begin() as conn:
        (row,) = (await conn.execute(select(case_file))).mappings()
    changed = bytearray(row["state"].data)
    changed[-1] ^= 1
    async with store.read() as conn:
        with pytest.raises(SealBroken, match=r"case_file\.state was changed"):
            await sealing.opened(conn, case_file, [{**row, "facts": None, "state": Closed(bytes(changed))}])


@pytest.mark.parametrize("value", [{"a": 1}, b"{}"])
async def test_what_was_not_sealed_cannot_be_written(store: Store, value: object) -> None:
    with pytest.raises(StatementError, match="sealed"):
        async with store.begin() as conn:
            await conn.execute(update(case_file).values(facts=value))


async def test_a_store_is_refused_without_its_key_and_with_another(
    desk: Desk, store: Store, location: str | Path
) -> None:
    await desk.put_case("MN1", facts())
    with pytest.raises(SealingError, match="no key is set"):
        await open_store(location)
    other = Keyring(HeldKeys({"f" * 16: bytes([1]) * 32}), lambda: NOON)
    with pytest.raises(SealingError, match=f"wrapped with key {'0' * 16}, but memory holds {'f' * 16}"):
        await open_store(location, keyring=other)
    empty = Keyring(HeldKeys(), lambda: NOON)
    with pytest.raises(SealingError, match="put it back from its backup"):
        await open_store(location, keyring=empty)
    assert (await contents(store, case_file))[0]["case_id"] == "MN1", "nothing was changed"


class TestPeriods:
    @pytest.fixture
    async def pair(self, location: str | Path, clock: ManualClock) -> AsyncIterator[tuple[Store, Store]]:
        """Two programs on one store."""
        stores = [await open_store(location, keyring=Keyring(HeldKeys(KEYS), clock.now)) for _ in range(2)]
        yield stores[0], stores[1]
        for each in stores:
            await each.close()

    async def put(self, store: Store, clock: ManualClock, case_id: str) -> None:
        await Desk(store, agency_of("27"), clock, QUIET).put_case(case_id, facts())

    async def test_each_month_has_keys_of_its_own(
        self, pair: tuple[Store, Store], clock: ManualClock
    ) -> None:
        store, other = pair
        await self.put(store, clock, "MN1")
        clock.set(datetime(2026, 12, 1, tzinfo=UTC))
        await self.put(store, clock, "MN2")
        async with store.read() as conn:
            query = select(data_key.c.number).where(data_key.c.kind == "case").order_by(data_key.c.period)
            numbers = (await conn.execute(query)).scalars().all()
            sealed = (await conn.execute(select(case_file.c.facts).order_by(case_file.c.case_id))).scalars()
            assert [sealing.key_number(each.data) for each in sealed] == numbers
        async with other.read() as conn:
            found = await cases.load(conn, ["MN1", "MN2"])
        assert len(found) == 2, "a reader looks for the keys that another program made"

    async def test_a_key_is_on_disk_before_it_seals(
        self, pair: tuple[Store, Store], clock: ManualClock
    ) -> None:
        store, other = pair
        clock.set(datetime(2027, 1, 1, tzinfo=UTC))

        async def undone() -> None:
            async with store.begin():
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await undone()
        async with other.read() as conn:
            assert "2027-01" in (await conn.execute(select(data_key.c.period))).scalars().all()

    async def test_a_later_key_of_the_month_is_used_within_half_a_minute(
        self, pair: tuple[Store, Store], clock: ManualClock
    ) -> None:
        store, other = pair
        async with other.begin() as conn:
            number = await other.keyring.make(conn, "case", "2026-11", 2)
        await self.put(store, clock, "MN1")
        clock.advance(LOOK_AGAIN.total_seconds())
        await self.put(store, clock, "MN2")
        async with store.read() as conn:
            sealed = (await conn.execute(select(case_file.c.facts).order_by(case_file.c.case_id))).scalars()
            old, new = (sealing.key_number(each.data) for each in sealed)
        assert old < new == number


class TestKeyFile:
    def test_it_is_made_for_its_owner_alone(self, tmp_path: Path) -> None:
        keys = KeyFile(tmp_path / "keys" / "wrapping.key")
        assert keys.present() is None
        made = keys.make()
        assert keys.path.stat().st_mode & 0o777 == 0o600
        assert KeyFile(keys.path).present() == made

    def test_a_next_key_wraps_and_the_first_still_unwraps(self, tmp_path: Path) -> None:
        keys = KeyFile(tmp_path / "k")
        keys.make()
        before = keys.wrap(b"s" * 32, b"a")
        second = keys.make()
        again = KeyFile(keys.path)
        assert again.unwrap(before, b"a") == b"s" * 32
        assert again.wrap(b"s", b"a").by == second

    def test_one_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        keys = KeyFile(tmp_path / "k")
        keys.make()
        keys.path.chmod(0o640)
        with pytest.raises(SealingError, match="chmod 600"):
            KeyFile(keys.path)

    @pytest.mark.parametrize("content", ["", "csenet-wrapping-key 00 AA=\n", "nonsense\n", "\n# empty\n"])
    def test_one_that_is_none_is_refused(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "k"
        path.write_text(content)
        path.chmod(0o600)
        with pytest.raises(SealingError, match="no wrapping key"):
            KeyFile(path)

    def test_a_wrapped_key_opens_only_for_its_purpose(self, tmp_path: Path) -> None:
        keys = KeyFile(tmp_path / "k")
        keys.make()
        wrapped = keys.wrap(b"s" * 32, b"case 2026-11")
        with pytest.raises(SealingError, match="restore the store"):
            keys.unwrap(wrapped, b"case 2026-12")


def test_systemd_hands_a_key_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SealingError, match="LoadCredentialEncrypted"):
        Credential()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(SealingError, match="missing"):
        Credential()
    (tmp_path / "csenet-wrapping-key").write_text(new_line())
    keys = Credential()
    assert keys.unwrap(keys.wrap(b"secret", b"a"), b"a") == b"secret"
    with pytest.raises(SealingError, match="made outside"):
        keys.make()
