"""Read partners.toml: with whom we exchange, what, and which certificates are theirs from when to when.

The table has a number that grows with each change and a date of issue.  It is checked whole before any of it
counts: a wrong table stops the start, and a wrong new one leaves the old one in force (`PartnerBook` in
``partners_book``).  Dates are days in UTC, both inclusive.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec
from cryptography import x509

from csenet.codecs import codes
from csenet.codecs.envelope import EnvelopeError, Pin, current, fingerprint, load_certificates
from csenet.codecs.envelope_keys import encryption_key, public_key, signing_key
from csenet.gateway.errors import GatewayError
from csenet.gateway.toml_lines import syntax_line
from csenet.handlers.policy.agreements import ANY, AgreementRow, Agreements
from csenet.handlers.policy.dated import row_problems

Use = Literal["tls", "sign", "encrypt"]
Envelope = Literal["none", "signed", "encrypted", "sealed"]
EXCHANGE: Final = "exchange"
# One in use and one that follows it: more at a time would mean that nobody takes old ones out.
MOST_AT_ONCE: Final = 2
_ENDS_SOON: Final = timedelta(days=30)
_ONE_DAY: Final = timedelta(days=1)
_CHECKS: Final = {"tls": public_key, "sign": signing_key, "encrypt": encryption_key}

T = TypeVar("T")


class PartnersError(GatewayError):
    """Report everything that is wrong with a table of partners, a line each."""

    def __init__(self, problems: Iterable[str]) -> None:
        """Keep the lines in the order of the file."""
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class _CertificateRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    file: str
    use: tuple[Use, ...]
    since: date | None = None
    until: date | None = None


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """Say what a partner demands of what we send over HTTPS, and whether its receipts have to be signed."""

    envelope: Envelope = "none"
    signed_receipts: bool = False


class _PartnerRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    jurisdiction: str
    name: str = ""
    envelope: Envelope = "none"
    signed_receipts: bool = False
    certificate: tuple[_CertificateRow, ...] = ()


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one certificate of one partner, what it is for, and when it counts."""

    jurisdiction: str
    use: frozenset[str]
    pin: Pin
    fingerprint: str
    file: str


class Partners(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a checked table; nothing in it changes."""

    version: int
    issued: date
    names: Mapping[str, str]
    credentials: tuple[Credential, ...]
    agreements: tuple[AgreementRow, ...]
    digest: str
    demands: Mapping[str, Demand] = {}

    def demand(self, jurisdiction: str) -> Demand:
        """Give what a partner demands of what we send; nothing where the table says nothing."""
        return self.demands.get(jurisdiction, Demand())

    def pins(self, use: Use, at: datetime, jurisdiction: str | None = None) -> tuple[Pin, ...]:
        """Give the certificates that count for a use at a moment, of one partner or of all."""
        return current((each.pin for each in self._of(use, jurisdiction)), at)

    def whose(self, certificate: str, use: Use, at: datetime) -> str | None:
        """Say to whom the certificate with this fingerprint belongs, if it counts for a use at a moment."""
        for each in self._of(use, None):
            if each.fingerprint == certificate and each.pin.covers(at):
                return each.jurisdiction
        return None

    def before(self, agreements: Agreements) -> Agreements:
        """Put the table's agreements before others; the more particular row of them goes first."""
        return msgspec.structs.replace(agreements, own=(*self.agreements, *agreements.own))

    def _of(self, use: str, jurisdiction: str | None) -> list[Credential]:
        wanted = (jurisdiction,) if jurisdiction is not None else self.names
        return [each for each in self.credentials if use in each.use and each.jurisdiction in wanted]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a check found: the table if it can be used, everything wrong, and what to look at soon."""

    partners: Partners | None
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    files: tuple[Path, ...]


def load_partners(path: Path) -> Partners:
    """Read a table; raises `PartnersError` with everything wrong in it."""
    checked = check_partners(path)
    if checked.partners is None:
        raise PartnersError(checked.problems)
    return checked.partners


def check_partners(path: Path, today: date | None = None) -> Checked:
    """Check a table and the certificates it names, relative to its own folder.

    With ``today`` certificates that end soon without a successor are warned of.
    """
    return _Reader(path).check(today)


class _Reader:
    """Collect what is wrong with one table, each with its place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._problems: list[str] = []
        self._files: list[Path] = []
        self._hash = hashlib.sha256()

    def check(self, today: date | None) -> Checked:
        """Read, check and build."""
        tree = self._tree()
        version, issued = self._head(tree)
        rows = self._rows(tree, "partner", _PartnerRow)
        agreements = [row for _, row in self._rows(tree, "agreement", AgreementRow)]
        self._unknown(tree)
        names = self._names(rows)
        credentials = [each for key, row in rows for each in self._credentials(key, row)]
        self._problems += _agreement_problems(agreements)
        self._problems += _shared(credentials) + _crowds(credentials)
        demands = {
            row.jurisdiction: Demand(envelope=row.envelope, signed_receipts=row.signed_receipts)
            for _, row in rows
        }
        self._problems += _unmet(demands, credentials)
        partners = Partners(
            version=version,
            issued=issued,
            names=names,
            credentials=tuple(credentials),
            agreements=tuple(agreements),
            digest=self._hash.hexdigest(),
            demands=demands,
        )
        return Checked(
            partners=None if self._problems else partners,
            problems=tuple(f"{self._path}: {each}" for each in self._problems),
            warnings=tuple(f"{self._path}: {each}" for each in _warnings(credentials, today)),
            files=(self._path, *self._files),
        )

    def _tree(self) -> dict[str, Any]:
        try:
            raw = self._path.read_bytes()
            self._hash.update(raw)
            text = raw.decode("utf-8")
            return tomllib.loads(text)
        except OSError as error:
            self._problems.append(f"cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            self._problems.append("is not UTF-8 text")
        except tomllib.TOMLDecodeError as error:
            line, what = syntax_line(str(error), text)
            self._problems.append(f"line {line}: not valid TOML: {what}")
        return {}

    def _head(self, tree: Mapping[str, Any]) -> tuple[int, date]:
        version, issued = tree.get("version"), tree.get("issued")
        if not self._problems:
            if isinstance(version, bool) or not isinstance(version, int) or version < 1:
                self._problems.append("version: must be a whole number from 1 on, and grow with each change")
            if isinstance(issued, datetime) or not isinstance(issued, date):
                self._problems.append("issued: must be a date, written as 2026-11-21 without quotes")
        good = isinstance(version, int), type(issued) is date
        return (version if good[0] else 0), (issued if good[1] else date.min)  # type: ignore[return-value]

    def _rows(self, tree: Mapping[str, Any], key: str, shape: type[T]) -> list[tuple[str, T]]:
        found = tree.get(key, [])
        if not isinstance(found, list):
            self._problems.append(f"{key}: must be written as [[{key}]]")
            return []
        rows = []
        for number, raw in enumerate(found, 1):
            try:
                rows.append((f"{key}[{number}]", msgspec.convert(raw, shape)))
            except msgspec.ValidationError as error:
                self._problems.append(f"{key}[{number}]: {str(error).replace('`$.', '`')}")
        return rows

    def _unknown(self, tree: Mapping[str, Any]) -> None:
        known = ("version", "issued", "partner", "agreement")
        self._problems += [f"{key}: unknown key" for key in tree if key not in known]

    def _names(self, rows: Sequence[tuple[str, _PartnerRow]]) -> dict[str, str]:
        names: dict[str, str] = {}
        for key, row in rows:
            if row.jurisdiction != EXCHANGE and row.jurisdiction not in codes.jurisdictions():
                self._problems.append(
                    f'{key}.jurisdiction: is neither a two-digit FIPS code nor "{EXCHANGE}"'
                )
            elif row.jurisdiction in names:
                self._problems.append(f"{key}.jurisdiction: {row.jurisdiction} stands twice")
            known = codes.jurisdictions().get(row.jurisdiction)
            names[row.jurisdiction] = row.name or (known.name if known else row.jurisdiction)
        return names

    def _credentials(self, key: str, row: _PartnerRow) -> list[Credential]:
        made = []
        for number, each in enumerate(row.certificate, 1):
            place = f"{key}.certificate[{number}]"
            certificate = self._certificate(place, each)
            if certificate is not None:
                since, until = _start(each.since), _start(each.until, _ONE_DAY)
                made.append(
                    Credential(
                        jurisdiction=row.jurisdiction,
                        use=frozenset(each.use),
                        pin=Pin(certificate, since, until),
                        fingerprint=fingerprint(certificate),
                        file=each.file,
                    )
                )
                self._check_window(place, made[-1].pin)
        return made

    def _certificate(self, place: str, row: _CertificateRow) -> x509.Certificate | None:
        file = self._path.parent / row.file
        self._files.append(file)
        if not row.use:
            self._problems.append(f'{place}.use: must name at least one of "tls", "sign", "encrypt"')
        try:
            raw = file.read_bytes()
            self._hash.update(raw)
            found = load_certificates(raw)
        except OSError as error:
            self._problems.append(f"{place}.file: {row.file} cannot be read: {error.strerror}")
            return None
        except EnvelopeError:
            self._problems.append(f"{place}.file: {row.file} holds no certificate in PEM form")
            return None
        if len(found) != 1:
            self._problems.append(f"{place}.file: {row.file} holds {len(found)} certificates, not one")
        for use in row.use:
            try:
                _CHECKS[use](found[0])
            except EnvelopeError as error:
                self._problems.append(f"{place}.use: {row.file} cannot be used for {use}: {error.reason}")
        return found[0]

    def _check_window(self, place: str, pin: Pin) -> None:
        since, until = window(pin)
        if pin.since is not None and pin.until is not None and pin.until <= pin.since:
            self._problems.append(f"{place}.until: is before since")
        elif until <= since:
            self._problems.append(f"{place}: the certificate's own dates leave nothing of the window")


def window(pin: Pin) -> tuple[datetime, datetime]:
    """Give from when until when (not included) a certificate counts, by our agreement and its own dates."""
    own = pin.certificate.not_valid_before_utc, pin.certificate.not_valid_after_utc
    since = max(own[0], pin.since) if pin.since else own[0]
    return since, min(own[1], pin.until) if pin.until else own[1]


def _start(day: date | None, later: timedelta = timedelta()) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC) + later


def _agreement_problems(rows: Sequence[AgreementRow]) -> list[str]:
    """Find what is wrong with agreements: unknown partners and types, dates, overlaps, no citation."""
    problems: list[str] = []
    types = {far.function for far in codes.VALID}
    groups: dict[tuple[str, str, str], list[AgreementRow]] = {}
    for number, row in enumerate(rows, 1):
        groups.setdefault((row.partner, row.function, row.direction), []).append(row)
        if row.partner != ANY and row.partner not in codes.jurisdictions():
            problems.append(f"agreement[{number}].partner: is not the FIPS code of a jurisdiction")
        if row.function != ANY and row.function not in types:
            problems.append(f"agreement[{number}].function: is not a functional type")
    for name, group in groups.items():
        problems += row_problems(group, f"agreement {' '.join(name)}", gaps=True)
    return problems


def _unmet(demands: Mapping[str, Demand], credentials: Sequence[Credential]) -> list[str]:
    """Find demands that no certificate of the partner's could meet."""
    uses = {(each.jurisdiction, use) for each in credentials for use in each.use}
    problems = []
    for name, demand in demands.items():
        if demand.envelope in ("encrypted", "sealed") and (name, "encrypt") not in uses:
            problems.append(f"{name}.envelope: {demand.envelope} needs a certificate of theirs for encrypt")
        if demand.signed_receipts and (name, "sign") not in uses:
            problems.append(f"{name}.signed_receipts: needs a certificate of theirs for sign")
    return problems


def _shared(credentials: Sequence[Credential]) -> list[str]:
    """Find certificates that stand with two partners: nobody could tell whose a message is."""
    owners: dict[str, str] = {}
    problems = []
    for each in credentials:
        owner = owners.setdefault(each.fingerprint, each.jurisdiction)
        if owner != each.jurisdiction:
            problems.append(f"{each.file}: stands with {owner} and with {each.jurisdiction}")
    return problems


def _chains(credentials: Sequence[Credential]) -> dict[tuple[str, str], list[Credential]]:
    """Sort the certificates of each partner and use by when they begin."""
    chains: dict[tuple[str, str], list[Credential]] = {}
    for each in sorted(credentials, key=lambda one: window(one.pin)):
        for use in sorted(each.use):
            chains.setdefault((each.jurisdiction, use), []).append(each)
    return chains


def _crowds(credentials: Sequence[Credential]) -> list[str]:
    """Find moments at which more than two certificates of a partner would count for one use."""
    problems = []
    for (jurisdiction, use), chain in _chains(credentials).items():
        for each in chain:
            start = window(each.pin)[0]
            if sum(one.pin.covers(start) for one in chain) > MOST_AT_ONCE:
                day = start.date()
                problems.append(f"{jurisdiction}: more than {MOST_AT_ONCE} certificates for {use} on {day}")
                break
    return problems


def _warnings(credentials: Sequence[Credential], today: date | None) -> list[str]:
    """Find gaps in which a partner would have no certificate, and ends that nobody has prepared."""
    warnings = []
    for (jurisdiction, use), chain in _chains(credentials).items():
        end: datetime | None = None
        for each in chain:
            since, until = window(each.pin)
            if end is not None and since > end:
                warnings.append(f"{jurisdiction}: no certificate for {use} from {end:%F} to {since:%F}")
            end = until if end is None else max(end, until)
        if today is not None and end is not None and end < datetime.combine(today, time(), UTC) + _ENDS_SOON:
            warnings.append(f"{jurisdiction}: the last certificate for {use} ends on {end:%F}")
    return warnings
