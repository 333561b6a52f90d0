"""Tables that would lack a column that Apify leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.formats.registry import FORMATS
from airflow_provider_apify._files.lost_columns import LostColumns
from airflow_provider_apify.exceptions import ApifyLostColumnsError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify
from tests._files.material import Taken, dataset_of, pushed, source_of, written

SKUS = [{f"sku {product} {number}": 1 for number in range(100)} for product in range(30)]
LONG_NAME = "n" * 201


@pytest.mark.parametrize(
    ("values", "body"),
    [
        ({"fields": ["id", "a.b"]}, b"id,a/b\n"),
        ({"fields": ["id", "a"], "output_fields": ["ID", 'say "a"'], "bom": True}, b'\xef\xbb\xbfID,"say ""a"""\n'),
        ({"fields": ["id", "a"], "delimiter": ";"}, b"id;a\n"),
        ({"fields": ["id", "a"], "skip_header_row": True}, b""),
    ],
)
def test_an_empty_table_has_the_header_that_fields_name(hook: ApifyHook, values: dict[str, Any], body: bytes) -> None:
    assert written(hook, dataset_of(hook, 0), "csv", **values) == (0, body)


@pytest.mark.parametrize("name", ["csv", "xlsx", "html"])
@pytest.mark.parametrize("values", [{"clean": True}, {"fields": ["other"]}, {"offset": 20}])
def test_items_that_filters_leave_without_columns_are_an_empty_table(
    hook: ApifyHook, apify: LocalApify, name: str, values: dict[str, Any]
) -> None:
    dataset_id = pushed(hook, apify, [{"#hidden": 1}, {}] * 10)
    records, body = written(hook, dataset_id, name, **values)
    assert records == 0
    assert body == (b"other\n" if name == "csv" and "fields" in values else b"")


@pytest.mark.parametrize("name", ["csv", "xlsx", "html"])
def test_a_table_without_columns_because_items_lag_is_not_taken_for_empty(
    hook: ApifyHook, apify: LocalApify, name: str
) -> None:
    dataset_id = dataset_of(hook, 30)
    apify.control.add_fault("answer", path="*/items", times=3, status=400, error_type="no-columns-in-exported-dataset")
    apify.control.add_fault("empty-page", path="*/items")
    assert written(hook, dataset_id, name)[0] == 30


def test_pages_without_columns_among_others_are_rows_without_values(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(max_items_per_request=2)
    dataset_id = pushed(hook, apify, [{}, {}, {"a": 1}, {}, {}, {}])
    assert written(hook, dataset_id, "csv") == (6, b'a\r\n""\r\n""\r\n1\r\n' + b'""\r\n' * 3)
    assert written(hook, dataset_id, "csv", clean=True) == (1, b"a\r\n1\r\n")


@pytest.mark.parametrize("name", ["csv", "xlsx", "html"])
@pytest.mark.parametrize("cap", [None, 25])
def test_columns_that_apify_leaves_out_are_an_error_before_anything_is_written(
    hook: ApifyHook, apify: LocalApify, name: str, cap: int | None
) -> None:
    if cap and name != "csv":
        return
    dataset_id, taken = pushed(hook, apify, SKUS), Taken()
    apify.control.settings(max_items_per_request=cap)
    with pytest.raises(ApifyLostColumnsError, match=r"The table has 2,000 columns.*on_lost_columns='warn'") as caught:
        FORMATS[name].write([source_of(hook, dataset_id, name)], taken)
    assert not caught.value.retryable
    assert len(taken.body) < 10


@pytest.mark.parametrize("name", ["csv", "xlsx", "html"])
def test_columns_that_are_lost_are_told_in_the_log_where_that_is_wanted(
    hook: ApifyHook, apify: LocalApify, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source(hook, pushed(hook, apify, SKUS), lost_columns=LostColumns("warn"))
    assert FORMATS[name].write([source], Taken()) == [30]
    assert [record.message for record in caplog.records if "columns" in record.message] == [
        (
            "The table has 2,000 columns, the most that Apify gives: any others are lost. "
            "Write jsonl, json or parquet, or choose fields."
        )
    ]


@pytest.mark.parametrize("name", ["csv", "xlsx", "html"])
def test_a_field_whose_name_is_too_long_for_a_column_is_an_error(hook: ApifyHook, apify: LocalApify, name: str) -> None:
    dataset_id = pushed(hook, apify, [{LONG_NAME: 1, "a": 2}])
    with pytest.raises(ApifyLostColumnsError, match="has a name of 201 characters"):
        written(hook, dataset_id, name)
    assert written(hook, dataset_id, name, fields=["a"])[0] == 1
    assert written(hook, dataset_id, name, omit=[LONG_NAME])[0] == 1


@pytest.mark.parametrize("name", ["jsonl", "json", "xml"])
def test_what_is_no_table_loses_no_column(hook: ApifyHook, apify: LocalApify, name: str) -> None:
    assert written(hook, pushed(hook, apify, [*SKUS, {LONG_NAME: 1}]), name)[0] == 31


def test_a_table_of_fewer_columns_is_no_error_whatever_its_cells_hold(hook: ApifyHook, apify: LocalApify) -> None:
    items = [{"a": "," * 3_000, 'b"' + "," * 150: "\n"}, *[{f"c{number}": ",\n"} for number in range(1_997)]]
    assert written(hook, pushed(hook, apify, items), "csv")[0] == 1_998
