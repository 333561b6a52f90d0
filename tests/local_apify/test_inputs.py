from __future__ import annotations

import json
from typing import Any

import pytest

from local_apify.world.inputs import check_schema, complaint
from tests.local_apify.client import Client

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
