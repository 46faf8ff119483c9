"""Two gateways and an exchange in one folder, on loopback: made, started, stopped, and added up."""

import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import structlog

from csenet.codecs import codes
from csenet.gateway.app import GatewayApp
from csenet.gateway.clock import SystemClock
from csenet.gateway.demo import people
from csenet.gateway.demo.office import Office
from csenet.gateway.demo.story import Stage
from csenet.gateway.demo.switch import Switch
from csenet.gateway.exchange.judging import EXCHANGE_ZONE
from csenet.gateway.exchange.routes import Route
from csenet.gateway.exchange.simulated import SimulatedExchange
from csenet.gateway.intake.http import PATH
from csenet.gateway.people import passwords, tokens
from csenet.gateway.people.rights import table
from csenet.gateway.ports import free_port
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.store import accounts

HOST = "127.0.0.1"
PERSON = "demo"
"""Who signs in to the pages of the demo."""
_CREDENTIAL = "exchange.token"
_USUAL_PORTS = {"exchange": 8090, "switch": 8091, "27": 8027, "20": 8020}


@dataclass
class Site:
    """One state's corner of the demo: its folder, its running gateway and its case system."""

    fips: str
    folder: Path
    app: GatewayApp
    office: Office
    password: str
    """Opens the pages to PERSON; made for this run."""

    @property
    def config(self) -> Path:
        """Give the settings file, for use with the command line."""
        return self.folder / "gateway.toml"


class World:
    """Everything that runs in the demo; made by `opened`."""

    def __init__(
        self, folder: Path, sites: dict[str, Site], exchange: SimulatedExchange, switch: str
    ) -> None:
        self.folder = folder
        self.sites = sites
        self.exchange = exchange
        self.switch = switch
        """The address of the page that takes the exchange away and brings it back."""

    @property
    def minnesota(self) -> Site:
        """Give Minnesota's corner."""
        return self.sites[people.MINNESOTA[:2]]

    @property
    def kansas(self) -> Site:
        """Give Kansas's corner."""
        return self.sites[people.KANSAS[:2]]

    def stage(self) -> Stage:
        """Set the stage for one more run of the story, under case IDs that no earlier run used."""
        counter = self.folder / "runs"
        run = int(counter.read_text()) + 1 if counter.exists() else 1
        counter.write_text(f"{run}\n")
        clock = self.minnesota.app.clock
        if clock is None:
            raise RuntimeError("the world is not started")
        return Stage(
            minnesota=self.minnesota.office,
            kansas=self.kansas.office,
            run=run,
            day=clock.today,
            exchange_down=self.exchange.stop,
            exchange_up=self.exchange.start,
            is_exchange_up=lambda: self.exchange.running,
        )

    async def differences(self) -> list[str]:
        """Add up both gateways and the exchange; an empty list means balanced."""
        found = []
        for site in self.sites.values():
            if site.app.desk is None:
                raise RuntimeError("the world is not started")
            report = await site.app.desk.ledger_check()
            found += [f"{site.office.name}: {difference}" for difference in report.differences]
        counts = await self.exchange.counts()
        return found if counts.balanced else [*found, f"exchange: {counts}"]


@asynccontextmanager
async def opened(folder: Path, *, usual_ports: bool) -> AsyncIterator[World]:
    """Make the folder if need be, start the exchange and both gateways, and stop them in the end.

    With usual_ports the same ports are taken each time where they are free; else any free ones.
    """
    ports = {name: _port(port) if usual_ports else free_port(HOST) for name, port in _USUAL_PORTS.items()}
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        sites = {}
        for fips, switches in ((people.MINNESOTA[:2], {}), (people.KANSAS[:2], {"sends_grint": True})):
            site = await _site(folder, fips, ports, switches, session)
            stack.push_async_callback(site.app.stop)
            sites[fips] = site
        exchange = await _exchange(folder, ports, sites)
        stack.push_async_callback(exchange.stop)
        switch = await stack.enter_async_context(Switch(exchange).opened(ports["switch"]))
        yield World(folder, sites, exchange, switch)


async def _site(
    folder: Path, fips: str, ports: dict[str, int], switches: dict[str, bool], session: aiohttp.ClientSession
) -> Site:
    """Write a state's settings where there are none, start its gateway, and give its case system a token."""
    jurisdiction = codes.jurisdictions()[fips]
    home = folder / jurisdiction.name.lower()
    home.mkdir(parents=True, exist_ok=True)
    _secret(home / _CREDENTIAL)
    (home / "gateway.toml").write_text(_settings(fips, ports, switches))
    app = GatewayApp(load_settings(home / "gateway.toml"))
    await app.start()
    url = f"http://{HOST}:{ports[fips]}"
    token = await _token(app, "casesystem")
    office = Office(jurisdiction.name, f"{fips}00000", url, token, session)
    return Site(fips, home, app, office, await _person(app))


async def _exchange(folder: Path, ports: dict[str, int], sites: dict[str, Site]) -> SimulatedExchange:
    """Start the exchange, whose table knows only the two states' central offices."""
    home = folder / "exchange"
    home.mkdir(parents=True, exist_ok=True)
    routes = {
        fips: Route(
            url=site.office.url + PATH,
            token=await _token(site.app, "exchange"),
            client_token=(site.folder / _CREDENTIAL).read_text().strip(),
            counties=frozenset({people.MINNESOTA[2:5]}),
        )
        for fips, site in sites.items()
    }
    log = structlog.get_logger("csenet.gateway.exchange")
    exchange = SimulatedExchange(
        home / "exchange.db", HOST, ports["exchange"], SystemClock(EXCHANGE_ZONE), routes, log
    )
    await exchange.start()
    return exchange


async def _token(app: GatewayApp, role: str) -> str:
    """Make a token for this run of the demo in place of the one of the run before."""
    if app.store is None or app.clock is None:
        raise RuntimeError("the gateway is not started")
    name, now = f"demo-{role}", app.clock.now()
    async with app.store.begin() as connection:
        await tokens.revoke(connection, name, now)
        return await tokens.create(connection, name, role, now)


async def _person(app: GatewayApp) -> str:
    """Make an account that may do everything people may, or give the one of an earlier run a new password."""
    if app.store is None or app.clock is None:
        raise RuntimeError("the gateway is not started")
    password = passwords.first_password()
    values = {
        "roles": " ".join(table().of_kind("person")),
        "password": await passwords.hashed(password),
        "password_until": None,
    }
    async with app.store.begin() as connection:
        known = await accounts.by_name(connection, PERSON)
        if known is None:
            now = app.clock.now()
            await accounts.add(connection, {**values, "name": PERSON, "offices": [], "created_at": now})
        else:
            await accounts.change(connection, known["id"], **values, failures=0, locked_until=None)
    return password


def _secret(path: Path) -> None:
    """Write the secret that the state shows to the exchange, once, readable by its owner only."""
    if not path.exists():
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_urlsafe(32) + "\n")


def _settings(fips: str, ports: dict[str, int], switches: dict[str, bool]) -> str:
    """Write the settings of one of the demo's gateways: impatient, and talking to the simulated exchange."""
    lines = [
        "# Written by csenet demo at each start.",
        "[gateway]",
        f'jurisdiction = "{fips}"',
        'data_dir = "data"',
        "[intake.folder]",
        'path = "in"',
        "[delivery]",
        "first_delay_seconds = 0.1",
        "max_delay_seconds = 1.0",
        # Several batches fail together, so the breaker opens within the short time that the exchange is away.
        "probe_seconds = 0.5",
        # Some twenty seconds at that pace: one who takes the exchange away sees what giving up looks like.
        "attempt_limit = 20",
        "[delivery.http]",
        f'url = "http://{HOST}:{ports["exchange"]}{PATH}"',
        f'token_file = "{_CREDENTIAL}"',
        "[http]",
        f'host = "{HOST}"',
        f"port = {ports[fips]}",
        # Nobody else reaches the machine itself, and the account lives as long as the demo.
        "[people]",
        "codes_for = []",
        "[log]",
        'format = "json"',
        'file = "../demo.log"',
    ]
    if switches:
        lines += ["[policy.switches]", *(f"{name} = {str(on).lower()}" for name, on in switches.items())]
    return "\n".join(lines) + "\n"


def _port(wanted: int) -> int:
    """Give the wanted port if it is free, else any free one."""
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, wanted))
        return wanted
    return free_port(HOST)
