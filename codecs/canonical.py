"""Make the short ways through canonical records: expressions that recognise, code that reads and writes.

A canonical record is recognised by one regular expression, which at the same time cuts it into fields, and
is turned into a struct by one generated expression: no Python call for most fields. Writing goes the other
way, a run of blank fields at a time. Whatever is not canonical makes the short way give up with an error of
any of the kinds in `GIVES_UP`; the thorough way in `compiler` then finds every problem. So this module only
has to know canonical records, never wrong ones, and both ways agree on these.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from csenet.codecs import fields
from csenet.codecs.layout import Field, Layout

K = TypeVar("K")
V = TypeVar("V")

CACHE_LIMIT = 2_000
"""Values remembered per field: a program that writes nonsense must not fill the memory."""

RUN = 8
"""Neighbouring fields that are skipped with one comparison when all of them are blank."""

SHORT = 3
"""Positions up to which fields of digits have few enough values to remember them all."""

GIVES_UP: Final = (ValueError, AttributeError, TypeError, LookupError)
"""What the short ways raise on anything that is not canonical."""

CANONICAL_BYTES: Final = bytes(sign for sign in range(0x20, 0x7F) if not chr(sign).islower())
"""Signs that a canonical record may hold: printable ASCII without lower case (rule 2 of the charts).

A few fields keep lower case as it is; a record that has some goes the thorough way.
"""


class _Cache(dict[K, V]):
    """Remember conversions up to a limit; a value that cannot be converted raises ValueError."""

    def __init__(self, convert: Callable[[K], V], known: dict[K, V]) -> None:
        super().__init__(known)
        self._convert = convert

    def __missing__(self, key: K) -> V:
        value = self._convert(key)
        if len(self) < CACHE_LIMIT:
            self[key] = value
        return value


def _parse_money(text: str) -> Decimal:
    return Decimal(f"{text[:10]}.{text[10:]}")


_PARSED: Final[dict[str, Callable[[str], Any]]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "money": _parse_money,
}
"""How the short way reads what the expression has recognised.

Birth dates and amounts hardly repeat: remembering them costs more than reading them again.
"""

_YEARS: Final = {year: f"{year:04}" for year in range(1850, 2150)}
_DAYS: Final = tuple(f"{place // 32:02}{place % 32:02}" for place in range(13 * 32))


_WRITTEN: Final[dict[str, Callable[[Any], str]]] = {
    "time": fields.format_time,
    "money": fields.format_money,
}

_CALENDAR = (
    "(?!0000)[0-9]{4}(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)|02(?:0[1-9]|1[0-9]|2[0-8]))"
)
"""Every day but 29 February, which is too rare to slow the others down."""
_CLOCK = "(?!000000)(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"
_AMOUNT = "[0-9]{12}|-(?!0{11})[0-9]{11}"


def _shape(field: Field) -> str:
    """Write the expression of a filled field in canonical form, without its calendar."""
    width = field.width
    some_digit = "" if field.zero_is_value else f"(?!0{{{width}}})"
    if field.kind == "text":
        small = "" if field.upper else "a-z"
        tail = f"[ -`{small}{{-~]{{{width - 1}}}" if width > 1 else ""
        return f"[!-`{small}{{-~]{tail}"
    if field.kind == "code":
        values = field.values or ()
        return f"[{''.join(values)}]" if width == 1 else "|".join(values)
    if field.kind in ("digits", "number"):
        return f"{some_digit}[0-9]{{{width}}}"
    return {"money": _AMOUNT, "time": _CLOCK}.get(field.kind) or f"[0-9]{{{width}}}"


def _checked_shape(field: Field) -> str:
    """Write the same with the calendar and the clock, for those who do not read the value afterwards."""
    return _CALENDAR if field.kind == "date" else _shape(field)


def _blank(width: int) -> str:
    # A literal first character lets the engine leave this alternative at once.
    return " " + f" {{{width - 1}}}" * (width > 1)


def _part(field: Field, strict: bool, group: str) -> str:
    if field.kind == "filler":
        return _blank(field.width)
    shape = _shape(field) if group == "(" else _checked_shape(field)
    if strict and field.required:
        return f"{group}{shape})"
    return f"(?:{_blank(field.width)}|{group}{shape}))"


def _runs(layout: Layout, strict: bool) -> Iterator[list[Field]]:
    run: list[Field] = []
    for field in layout.fields:
        if strict and field.required:
            yield from filter(None, (run, [field]))
            run = []
            continue
        run.append(field)
        if len(run) == RUN:
            yield run
            run = []
    if run:
        yield run


def record_pattern(layout: Layout, strict: bool, group: str = "(", uncut: Sequence[str] = ()) -> str:
    """Write the expression that recognises and cuts a canonical record; `strict` demands required fields.

    Fields named in `uncut` are recognised only. With `(?:` for `group` all are, and the calendar is known.
    """
    parts: list[str] = []
    for run in _runs(layout, strict):
        inner = "".join(_part(field, strict, "(?:" if field.name in uncut else group) for field in run)
        width = run[-1].end - run[0].start + 1
        parts.append(inner if len(run) == 1 else f"(?:{_blank(width)}|{inner})")
    return "".join(parts)


def cutting_pattern(layout: Layout, strict: bool, spans: Sequence[tuple[str, str]]) -> str:
    """Write the expression that recognises a canonical record and cuts out spans of it, blanks included.

    A span goes from the first position of one field to the last one of another.
    """
    first, last = {span[0] for span in spans}, {span[1] for span in spans}
    return "".join(
        "(" * (field.name in first) + _part(field, strict, "(?:") + ")" * (field.name in last)
        for field in layout.fields
    )


def _read_expression(field: Field) -> str:
    if field.kind == "text":
        return f"{field.name} and {field.name}.rstrip()"
    return f"{field.name} and _{field.kind}({field.name})" if field.kind in _PARSED else field.name


def reader(
    layout: Layout, struct: type[Any], pattern: re.Pattern[str], uncut: Sequence[str] = ()
) -> Callable[[str, int], Any]:
    """Make the function that reads the canonical record at an index of a text."""
    held = {
        field.name: field for field in layout.fields if field.kind != "filler" and field.name not in uncut
    }
    values = ", ".join(
        _read_expression(held[name]) if name in held else "None" for name in struct.__struct_fields__
    )
    source = (
        "def read(text, at):\n"
        f"    {', '.join(held)}, = _match(text, at).groups()\n"
        f"    return _struct({values})\n"
    )
    scope: dict[str, Any] = {f"_{kind}": parse for kind, parse in _PARSED.items()}
    scope |= {"_struct": struct, "_match": pattern.match}
    exec(source, scope)  # noqa: S102
    made: Callable[[str, int], Any] = scope["read"]
    return made


def _refuse(value: object) -> str:
    raise ValueError("not canonical")


def _short_digits(field: Field) -> _Cache[Any, str]:
    """Remember how the values of a short field of digits are written: states and counties."""

    def padded(value: str) -> str:
        text = value.zfill(field.width) if field.kind == "number" else value.ljust(field.width)
        if not value.isdigit() or not (field.zero_is_value or value.strip("0")):
            raise ValueError("not canonical")
        return text

    return _Cache[Any, str](padded, {None: field.default or " " * field.width})


class _Writer:
    """Gather the source of a writer and the constants it uses."""

    def __init__(self, counted: Sequence[str], strict: bool) -> None:
        self.counted = tuple(counted)
        self.strict = strict
        self.scope: dict[str, Any] = {f"_{kind}": write for kind, write in _WRITTEN.items()}
        self.scope |= {"_refuse": _refuse, "_first": "!", "_astuple": msgspec.structs.astuple}
        self.scope |= {"_date": date, "_years": _YEARS, "_days": _DAYS}

    def constant(self, value: Any) -> str:
        """Give a constant a name; equal ones share it."""
        for name, known in self.scope.items():
            if type(known) is type(value) and known == value:
                return name
        name = f"_constant_{len(self.scope)}"
        self.scope[name] = value
        return name

    def expression(self, field: Field) -> str:
        """Write the expression that gives a field's positions."""
        name = field.name
        if name in self.counted:
            return "counts" if name == self.counted[0] else self.constant("")
        if field.kind == "filler":
            return self.constant(" " * field.width)
        written = self.filled(field)
        if self.strict and field.required and not field.default:
            return f"_refuse({name}) if {name} is None else {written}"
        return written

    def filled(self, field: Field) -> str:
        """Write the same for a field that may have a value."""
        name, blank = field.name, self.constant(field.default or " " * field.width)
        if field.kind == "date":
            day = f"_years[{name}.year] + _days[{name}.month * 32 + {name}.day]"
            return f"{blank} if {name} is None else {day} if type({name}) is _date else _refuse({name})"
        if field.kind in _WRITTEN:
            return f"{blank} if {name} is None else _{field.kind}({name})"
        if field.kind == "code":
            known = {value: value for value in field.values or ()}
            return f"{self.constant({None: field.default or ' ' * field.width, **known})}[{name}]"
        if field.kind in ("digits", "number") and field.width <= SHORT:
            return f"{self.constant(_short_digits(field))}[{name}]"
        padded, good = f"{name}.ljust({field.width})", f"{name} >= _first"
        if field.kind in ("digits", "number"):
            good = f"{name}.isdigit()"
            if not field.zero_is_value:
                # Digits compare as text: greater than all zeros is what has another digit somewhere.
                good += f" and {name} > {self.constant('0' * field.width)}"
        if field.kind == "number":
            padded = f"{name}.zfill({field.width})"
        return f"{blank} if {name} is None else {padded} if {good} else _refuse({name})"

    def run(self, run: list[Field]) -> str:
        """Write the expression that gives the positions of neighbouring fields, all blank at one go."""
        inner = "".join(f"{{{self.expression(field)}}}" for field in run)
        names = [field.name for field in run if field.kind != "filler"]
        if any(field.default or field.name in self.counted for field in run) or len(names) < 2:
            return f'f"{inner}"'
        blank = self.constant(" " * (run[-1].end - run[0].start + 1))
        return f'{blank} if {" and ".join(f"{name} is None" for name in names)} else f"{inner}"'


def writer(layout: Layout, struct: type[Any], counted: Sequence[str], strict: bool) -> Callable[..., str]:
    """Make the function that writes a record in canonical form; `counts` is the text of the counted fields.

    A value that is too long makes the result too long: its length must be looked at, and its characters.
    `strict` refuses a record without its required fields.
    """
    making = _Writer(counted, strict)
    runs = [making.run(run) for run in _runs(layout, strict=False)]
    lines = "".join(f"    run_{number} = {run}\n" for number, run in enumerate(runs))
    whole = "".join(f"{{run_{number}}}" for number in range(len(runs)))
    source = (
        "def write(record, counts=''):\n"
        f"    {', '.join(struct.__struct_fields__)}, = _astuple(record)\n"
        f'{lines}    return f"{whole}"\n'
    )
    exec(source, making.scope)  # noqa: S102
    made: Callable[..., str] = making.scope["write"]
    return made
