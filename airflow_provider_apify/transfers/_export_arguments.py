"""What a transfer knows of its arguments: some when the DAG is parsed, all when templates are rendered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_apify._arguments.references import check_id
from airflow_provider_apify._arguments.templates import check_exactly_one, is_template
from airflow_provider_apify._files.formats.registry import Format, format_of
from airflow_provider_apify._files.lost_columns import parse_on_lost_columns
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify._files.split import Split
from airflow_provider_apify._files.targets.output import bare, compression_of
from airflow_provider_apify.options import parse_flag, parse_whole_number
from airflow_provider_apify.transfers._columns import check_columns
from airflow_provider_apify.transfers._target import PART, check_not_templated, check_target

if TYPE_CHECKING:
    from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

_END_OF_TEMPLATE = re.compile(r"[}%]}")


def check_arguments(operator: DatasetToFileOperator) -> None:
    """Check all that is no template.

    :raises ValueError: what can only fail when the task runs, with what to write instead.
    """
    given = {"dataset_id": operator.dataset_id, "run_id": operator.run_id}
    check_exactly_one("whose default dataset is written", **given)
    check_id("dataset", operator.dataset_id)
    check_id("run", operator.run_id)
    check_target(operator.path, operator.if_exists)
    names = ("items_per_file", "bytes_per_file", "min_items", "fail_on_empty")
    check_not_templated(**{name: getattr(operator, name) for name in names})
    if not is_template(operator.on_lost_columns):
        parse_on_lost_columns(operator.on_lost_columns)
    file_format = _known_format(operator)
    _check_compression(operator, file_format)
    _check_split(operator, file_format)
    query = ItemsQuery.check(operator.items_parameters, file_format.name if file_format else None)
    _check_wanted(operator, file_format, query)
    check_columns(operator, file_format)


def split_of(operator: DatasetToFileOperator) -> Split | None:
    """Return where files end; ``None`` where there is only one.

    :raises ValueError: a size that is no whole number above 0.
    """
    sizes = {name: getattr(operator, name) for name in ("items_per_file", "bytes_per_file")}
    items, size = [
        None if value is None else parse_whole_number(name, value, minimum=1) for name, value in sizes.items()
    ]
    return None if items is None and size is None else Split(items, size)


def wanted_items(operator: DatasetToFileOperator) -> int:
    """Return how many items there must be.

    :raises ValueError: that is no whole number.
    """
    fewest = parse_whole_number("min_items", operator.min_items, minimum=0)
    return max(fewest, int(parse_flag("fail_on_empty", operator.fail_on_empty)))


def _known_format(operator: DatasetToFileOperator) -> Format | None:
    if is_template(operator.file_format) or not (operator.file_format or _is_ending_known(operator.path)):
        return None
    return format_of(operator.path, operator.file_format)


def _is_ending_known(path: Any) -> bool:
    """Tell whether a path's ending stands behind its last template."""
    if not isinstance(path, str):
        return False
    path = bare(path)
    return not is_template(path) or "." in _END_OF_TEMPLATE.split(path)[-1]


def _check_compression(operator: DatasetToFileOperator, file_format: Format | None) -> None:
    if is_template(operator.compression):
        return
    compression = compression_of(operator.path if isinstance(operator.path, str) else "", operator.compression)
    if compression and file_format and file_format.is_compressed:
        raise ValueError(
            f"A {file_format.name} file is compressed in itself, and programs do not read it in {compression}: leave "
            "compression, or that ending of the path, out.",
        )


def _check_wanted(operator: DatasetToFileOperator, file_format: Format | None, query: ItemsQuery) -> None:
    fewest = wanted_items(operator)
    if fewest and file_format and not file_format.tells_filtered and not query.keeps_every_item:
        raise ValueError(
            f"A {file_format.name} file does not tell how many items are in it where they are filtered, unwound or "
            "shown in a view: write jsonl, json, csv or parquet, or leave min_items and fail_on_empty out.",
        )
    multiplying = (operator.unwind, operator.simplified, operator.view)
    if query.limit is not None and query.limit < fewest and not any(multiplying):
        raise ValueError(f"min_items is {fewest}, but limit takes {query.limit} at most, so the task can only fail.")


def _check_split(operator: DatasetToFileOperator, file_format: Format | None) -> None:
    is_split = split_of(operator) is not None
    if is_split and file_format and not file_format.has_parts:
        raise ValueError(f"A {file_format.name} file cannot be split. Split jsonl or json, or leave it in one piece.")
    if is_split and operator.if_exists == "skip":
        raise ValueError(
            "if_exists is 'skip', but a file that is there does not tell whether the others of a split export are: "
            "give 'overwrite' or 'fail', or write one file.",
        )
    if isinstance(operator.path, str) and is_split != (PART in operator.path):
        raise ValueError(
            f"path is {operator.path!r}. A split export needs {PART} in it, and only a split export: give "
            "items_per_file or bytes_per_file with it.",
        )
