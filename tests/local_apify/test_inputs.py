from __future__ import annotations

import json
from typing import Any

import pytest

from local_apify.world.inputs import check_schema, complaint
from tests.local_apify.client import SCENARIO, Client

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "pattern": "^https"},
        "pages": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        "tags": {"type": "array", "maxItems": 1, "uniqueItems": True},
    },
    "required": ["url", "pages"],
}


@pytest.mark.parametrize("value", [{"url": "https://a"}, {"url": "https://a", "pages": 9, "more": None}], ids=str)
def test_an_input_that_fits_is_fine_with_its_defaults_filled_in(value: dict[str, Any]) -> None:
    assert complaint(SCHEMA, value) is None
    assert complaint({}, value) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "Field input.url is required"),
        ({"url": "secret"}, "Field input.url must match the pattern ^https"),
        ({"url": "https://a", "pages": "secret"}, "Field input.pages must be integer"),
        ({"url": "https://a", "pages": 10}, "Field input.pages must be at most 9"),
        ({"url": "https://a", "tags": ["secret", "b"]}, "Field input.tags must have at most so many items: 1"),
    ],
    ids=str,
)
def test_a_wrong_input_is_told_by_its_field_without_its_value(value: dict[str, Any], words: str) -> None:
    assert complaint(SCHEMA, value) == words


def test_a_field_that_the_schema_does_not_name_is_told_where_it_allows_no_others() -> None:
    nested = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    schema = {"properties": {"known": nested}, "additionalProperties": False}
    assert complaint(schema, {"known": {"a": 1}}) is None
    assert complaint(schema, {"knwon": "secret"}) == "Property input.knwon is not allowed."
    assert complaint(schema, {"known": {"b": "secret"}}) == "Property input.known.b is not allowed."


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"itmes": 3}, "Input is not valid: Property input.itmes is not allowed."),
        ({"items": -1}, "Input is not valid: Field input.items must be at least 0"),
    ],
    ids=str,
)
def test_an_input_that_does_not_fit_starts_no_run(client: Client, wrong: dict[str, Any], words: str) -> None:
    scenario = client.data("GET", "/v2/actors/apify~scenario")["id"]
    task = client.data("POST", "/v2/actor-tasks", json={"actId": scenario, "name": "wrong", "input": wrong})["id"]
    for path in (SCENARIO, f"/v2/actor-tasks/{task}/runs", "/v2/actors/apify~scenario/validate-input"):
        answer = client.send("POST", path, json={} if task in path else wrong)
        assert (answer.status_code, answer.json()["error"]) == (400, {"type": "invalid-input", "message": words})
    assert client.apify.control.ledger().runs_started == 0


def test_a_schedule_says_in_its_log_that_an_input_does_not_fit(client: Client) -> None:
    scenario = client.data("GET", "/v2/actors/apify~scenario")["id"]
    action = {"type": "RUN_ACTOR", "actorId": scenario, "runInput": {"body": '{"itmes": 3}'}}
    identifier = client.data("POST", "/v2/schedules", json={"cronExpression": "@daily", "actions": [action]})["id"]
    client.apify.control.fire_schedule(identifier)
    assert "input.itmes is not allowed" in str(client.data("GET", f"/v2/schedules/{identifier}/log"))
    assert client.apify.control.ledger().runs_started == 0


def test_an_input_that_is_no_json_is_not_checked(client: Client) -> None:
    headers = {"Content-Type": "text/plain"}
    assert client.send("POST", "/v2/actors/apify~hello-world/runs", data=b"hello", headers=headers).ok


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="The input schema is not valid"):
        check_schema({"type": 5})


@pytest.mark.parametrize(
    "reference", ["http://127.0.0.1:9/schema", "#/nowhere", "#/title", "#/required/x", "other.json"]
)
def test_a_schema_that_refers_to_what_is_not_in_it_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match="The input schema"):
        check_schema({"title": "Mine", "required": ["a"], "properties": {"a": {"items": {"$ref": reference}}}})


@pytest.mark.parametrize("reference", ["#", "#/properties/a", "#/definitions/text"])
def test_a_schema_may_refer_to_itself(reference: str) -> None:
    schema = {"properties": {"a": {"$ref": reference}}, "definitions": {"text": {"type": "string"}}}
    check_schema(schema)
    assert (complaint(schema, {"a": 1}) is None) == (reference == "#")


def test_a_schema_may_say_of_a_field_only_that_it_exists() -> None:
    schema = {"properties": {"a": True, "b": False}}
    check_schema(schema)
    assert complaint(schema, {"a": 1}) is None
    assert complaint(schema, {"b": 1}) is not None


def test_a_build_fails_whose_input_schema_refers_to_a_page_in_the_web(client: Client) -> None:
    schema = {
        "title": "Mine",
        "type": "object",
        "schemaVersion": 1,
        "properties": {"a": {"$ref": "http://127.0.0.1:9/"}},
    }
    build = built(client, {"name": "INPUT_SCHEMA.json", "content": json.dumps(schema)})
    assert build["status"] == "FAILED"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".actor/actor.json", "[" * 100_000),
        ("INPUT_SCHEMA.json", '{"properties": {"a": {"pattern": "a{99999999999}"}}}'),
    ],
    ids=["deep", "pattern"],
)
def test_a_build_fails_whose_files_no_program_can_read(client: Client, name: str, content: str) -> None:
    assert built(client, {"name": name, "content": content})["status"] == "FAILED"


def built(client: Client, *files: dict[str, str]) -> dict[str, Any]:
    """Return the build of an Actor with these files."""
    version = {"versionNumber": "0.1", "sourceType": "SOURCE_FILES", "sourceFiles": files}
    actor = client.data("POST", "/v2/actors", json={"name": "mine", "versions": [version]})["id"]
    build: dict[str, Any] = client.data(
        "POST", f"/v2/actors/{actor}/builds", params={"version": "0.1", "waitForFinish": 5}
    )
    return build
