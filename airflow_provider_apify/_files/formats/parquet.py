"""Parquet, written here: Apify has no such format."""

from __future__ import annotations

from airflow_provider_apify._files.dataset.readers import Take
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.dataset.walk import Walk
from airflow_provider_apify._files.formats.column_types import Chosen, StructOf, parse_columns
from airflow_provider_apify._files.formats.parquet_chosen import ChosenTable
from airflow_provider_apify._files.formats.parquet_inferred import InferredTable
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify._files.temporary import temporary_file

_COPY_BYTES = 2**17


def write_parquet(source: Source, take: Take, chosen: Chosen | None = None) -> int:
    """Write a Parquet file, compressed with zstd.

    Columns are those that were chosen, else the fields of all items. A field that is a number in one item and an object
    in another becomes JSON text; a whole number that is a fraction elsewhere becomes a float. Times stay the text that
    they are. A field that is null everywhere becomes text, because many readers know no column without a type.
    """
    with temporary_file() as lines, temporary_file() as table:
        conversion = ChosenTable(table, chosen) if chosen else InferredTable(lines, table, _asked_for(source.query))
        with conversion:
            walk = Walk(source, conversion.take)
            walk.go()
            conversion.finish()
        table.seek(0)
        while piece := table.read(_COPY_BYTES):
            take(piece)
    return walk.records


def _asked_for(query: ItemsQuery) -> StructOf:
    """Return the columns that a file without items has: text for each field that is asked for."""
    names = query.output_fields or query.fields
    return parse_columns(dict.fromkeys(names, "string"), query.flatten) if names else StructOf()
