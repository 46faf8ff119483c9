"""Change every certificate in mid-traffic: messages go on at their rate, and not one is refused.

The exchange posts signed and sealed messages over TLS, showing a certificate.  The table of partners first
knows its old pair (one for TLS, one for signatures), then the old and the new one, then only the new one; the
sender changes over while both count, and so does our own pair, to which it seals.  Each message must be taken
at once.  At the end the old certificate must be refused, or the proof would prove nothing.
"""

import argparse
import asyncio
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import messages
import trustme
from crowd import Call, Caller, one_call, percentile
from harness import BATCHES, BOUND, DRAIN_SECONDS, Gateway, Outcome, prove, wait_until

from csenet.codecs import envelope
from csenet.codecs.envelope import MEDIA_TYPE, Identity, Pin
from csenet.gateway.tls import client_context

sys.path.append(str(Path(__file__).parent.parent / "codecs"))

from envelope_people import certificate_pem, identity, key_pem

PER_CASE = 20


class Age:
    """One generation of certificates: the sender's for TLS and for signatures, and ours."""

    def __init__(self, folder: Path, authority: trustme.CA, name: str) -> None:
        """Make them and write them down."""
        self.name = name
        shown = authority.issue_cert(f"{name}.exchange.example")
        self.tls = folder / f"{name}-tls.pem", folder / f"{name}-tls.key"
        self.tls[0].write_bytes(shown.cert_chain_pems[0].bytes())
        shown.private_key_pem.write_to_path(self.tls[1])
        self.signer = identity("p256", f"exchange {name}")
        (folder / f"{name}-sign.pem").write_bytes(certificate_pem(self.signer))
        self.ours: Identity = identity("rsa", f"minnesota {name}")
        self.our_files = folder / f"{name}-ours.pem", folder / f"{name}-ours.key"
        self.our_files[0].write_bytes(certificate_pem(self.ours))
        self.our_files[1].write_bytes(key_pem(self.ours))

    def rows(self) -> str:
        """Write the partner's certificates of this age for the table."""
        kinds = {f"{self.name}-tls.pem": "tls", f"{self.name}-sign.pem": "sign"}
        return "".join(
            f'[[partner.certificate]]\nfile = "{file}"\nuse = ["{use}"]\n' for file, use in kinds.items()
        )

    def sealed(self, raw: bytes) -> bytes:
        """Sign with the sender's key and seal for ours."""
        return envelope.seal(raw, self.signer, [Pin(self.ours.certificate)], datetime.now(UTC))


class Story:
    """Send at a rate, and change over while it goes on."""

    def __init__(self, gateway: Gateway, folder: Path, ages: tuple[Age, Age], authority: Path) -> None:
        """Take both generations."""
        self.gateway = gateway
        self.folder = folder
        self.ages = ages
        self.callers = {
            age.name: Caller(
                f"https://localhost:{gateway.port}{BATCHES}",
                self.headers,
                client_context(authority, *age.tls),
            )
            for age in ages
        }
        self.version = 0
        self.calls: list[Call] = []

    def headers(self, number: int) -> dict[str, str]:
        """Write the headers of one message."""
        bearer = {"Authorization": f"Bearer {self.gateway.tokens['exchange']}"}
        return {**bearer, "Content-Type": MEDIA_TYPE, "Idempotency-Key": f"MESSAGE-{number}"}

    def table(self, *ages: Age) -> None:
        """Put the next version of the table of partners in its place."""
        self.version += 1
        text = f'version = {self.version}\nissued = 2026-11-21\n[[partner]]\njurisdiction = "exchange"\n'
        new = self.folder / "partners.new"
        new.write_text(text + "".join(age.rows() for age in ages))
        new.rename(self.folder / "partners.toml")

    async def send(self, session: aiohttp.ClientSession, age: Age, number: int, raw: bytes) -> Call:
        """Send one message as of an age."""
        return await one_call(session, self.callers[age.name], number, age.sealed(raw))

    async def go_on(self, session: aiohttp.ClientSession, age: Age, files: range, rate: float) -> None:
        """Send some messages at their moments, whatever becomes of those before."""
        began, sent = time.monotonic(), []
        for place, number in enumerate(files):
            await asyncio.sleep(max(0.0, began + place / rate - time.monotonic()))
            raw = messages.interest_request(number, (number - 1) // PER_CASE + 1)
            sent.append(asyncio.create_task(self.send(session, age, number, raw)))
        self.calls += await asyncio.gather(*sent)

    async def until(self, session: aiohttp.ClientSession, age: Age, number: int, status: int) -> None:
        """Ask with one certificate until the table in force answers so."""
        raw = messages.interest_request(number, (number - 1) // PER_CASE + 1)
        async with asyncio.timeout(BOUND):
            while (await self.send(session, age, number, raw)).status != status:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def change_over(story: Story, asked: argparse.Namespace) -> None:
    """Send a quarter in each state of things; the changes happen while messages are on their way."""
    old, new = story.ages
    part = asked.messages // 4
    parts = [range(1 + place * part, 1 + (place + 1) * part) for place in range(4)]
    extra = 4 * part + 1
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=16)) as session:
        await story.go_on(session, old, parts[0], asked.rate)
        going = asyncio.create_task(story.go_on(session, old, parts[1], asked.rate))
        story.table(old, new)
        await story.until(session, new, extra, 202)
        await going
        await story.go_on(session, new, parts[2], asked.rate)
        going = asyncio.create_task(story.go_on(session, new, parts[3], asked.rate))
        story.table(new)
        await story.until(session, old, extra + 1, 403)
        await going


def run(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Send, change over, and add up."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = authority.issue_cert("localhost")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")
    server.private_key_pem.write_to_path(folder / "server.key")
    ages = Age(folder, authority, "old"), Age(folder, authority, "new")
    files = {
        name: str(folder / f"{name}") for name in ("server.pem", "server.key", "ca.pem", "partners.toml")
    }
    tls = {"certificate": files["server.pem"], "key": files["server.key"], "client_ca": files["ca.pem"]}
    old, new = (tuple(map(str, age.our_files)) for age in ages)
    gateway = Gateway(
        folder,
        http__tls={**tls, "client_certificates": "optional"},
        partners={"file": str(folder / "partners.toml"), "poll_seconds": 0.2},
        envelope={"certificate": old[0], "key": old[1], "next_certificate": new[0], "next_key": new[1]},
    )
    story = Story(gateway, folder, ages, folder / "ca.pem")
    story.table(ages[0])
    gateway.prepare(messages.cases(asked.messages // PER_CASE + 1))
    gateway.start()
    try:
        log = folder / "serve.log"
        wait_until(lambda: _listens(gateway), BOUND, f"the daemon to listen (see {log})")
        asyncio.run(change_over(story, asked))
        wait_until(lambda: gateway.on_the_way() == 0, DRAIN_SECONDS, "everything to leave")
        gateway.stop()
    finally:
        gateway.make_sure_it_is_gone()
    refused = [each for each in story.calls if each.status != 202]
    wrong = [f"message {each.number}: answered {each.status}" for each in refused]
    arrived = messages.Answers(messages.in_folder(folder / "out"))
    answered, decided = sum(arrived.serials.values()), gateway.count("inbound").get("decided", 0)
    # The two messages that asked which table is in force may have been taken as well.
    wrong += [f"{decided} decided of {len(story.calls)} taken"] if decided < len(story.calls) else []
    wrong += [f"{answered} answers to {decided} messages"] if answered != decided else []
    wrong += [f"serial {n} left {times} times" for n, times in arrived.serials.items() if times != 1]
    wrong += arrived.wrong + gateway.unsound()
    took = percentile([each.seconds for each in story.calls], 0.99)
    figures = (
        f"{len(story.calls)} sealed messages at {asked.rate:.0f}/s over three tables of partners: "
        f"{len(refused)} failures, p99 {1000 * took:.0f} ms; the old certificate refused afterwards"
    )
    return Outcome(figures, wrong)


def _listens(gateway: Gateway) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", gateway.port)) == 0


if __name__ == "__main__":
    sys.exit(prove(run, __doc__, messages=3000, rate=50.0))
