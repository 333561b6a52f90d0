"""The operator that writes the log of a run to a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_apify._airflow.arguments import Reference
from airflow_provider_apify._api.facts import LOG_BYTES
from airflow_provider_apify._api.runs.endpoints import get_log
from airflow_provider_apify._arguments.templates import check_not_empty, is_template
from airflow_provider_apify._files.bodies import LogCheck, save_body
from airflow_provider_apify._files.sinks.output import compression_of
from airflow_provider_apify.links import ApifyRunLink, links_of, store_links
from airflow_provider_apify.transfers._to_file import BodyToFileOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class RunLogToFileOperator(BodyToFileOperator):
    """Write the log of a run to a file, as it is: of a run that goes on, up to now.

    The file appears whole or not at all, and replaces what was there, so a rerun is safe. A body that breaks, or of
    a finished run is empty or ends in the middle of a line, is read again; one that is the same twice is believed. An
    answer that is no plain text, or of a finished run tells no length, is no log. A body that HTTP calls whole although
    it ends early between two lines cannot be told from a whole one. Apify keeps 10 MiB of a log:
    a warning says when that much came.

    Reference: https://docs.apify.com/api/v2/log-get

    :param run_id: the run. (templated)
    :param path: where to write: an absolute local path or a URL, as of
        :class:`~airflow_provider_apify.transfers.dataset_to_file.DatasetToFileOperator`. (templated)
    :param compression: ``"gzip"``, ``"zstd"`` or ``"none"``; ``None`` takes it from an ending ``.gz`` or ``.zst`` of
        the path. (templated)
    :param if_exists: ``"overwrite"``, ``"fail"``, or ``"skip"``, which skips the task.
    :param target_conn_id: Airflow connection of the storage; ``None`` takes the one in the path or the storage's
        default. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) the manifest: ``path``, ``content_type``, ``bytes``, ``sha256``, ``body_bytes`` (before
        compression), ``run_id``, ``status`` (of the run, before its log was read) and ``is_complete`` (whether the run
        was finished then). The events of outlet assets carry it as ``extra``.
    :raises ValueError: at parse time, wrong arguments.
    :raises AirflowFailException: no such run, a storage whose driver is missing, or a file that is there although
        ``if_exists="fail"``.
    :raises ApifyError: the file could not be written; nothing is left of it.
    """

    operator_extra_links = (ApifyRunLink(),)
    template_fields: Sequence[str] = (*BodyToFileOperator.template_fields, "compression")

    def __init__(self, *, run_id: Reference, compression: str | None = None, **kwargs: Any) -> None:
        super().__init__(run_id=run_id, **kwargs)
        self.compression = compression
        self._check_arguments()

    def _check_arguments(self) -> None:
        super()._check_arguments()
        check_not_empty(run_id=self.run_id)
        if not is_template(self.compression):
            compression_of(self.path if isinstance(self.path, str) else "", self.compression)

    def _source(self, manifest: dict[str, Any]) -> tuple[str, str]:
        return "log", manifest["run_id"]

    def _write(self, context: Context) -> dict[str, Any]:
        run = self.hook.get_run(self.run_id or "")
        store_links(self, context, links_of(self.hook.console, run.id))
        self._destination().check(self.if_exists)
        compression = compression_of(self.path, self.compression)
        check = partial(LogCheck, is_finished=run.is_finished)
        read = partial(self.hook._read_body, replace(get_log(run.id), compressed=False))
        saved = save_body(self._destination().path(), read, check, compression)
        if saved.body_bytes >= LOG_BYTES:
            self.log.warning("Apify keeps 10 MiB of a log, and so much came: some of it may be missing.")
        if run.is_finished and not saved.body_bytes:
            self.log.warning("Apify has no log of run %s: the file is empty.", run.id)
        self.log.info("Wrote the log of run %s (%d bytes) to %s", run.id, saved.bytes, saved.path)
        return {**asdict(saved), "run_id": run.id, "status": run.status, "is_complete": run.is_finished}
