"""Describe what may be set: one class for each section of gateway.toml, with defaults and limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from csenet.gateway.delivery import patience
from csenet.gateway.settings.audit import AuditSection
from csenet.gateway.settings.intake import IntakeFolder as IntakeFolder
from csenet.gateway.settings.jobs import DutiesSection, JobsSection
from csenet.gateway.settings.kinds import (
    LengthOfTime,
    ReadableFile,
    Seconds,
    Section,
    Text,
    Weekday,
    clock_time,
    is_loopback,
    known_jurisdiction,
    known_time_zone,
    length_of_time,
    plain_url,
    span,
)
from csenet.gateway.settings.limits import LimitsSection
from csenet.gateway.settings.notify import NotifySection
from csenet.gateway.settings.observe import ObserveSection
from csenet.gateway.settings.participant import ParticipantSection
from csenet.gateway.settings.people import PeopleSection
from csenet.gateway.settings.retention import RetentionSection
from csenet.gateway.settings.retry import RetrySection
from csenet.gateway.settings.sealing import SealingSection
from csenet.gateway.settings.work import WorkSection

ENV_PREFIX = "CSENET_"
ENV_DELIMITER = "__"


class GatewaySection(Section):
    """Say whose gateway this is and where it keeps its data; ``fips`` demands approved cryptography only."""

    jurisdiction: Annotated[str, AfterValidator(known_jurisdiction)]
    county: Annotated[str, StringConstraints(pattern=r"^[0-9]{3}$")] = "000"
    data_dir: Path
    fips: bool = False


class StoreSection(Section):
    """Say where the store is; without a URL it is ``gateway.db`` in the data folder.

    ``postgresql://user@host/database`` names a PostgreSQL server, 15 or later.  A password belongs into
    ``CSENET_STORE__URL`` or the driver's own ``~/.pgpass``; wherever it comes from, it is never shown.
    """

    url: str | None = Field(default=None, repr=False)


class Sftp(Section):
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


class IntakeSection(Section):
    """Say how files come in besides HTTP."""

    folder: IntakeFolder | None = None
    sftp: IntakeSftp | None = None


class DeliveryFolder(Section):
    """Name the folder into which outgoing files are renamed."""

    path: Path


class DeliveryHttp(Section):
    """Name the exchange's address and the secret that opens it.

    The secret comes from ``token_file`` or ``CSENET_DELIVERY__HTTP__TOKEN``, never from the settings file.
    ``ca`` names whose certificates the exchange may show, instead of the machine's list; ``certificate`` and
    ``key`` are ours to show.  ``timeout_seconds`` bounds the whole of a try.
    """

    url: Annotated[str, AfterValidator(plain_url)]
    token: SecretStr | None = None
    token_file: Path | None = None
    timeout_seconds: Seconds = 30.0
    connect_seconds: Seconds = 10.0
    read_seconds: Seconds = 30.0
    write_timeout_seconds: Seconds = 30.0
    ca: ReadableFile | None = None
    crl: ReadableFile | None = None
    certificate: ReadableFile | None = None
    key: ReadableFile | None = None

    @model_validator(mode="after")
    def _pair(self) -> DeliveryHttp:
        """Refuse half of a pair, and TLS files for an address without TLS."""
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together; set both or neither")
        if (self.ca or self.crl or self.certificate) and not self.url.startswith("https://"):
            raise ValueError("ca, crl and certificate are for an address that starts with https://")
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


class DeliveryWindows(Section):
    """Say when batches leave; without ``times`` at any time, or with ``by_hand`` only when told to.

    Hours are those of ``time_zone``, which is the jurisdiction's own if left out.
    """

    times: tuple[Annotated[tuple[time, time], BeforeValidator(span)], ...] = ()
    weekdays: Annotated[frozenset[Weekday], Field(min_length=1)] = frozenset(get_args(Weekday))
    time_zone: Annotated[str, AfterValidator(known_time_zone)] | None = None
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


class DeliverySection(Section):
    """Say how batches leave and how patiently they are tried; delays are seconds."""

    folder: DeliveryFolder | None = None
    http: DeliveryHttp | None = None
    sftp: DeliverySftp | None = None
    windows: DeliveryWindows = DeliveryWindows()
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 100
    parallel: Annotated[int, Field(ge=1, le=64)] = 8
    per_minute: Annotated[float, Field(gt=0)] | None = None
    first_delay_seconds: Annotated[float, Field(gt=0)] = patience.FIRST_DELAY
    max_delay_seconds: Annotated[float, Field(gt=0)] = patience.MAX_DELAY
    give_up_after: Annotated[timedelta, BeforeValidator(length_of_time)] = timedelta(
        seconds=patience.GIVE_UP_AFTER
    )
    attempt_limit: Annotated[int, Field(ge=1)] | None = None
    retry: RetrySection = RetrySection()
    breaker_after: Annotated[int, Field(ge=1)] = patience.BREAKER_AFTER
    probe_seconds: Seconds = patience.PROBE_INTERVAL
    receipts_within: LengthOfTime | None = None
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


class HttpTls(Section):
    """Name our certificate and key, and whose client certificates count.

    With ``client_ca`` a caller has to show a certificate of those authorities; ``optional`` leaves that to
    the exchange's route alone, so that people's browsers need none.  ``client_crl`` lists what those
    authorities revoked.
    """

    certificate: ReadableFile
    key: ReadableFile
    client_ca: ReadableFile | None = None
    client_crl: ReadableFile | None = None
    client_certificates: Literal["required", "optional"] = "required"


class HttpSection(Section):
    """Say where the casework API, the pages for people and the HTTP intake listen."""

    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8027
    tls: HttpTls | None = None

    @model_validator(mode="after")
    def _hidden(self) -> HttpSection:
        """Refuse to show personal data to a network in the clear."""
        if self.tls is None and not is_loopback(self.host):
            raise ValueError(f"plaintext on {self.host}; add [http.tls], or listen on 127.0.0.1")
        return self


class PartnersSection(Section):
    """Name the table of partners, agreements and certificates, and how often it is looked at again."""

    file: ReadableFile | None = None
    poll_seconds: Seconds = 5.0


class EnvelopeSection(Section):
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


class LogSection(Section):
    """Say how much is logged, in which form and where; without a file, standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    file: Path | None = None


class PolicySection(Section):
    """Name the agency's own agreements and switches, and when its day ends (local time)."""

    agreements: Path | None = None
    close_of_business: Annotated[time, BeforeValidator(clock_time)] | None = None
    switches: dict[str, bool] = Field(default={})

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
    sealing: SealingSection = SealingSection()
    intake: IntakeSection = IntakeSection()
    delivery: DeliverySection
    http: HttpSection = HttpSection()
    partners: PartnersSection = PartnersSection()
    envelope: EnvelopeSection = EnvelopeSection()
    log: LogSection = LogSection()
    policy: PolicySection = PolicySection()
    jobs: JobsSection = JobsSection()
    limits: LimitsSection = LimitsSection()
    observe: ObserveSection = ObserveSection()
    duties: DutiesSection = DutiesSection()
    people: PeopleSection = PeopleSection()
    participant: ParticipantSection = ParticipantSection()
    audit: AuditSection = AuditSection()
    work: WorkSection = WorkSection()
    notify: NotifySection = NotifySection()
    retention: RetentionSection = RetentionSection()

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take keywords only: the loader merges the environment, to tell whose mistake is whose."""
        return (init_settings,)

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def origins(self) -> Mapping[str, str]:
        """Say where each set value came from, by dotted key: file and line, or environment variable."""
        return self._origins

    @property
    def store_location(self) -> str | Path:
        """Give the store's URL, or the path of the embedded database."""
        return self.store.url or self.gateway.data_dir / "gateway.db"

    @property
    def certificates(self) -> Path:
        """Give the folder of the certificates of what was purged."""
        return self.retention.certificates or self.gateway.data_dir / "certificates"

    @property
    def audit_anchors(self) -> Path:
        """Give the file into which the head of the audit's chain is written."""
        return self.audit.anchor or self.gateway.data_dir / "audit.anchors"
