"""The OpenAPI document says what the application does: no more, no less, and in the right form."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from aiohttp import web

from csenet.codecs.layout import load_layouts
from csenet.gateway.casework import block_schemas
from csenet.gateway.casework.openapi import document, routes_of
from csenet.gateway.casework.problems import Kind
from csenet.gateway.people.rights import table
from csenet.handlers.facts import BLOCKS, facts_from_json

METHODS = {"get", "put", "post", "delete", "patch"}


async def nothing(_request: web.Request) -> web.Response:
    return web.Response()


@pytest.fixture
async def described(open_api: Any) -> dict[str, Any]:
    """Give the document of an application that also takes files from the exchange."""
    plain = (await open_api(None)).app
    app = web.Application()
    for route in plain.router.routes():
        app.router.add_route(route.method, route.resource.canonical, route.handler)
    app.router.add_post("/v1/exchange/batches", nothing)
    app.router.add_get("/v1/exchange/batches", nothing)
    app.router.add_post("/v1/exchange/receipts", nothing)
    return document(app, "Minnesota")


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            yield method.upper(), path, operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def find(described: dict[str, Any], reference: str) -> Any:
    node: Any = described
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


async def test_every_route_stands_in_the_document_and_nothing_else(open_api: Any) -> None:
    client = await open_api(None)
    published = await (await client.get("/v1/openapi.json")).json()
    pages = {route for route, _ in table().page_routes()}
    assert {(method, path) for method, path, _ in operations(published)} == routes_of(client.app) - pages


async def test_the_exchange_s_route_stands_in_the_document_where_it_is_offered(described: Any) -> None:
    assert "/v1/exchange/batches" in described["paths"]


async def test_the_document_is_of_version_3_1_and_says_whose_it_is(described: Any) -> None:
    assert described["openapi"].startswith("3.1.")
    assert "Minnesota" in described["info"]["title"]
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", described["info"]["version"])


async def test_every_reference_leads_somewhere(described: Any) -> None:
    for reference in set(references(described)):
        assert find(described, reference)


async def test_every_schema_is_used(described: Any) -> None:
    used = {reference.rsplit("/", 1)[1] for reference in references(described) if "/schemas/" in reference}
    assert set(described["components"]["schemas"]) == used


async def test_operations_have_unique_names_and_a_known_tag(described: Any) -> None:
    found = [operation for _, _, operation in operations(described)]
    names = [operation["operationId"] for operation in found]
    assert len(set(names)) == len(names)
    assert {tag for operation in found for tag in operation["tags"]} == {
        tag["name"] for tag in described["tags"]
    }


async def test_every_parameter_in_a_path_is_described(described: Any) -> None:
    for _, path, operation in operations(described):
        named = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path))


async def test_what_needs_a_token_says_so_and_can_answer_401_and_403(described: Any) -> None:
    assert described["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    public = set()
    for method, path, operation in operations(described):
        if operation["security"]:
            assert operation["security"] == [{"bearer": []}]
            assert {"401", "403"} <= set(operation["responses"])
        else:
            public.add((method, path))
    assert public == {("GET", "/"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/v1/openapi.json")}


async def test_every_body_can_be_too_large_of_the_wrong_type_or_wrong(described: Any) -> None:
    for _, path, operation in operations(described):
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            assert {"400", "413", "415", "422"} <= set(operation["responses"]), path


async def test_every_kind_of_problem_is_described_as_a_problem_document(described: Any) -> None:
    for kind in Kind:
        content = described["components"]["responses"][f"Problem{kind.status}"]["content"]
        assert content["application/problem+json"]["schema"] == {
            "$ref": "#/components/schemas/ProblemDocument"
        }


async def test_every_example_has_the_form_that_is_described(described: Any, conforms: Any) -> None:
    seen = 0
    for _, _, operation in operations(described):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for part in bodies + list(operation["responses"].values()):
            for content in part.get("content", {}).values():
                values = [each["value"] for each in content.get("examples", {}).values()]
                for value in values + ([content["example"]] if "example" in content else []):
                    conforms(described, content["schema"], value)
                    seen += 1
    assert seen >= 15
    problem = described["components"]["responses"]["Problem422"]["content"]["application/problem+json"]
    conforms(described, problem["schema"], problem["example"])


async def test_the_facts_in_the_examples_are_ones_that_the_gateway_takes(described: Any) -> None:
    content = described["paths"]["/v1/cases/{case_id}"]["put"]["requestBody"]["content"]["application/json"]
    for example in content["examples"].values():
        assert facts_from_json("MN0000123", example["value"]).other_state == "20"


async def test_the_facts_described_are_those_the_gateway_knows(described: Any) -> None:
    schema = described["components"]["schemas"]["CaseFacts"]
    assert set(BLOCKS) <= set(schema["properties"])
    flags = {"withholding_active": True, "family_violence": True, "alternative_agreement": True}
    known = {"role": "responding", "other_fips": "2000000", "other_case_id": "K1", "office": "NORTH", **flags}
    known["our_fips"] = "2705300"
    known["protected"] = ["ncp"]
    balances = {"as_of": "2026-11-20", "arrears": "1.00", "interest": "0.00"}
    facts_from_json("A", known | {"balances": balances})
    facts_from_json("A", known | {"ledger": {"obligations": [], "payments": []}})
    assert set(schema["properties"]) == {*known, "balances", "ledger", "formerly", *BLOCKS}


def test_every_field_of_a_layout_stands_in_the_schema_of_its_block_but_the_counts() -> None:
    schemas = block_schemas.components()
    for layout in load_layouts().values():
        if layout.block not in block_schemas.COMPONENTS:
            continue
        named = schemas[block_schemas.COMPONENTS[layout.block][0]]["properties"]
        for field in layout.fields:
            counted = field.federal.endswith("-Ind.") and 90 <= field.start <= 96 and layout.block == "header"
            assert (field.name in named) == (field.kind != "filler" and not counted), field.federal


@pytest.mark.parametrize(
    ("component", "field", "expected"),
    [
        ("Header", "action_code", {"enum": ["R", "A", "P", "M", "U", "C"], "maxLength": 1}),
        ("Header", "transaction_date", {"format": "date"}),
        ("Header", "case_id", {"type": "string", "maxLength": 15}),
        ("Header", "time_received", {"pattern": r"^\d{2}:\d{2}:\d{2}$"}),
        ("Order", "order_freq_amount", {"pattern": r"^-?\d{1,10}\.\d{2}$"}),
        ("Collection", "payment_source", {"enum": ["A", "G", "I", "S", "U", "N", "O", "W"]}),
    ],
)
def test_fields_are_described_as_the_charts_say(component: str, field: str, expected: dict[str, Any]) -> None:
    about = block_schemas.components()[component]["properties"][field]
    assert expected.items() <= about.items()


async def test_no_example_holds_a_social_security_number_that_was_ever_given_out(described: Any) -> None:
    for number in re.findall(r"'(\d{9})'", str(described)):
        assert number.startswith(("9", "666", "000"))


def test_what_is_corrected_and_what_was_corrected_have_schemas_of_their_own() -> None:
    from csenet.gateway.casework.schemas import components

    found = components()
    told = found["TransactionDetail"]["properties"]["corrections"]["items"]["$ref"].rpartition("/")[2]
    assert {"at", "actor", "fields"} <= found[told]["properties"].keys()
    assert found["Correction"]["properties"].keys() == {"changes"}


def test_every_code_of_the_valid_table_matches_the_pattern_of_a_code() -> None:
    from csenet.gateway.casework.schemas import components

    pattern = components()["CodeSubmission"]["properties"]["far"]["pattern"]
    table = resources.files("csenet.codecs").joinpath("tables", "far_codes.csv").read_text("utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    assert len(rows) == 186
    for row in rows:
        assert re.search(pattern, f"{row['function']} {row['action']} {row['reason'] or 'BLANK'}")
