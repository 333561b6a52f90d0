from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify._files.formats.column_types import (
    ColumnType,
    ListOf,
    StructOf,
    columns_of_schema,
    parse_columns,
    parse_type,
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("string", "string"),
        ("Integer", "int64"),
        ("number", "double"),
        ("boolean", "bool"),
        ("datetime", "timestamp"),
        ("list<string>", ListOf("string")),
        (" list < list<int64> > ", ListOf(ListOf("int64"))),
        ("struct<a: string, b: list<double>>", StructOf({"a": "string", "b": ListOf("double")})),
        ("list<struct<a-b: json>>", ListOf(StructOf({"a-b": "json"}))),
    ],
)
def test_a_type_is_a_word_or_made_of_others(text: str, kind: ColumnType) -> None:
    assert parse_type(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        *("", "decimal", "list", "list<", "list<string", "list<string>>", "list<x>", "struct<>", "struct<a>"),
        *("struct<a:>", "struct<a: string", "struct<a: string,>", "struct<a: string, a: string>", "string int64"),
    ],
)
def test_what_is_no_type_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(ValueError, match="Give one of string, int64, int32, double"):
        parse_type(text)


def test_a_dot_leads_into_an_object_but_not_where_apify_makes_such_names() -> None:
    columns = {"a.b": "string", "a.c.d": "int64", "e": "bool", "f.g": "date"}
    assert parse_columns(columns, flattened=["f"]) == StructOf(
        {"a": StructOf({"b": "string", "c": StructOf({"d": "int64"})}), "e": "bool", "f.g": "date"}
    )


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "columns is empty. Name each column"),
        ({"a": 1}, "columns has 'a': 1. Give names and types as text"),
        ({1: "string"}, "columns has 1: 'string'"),
        ({"a": "json", "a.b": "string"}, "columns names 'a.b', but 'a' has a type of its own"),
        ({"a.b": "string", "a": "json"}, "columns names 'a' twice, or both it and what is inside"),
    ],
)
def test_columns_that_contradict_themselves_are_refused(columns: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_columns(columns)


def test_the_dataset_schema_of_an_actor_describes_columns() -> None:
    properties = {
        "title": {"type": "string"},
        "price": {"type": ["number", "null"]},
        "count": {"type": "integer"},
        "sold": {"type": "boolean"},
        "seenAt": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "shop": {"type": "object", "properties": {"name": {"type": "string"}}},
        "any": {"type": "object"},
        "either": {"type": ["string", "number"]},
        "untyped": {},
        "list": {"type": "array"},
    }
    assert columns_of_schema({"fields": {"type": "object", "properties": properties}}).fields == {
        "title": "string",
        "price": "double",
        "count": "int64",
        "sold": "bool",
        "seenAt": "timestamp",
        "day": "date",
        "tags": ListOf("string"),
        "shop": StructOf({"name": "string"}),
        "any": "json",
        "either": "json",
        "untyped": "json",
        "list": "json",
    }


@pytest.mark.parametrize("schema", [None, {}, {"fields": None}, {"fields": {}}, {"views": {}}])
def test_a_schema_that_describes_no_fields_is_refused(schema: Any) -> None:
    with pytest.raises(ValueError, match=r"describes no fields in one\. Name the columns"):
        columns_of_schema(schema)
