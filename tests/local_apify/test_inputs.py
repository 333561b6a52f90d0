from __future__ import annotations

from typing import Any

import pytest

from local_apify.world.inputs import check_schema, complaint

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
