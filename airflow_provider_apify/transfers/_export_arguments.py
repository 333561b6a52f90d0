"""What the export of a dataset is told: checked when the DAG is parsed, and again when templates are rendered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from airflow_provider_apify._airflow.arguments import Reference
from airflow_provider_apify._arguments.references import are_several, check_id, check_ids, ids_of
from airflow_provider_apify._arguments.templates import check_exactly_one, is_template
from airflow_provider_apify._arguments.values import parse_flag, parse_whole_number
from airflow_provider_apify._files.formats.column_types import Chosen
from airflow_provider_apify._files.formats.registry import Format, format_of, names_of
from airflow_provider_apify._files.lost_columns import OnLostColumns, parse_on_lost_columns
from airflow_provider_apify._files.query import ITEMS_PARAMETERS, ItemsQuery
from airflow_provider_apify._files.sinks.output import bare, compression_of
from airflow_provider_apify._files.split import Split
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.storages import Dataset
from airflow_provider_apify.operators._base import ApifyTask
from airflow_provider_apify.transfers._columns import OnMisfit, check_columns, chosen_columns
from airflow_provider_apify.transfers._destination import PART, IfExists, check_destination, check_not_templated

_FOR_EACH = "DatasetToFileOperator.partial(...).expand(dataset_id=...)"
_END_OF_TEMPLATE = re.compile(r"[}%]}")


class ExportArguments(ApifyTask):
    """The arguments of ``DatasetToFileOperator``, described there."""

    template_fields: Sequence[str] = (
        "dataset_id",
        "run_id",
        "path",
        "file_format",
        "compression",
        "columns",
        *ITEMS_PARAMETERS,
        "on_lost_columns",
        "target_conn_id",
        "apify_conn_id",
    )

    def __init__(
        self,
        *,
        dataset_id: Reference | Sequence[Any] | None = None,
        run_id: Reference | None = None,
        path: str,
        file_format: str | None = None,
        compression: str | None = None,
        columns: Mapping[str, str] | str | None = None,
        on_misfit: OnMisfit = "fail",
        items_per_file: int | None = None,
        bytes_per_file: int | None = None,
        if_exists: IfExists = "overwrite",
        min_items: int = 0,
        fail_on_empty: bool = False,
        offset: int | str | None = None,
        limit: int | str | None = None,
        clean: bool | str | None = None,
        fields: Sequence[str] | str | None = None,
        output_fields: Sequence[str] | str | None = None,
        omit: Sequence[str] | str | None = None,
        unwind: Sequence[str] | str | None = None,
        flatten: Sequence[str] | str | None = None,
        desc: bool | str | None = None,
        view: str | None = None,
        skip_hidden: bool | str | None = None,
        skip_empty: bool | str | None = None,
        simplified: bool | str | None = None,
        skip_failed_pages: bool | str | None = None,
        delimiter: str | None = None,
        skip_header_row: bool | str | None = None,
        bom: bool | str | None = None,
        xml_root: str | None = None,
        xml_row: str | None = None,
        feed_title: str | None = None,
        feed_description: str | None = None,
        on_lost_columns: OnLostColumns | str = "fail",
        target_conn_id: str | None = None,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_id = cast("str | list[Any] | None", dataset_id)
        self.run_id = cast("str | None", run_id)
        self.path = path
        self.file_format = file_format
        self.compression = compression
        self.columns = columns
        self.on_misfit = on_misfit
        self.items_per_file = items_per_file
        self.bytes_per_file = bytes_per_file
        self.if_exists = if_exists
        self.min_items = min_items
        self.fail_on_empty = fail_on_empty
        self.offset = offset
        self.limit = limit
        self.clean = clean
        self.fields = fields
        self.output_fields = output_fields
        self.omit = omit
        self.unwind = unwind
        self.flatten = flatten
        self.desc = desc
        self.view = view
        self.skip_hidden = skip_hidden
        self.skip_empty = skip_empty
        self.simplified = simplified
        self.skip_failed_pages = skip_failed_pages
        self.delimiter = delimiter
        self.skip_header_row = skip_header_row
        self.bom = bom
        self.xml_root = xml_root
        self.xml_row = xml_row
        self.feed_title = feed_title
        self.feed_description = feed_description
        self.on_lost_columns = on_lost_columns
        self.target_conn_id = target_conn_id
        self.apify_conn_id = apify_conn_id
        self._check_arguments()

    @property
    def items_parameters(self) -> dict[str, Any]:
        """What is to be done to items, as the DAG or its templates say it."""
        return {name: getattr(self, name) for name in ITEMS_PARAMETERS}

    @property
    def _files_end(self) -> Split | None:
        """Where files end; ``None`` where there is only one.

        :raises ValueError: a size that is no whole number above 0.
        """
        sizes = {name: getattr(self, name) for name in ("items_per_file", "bytes_per_file")}
        items, size = [
            None if value is None else parse_whole_number(name, value, minimum=1) for name, value in sizes.items()
        ]
        return None if items is None and size is None else Split(items, size)

    @property
    def fewest_items(self) -> int:
        """How many items there must be.

        :raises ValueError: that is no whole number.
        """
        fewest = parse_whole_number("min_items", self.min_items, minimum=0)
        return max(fewest, int(parse_flag("fail_on_empty", self.fail_on_empty)))

    def _chosen_columns(self, datasets: Sequence[Dataset]) -> Chosen | None:
        """Return the columns that the task has chosen; ``None`` where it leaves them to the items.

        :param datasets: whose Actor may describe them.
        :raises ValueError: they are none, or those of two datasets differ.
        """
        first, *others = [chosen_columns(self.columns, self.on_misfit, self.flatten, dataset) for dataset in datasets]
        if any(other != first for other in others):
            raise ValueError(
                "columns is 'dataset_schema', but the Actors of the datasets describe different columns: name them "
                "with their types.",
            )
        return first

    def _read_rendered(self, name: str) -> None:
        super()._read_rendered(name)
        if name == "dataset_id" and are_several(self.dataset_id):
            self.dataset_id = ids_of("dataset", self.dataset_id)

    def _check_arguments(self) -> None:
        """Check all that is no template.

        :raises ValueError: what can only fail when the task runs, with what to write instead.
        """
        given = {"dataset_id": self.dataset_id, "run_id": self.run_id}
        check_exactly_one("whose default dataset is written", **given)
        if are_several(self.run_id):
            raise ValueError("run_id is a list. Give the runs as dataset_id, as in dataset_id=crawl.output.")
        if are_several(self.dataset_id):
            check_ids("dataset", self.dataset_id)
        else:
            check_id("dataset", self.dataset_id)
        check_id("run", self.run_id)
        check_destination(self.path, self.if_exists)
        names = ("items_per_file", "bytes_per_file", "min_items", "fail_on_empty")
        check_not_templated(**{name: getattr(self, name) for name in names})
        if not is_template(self.on_lost_columns):
            parse_on_lost_columns(self.on_lost_columns)
        file_format = self._known_format()
        self._check_compression(file_format)
        self._check_split(file_format)
        query = ItemsQuery.check(self.items_parameters, file_format.name if file_format else None)
        self._check_wanted(file_format, query)
        if are_several(self.dataset_id):
            _check_several(file_format, query)
        check_columns(self.columns, self.on_misfit, self.flatten, file_format)

    def _known_format(self) -> Format | None:
        if is_template(self.file_format) or not (self.file_format or _is_ending_known(self.path)):
            return None
        return format_of(self.path, self.file_format)

    def _check_compression(self, file_format: Format | None) -> None:
        if is_template(self.compression):
            return
        compression = compression_of(self.path if isinstance(self.path, str) else "", self.compression)
        if compression and file_format and file_format.is_compressed:
            raise ValueError(
                f"A {file_format.name} file is compressed in itself, and programs do not read it in {compression}: "
                "leave compression, or that ending of the path, out.",
            )

    def _check_wanted(self, file_format: Format | None, query: ItemsQuery) -> None:
        fewest = self.fewest_items
        if fewest and file_format and not file_format.tells_filtered and not query.keeps_every_item:
            raise ValueError(
                f"A {file_format.name} file does not tell how many items are in it where they are filtered, unwound or "
                f"shown in a view: write {names_of(lambda each: each.tells_filtered)}, or leave min_items and "
                "fail_on_empty out.",
            )
        multiplying = (self.unwind, self.simplified, self.view)
        if query.limit is not None and query.limit < fewest and not any(multiplying):
            raise ValueError(
                f"min_items is {fewest}, but limit takes {query.limit} at most, so the task can only fail."
            )

    def _check_split(self, file_format: Format | None) -> None:
        is_split = self._files_end is not None
        if is_split and file_format:
            _ = file_format.body_of_parts
        if is_split and self.if_exists == "skip":
            raise ValueError(
                "if_exists is 'skip', but a file that is there does not tell whether the others of a split export are: "
                "give 'overwrite' or 'fail', or write one file.",
            )
        if isinstance(self.path, str) and is_split != (PART in self.path):
            raise ValueError(
                f"path is {self.path!r}. A split export needs {PART} in it, and only a split export: give "
                "items_per_file or bytes_per_file with it.",
            )


def _check_several(file_format: Format | None, query: ItemsQuery) -> None:
    if file_format and not file_format.joins:
        raise ValueError(
            f"dataset_id is a list, but Apify makes {file_format.name} of one dataset: write "
            f"{names_of(lambda each: each.joins)}, or a file for each dataset, with {_FOR_EACH}.",
        )
    for name in ("offset", "limit", "desc"):
        if getattr(query, name):
            raise ValueError(
                f"{name} is for one dataset, but dataset_id is a list: leave {name} out, or write a file for each "
                f"dataset, with {_FOR_EACH}.",
            )


def _is_ending_known(path: Any) -> bool:
    """Tell whether a path's ending stands behind its last template."""
    if not isinstance(path, str):
        return False
    path = bare(path)
    return not is_template(path) or "." in _END_OF_TEMPLATE.split(path)[-1]
