from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify._files.query import ITEMS_PARAMETERS, ItemsQuery


def parse(**values: Any) -> ItemsQuery:
    return ItemsQuery.parse(values)


def test_nothing_given_leaves_everything_to_apify() -> None:
    unset = dict.fromkeys(ITEMS_PARAMETERS) | {"fields": "", "omit": [], "unwind": (), "view": ""}
    assert ItemsQuery.parse(unset) == parse() == ItemsQuery()
    assert ItemsQuery().params("jsonl") == {}


@pytest.mark.parametrize(
    ("file_format", "values", "params"),
    [
        (
            "jsonl",
            {
                "clean": True,
                "fields": ["a", "b"],
                "output_fields": ["x", "y"],
                "omit": ["c"],
                "unwind": ["a"],
                "flatten": ["b"],
                "desc": True,
                "skip_failed_pages": True,
            },
            {
                "clean": True,
                "fields": ("a", "b"),
                "outputFields": ("x", "y"),
                "omit": ("c",),
                "unwind": ("a",),
                "flatten": ("b",),
                "desc": True,
                "skipFailedPages": True,
            },
        ),
        (
            "json",
            {"view": "overview", "skip_hidden": True, "skip_empty": False},
            {"view": "overview", "skipHidden": True, "skipEmpty": False},
        ),
        (
            "csv",
            {"delimiter": ";", "bom": True, "skip_header_row": True},
            {"delimiter": ";", "bom": True, "skipHeaderRow": True},
        ),
        ("xml", {"xml_root": "all", "xml_row": "one"}, {"xmlRoot": "all", "xmlRow": "one"}),
        ("rss", {"feed_title": "A", "feed_description": "B"}, {"feedTitle": "A", "feedDescription": "B"}),
        ("html", {"simplified": True}, {"simplified": True}),
        ("csv", {"offset": "0", "limit": "10"}, {"offset": 0, "limit": 10}),
    ],
)
def test_every_parameter_travels_by_the_api_s_name(
    file_format: str, values: dict[str, Any], params: dict[str, Any]
) -> None:
    assert ItemsQuery.parse(values).params(file_format) == params


@pytest.mark.parametrize("value", [" a , b", ["a", " b"], ("a", "b")])
def test_names_are_a_list_or_a_string_with_commas(value: Any) -> None:
    assert parse(fields=value).fields == ("a", "b")


@pytest.mark.parametrize(("value", "expected"), [(True, True), ("true", True), ("True", True), ("False", False)])
def test_a_flag_may_be_what_a_template_renders(value: Any, expected: bool) -> None:
    assert parse(clean=value).clean is expected


@pytest.mark.parametrize("delimiter", ["\t", ";", "|", " ", "€"])
def test_any_other_character_may_stand_between_cells(delimiter: str) -> None:
    assert parse(delimiter=delimiter).params("csv") == {"delimiter": delimiter}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"clean": "perhaps"}, "clean must be True or False, not 'perhaps'"),
        ({"desc": 1}, "desc must be True or False, not 1"),
        ({"fields": "a,,b"}, "fields must be names without commas, none of them empty"),
        ({"fields": ["a,b"]}, "fields must be names without commas"),
        ({"fields": "a,b,a"}, "fields must name each field once"),
        ({"omit": [None]}, "omit must be a list of field names, or a string with commas in between, not"),
        ({"unwind": {"a": 1}}, "unwind must be a list of field names"),
        ({"flatten": "['a', 'b']"}, r"flatten is the text of a list.*{{ the_list | join\(','\) }}"),
        ({"view": 1}, "view must be a string"),
        ({"delimiter": "||"}, "delimiter must be one character other than a quote or a line break"),
        ({"delimiter": '"'}, "delimiter must be one character other than a quote or a line break"),
        ({"delimiter": "\n"}, "delimiter must be one character other than a quote or a line break"),
        ({"xml_root": "1st"}, "xml_root must be the name of an XML element"),
        ({"xml_row": "a b"}, "xml_row must be the name of an XML element"),
        ({"xml_row": "a>"}, "xml_row must be the name of an XML element"),
        ({"offset": -1}, "offset must be a whole number, at least 0, not -1"),
        ({"limit": 0}, "limit must be a whole number, at least 1, not 0"),
        ({"columns": "a"}, "Unknown parameters of items: columns"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_right(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ItemsQuery.parse(values)


CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"output_fields": "a"}, "output_fields are new names of fields, one for each, not 1 for 0"),
    ({"fields": "a,b", "output_fields": "c"}, "one for each, not 1 for 2"),
    ({"fields": "a,#b", "skip_hidden": True}, "fields name #b, which skip_hidden leaves out: take it from fields"),
    ({"fields": "#b", "clean": True}, "fields name #b, which clean leaves out"),
    ({"fields": "a,b", "omit": "c,b"}, "fields and omit both name b"),
    ({"fields": "a", "unwind": "b"}, "unwind names b, which fields leave out.*add b to fields"),
    ({"fields": "a,b.c", "flatten": "b,d"}, "flatten names d, which fields leave out"),
    ({"clean": True, "skip_hidden": False}, "clean=True includes skip_hidden=True: leave clean out, or skip_hidden"),
    ({"clean": True, "skip_empty": "false"}, "clean=True includes skip_empty=True"),
    ({"simplified": True, "fields": "url"}, "give simplified or fields, not both"),
    ({"simplified": True, "unwind": "a"}, "give simplified or unwind, not both"),
    ({"simplified": True, "view": "overview"}, "give simplified or view, not both"),
    ({"view": "overview", "fields": "a"}, "view chooses the fields by itself: give view or fields, not both"),
    ({"view": "overview", "flatten": "a"}, "give view or flatten, not both"),
]


@pytest.mark.parametrize(("values", "words"), CONTRADICTIONS)
def test_parameters_that_contradict_each_other_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ItemsQuery.parse(values)
    with pytest.raises(ValueError, match=words):
        ItemsQuery.check(values, None)


@pytest.mark.parametrize("values", [values for values, _ in CONTRADICTIONS])
def test_what_depends_on_a_template_waits_until_it_is_rendered(values: dict[str, Any]) -> None:
    for name in values:
        ItemsQuery.check({**values, name: "{{ params.later }}", "fields": "{{ params.fields }}"}, "jsonl")


def test_what_does_not_depend_on_a_template_is_checked_at_once() -> None:
    with pytest.raises(ValueError, match="clean=True includes skip_empty=True"):
        ItemsQuery.check({"clean": True, "skip_empty": False, "fields": ["a", "{{ params.b }}"]}, None)
    with pytest.raises(ValueError, match="delimiter must be one character"):
        ItemsQuery.check({"delimiter": "tab", "omit": "{{ params.b }}"}, None)


@pytest.mark.parametrize(
    "values",
    [
        {"clean": True, "skip_hidden": True},
        {"clean": False, "skip_hidden": False},
        {"fields": "a,b", "unwind": "a,c"},
        {"fields": "a", "unwind": "a", "flatten": "d"},
        {"fields": "name,address.street", "flatten": "address"},
        {"fields": "a", "unwind": "a", "omit": "b"},
        {"view": "overview", "clean": True, "desc": True},
        {"simplified": False, "fields": "a"},
    ],
)
def test_what_goes_together_is_taken(values: dict[str, Any]) -> None:
    ItemsQuery.check(values, "jsonl")
    ItemsQuery.parse(values)


@pytest.mark.parametrize(
    ("file_format", "values", "words"),
    [
        ("json", {"delimiter": ";"}, "delimiter is for csv only, but the file is json: leave delimiter out"),
        ("xml", {"skip_header_row": True}, "skip_header_row is for csv only"),
        ("csv", {"xml_root": "all"}, "xml_root is for xml only"),
        ("html", {"xml_row": "one"}, "xml_row is for xml only"),
        ("xml", {"feed_title": "News"}, "feed_title is for rss only"),
        ("jsonl", {"feed_description": "News"}, "feed_description is for rss only"),
        ("xlsx", {"bom": True}, "bom is for csv, xml, html, rss only, but the file is xlsx"),
    ],
)
def test_what_belongs_to_another_format_is_refused(file_format: str, values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ItemsQuery.parse(values).params(file_format)
    with pytest.raises(ValueError, match=words):
        ItemsQuery.check({**values, "fields": "{{ params.later }}"}, file_format)
    ItemsQuery.check(values, None)


@pytest.mark.parametrize(
    "filtering",
    [
        {"clean": True},
        {"skip_empty": True},
        {"skip_failed_pages": True},
        {"simplified": True},
        {"unwind": "a"},
        {"view": "overview"},
    ],
)
def test_records_cannot_be_counted_where_items_are_left_out_or_taken_apart(filtering: dict[str, Any]) -> None:
    assert not ItemsQuery.parse(filtering).keeps_every_item


@pytest.mark.parametrize(
    "shaping",
    [{}, {"fields": "a"}, {"omit": "a"}, {"flatten": "a"}, {"skip_hidden": True}, {"desc": True}, {"clean": False}],
)
def test_each_item_is_one_record_where_only_its_fields_change(shaping: dict[str, Any]) -> None:
    assert ItemsQuery.parse(shaping).keeps_every_item


def test_an_offset_stays_true_only_from_the_oldest_item_on() -> None:
    assert parse().keeps_order_when_growing
    assert parse(desc=False, clean=True, unwind="a").keeps_order_when_growing
    assert not parse(desc=True).keeps_order_when_growing
    assert not parse(view="overview").keeps_order_when_growing
