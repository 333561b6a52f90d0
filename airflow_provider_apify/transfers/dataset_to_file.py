"""The operator that writes a dataset to a file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_apify._templating import is_template
from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.export.engine import Manifest, export_dataset
from airflow_provider_apify.export.formats import format_of
from airflow_provider_apify.export.query import ITEMS_PARAMETERS, ItemsQuery
from airflow_provider_apify.export.target import advice, storage_path
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators._errors import failing_fast

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath


class DatasetToFileOperator(BaseOperator):
    """Write all items of a dataset to one file, which appears whole or not at all.

    Items are downloaded in pages until there are no more, each page is checked before it is used, and bytes are passed
    through unparsed. A file that is already there is replaced when the new one is whole, so a rerun is safe.

    Reference: https://docs.apify.com/api/v2/dataset-items-get

    :param dataset_id: the dataset. Give this or ``run_id``. (templated)
    :param run_id: a finished run, whose default dataset is written. (templated)
    :param path: where to write: an absolute local path, or a URL of S3 (``s3://bucket/products/{{ ds }}.jsonl``),
        Google Cloud Storage (``gs://bucket/...``), Azure Blob (``abfs://container/...``) or SFTP
        (``sftp:///folder/...``, whose host is the connection's). (templated)
    :param file_format: ``"jsonl"``, ``"json"`` or ``"csv"`` (without a byte order mark); ``None`` takes the path's
        ending. (templated)
    :param clean: leave out empty items and hidden fields: ``skip_empty`` and ``skip_hidden`` in one. (templated)
    :param fields: only these fields, in this order, as a list or a string with commas in between; ``"a.b"`` is ``b``
        inside ``a``. (templated)
    :param output_fields: new names of ``fields``, one for each. (templated)
    :param omit: all but these fields. (templated)
    :param unwind: fields that are taken apart, in this order: each element of a list becomes an item of its own, merged
        with the rest of the item it was in; an object is merged with it. (templated)
    :param flatten: fields whose objects become fields with dotted names, ``a.b``. (templated)
    :param desc: newest items first; meant for datasets that no longer grow. (templated)
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
    :param target_conn_id: Airflow connection of the storage; ``None`` takes the one in the path or the storage's
        default. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) the manifest: ``path``, ``format``, ``dataset_id``, ``items``, ``bytes``, ``sha256``.
    :raises ValueError: at parse time, wrong arguments.
    :raises AirflowFailException: no such dataset or run, a run that still goes on, a storage whose driver is missing.
    :raises ApifyDataError: items that Apify counts did not come.
    :raises ApifyError: the target could not be written; nothing is left of it.
    """

    template_fields: Sequence[str] = (
        "dataset_id",
        "run_id",
        "path",
        "file_format",
        *ITEMS_PARAMETERS,
        "target_conn_id",
        "apify_conn_id",
    )
    ui_color = "#e8f5d8"

    def __init__(
        self,
        *,
        dataset_id: str | None = None,
        run_id: str | None = None,
        path: str,
        file_format: str | None = None,
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
        target_conn_id: str | None = None,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_id = dataset_id
        self.run_id = run_id
        self.path = path
        self.file_format = file_format
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
        self.target_conn_id = target_conn_id
        self.apify_conn_id = apify_conn_id
        self._check_arguments()

    @cached_property
    def hook(self) -> ApifyHook:
        """The hook for this task's connection."""
        return ApifyHook(self.apify_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Write the file."""
        with failing_fast():
            manifest = self._write(self._find_dataset())
        self.log.info(
            "Wrote %d items of dataset %s to %s (%d bytes)",
            manifest.items,
            manifest.dataset_id,
            manifest.path,
            manifest.bytes,
        )
        return manifest.to_dict()

    def _write(self, dataset_id: str) -> Manifest:
        file_format = format_of(self.path, self.file_format)
        params = ItemsQuery.parse(self._items_parameters).params(file_format.name)
        try:
            return export_dataset(self.hook, dataset_id, self._storage_path(), file_format, params)
        except OSError as error:
            said = f"Cannot write {self.path}: {type(error).__name__}: {error}.{advice(error)}"
            raise ApifyError(said) from error

    def _storage_path(self) -> ObjectStoragePath:
        try:
            return storage_path(self.path, self.target_conn_id)
        except (ImportError, ValueError) as error:
            raise AirflowFailException(
                f"Cannot write {self.path}: {error}. Files can be written to local disks, S3, Google Cloud Storage, "
                "Azure Blob and SFTP; drivers come with the extras s3, gcs, azure and sftp, for example: "
                "pip install 'airflow-provider-apify[s3]'.",
            ) from error

    def _find_dataset(self) -> str:
        if self.dataset_id:
            return self.dataset_id
        run = self.hook.get_run(self.run_id or "")
        if not run.is_finished:
            raise AirflowFailException(
                f"Run {run.id} is still {run.status}: its dataset is not complete. Wait for it, for example with "
                "ApifyRunSensor, or give dataset_id to write what is there now.",
            )
        if not run.dataset_id:
            raise AirflowFailException(f"Run {run.id} has no default dataset.")
        return run.dataset_id

    def _check_arguments(self) -> None:
        """Check what is known before templates are rendered, so that a mistake shows when the DAG is parsed."""
        if (self.dataset_id is None) == (self.run_id is None):
            raise ValueError("Give exactly one of dataset_id and run_id (whose default dataset is written).")
        if not is_template(self.path) and "://" not in self.path and not self.path.startswith("/"):
            raise ValueError(
                f"path is {self.path!r}. Give a local path that begins with '/', or a URL such as "
                "'s3://bucket/items.jsonl'.",
            )
        is_known = not is_template(self.file_format) and not is_template(self.path.rpartition(".")[2])
        file_format = format_of(self.path, self.file_format).name if is_known else None
        ItemsQuery.check(self._items_parameters, file_format)

    @property
    def _items_parameters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ITEMS_PARAMETERS}
