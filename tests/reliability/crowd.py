"""Many callers at once: each hands in one file after the other and notes how long each answer took."""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator

import aiohttp
import msgspec


class Call(msgspec.Struct):
    """Hold one answer: its status, 0 where there was none, and the seconds that it took."""

    number: int
    status: int
    seconds: float
    retry_after: str = ""


class Caller(msgspec.Struct):
    """Say how to call: the address, what to send besides the body, and the certificates."""

    url: str
    headers: Callable[[int], dict[str, str]]
    tls: ssl.SSLContext | bool = True


async def one_call(session: aiohttp.ClientSession, caller: Caller, number: int, raw: bytes) -> Call:
    """Post once."""
    began = time.perf_counter()
    try:
        async with session.post(
            caller.url, data=raw, headers=caller.headers(number), ssl=caller.tls
        ) as answer:
            await answer.read()
            status, retry_after = answer.status, answer.headers.get("Retry-After", "")
    except (aiohttp.ClientError, OSError, TimeoutError):
        status, retry_after = 0, ""
    return Call(number, status, time.perf_counter() - began, retry_after)


async def all_at_once(caller: Caller, files: list[bytes], connections: int) -> list[Call]:
    """Hand every file in once over so many connections."""
    numbers = iter(range(len(files)))
    calls: list[Call] = []

    async def work(session: aiohttp.ClientSession, numbers: Iterator[int]) -> None:
        for number in numbers:
            calls.append(await one_call(session, caller, number, files[number]))

    limits = aiohttp.TCPConnector(limit=connections), aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=limits[0], timeout=limits[1]) as session:
        await asyncio.gather(*(work(session, numbers) for _ in range(connections)))
    return calls


def percentile(values: list[float], share: float) -> float:
    """Give the value below which so large a share of them lies; 0 where there are none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
