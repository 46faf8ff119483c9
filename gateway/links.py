"""Build the ways in and out that the settings name: transports, TLS, trust, and fetching."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, cast, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from csenet.gateway.errors import GatewayError
from csenet.gateway.file_names import logged
from csenet.gateway.settings.kinds import Weekday, is_loopback
from csenet.gateway.tls import TlsError, client_context, server_context

_RECEIPTS_EVERY = 60.0
"""Seconds between two looks for receipts where our batches go."""

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo
    from pathlib import Path

    from csenet.codecs.envelope import Identity
    from csenet.gateway.bounded import Bounds
    from csenet.gateway.clock import Clock
    from csenet.gateway.delivery.probing import Probed
    from csenet.gateway.delivery.transports.base import Transport
    from csenet.gateway.delivery.transports.sftp import SftpPlace
    from csenet.gateway.delivery.windows import Windows
    from csenet.gateway.delivery.wrapping import Wrapper
    from csenet.gateway.intake.desk import IntakeDesk, Shown, TakeReceipt
    from csenet.gateway.intake.pressure import Pressure
    from csenet.gateway.intake.sftp import SftpIntake
    from csenet.gateway.intake.trust import Trust
    from csenet.gateway.partners import Partners
    from csenet.gateway.partners_book import PartnerBook
    from csenet.gateway.settings.model import (
        DeliveryHttp,
        DeliveryWindows,
        EnvelopeSection,
        HttpSection,
        PartnersSection,
        Settings,
        Sftp,
    )


def transport_of(
    settings: Settings, clock: Clock, partners: Callable[[], Partners | None] = lambda: None
) -> Transport:
    """Build the one way out that is set; raises `GatewayError` where there is none.

    ``partners`` gives the table in force, which says in what envelope the exchange wants its batches.
    """
    delivery = settings.delivery
    if delivery.folder is not None:
        from csenet.gateway.delivery.transports.folder import FolderTransport

        return FolderTransport(delivery.folder.path)
    if delivery.sftp is not None:
        from csenet.gateway.delivery.transports.sftp import SftpTransport

        return SftpTransport(place_of(delivery.sftp))
    if delivery.http is None:
        raise GatewayError(
            "delivery: no way out; set [delivery.folder] path, [delivery.http] url or [delivery.sftp] host"
        )
    from csenet.gateway.delivery.wrapping import Wrapper

    wrapper = Wrapper(partners, identities_of(settings.envelope))
    return _http_transport(delivery.http, clock, wrapper)


def way_out_of(settings: Settings, clock: Clock) -> Callable[[], Probed]:
    """Give what builds the one way out anew for each test message."""

    def build() -> Probed:
        return cast("Probed", transport_of(settings, clock))

    return build


def windows_of(windows: DeliveryWindows, zone: tzinfo) -> Windows:
    """Turn a section of the settings into the windows; ``zone`` is for hours that name no other."""
    from csenet.gateway.delivery.windows import Windows

    return Windows(
        zone=zone if windows.time_zone is None else ZoneInfo(windows.time_zone),
        spans=windows.times,
        weekdays=weekday_numbers(windows.weekdays),
        skip_federal_holidays=windows.skip_federal_holidays,
        by_hand=windows.by_hand,
    )


def weekday_numbers(weekdays: frozenset[Weekday]) -> frozenset[int]:
    """Turn names of weekdays into numbers, of which Monday's is 0."""
    names = get_args(Weekday)
    return frozenset(names.index(each) for each in weekdays)


def _http_transport(http: DeliveryHttp, clock: Clock, wrapper: Wrapper) -> Transport:
    from csenet.gateway.delivery.transports.http import HttpTransport

    address = urlsplit(http.url)
    if address.scheme != "https" and not is_loopback(address.hostname or ""):
        raise TlsError(f"delivery.http.url: plaintext to {address.hostname}; use https://")
    tls = (
        client_context(http.ca, http.certificate, http.key, crl=http.crl)
        if address.scheme == "https"
        else None
    )
    return HttpTransport(
        http.url,
        http.secret(),
        timeout_seconds=http.timeout_seconds,
        connect_seconds=http.connect_seconds,
        read_seconds=http.read_seconds,
        write_seconds=http.write_timeout_seconds,
        tls=tls,
        now=clock.now,
        wrapper=wrapper,
    )


def sftp_intakes_of(
    settings: Settings,
    desk: IntakeDesk,
    clock: Clock,
    log: Any,
    full: Callable[[], bool],
    take_receipt: TakeReceipt,
    shown: Shown = logged,
) -> dict[str, SftpIntake]:
    """Build, by name, what fetches from SFTP servers: files, and receipts also from where our batches go."""
    found = {}
    if settings.intake.sftp is not None or settings.delivery.sftp is not None:
        from csenet.gateway.intake.sftp import SftpIntake
    way_in, way_out = settings.intake.sftp, settings.delivery.sftp
    if way_in is not None:
        found["fetching"] = SftpIntake(
            desk,
            place_of(way_in),
            way_in.poll_seconds,
            clock,
            log,
            full=full,
            take_receipt=take_receipt,
            shown=shown,
        )
    if way_out is not None and settings.delivery.receipts_within is not None:
        there = place_of(way_out)
        if way_in is None or place_of(way_in) != there:
            found["receipts"] = SftpIntake(
                desk,
                there,
                _RECEIPTS_EVERY,
                clock,
                log,
                take_receipt=take_receipt,
                receipts_only=True,
                shown=shown,
            )
    return found


def pressure_of(settings: Settings, log: Any) -> Pressure:
    """Build what says when nothing more is taken in."""
    from csenet.gateway.intake.pressure import Pressure

    limits = settings.limits
    return Pressure(
        settings.gateway.data_dir,
        log,
        reserve=limits.disk_reserve_mb * 1024**2,
        requests=limits.requests_at_once,
        size=limits.megabytes_at_once * 1024**2,
        retry_after=limits.retry_after_seconds,
    )


def bounds_of(settings: Settings) -> Bounds:
    """Say within what bounds connections are served; proxies come for many and are one address."""
    from csenet.gateway.bounded import OWN, Bounds
    from csenet.gateway.people.limits import holder_of

    limits = settings.limits
    proxies = (*settings.people.proxies, *settings.participant.proxies)
    return Bounds(
        connections=limits.connections,
        per_address=limits.connections_per_address,
        unbounded=OWN.union(map(holder_of, proxies)),
        head_seconds=limits.head_seconds,
        body_seconds=limits.body_seconds,
    )


def place_of(sftp: Sftp) -> SftpPlace:
    """Turn a section of the settings into a place."""
    from csenet.gateway.delivery.transports.sftp import SftpPlace

    return SftpPlace(
        host=sftp.host,
        port=sftp.port,
        user=sftp.user,
        key=sftp.key,
        known_hosts=sftp.known_hosts,
        folder=sftp.folder,
        connect_seconds=sftp.connect_seconds,
        timeout_seconds=sftp.timeout_seconds,
    )


def server_tls(http: HttpSection, log: Any) -> ssl.SSLContext | None:
    """Build our server's TLS; None for plaintext, which the settings allow on the machine itself only."""

    def refused(reason: str) -> None:
        log.warning("http.tls_refused", reason=reason)

    tls = http.tls
    if tls is None:
        return None
    optional = tls.client_certificates == "optional"
    return server_context(
        tls.certificate, tls.key, tls.client_ca, crl=tls.client_crl, optional=optional, refused=refused
    )


def partner_book_of(
    partners: PartnersSection, clock: Clock, log: Any, changed: Callable[[Partners], None]
) -> PartnerBook | None:
    """Read the table of partners, if one is set; raises `PartnersError`.

    ``changed`` is called with each table that comes into force later.
    """
    if partners.file is None:
        return None
    from csenet.gateway.partners_book import PartnerBook

    return PartnerBook(partners.file, clock, log, poll_seconds=partners.poll_seconds, changed=changed)


def trust_of(settings: Settings, book: PartnerBook | None, clock: Clock, log: Any) -> Trust | None:
    """Build what decides whose a batch is; None without a table of partners.

    Raises `GatewayError` for keys that cannot be used, or certificates that nobody could be known by.
    """
    tls = settings.http.tls
    needed = tls is not None and tls.client_ca is not None
    ours = identities_of(settings.envelope)
    if book is None:
        if needed:
            raise GatewayError(
                "http.tls.client_ca: needs [partners] file, which says whose each certificate is"
            )
        return None
    from csenet.gateway.intake.trust import Trust

    return Trust(lambda: book.current, clock, log, identities=ours, certificates_needed=needed)


def identities_of(envelope: EnvelopeSection) -> tuple[Identity, ...]:
    """Read our own certificates and keys for envelopes; raises `GatewayError` naming the file."""
    pairs = ((envelope.certificate, envelope.key), (envelope.next_certificate, envelope.next_key))
    return tuple(_identity(certificate, key) for certificate, key in pairs if certificate and key)


def _identity(certificate: Path, key: Path) -> Identity:
    from csenet.codecs.envelope import EnvelopeError, load_identity

    try:
        return load_identity(certificate.read_bytes(), key.read_bytes())
    except EnvelopeError as error:
        raise GatewayError(f"envelope: {certificate}, {key}: cannot be used: {error.reason}") from None
    except OSError as error:
        raise GatewayError(f"envelope: {certificate}, {key}: cannot be read: {error.strerror}") from None
