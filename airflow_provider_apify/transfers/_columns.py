"""The columns of a Parquet file as a task chooses them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, Literal, get_args

from airflow_provider_apify._arguments.templates import is_template
from airflow_provider_apify._files.formats.column_types import Chosen, StructOf, columns_of_schema, parse_columns
from airflow_provider_apify._files.formats.registry import Format
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.models.storages import Dataset
from airflow_provider_apify.transfers._destination import check_not_templated

OnMisfit = Literal["fail", "null"]
DATASET_SCHEMA = "dataset_schema"
"""Stands for the columns that the dataset schema of an Actor describes."""


def chosen_columns(columns: Any, on_misfit: str, flatten: Any, dataset: Dataset) -> Chosen | None:
    """Return the columns that the task has chosen; ``None`` where it leaves them to the items.

    :param dataset: whose Actor may describe them.
    :raises ValueError: they are none.
    """
    if columns is None:
        return None
    is_described = columns == DATASET_SCHEMA
    table = columns_of_schema(dataset.raw.get("schema")) if is_described else _table(columns, flatten)
    return Chosen(table, nulls_misfits=on_misfit == "null")


def check_columns(columns: Any, on_misfit: Any, flatten: Any, file_format: Format | None) -> None:
    """Check what is no template.

    :raises ValueError: columns that are none, or of another format than Parquet.
    """
    check_not_templated(on_misfit=on_misfit)
    if on_misfit not in get_args(OnMisfit):
        raise ValueError(f"on_misfit is {on_misfit!r}. Give one of {', '.join(get_args(OnMisfit))}.")
    if columns is None:
        if on_misfit != "fail":
            raise ValueError("on_misfit is for columns: name them with their types, or leave it out.")
        return
    if file_format and file_format.name != "parquet":
        raise ValueError(f"columns is for parquet only, but the file is {file_format.name}: choose with fields there.")
    if columns != DATASET_SCHEMA and not is_template((columns, flatten)):
        _table(columns, flatten)


def _table(columns: Any, flatten: Any) -> StructOf:
    named = _as_mapping(columns)
    if named is None:
        raise ValueError(
            f"columns is {columns!r}. Give a mapping of names to types, such as {{'price': 'double'}}, or "
            f"{DATASET_SCHEMA!r} for those that the Actor describes.",
        )
    return parse_columns(named, ItemsQuery.parse({"flatten": flatten}).flatten or ())


def _as_mapping(columns: Any) -> Mapping[Any, Any] | None:
    """Return a mapping of names to types, which a template renders as text; ``None`` where there is none."""
    try:
        named = ast.literal_eval(columns) if isinstance(columns, str) else columns
    except (ValueError, SyntaxError):
        return None
    return named if isinstance(named, Mapping) else None
