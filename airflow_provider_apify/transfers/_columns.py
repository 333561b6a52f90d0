"""The columns of a Parquet file as a task chooses them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow_provider_apify._arguments.templates import is_template
from airflow_provider_apify._files.formats.column_types import Chosen, StructOf, columns_of_schema, parse_columns
from airflow_provider_apify._files.formats.registry import Format
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.models.storages import Dataset
from airflow_provider_apify.transfers._target import check_not_templated

if TYPE_CHECKING:
    from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

OnMisfit = Literal["fail", "null"]
DATASET_SCHEMA = "dataset_schema"
"""Stands for the columns that the dataset schema of an Actor describes."""


def chosen_columns(operator: DatasetToFileOperator, dataset: Dataset) -> Chosen | None:
    """Return the columns that the task has chosen; ``None`` where it leaves them to the items.

    :param dataset: whose Actor may describe them.
    :raises ValueError: they are none.
    """
    if operator.columns is None:
        return None
    is_described = operator.columns == DATASET_SCHEMA
    table = columns_of_schema(dataset.raw.get("schema")) if is_described else _table(operator)
    return Chosen(table, nulls_misfits=operator.on_misfit == "null")


def check_columns(operator: DatasetToFileOperator, file_format: Format | None) -> None:
    """Check what is no template.

    :raises ValueError: columns that are none, or of another format than Parquet.
    """
    check_not_templated(on_misfit=operator.on_misfit)
    if operator.on_misfit not in get_args(OnMisfit):
        raise ValueError(f"on_misfit is {operator.on_misfit!r}. Give one of {', '.join(get_args(OnMisfit))}.")
    if operator.columns is None:
        if operator.on_misfit != "fail":
            raise ValueError("on_misfit is for columns: name them with their types, or leave it out.")
        return
    if file_format and file_format.name != "parquet":
        raise ValueError(f"columns is for parquet only, but the file is {file_format.name}: choose with fields there.")
    if operator.columns != DATASET_SCHEMA and not is_template((operator.columns, operator.flatten)):
        _table(operator)


def _table(operator: DatasetToFileOperator) -> StructOf:
    columns = _as_mapping(operator.columns)
    if columns is None:
        raise ValueError(
            f"columns is {operator.columns!r}. Give a mapping of names to types, such as {{'price': 'double'}}, or "
            f"{DATASET_SCHEMA!r} for those that the Actor describes.",
        )
    return parse_columns(columns, ItemsQuery.parse({"flatten": operator.flatten}).flatten or ())


def _as_mapping(columns: Any) -> Mapping[Any, Any] | None:
    """Return a mapping of names to types, which a template renders as text; ``None`` where there is none."""
    try:
        named = ast.literal_eval(columns) if isinstance(columns, str) else columns
    except (ValueError, SyntaxError):
        return None
    return named if isinstance(named, Mapping) else None
