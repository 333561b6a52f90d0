from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from airflow_provider_apify._forms.fields import MISSING, FormField, fields_of


def field_of(prop: Mapping[str, Any], *, required: bool = False, **arguments: Any) -> FormField:
    schema = {"properties": {"field": {"title": "Field", **prop}}, "required": ["field"] if required else []}
    (field,) = fields_of(schema, **arguments)
    return field


def keywords_of(prop: Mapping[str, Any], *, required: bool = False) -> dict[str, Any]:
    """Return what is said of a field beside its title."""
    return {name: said for name, said in field_of(prop, required=required).keywords.items() if name != "title"}


def test_an_optional_field_may_be_left_empty_and_a_required_one_not() -> None:
    assert keywords_of({"type": "string"}) == {"type": ["string", "null"]}
    assert keywords_of({"type": "string"}, required=True) == {"type": "string"}
    assert keywords_of({"type": "string", "nullable": True}, required=True) == {"type": ["string", "null"]}
    assert field_of({"type": "string"}).value is None
    assert field_of({"type": "string"}, required=True).value is MISSING


def test_the_form_shows_what_the_console_shows() -> None:
    assert field_of({"type": "integer", "default": 5}).value == 5
    assert field_of({"type": "integer", "default": 5, "prefill": 7}).value == 7
    given = field_of({"type": "integer", "default": 5, "prefill": 7}, values={"field": 9})
    assert given.value == 9
    assert given.keywords["type"] == "integer", "emptied in the form, it would be the Actor's own limit"
    assert field_of({"type": "boolean"}).value is False
    assert field_of({"type": "boolean", "prefill": True}).value is True


def test_titles_units_and_descriptions_are_those_of_the_actor() -> None:
    field = field_of({"type": "integer", "unit": "seconds", "description": "How *long*."})
    assert field.keywords["title"] == "Field (seconds)"
    assert field.keywords["description_md"] == "How *long*."


def test_limits_are_kept_and_a_pattern_only_where_python_reads_it() -> None:
    assert keywords_of({"type": "integer", "minimum": 1, "maximum": 9}, required=True) == {
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
    }
    text = {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^a"}
    assert keywords_of(text, required=True) == text
    assert "pattern" not in keywords_of({"type": "string", "pattern": r"^\p{L}(?<name>x)$"})


@pytest.mark.parametrize("editor", ["textarea", "javascript", "python"])
def test_long_texts_have_an_area(editor: str) -> None:
    assert keywords_of({"type": "string", "editor": editor})["format"] == "multiline"


def test_a_day_has_a_date_picker_and_what_may_be_relative_a_text() -> None:
    assert keywords_of({"type": "string", "editor": "datepicker"})["format"] == "date"
    assert "format" not in keywords_of({"type": "string", "editor": "datepicker", "dateType": "absoluteOrRelative"})
    assert "format" not in keywords_of({"type": "string", "editor": "datepicker", "prefill": "3 weeks"})
    assert "format" not in keywords_of({"type": "string", "editor": "datepicker", "prefill": "2026-02-31"})


def test_an_enum_is_a_choice_with_titles() -> None:
    prop = {"type": "string", "editor": "select", "enum": ["a", "b"], "enumTitles": ["Alpha", "Beta"], "default": "b"}
    assert field_of(prop).value == "b"
    assert keywords_of(prop) == {"type": "string", "enum": ["a", "b"], "values_display": {"a": "Alpha", "b": "Beta"}}


def test_an_optional_enum_without_a_value_has_a_choice_for_none() -> None:
    field = field_of({"type": "string", "enum": ["a"]})
    assert field.value == "None"
    assert field.keywords["enum"] == ["None", "a"]
    assert field.keywords["values_display"] == {"None": "not set", "a": "a"}


def test_suggested_values_leave_other_texts_free() -> None:
    assert keywords_of({"type": "string", "editor": "select", "enumSuggestedValues": ["web"]}) == {
        "type": ["string", "null"],
        "examples": ["web"],
    }


def test_several_may_be_chosen_of_a_list() -> None:
    items = {"type": "string", "enum": ["a", "b"], "enumTitles": ["Alpha", "Beta"]}
    field = field_of({"type": "array", "editor": "select", "items": items})
    assert field.value == []
    assert field.keywords["examples"] == ["a", "b"]
    assert field.keywords["values_display"] == {"a": "Alpha", "b": "Beta"}
    assert field.keywords["items"] == {"type": "string", "enum": ["a", "b"]}


@pytest.mark.parametrize(("editor", "key"), [("requestListSources", "url"), ("pseudoUrls", "purl"), ("globs", "glob")])
def test_addresses_are_lines(editor: str, key: str) -> None:
    field = field_of({"type": "array", "editor": editor, "prefill": [{key: "https://a"}, {key: "https://b"}]})
    assert field.value == ["https://a", "https://b"]
    assert {"editor": editor, "type": ["array", "null"]}.items() <= field.keywords.items()
    assert "items" not in field.keywords


def test_addresses_with_more_to_them_are_json() -> None:
    prefill = [{"url": "https://a", "method": "POST"}]
    field = field_of({"type": "array", "editor": "requestListSources", "prefill": prefill})
    assert field.value == prefill
    assert field.keywords["items"] == {"type": "object"}
    assert "editor" not in field.keywords


def test_texts_are_lines_and_pairs_are_json() -> None:
    assert keywords_of({"type": "array", "editor": "stringList"})["items"] == {"type": "string"}
    assert keywords_of({"type": "array", "editor": "stringList", "patternValue": "^a"})["items"] == {
        "type": "string",
        "pattern": "^a",
    }
    pairs = keywords_of({"type": "array", "editor": "keyValue", "patternKey": "^a"})
    assert pairs["items"] == {"type": "object", "properties": {"key": {"pattern": "^a"}, "value": {}}}


def test_an_object_is_json_with_the_rules_for_what_is_in_it() -> None:
    prop = {
        "type": "object",
        "editor": "schemaBased",
        "prefill": {"city": "Brno"},
        "properties": {"city": {"type": "string", "nullable": True, "editor": "textfield", "title": "City"}},
        "required": ["city"],
    }
    assert field_of(prop).value == {"city": "Brno"}
    assert keywords_of(prop) == {
        "type": ["object", "null"],
        "properties": {"city": {"type": ["string", "null"], "title": "City"}},
        "required": ["city"],
    }
    proxy = field_of({"type": "object", "editor": "proxy", "default": {"useApifyProxy": True}})
    assert proxy.value == {"useApifyProxy": True}


@pytest.mark.parametrize(
    "prop",
    [{"type": ["integer", "array"], "prefill": [1, "ä"]}, {"type": "array", "editor": "json", "prefill": [1, "ä"]}],
)
def test_what_airflow_has_no_field_for_is_json_text(prop: Mapping[str, Any]) -> None:
    assert field_of(prop).value == '[1, "ä"]'
    assert keywords_of(prop) == {"type": ["string", "null"], "format": "multiline", "editor": "json"}


def test_a_secret_is_masked_and_never_filled_in() -> None:
    text = field_of({"type": "string", "editor": "textfield", "isSecret": True, "prefill": "hunter2"})
    nested = field_of({"type": "object", "editor": "json", "isSecret": True, "default": {"a": "hunter2"}})
    assert (text.value, text.keywords["format"]) == (None, "password")
    assert (nested.value, nested.keywords["format"], nested.keywords["editor"]) == (None, "password", "json")


def test_what_apify_hides_is_hidden_here_too() -> None:
    hidden = {"type": "string", "editor": "hidden"}
    properties = {"left": {**hidden, "default": "a"}, "sent": {**hidden, "prefill": "b"}, "asked": hidden}
    fields = {each.name: each for each in fields_of({"properties": properties, "required": ["asked"]})}
    assert set(fields) == {"sent", "asked"}
    assert fields["sent"].keywords == {"const": "b"}
    assert fields["asked"].value is MISSING


def test_a_hidden_secret_is_in_no_form_unless_somebody_has_to_give_it() -> None:
    secret = {"type": "string", "editor": "hidden", "isSecret": True, "prefill": "hunter2"}
    assert fields_of({"properties": {"password": secret}}) == []
    (asked,) = fields_of({"properties": {"password": secret}, "required": ["password"]})
    assert (asked.value, asked.keywords["format"]) == (MISSING, "password")


def test_a_section_goes_on_to_the_next_but_required_fields_are_in_none() -> None:
    properties = {
        "first": {"type": "string"},
        "second": {"type": "string", "sectionCaption": "Limits (soft & hard)"},
        "third": {"type": "string"},
        "must": {"type": "string"},
        "fourth": {"type": "string", "sectionCaption": "Output"},
    }
    fields = fields_of({"properties": properties, "required": ["must"]})
    assert [each.keywords.get("section") for each in fields] == [
        None,
        "Limits soft hard",
        "Limits soft hard",
        None,
        "Output",
    ]


def test_a_form_may_have_some_of_the_fields() -> None:
    schema = {"properties": {name: {"type": "string"} for name in "abc"}}
    assert [field.name for field in fields_of(schema, only=["c", "a"])] == ["a", "c"]


@pytest.mark.parametrize("argument", ["only", "values"])
def test_names_that_the_actor_does_not_have_are_refused(argument: str) -> None:
    with pytest.raises(ValueError, match=f"{argument} names maxPage, but the Actor's fields are maxPages."):
        fields_of({"properties": {"maxPages": {"type": "integer"}}}, **{argument: {"maxPage": 1}})


@pytest.mark.parametrize(
    "schema", [{}, {"properties": []}, {"properties": {"a": True}}, {"properties": {}, "required": 1}]
)
def test_what_is_no_input_schema_is_refused(schema: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no input schema|no list of names"):
        fields_of(schema)


@pytest.mark.parametrize("pattern", ["a{99999999999999999999}", "(" * 5_000 + ")" * 5_000], ids=["large", "deep"])
def test_a_pattern_too_large_for_python_is_left_to_apify(pattern: str) -> None:
    (field,) = fields_of({"properties": {"a": {"type": "string", "pattern": pattern}}})
    assert "pattern" not in field.keywords


@pytest.mark.parametrize(
    "prop",
    [
        {"type": "array", "items": "string"},
        {"type": "string", "enum": None},
        {"type": "string", "enum": ["a"], "enumTitles": 5},
        {"type": "array", "editor": "globs", "default": 5},
        {"type": "string", "editor": ["textfield"]},
    ],
)
def test_a_description_that_apify_would_refuse_is_told_with_the_field_s_name(prop: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="The description of the field odd is none that Apify takes"):
        fields_of({"properties": {"odd": prop}})
