"""How a dataset becomes a file of each format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from airflow_provider_apify._extras import import_extra
from airflow_provider_apify._files.checks import EndCheck, FirstRow, RowCheck
from airflow_provider_apify._files.dataset.end import End
from airflow_provider_apify._files.dataset.reader import AnswerIsCapped, Reader, Take
from airflow_provider_apify._files.dataset.readers import DocumentReader, HeaderReader, MakeCheck
from airflow_provider_apify._files.dataset.resuming import BodyHasChanged
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.dataset.walk import walk_all
from airflow_provider_apify._files.formats.column_types import Chosen
from airflow_provider_apify._files.formats.json_array import ArrayOfLines, Body, Lines
from airflow_provider_apify._files.heads import Head
from airflow_provider_apify._files.sinks.output import bare
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.models.storages import Dataset

_TABLES = ("csv", "xlsx", "html")
Endings = Callable[[Mapping[str, Any]], tuple[bytes, ...]]
"""What a document ends with, given the parameters of the items endpoint: one of these."""
Write = Callable[[Sequence[Source], Take], Sequence["int | None"]]
"""Hands datasets on as one file of a format; returns how many items of each are in it, where the format tells."""


@dataclass(frozen=True)
class Format:
    """One format of a file.

    :param name: as a task names it, and Apify.
    :param write: makes the file.
    :param joins: whether several datasets can become one file.
    :param body: makes the body of each file of lines, where an export can be split into several files.
    :param tells_filtered: whether it tells how many items are in it where some were left out or taken apart.
    :param is_compressed: whether it is, in itself.
    """

    name: str
    write: Write
    joins: bool = True
    body: type[Body] | None = None
    tells_filtered: bool = True
    is_compressed: bool = False

    @property
    def body_of_parts(self) -> type[Body]:
        """What makes the body of each file of an export that is split.

        :raises ValueError: none can be.
        """
        if self.body is None:
            names = names_of(lambda each: each.body is not None)
            raise ValueError(f"A {self.name} file cannot be split. Split {names}, or leave it in one piece.")
        return self.body


def write_lines(sources: Sequence[Source], take: Take) -> list[int]:
    """Write a line for each item."""
    counts: list[int] = []
    walk_all(sources, take, counts)
    return counts


def write_array(sources: Sequence[Source], take: Take) -> list[int]:
    """Write one JSON array, an item a line."""
    array = ArrayOfLines(take)
    counts = write_lines(sources, array.add)
    array.close()
    return counts


def write_table(sources: Sequence[Source], take: Take) -> Sequence[int | None]:
    """Write CSV with one header.

    Apify computes the columns of each answer from its own items, nested ones as far as they go. So everything is asked
    for in one answer, which is streamed. Where Apify does not give everything at once, and of several datasets, the
    pages' columns are united.
    """
    from airflow_provider_apify._files.formats.csv_union import (  # noqa: PLC0415 - hardly ever needed
        empty_table,
        write_united,
    )

    # A byte order mark helps some spreadsheets and breaks most loaders.
    source, query = sources[0], sources[0].query
    params = {"bom": False, **query.params("csv")}
    if len(sources) > 1:
        for each in sources:
            _look_for_lost_columns(each, each.dataset, "csv")
        return write_united(sources, take, params)

    def check(head: Head) -> RowCheck:
        first_row = FirstRow(query.delimiter or ",", source.lost_columns.look)
        return RowCheck(head, counts=query.keeps_every_item, has_header=not query.skip_header_row, first_row=first_row)

    try:
        return [_write_document(source, take, {**params, "format": "csv"}, check, empty_table(query))]
    except AnswerIsCapped:
        return write_united(sources, take, params)


def write_document(
    name: str, endings: Endings, sources: Sequence[Source], take: Take, *, behind: int = 0
) -> Sequence[int | None]:
    """Write what Apify renders as a whole, of one dataset.

    :param behind: bytes that may follow its ending.

    :raises ApifyDataError: Apify does not give everything at once.
    """
    (source,) = sources
    params, counts = source.query.params(name), source.query.keeps_every_item

    def check(head: Head) -> EndCheck:
        return EndCheck(*endings(params), behind=behind, records=head.scanned if counts else None)

    try:
        return [_write_document(source, take, {**params, "format": name}, check)]
    except AnswerIsCapped as cap:
        raise ApifyDataError(
            f"Apify gives {cap.scanned} of the dataset's {cap.total} items at once, and {name} cannot be put together "
            f"from pages. Write {names_of(lambda each: each.tells_filtered)}.",
        ) from None


def _write_document(
    source: Source, take: Take, params: Mapping[str, Any], check: MakeCheck, empty: bytes = b""
) -> int | None:
    """Write all that is there at the beginning, or more; what comes later is another file's.

    :param empty: what to write where Apify makes nothing of the items, as of a table without columns.
    """
    dataset = source.dataset
    if params["format"] in _TABLES:
        _look_for_lost_columns(source, dataset, params["format"])
    counted, end = source.window.count(dataset.item_count), End(source, lambda: dataset)
    readers: list[DocumentReader] = []

    def read_next(delay: float) -> Reader:
        if any(reader.progress for reader in readers):
            raise BodyHasChanged("items that were missing in a document came after it")
        reader = DocumentReader(params, take, check=check, counted=counted)
        readers.append(reader)
        try:
            source.read(reader, delay=delay)
        except AnswerIsCapped as cap:
            reader.end(cap.scanned)
        if 0 < reader.position < max(counted, reader.total) and source.item(reader.position)[0]:
            raise AnswerIsCapped(reader.position, max(dataset.item_count, reader.dataset_total))
        return reader  # where items are missing, nothing was taken: they lag behind their count

    *_, last = end.answers(read_next)
    if last.progress:
        return end.records
    take(empty)
    return 0


def _look_for_lost_columns(source: Source, dataset: Dataset, name: str) -> None:
    """Look before anything is written; the columns of CSV show in its own first row."""
    source.lost_columns.look_at_names(source.query.shown(dataset.fields))
    if name != "csv":
        header = HeaderReader({**source.query.params_of_lines(), "format": "csv", "bom": False})
        source.read(header)
        source.lost_columns.look(header.columns)


def _ends_of_xml(params: Mapping[str, Any]) -> tuple[bytes, ...]:
    root = str(params.get("xmlRoot") or "items").encode()
    return b"</%s>" % root, b"<%s/>" % root


def _ends_of_rss(_params: Mapping[str, Any]) -> tuple[bytes, ...]:
    return (b"</rss>",)


def _ends_of_html(_params: Mapping[str, Any]) -> tuple[bytes, ...]:
    return b"</table>", b"</html>", b"</body>", b"</div>"


def _ends_of_xlsx(_params: Mapping[str, Any]) -> tuple[bytes, ...]:
    return (b"PK\x05\x06",)


def _write_parquet(sources: Sequence[Source], take: Take, chosen: Chosen | None = None) -> list[int]:
    parquet = import_extra("parquet", "airflow_provider_apify._files.formats.parquet")
    written: list[int] = parquet.write_parquet(sources, take, chosen)
    return written


def parquet_with(chosen: Chosen) -> Format:
    """Return the Parquet format with columns that were chosen."""
    return replace(FORMATS["parquet"], write=partial(_write_parquet, chosen=chosen))


def _document(name: str, endings: Endings, *, behind: int = 0, is_compressed: bool = False) -> Format:
    write = partial(write_document, name, endings, behind=behind)
    return Format(name, write, joins=False, tells_filtered=False, is_compressed=is_compressed)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        each.name: each
        for each in (
            Format("jsonl", write_lines, body=Lines),
            Format("json", write_array, body=ArrayOfLines),
            Format("csv", write_table),
            # A workbook is a ZIP file, whose last record has 22 bytes.
            _document("xlsx", _ends_of_xlsx, behind=18, is_compressed=True),
            _document("xml", _ends_of_xml),
            _document("rss", _ends_of_rss),
            _document("html", _ends_of_html),
            Format("parquet", _write_parquet, is_compressed=True),
        )
    },
)


def names_of(choice: Callable[[Format], bool]) -> str:
    """Return the names of formats, for a message: ``"jsonl, json or csv"``."""
    *others, last = filter(choice, FORMATS.values())
    return f"{', '.join(each.name for each in others)} or {last.name}"


def format_of(path: str, chosen: str | None) -> Format:
    """Return the format that is chosen, else the one that the path's ending names, before that of a compression.

    :raises ValueError: no such format.
    """
    name = (chosen or bare(path).rpartition(".")[2]).lower()
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise ValueError(f"{name!r} is no format of a file. Give file_format as one of {known}, or end the path so.")
    return FORMATS[name]
