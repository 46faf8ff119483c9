"""What the reader of system calls makes of traces in which something is wrong."""

import pytest
from strace import Trace

DIGEST = "ab" * 32
WRITE = f'7 pwrite64(9</data/gateway.db-wal>, "\\0\\1{DIGEST}\\0", 4096, 32) = 4096'
SYNC = "7 fdatasync(9</data/gateway.db-wal>) = 0"
ACKNOWLEDGE = f'7 sendto(12<socket:[55]>, "HTTP/1.1 202 Accepted {DIGEST}", 300, 0, NULL, 0) = 300'
BEGIN = "8 fdatasync(9</data/gateway.db-wal> <unfinished ...>"
END = "8 <... fdatasync resumed>) = 0"
OTHER = "7 fdatasync(9</data/other>) = 0"
FAILED = "7 fdatasync(9</data/gateway.db-wal>) = -1 EIO (Input/output error)"


@pytest.mark.parametrize(
    "lines",
    [(WRITE, SYNC, ACKNOWLEDGE), (WRITE, BEGIN, END, ACKNOWLEDGE), (WRITE, SYNC, WRITE, ACKNOWLEDGE)],
)
def test_written_then_synchronised_then_acknowledged_is_right(lines: tuple[str, ...]) -> None:
    trace = Trace({DIGEST})
    for line in lines:
        trace.feed(line)
    assert trace.wrong == []
    assert trace.acknowledged == {DIGEST}


@pytest.mark.parametrize(
    "lines",
    [
        (ACKNOWLEDGE,),
        (WRITE, ACKNOWLEDGE),
        (SYNC, WRITE, ACKNOWLEDGE),
        (WRITE, OTHER, ACKNOWLEDGE),
        (WRITE, FAILED, ACKNOWLEDGE),
        (WRITE, BEGIN, ACKNOWLEDGE, END),
        (BEGIN, WRITE, END, ACKNOWLEDGE),
    ],
)
def test_an_acknowledgment_before_its_synchronisation_is_found(lines: tuple[str, ...]) -> None:
    trace = Trace({DIGEST})
    for line in lines:
        trace.feed(line)
    assert len(trace.wrong) == 1
