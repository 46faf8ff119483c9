"""What comes in a mainframe's form or as XML is decided like lines of ASCII."""

import pytest

from csenet.codecs import transaction as codec
from csenet.codecs import xmlform
from csenet.codecs.errorfile import ErrorRecord
from csenet.codecs.flatfile import Encoding, Framing, encode
from csenet.codecs.transaction import Direction
from csenet.gateway.desk import Desk
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables import inbound, inbound_file

from .conftest import LEDGER, arriving, contents, facts
from .settled import open_kinds, sent, settle, statuses


def element(raw: bytes) -> bytes:
    found = codec.read(raw, Direction.FROM_SERVER).transaction
    assert found is not None
    return xmlform.dump(found)


def document(*elements: bytes) -> bytes:
    return xmlform.OPENING + b"".join(elements) + xmlform.CLOSING


async def settled_like_lines(desk: Desk, store: Store, data: bytes, raws: list[bytes]) -> None:
    """Take a question of interest and a notice in, in whatever form, and look at all that comes of them."""
    receipt = await desk.accept(data, source="test", name="batch.dat")
    assert receipt.kind == "transactions"
    count = await desk.settle(receipt.file_id)
    assert (count.transactions, count.replies) == (2, 1)
    assert await sent(desk) == [("MSC P GSTAI", "000000000001", "in-1")]
    assert [row["raw"] for row in await contents(store, inbound_file)] == [data]
    assert [row["raw"] for row in await contents(store, inbound)] == raws
    # The same transactions as lines of ASCII are no news.
    assert (await settle(desk, *raws)).duplicate == 2
    assert (await desk.ledger_check()).balanced


@pytest.mark.parametrize("encoding", [Encoding.CP037, Encoding.CP1047])
@pytest.mark.parametrize("framing", list(Framing))
async def test_a_mainframes_file_is_settled_like_any_other(
    desk: Desk, store: Store, framing: Framing, encoding: Encoding
) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    raws = [arriving("MSC R GRINT", 41), arriving("CSI P FUINF", 42)]
    await settled_like_lines(desk, store, encode(raws, framing, Direction.FROM_SERVER, encoding), raws)


async def test_a_document_of_xml_is_kept_as_it_came_and_settled_like_any_other(
    desk: Desk, store: Store
) -> None:
    await desk.put_case("MN1", facts(ledger=LEDGER))
    raws = [arriving("MSC R GRINT", 41), arriving("CSI P FUINF", 42)]
    await settled_like_lines(desk, store, document(*map(element, raws)), raws)


async def test_what_cannot_be_read_of_a_document_is_work_and_the_rest_is_decided(desk: Desk) -> None:
    good, other = element(arriving("MSC R GRINT", 41)), element(arriving("MSC R GRINT", 42))
    bad = b"<transaction><header><no_such_field>1</no_such_field></header></transaction>"
    refusal = xmlform.dump_error(ErrorRecord(txn_counter="1", serial="000000000001"))
    data = document(good, bad, refusal, other)[: -len(xmlform.CLOSING)]
    desk.at_once = True
    receipt = await desk.accept(data, source="test", name="cut.xml")
    await desk.settle(receipt.file_id)
    assert sorted(await statuses(desk)) == ["decided", "decided", "malformed", "malformed", "malformed"]
    assert (await open_kinds(desk)).count("malformed") == 3
    found = [await desk.transaction(f"in-{number}") for number in (2, 3, 5)]
    codes = [each.problems[0]["code"] for each in found if each is not None and each.problems]
    assert codes == ["header.no_such_field.unknown", "xml.error_record.form", "xml.form.syntax"]
    assert (await desk.ledger_check()).balanced
