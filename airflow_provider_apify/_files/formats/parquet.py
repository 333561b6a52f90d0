"""Parquet, written here: Apify has no such format."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_apify._files.dataset.reader import Take
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.dataset.walk import walk_all
from airflow_provider_apify._files.formats.column_types import Chosen, StructOf, parse_columns
from airflow_provider_apify._files.formats.parquet_chosen import ChosenTable
from airflow_provider_apify._files.formats.parquet_inferred import InferredTable
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify._files.temporary import temporary_file

_COPY_BYTES = 2**17


def write_parquet(sources: Sequence[Source], take: Take, chosen: Chosen | None = None) -> list[int]:
    """Write a Parquet file, compressed with zstd; return how many items of each dataset are in it.

    Columns are those that were chosen, else the fields of all items. A field that is a number in one item and an object
    in another becomes JSON text; a whole number that is a fraction elsewhere becomes a float. Times stay the text that
    they are. A field that is null everywhere becomes text, because many readers know no column without a type.
    """
    counts: list[int] = []
    with temporary_file() as lines, temporary_file() as table:
        conversion = ChosenTable(table, chosen) if chosen else InferredTable(lines, table, _asked_for(sources[0].query))
        with conversion:
            walk_all(sources, conversion.take, counts)
            conversion.finish()
        table.seek(0)
        while piece := table.read(_COPY_BYTES):
            take(piece)
    return counts


def _asked_for(query: ItemsQuery) -> StructOf:
    """Return the columns that a file without items has: text for each field that is asked for."""
    names = query.output_fields or query.fields
    return parse_columns(dict.fromkeys(names, "string"), query.flatten) if names else StructOf()
