"""Describe what may be set: one class for each section of gateway.toml, with defaults and limits."""

from __future__ import annotations

import ipaddress
import re
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from csenet.codecs import codes
from csenet.gateway.delivery import patience

ENV_PREFIX = "CSENET_"
ENV_DELIMITER = "__"


def _known_jurisdiction(value: str) -> str:
    """Accept the two digits of a jurisdiction that takes part; name its digits when letters were written."""
    known = codes.jurisdictions()
    if value in known:
        return value
    for fips, jurisdiction in known.items():
        if value.strip().upper() in {jurisdiction.abbreviation.upper(), jurisdiction.name.upper()}:
            raise ValueError(f'must be the two-digit FIPS code; for {jurisdiction.name} write "{fips}"')
    raise ValueError("is not the two-digit FIPS code of a state or territory that takes part in CSENet")


def _plain_url(value: str) -> str:
    """Refuse what is no web address, and one that carries a password where it would be printed."""
    scheme, separator, rest = value.partition("://")
    if scheme not in {"http", "https"} or not separator or not rest.strip("/"):
        raise ValueError("must be an address that starts with http:// or https://")
    if "@" in rest.split("/", 1)[0]:
        raise ValueError("must not carry a user name or password; use token_file")
    return value


def _clock_time(value: object) -> time:
    """Read an hour and minute in quotes."""
    if not isinstance(value, str) or re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value) is None:
        raise ValueError('must be an hour and minute in quotes, such as "17:00"')
    return time.fromisoformat(value)


def _span(value: object) -> tuple[time, time]:
    """Read the start and end of a window; an end of 24:00 is midnight."""
    begin, _, finish = value.partition("-") if isinstance(value, str) else ("", "", "")
    finish = "00:00" if finish == "24:00" else finish
    try:
        return _clock_time(begin), _clock_time(finish)
    except ValueError:
        raise ValueError('must be two hours and minutes in quotes, such as "18:00-19:30"') from None


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _length_of_time(value: object) -> object:
    """Read a number with its unit."""
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"([1-9]\d{0,5})([smhd])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('must be a whole number with s, m, h or d behind it, such as "36h" or "2d"')
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _time_zone(value: str) -> str:
    """Refuse a time zone that the machine does not know."""
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise ValueError('must be a time zone such as "America/New_York"') from None
    return value


def _readable_file(value: Path) -> Path:
    """Refuse a file that is not there or cannot be read; its content is looked at where it is used."""
    try:
        with value.open("rb"):
            return value
    except OSError:
        raise ValueError(f"{value} cannot be read") from None


def is_loopback(host: str) -> bool:
    """Say whether an address never leaves the machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


ReadableFile = Annotated[Path, AfterValidator(_readable_file)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Text = Annotated[str, StringConstraints(min_length=1)]


class _Section(BaseModel):
    """Refuse unknown keys and later changes, in every section."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class GatewaySection(_Section):
    """Say whose gateway this is and where it keeps its data."""

    jurisdiction: Annotated[str, AfterValidator(_known_jurisdiction)]
    county: Annotated[str, StringConstraints(pattern=r"^[0-9]{3}$")] = "000"
    data_dir: Path


class StoreSection(_Section):
    """Say where the store is; without a URL it is ``gateway.db`` in the data folder.

    ``postgresql://user@host/database`` names a PostgreSQL server, 15 or later.  A password belongs into
    ``CSENET_STORE__URL`` or the driver's own ``~/.pgpass``; wherever it comes from, it is never shown.
    """

    url: str | None = Field(default=None, repr=False)


class IntakeFolder(_Section):
    """Name the folder into which the exchange's files are renamed."""

    path: Path
    archive: Path | None = None
    poll_seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0


class Sftp(_Section):
    """Name an SFTP server, the folder on it, and the keys by which both sides know each other.

    ``known_hosts`` holds the server's key in OpenSSH's form: a server with any other key is refused.
    """

    host: Text
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    user: Text
    key: ReadableFile
    known_hosts: ReadableFile
    folder: Text = "."
    connect_seconds: Seconds = 15.0
    timeout_seconds: Seconds = 300.0


class IntakeSftp(Sftp):
    """Name the server and the folder from which files are fetched."""

    poll_seconds: Seconds = 60.0


class DeliverySftp(Sftp):
    """Name the server and the folder into which files are put."""


class IntakeSection(_Section):
    """Say how files come in besides HTTP."""

    folder: IntakeFolder | None = None
    sftp: IntakeSftp | None = None


class DeliveryFolder(_Section):
    """Name the folder into which outgoing files are renamed."""

    path: Path


class DeliveryHttp(_Section):
    """Name the exchange's address and the secret that opens it.

    The secret comes from ``token_file`` or ``CSENET_DELIVERY__HTTP__TOKEN``, never from the settings file.
    ``ca`` names whose certificates the exchange may show, instead of the machine's list; ``certificate`` and
    ``key`` are ours to show.  ``timeout_seconds`` bounds the whole of a try, writing included.
    """

    url: Annotated[str, AfterValidator(_plain_url)]
    token: SecretStr | None = None
    token_file: Path | None = None
    timeout_seconds: Seconds = 30.0
    connect_seconds: Seconds = 10.0
    read_seconds: Seconds = 30.0
    ca: ReadableFile | None = None
    certificate: ReadableFile | None = None
    key: ReadableFile | None = None

    @model_validator(mode="after")
    def _pair(self) -> DeliveryHttp:
        """Refuse half of a pair, and TLS files for an address without TLS."""
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together; set both or neither")
        if (self.ca or self.certificate) and not self.url.startswith("https://"):
            raise ValueError("ca and certificate are for an address that starts with https://")
        return self

    @field_validator("token_file")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        """Refuse a secret file that cannot be read or holds nothing."""
        if value is None:
            return None
        try:
            content = value.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"{value} cannot be read") from None
        if not content:
            raise ValueError(f"{value} is empty")
        return value

    def secret(self) -> str | None:
        """Give the bearer token: the environment's wins over the file's."""
        if self.token is not None:
            return self.token.get_secret_value()
        return self.token_file.read_text("utf-8").strip() if self.token_file else None


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class DeliveryWindows(_Section):
    """Say when batches leave; without ``times`` at any time, or with ``by_hand`` only when told to.

    Hours are those of ``time_zone``, which is the jurisdiction's own if left out.
    """

    times: tuple[Annotated[tuple[time, time], BeforeValidator(_span)], ...] = ()
    weekdays: Annotated[frozenset[Weekday], Field(min_length=1)] = frozenset(get_args(Weekday))
    time_zone: Annotated[str, AfterValidator(_time_zone)] | None = None
    skip_federal_holidays: bool = False
    by_hand: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> DeliveryWindows:
        """Refuse hours that would never be used, and days without hours."""
        if self.by_hand and self.times:
            raise ValueError("times and by_hand exclude each other; set one of them")
        if not self.times and not self.by_hand and self.model_fields_set:
            raise ValueError('times is missing; such as times = ["18:00-19:30"]')
        return self


class DeliverySection(_Section):
    """Say how batches leave and how patiently they are tried; delays are seconds."""

    folder: DeliveryFolder | None = None
    http: DeliveryHttp | None = None
    sftp: DeliverySftp | None = None
    windows: DeliveryWindows = DeliveryWindows()
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 100
    first_delay_seconds: Annotated[float, Field(gt=0)] = patience.FIRST_DELAY
    max_delay_seconds: Annotated[float, Field(gt=0)] = patience.MAX_DELAY
    give_up_after: Annotated[timedelta, BeforeValidator(_length_of_time)] = timedelta(
        seconds=patience.GIVE_UP_AFTER
    )
    attempt_limit: Annotated[int, Field(ge=1)] | None = None
    breaker_after: Annotated[int, Field(ge=1)] = patience.BREAKER_AFTER
    probe_seconds: Seconds = patience.PROBE_INTERVAL
    framing: Literal["lines", "stream", "blocks", "rdw", "bdw"] = "lines"
    encoding: Literal["ascii", "cp037", "cp1047"] = "ascii"

    @field_validator("max_delay_seconds")
    @classmethod
    def _not_shorter(cls, value: float, info: ValidationInfo) -> float:
        """Refuse a longest delay below the first one."""
        first = info.data.get("first_delay_seconds")
        if first is not None and value < first:
            raise ValueError(f"must not be less than first_delay_seconds ({first:g})")
        return value


class HttpTls(_Section):
    """Name our certificate and key, and whose client certificates count.

    With ``client_ca`` a caller has to show a certificate of those authorities; ``optional`` leaves that to
    the exchange's route alone, so that people's browsers need none.
    """

    certificate: ReadableFile
    key: ReadableFile
    client_ca: ReadableFile | None = None
    client_certificates: Literal["required", "optional"] = "required"


class HttpSection(_Section):
    """Say where the casework API, the status page and the HTTP intake listen."""

    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8027
    tls: HttpTls | None = None

    @model_validator(mode="after")
    def _hidden(self) -> HttpSection:
        """Refuse to show personal data to a network in the clear."""
        if self.tls is None and not is_loopback(self.host):
            raise ValueError(f"plaintext on {self.host}; add [http.tls], or listen on 127.0.0.1")
        return self


class PartnersSection(_Section):
    """Name the table of partners, agreements and certificates, and how often it is looked at again."""

    file: ReadableFile | None = None
    poll_seconds: Seconds = 5.0


class EnvelopeSection(_Section):
    """Name our own certificates and keys for CMS: the one in use, and the one that follows it."""

    certificate: ReadableFile | None = None
    key: ReadableFile | None = None
    next_certificate: ReadableFile | None = None
    next_key: ReadableFile | None = None

    @model_validator(mode="after")
    def _pairs(self) -> EnvelopeSection:
        """Refuse half of a pair, and a successor to nothing."""
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together; set both or neither")
        if (self.next_certificate is None) != (self.next_key is None):
            raise ValueError("next_certificate and next_key belong together; set both or neither")
        if self.next_certificate is not None and self.certificate is None:
            raise ValueError("next_certificate needs a certificate that it follows")
        return self


class LogSection(_Section):
    """Say how much is logged, in which form and where; without a file, standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    file: Path | None = None


class PolicySection(_Section):
    """Name the agency's own agreements and switches, and when its day ends (local time)."""

    agreements: Path | None = None
    close_of_business: Annotated[time, BeforeValidator(_clock_time)] | None = None
    switches: dict[str, bool] = {}

    @field_validator("agreements")
    @classmethod
    def _is_file(cls, value: Path | None) -> Path | None:
        """Refuse a table of agreements that is not there."""
        if value is not None and not value.is_file():
            raise ValueError(f"{value} is not a file")
        return value


class Settings(BaseSettings):
    """Hold everything that may be set; ``settings.load_settings`` builds it."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    gateway: GatewaySection
    store: StoreSection = StoreSection()
    intake: IntakeSection = IntakeSection()
    delivery: DeliverySection
    http: HttpSection = HttpSection()
    partners: PartnersSection = PartnersSection()
    envelope: EnvelopeSection = EnvelopeSection()
    log: LogSection = LogSection()
    policy: PolicySection = PolicySection()

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take keywords only: the loader merges the environment, to tell whose mistake is whose."""
        return (init_settings,)

    @property
    def store_location(self) -> str | Path:
        """Give the store's URL, or the path of the embedded database."""
        return self.store.url or self.gateway.data_dir / "gateway.db"
