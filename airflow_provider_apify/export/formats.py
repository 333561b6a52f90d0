"""How a dataset becomes a file of each format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from airflow_provider_apify._extras import import_extra
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.export.arrays import ArrayOfLines
from airflow_provider_apify.export.checks import Check, EndCheck, RowCheck
from airflow_provider_apify.export.column_types import Chosen
from airflow_provider_apify.export.output import bare
from airflow_provider_apify.export.reading import AnswerIsCapped, DocumentReader, Take
from airflow_provider_apify.export.source import LAG_LOOKS, LAG_PAUSE_SECONDS, End, Source, missing
from airflow_provider_apify.export.walking import Walk

# Items are parsed one by one where they are pulled, so that many at once would bring nothing.
_PULLED_ITEMS = 1_000

Write = Callable[[Source, Take], "int | None"]
"""Hands a dataset on as a file of a format; returns how many items, where the format tells."""


@dataclass(frozen=True)
class Format:
    """One format of a file.

    :param name: as a task names it, and Apify.
    :param write: makes the file.
    :param has_parts: whether an export can be split into several files.
    :param tells_filtered: whether it tells how many items are in it where some were left out or taken apart.
    :param is_compressed: whether it is, in itself.
    """

    name: str
    write: Write
    has_parts: bool = False
    tells_filtered: bool = True
    is_compressed: bool = False


def write_lines(source: Source, take: Take, start: int = 0) -> int:
    """Write a line for each item from an index on."""
    walk = Walk(source, take, start)
    walk.go()
    return walk.records


def write_array(source: Source, take: Take) -> int:
    """Write one JSON array, an item a line."""
    array = ArrayOfLines(take)
    records = write_lines(source, array.add)
    array.close()
    return records


def write_table(source: Source, take: Take) -> int | None:
    """Write CSV with one header.

    Apify computes the columns of each answer from its own items, nested ones as far as they go. So everything is asked
    for in one answer, which is streamed. Where Apify does not give everything at once, the pages' columns are united.
    """
    # A byte order mark helps some spreadsheets and breaks most loaders.
    params = {"bom": False, **source.params}
    check = partial(RowCheck, has_header=not params.get("skipHeaderRow"))
    try:
        return _write_document(source, take, {**params, "format": "csv"}, check)
    except AnswerIsCapped:
        from airflow_provider_apify.export.tables import write_united  # noqa: PLC0415 - hardly ever needed

        return write_united(source, take, params)


def write_document(name: str, endings: Callable[[Mapping[str, Any]], Check], source: Source, take: Take) -> int | None:
    """Write what Apify renders as a whole.

    :param endings: makes the check, given the parameters.
    :raises ApifyDataError: Apify does not give everything at once.
    """
    try:
        return _write_document(source, take, {**source.params, "format": name}, partial(endings, source.params))
    except AnswerIsCapped as cap:
        raise ApifyDataError(
            f"Apify gives {cap.scanned} of the dataset's {cap.total} items at once, and {name} cannot be put together "
            "from pages. Write jsonl, json, csv or parquet.",
        ) from None


def _write_document(source: Source, take: Take, params: Mapping[str, Any], check: Callable[[], Check]) -> int | None:
    """Write all that is there at the beginning, or more; what comes later is another file's."""
    counted, came = source.item_count, 0
    for look in range(LAG_LOOKS):
        reader = DocumentReader(params, take, check=check, exact=source.exact)
        try:
            source.read(reader, delay=LAG_PAUSE_SECONDS if look else 0)
        except AnswerIsCapped as cap:
            if source.item(cap.scanned)[0]:
                raise
            counted, came = cap.total, cap.scanned  # nothing was taken: the items lag behind the total
            continue
        if counted > reader.position:
            raise missing(source, counted, reader.position)
        return reader.records
    raise missing(source, counted, came)


def _end_of_xml(params: Mapping[str, Any]) -> Check:
    root = str(params.get("xmlRoot") or "items").encode()
    return EndCheck(b"</%s>" % root, b"<%s/>" % root)


def _end_of_rss(_params: Mapping[str, Any]) -> Check:
    return EndCheck(b"</rss>")


def _end_of_html(_params: Mapping[str, Any]) -> Check:
    return EndCheck(b"</table>", b"</html>", b"</body>", b"</div>")


def _end_of_xlsx(_params: Mapping[str, Any]) -> Check:
    return EndCheck(b"PK\x05\x06", behind=18)  # a ZIP file's last record, of 22 bytes


def _write_parquet(source: Source, take: Take, chosen: Chosen | None = None) -> int:
    parquet = import_extra("parquet", "airflow_provider_apify.export.parquet")
    written: int = parquet.write_parquet(source, take, chosen)
    return written


def parquet_with(chosen: Chosen) -> Format:
    """Return the Parquet format with columns that were chosen."""
    return replace(FORMATS["parquet"], write=partial(_write_parquet, chosen=chosen))


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        each.name: each
        for each in (
            Format("jsonl", write_lines, has_parts=True),
            Format("json", write_array, has_parts=True),
            Format("csv", write_table),
            Format("xlsx", partial(write_document, "xlsx", _end_of_xlsx), tells_filtered=False, is_compressed=True),
            Format("xml", partial(write_document, "xml", _end_of_xml), tells_filtered=False),
            Format("rss", partial(write_document, "rss", _end_of_rss), tells_filtered=False),
            Format("html", partial(write_document, "html", _end_of_html), tells_filtered=False),
            Format("parquet", _write_parquet, is_compressed=True),
        )
    },
)


def format_of(path: str, chosen: str | None) -> Format:
    """Return the format that is chosen, else the one that the path's ending names, before that of a compression.

    :raises ValueError: no such format.
    """
    name = (chosen or bare(path).rpartition(".")[2]).lower()
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise ValueError(f"{name!r} is no format of a file. Give file_format as one of {known}, or end the path so.")
    return FORMATS[name]


def item_lines(source: Source) -> Iterator[bytes]:
    """Yield the items, a line each, without taking many more of them than are asked for.

    :raises ApifyDataError: items that Apify counts did not come.
    """
    position, delay, end = 0, 0.0, End(source)
    while True:
        lines: list[bytes | memoryview] = []
        reader = source.read(source.reader(position, position + _PULLED_ITEMS, lines.append), delay=delay)
        yield from b"".join(lines).split(b"\n")[:-1]
        if reader.scanned == 0 and end.is_at(reader.position):
            return
        position, delay = reader.position, 0.0 if reader.scanned else LAG_PAUSE_SECONDS
