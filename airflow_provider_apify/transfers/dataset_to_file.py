"""The operator that writes a dataset to a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify._airflow.failing import failing_fast
from airflow_provider_apify._airflow.observing import exporting
from airflow_provider_apify._airflow.outlets import Data, Lineage, file_uri
from airflow_provider_apify._arguments.references import are_several, read_id, read_ids
from airflow_provider_apify._files.dataset.reader import Window
from airflow_provider_apify._files.export import Export, Manifest
from airflow_provider_apify._files.formats.column_types import ColumnType
from airflow_provider_apify._files.formats.registry import format_of, parquet_with
from airflow_provider_apify._files.lost_columns import parse_on_lost_columns
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify._files.sinks.output import compression_of
from airflow_provider_apify.links import ApifyDatasetLink, ApifyRunLink, links_of, store_links
from airflow_provider_apify.models.storages import Dataset
from airflow_provider_apify.operators._lineage import LineageTask
from airflow_provider_apify.transfers._destination import Destination, writing
from airflow_provider_apify.transfers._export_arguments import ExportArguments
from airflow_provider_apify.transfers._export_memory import Checkpoint
from airflow_provider_apify.transfers._export_progress import ExportProgress

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class DatasetToFileOperator(LineageTask, ExportArguments):
    """Write all items of a dataset, or of several, to one file, which appears whole or not at all.

    Bytes are passed through unparsed, in one stream or over several connections, whichever the way to Apify rewards,
    until there are no more items. Where a download breaks it goes on with the next item. A file that is already there
    is replaced when the new one is whole, so a rerun is safe.

    Reference: https://docs.apify.com/api/v2/dataset-items-get

    :param dataset_id: the dataset, or a whole run, as tasks return it. Give this or ``run_id``. A list of these, such
        as ``crawl.output`` of a mapped task, makes one file: their items follow one another in its order, or nothing is
        written. Then the format is jsonl, json, csv (the columns of all) or parquet (one schema). Refused are
        ``offset``, ``limit`` and ``desc``, which could be meant of each or of all; an empty list; ``None`` in it; and a
        dataset that is in it twice. (templated)
    :param run_id: a finished run, whose default dataset is written. (templated)
    :param path: where to write: an absolute local path, or a URL of S3 (``s3://bucket/products/{{ run_id }}.jsonl``),
        Google Cloud Storage (``gs://bucket/...``), Azure Blob (``abfs://container/...``) or SFTP
        (``sftp:///folder/...``, whose host is the connection's). A split export needs ``{part}`` in it, which becomes
        00000, 00001, and so on. (templated)
    :param file_format: ``"jsonl"``, ``"json"``, ``"csv"`` (without a byte order mark), ``"xlsx"``, ``"xml"``,
        ``"rss"``, ``"html"`` or ``"parquet"``; ``None`` takes the path's ending. (templated)
    :param compression: ``"gzip"``, ``"zstd"`` or ``"none"``; ``None`` takes it from an ending ``.gz`` or ``.zst`` of
        the path. Not for xlsx and parquet, which are compressed in themselves. (templated)
    :param columns: Parquet: exactly these columns, as a mapping of names to types, so that the files of many days are
        one table: ``{"price": "double", "seen_at": "timestamp", "tags": "list<string>", "shop.name": "string"}``. Types
        are string, int64, int32, double, float, bool, timestamp (of text, in UTC), date, json (text that holds any
        value), ``list<...>`` and ``struct<name: ..., ...>``; ``"a.b"`` is ``b`` inside ``a``. Other fields are left
        out. ``"dataset_schema"`` takes what the dataset schema of the Actor describes. Default: the fields of all
        items, with types that follow the items of this one file. (templated)
    :param on_misfit: what becomes of a value that does not fit its column: ``"fail"``, or ``"null"`` in its place, with
        a warning.
    :param items_per_file: split the export: at most so many items in each file; for jsonl and json.
    :param bytes_per_file: split the export: a file ends with the item that brings it to so many bytes, before
        compression; for jsonl and json.
    :param if_exists: ``"overwrite"`` replaces a file that is there when the new one is whole, ``"fail"`` fails, and
        ``"skip"`` skips the task, where the export is not split. It is looked at when the task begins: a file that
        somebody else writes meanwhile is replaced. Of a split export the first file counts.
    :param min_items: fail, and write nothing, if there are fewer items, in all datasets together. (Of a split export
        whose items are filtered, unwound or shown in a view, files that were finished before that is known stay.) Not
        for xlsx, xml, rss and html where items are filtered, unwound or shown in a view: nobody counts them then.
    :param fail_on_empty: the same as ``min_items=1``.
    :param offset: leave out so many items at the start. (templated)
    :param limit: take at most so many items. Both count the dataset's items before any filter. (templated)
    :param clean: leave out empty items and hidden fields: ``skip_empty`` and ``skip_hidden`` in one. (templated)
    :param fields: only these fields, in this order, as a list or a string with commas in between; ``"a.b"`` is ``b``
        inside ``a``. (templated)
    :param output_fields: new names of ``fields``, one for each. (templated)
    :param omit: all but these fields. (templated)
    :param unwind: fields that are taken apart, in this order: each element of a list becomes an item of its own, merged
        with the rest of the item it was in; an object is merged with it. (templated)
    :param flatten: fields whose objects become fields with dotted names, ``a.b``. (templated)
    :param desc: newest items first; for datasets that no longer grow: one that does is an error. (templated)
    :param view: a view of the Actor's dataset schema, for example ``"overview"``, which chooses the fields. (templated)
    :param skip_hidden: leave out fields that start with ``#``. (templated)
    :param skip_empty: leave out items without fields. (templated)
    :param simplified: as the old Apify Crawler did: fields url, pageFunctionResult and errorInfo, with
        pageFunctionResult unwound. (templated)
    :param skip_failed_pages: as the old Apify Crawler did: leave out items with errorInfo. (templated)
    :param delimiter: CSV: one character between cells; default a comma. (templated)
    :param skip_header_row: CSV: leave out the first row, the names of the columns. (templated)
    :param bom: CSV, XML, HTML, RSS: begin with a byte order mark; default not. (templated)
    :param xml_root: XML: name of the outermost element; default ``items``. (templated)
    :param xml_row: XML: name of the element of each item; default ``item``. (templated)
    :param feed_title: RSS: title of the feed. (templated)
    :param feed_description: RSS: description of the feed. (templated)
    :param on_lost_columns: CSV, XLSX, HTML: Apify gives 2,000 columns at most, with names of 200 characters at most. It
        leaves out others without a word. Where that may be, ``"fail"`` fails before a file is replaced, and ``"warn"``
        says it in the log. JSON Lines, JSON and Parquet lose nothing. (templated)
    :param target_conn_id: Airflow connection of the storage; ``None`` takes the one in the path or the storage's
        default. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) the manifest: ``path``, ``items``, ``bytes``, ``sha256``, ``format``, ``compression``,
        ``dataset_id``, ``run_id`` (``None`` where there are several), ``fields`` (names, as Apify knows them),
        ``dataset_count`` and ``datasets``, each with ``dataset_id``, ``name``, ``run_id`` and ``items``, and
        ``file_count`` and ``files``, each with ``path``, ``items``, ``bytes`` and ``sha256``. The lists have the first
        1,000, so that XCom stays small. The events of outlet assets carry all of it as ``extra``. An outlet
        that is an ``AssetAlias`` stands for the file. Airflow's lineage hears of each dataset as an input.
    :raises ValueError: at parse time, wrong arguments.
    :raises AirflowFailException: one of the datasets or the run is not there, a run that still goes on, a storage whose
        driver is missing, a file that is there although ``if_exists="fail"``, a table that may lack columns.
    :raises ApifyDataError: items that Apify counts did not come, or too few.
    :raises ApifyError: the file could not be written; nothing is left of it.
    """

    operator_extra_links = (ApifyRunLink(), ApifyDatasetLink())

    def execute(self, context: Context) -> dict[str, Any]:
        """Write the file, or the files."""
        with failing_fast():
            self._check_arguments()  # again, with the templates rendered
            datasets = self._find_datasets()
            read = [Data.of_dataset(each) for each in datasets]
            self._lineage = Lineage(read)
            store_links(self, context, self._links(datasets))
            with exporting(context.get("ti")) as wrote:
                manifest = self._write(datasets, context)
                wrote(manifest.items, manifest.bytes)
        self.log.info("Wrote %s to %s", manifest, self.path)
        result = _told(manifest, datasets)
        written = Data(file_uri(self.path), self._columns_of(datasets), manifest.items, manifest.bytes)
        return self._tell(context, result, Lineage(read, [written]))

    def _links(self, datasets: Sequence[Dataset]) -> dict[str, str]:
        """Return where the dataset is to be looked at; of several, none is the one."""
        if len(datasets) > 1:
            return {}
        return links_of(self.hook.console, datasets[0].run_id, storages={"dataset": datasets[0].id})

    def _write(self, datasets: Sequence[Dataset], context: Context) -> Manifest:
        split = self._files_end
        destination = Destination(self.path, self.target_conn_id, is_split=split is not None)
        query = ItemsQuery.parse(self.items_parameters)
        window = Window(query.offset or 0, query.limit)
        counted = sum(window.count(dataset.item_count) for dataset in datasets)
        chosen = self._chosen_columns(datasets)
        export = Export(
            self.hook,
            [dataset.id for dataset in datasets],
            destination.path,
            parquet_with(chosen) if chosen else format_of(self.path, self.file_format),
            query,
            compression=compression_of(self.path, self.compression),
            split=split,
            min_items=self.fewest_items,
            counted=counted,
            progress=ExportProgress(self.log, counted),
            on_lost_columns=parse_on_lost_columns(self.on_lost_columns),
        )
        with writing(self.path):
            # Only files of a split export are finished before the task is.
            checkpoint = Checkpoint(context, self._identity(export), destination.path, self.log) if split else None
            destination.check(self.if_exists, is_ours=checkpoint is not None and bool(checkpoint.done.files))
            return replace(export, done=checkpoint.done, note=checkpoint.note).run() if checkpoint else export.run()

    def _columns_of(self, datasets: Sequence[Dataset]) -> Mapping[str, ColumnType | None]:
        """Return the columns of the file, with their types where the task has chosen them; none where nobody knows."""
        chosen = self._chosen_columns(datasets)
        if chosen is not None:
            return chosen.columns.fields
        query = ItemsQuery.parse(self.items_parameters)
        if query.unwind or query.flatten or query.view or query.simplified:
            return {}
        return dict.fromkeys(query.shown(name for dataset in datasets for name in dataset.fields))

    def _identity(self, export: Export) -> str:
        """Say what decides about the files: what an attempt with another answer has written is of no use."""
        shape = (export.file_format.name, export.compression, export.split, export.query)
        return repr((export.dataset_ids, self.path, self.target_conn_id, *shape))

    def _find_datasets(self) -> list[Dataset]:
        """Look each dataset up, so that nothing is written where one is not there."""
        if not are_several(self.dataset_id):
            return [self.hook.get_dataset(self._find_dataset())]
        datasets = [self.hook.get_dataset(each) for each in read_ids("dataset", self.dataset_id)]
        places: dict[str, int] = {}
        for place, dataset in enumerate(datasets):
            before = places.setdefault(dataset.id, place)
            if before != place:
                raise ValueError(
                    f"dataset_id[{before}] and dataset_id[{place}] are the same dataset, {dataset.id}, whose items "
                    "would be in the file twice: give it once.",
                )
        return datasets

    def _find_dataset(self) -> str:
        if self.dataset_id is not None:
            return read_id("dataset", self.dataset_id)
        run = self.hook.get_run(self.run_id or "")
        if not run.is_finished:
            raise AirflowFailException(
                f"Run {run.id} is still {run.status}: its dataset is not complete. Wait for it, for example with "
                "ApifyRunSensor, or give dataset_id to write what is there now.",
            )
        if not run.dataset_id:
            raise AirflowFailException(f"Run {run.id} has no default dataset.")
        return run.dataset_id


def _told(manifest: Manifest, datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Return the manifest, with what is known of the datasets."""
    told = manifest.to_dict()
    for each, dataset in zip(told["datasets"], datasets, strict=False):  # the manifest has the first ones
        each |= {"name": dataset.name, "run_id": dataset.run_id}
    return {
        **told,
        "run_id": datasets[0].run_id if len(datasets) == 1 else None,
        "fields": list(dict.fromkeys(name for dataset in datasets for name in dataset.fields)),
    }
