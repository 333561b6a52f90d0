"""What the operators share that write bodies as they are: a destination, a connection, errors of the storage."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify._airflow.arguments import Reference
from airflow_provider_apify._airflow.failing import failing_fast
from airflow_provider_apify._airflow.observing import exporting
from airflow_provider_apify._airflow.outlets import Data, Lineage, apify_uri, file_uri
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.operators._lineage import LineageTask
from airflow_provider_apify.transfers._destination import Destination, IfExists, check_destination, writing

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class BodyToFileOperator(LineageTask):
    """Write bodies to a path; a subclass says which.

    Its parameters are described where they are used.
    """

    template_fields: Sequence[str] = ("run_id", "path", "target_conn_id", "apify_conn_id")

    def __init__(
        self,
        *,
        path: str,
        run_id: Reference | None = None,
        if_exists: IfExists = "overwrite",
        target_conn_id: str | None = None,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.run_id = cast("str | None", run_id)
        self.if_exists = if_exists
        self.target_conn_id = target_conn_id
        self.apify_conn_id = apify_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Write, and return the manifest."""
        with failing_fast(), writing(self.path), exporting(context.get("ti")) as wrote:
            self._check_arguments()  # again, with the templates rendered
            manifest = self._write(context)
            wrote(manifest.get("records"), manifest["bytes"])
        written = Data(file_uri(self.path), size=manifest["bytes"])
        return self._tell(context, manifest, Lineage([Data(apify_uri(*self._source(manifest)))], [written]))

    @abstractmethod
    def _write(self, context: Context) -> dict[str, Any]:
        """Write the bodies, and return the manifest."""

    @abstractmethod
    def _source(self, manifest: dict[str, Any]) -> tuple[str, str]:
        """Return what the bodies are of: its kind and ID."""

    def _check_arguments(self) -> None:
        """Check what is known, before templates are rendered as well, so that a mistake shows when the DAG is parsed.

        :raises ValueError: something is wrong.
        """
        check_destination(self.path, self.if_exists)

    def _destination(self, path: str | None = None) -> Destination:
        return Destination(path or self.path, self.target_conn_id)


def finished_run(hook: ApifyHook, run_id: str, words: str) -> ActorRun:
    """Return a run whose storages are complete.

    :param words: what the storage is called that is wanted.
    :raises AirflowFailException: the run goes on.
    """
    run = hook.get_run(run_id)
    if not run.is_finished:
        raise AirflowFailException(
            f"Run {run.id} is still {run.status}: its {words} is not complete. Wait for it, for example with "
            "ApifyRunSensor, or give the ID of the storage to write what is there now.",
        )
    return run
