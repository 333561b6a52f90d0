"""Tasks that tell what they read and write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_apify._airflow.outlets import Lineage, tell_hook_lineage, tell_outlets
from airflow_provider_apify.operators._base import ApifyTask

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage


class LineageTask(ApifyTask):
    """A task that tells what it reads and writes.

    Airflow hears of it when the task succeeds. OpenLineage's provider, where it is installed, asks at the start, at the
    end and after a failure; it catches and logs what goes wrong then.
    """

    _lineage: Lineage | None = None

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any]:
        """Return what is known when the task begins."""
        from airflow_provider_apify._airflow.open_lineage import facets_of  # noqa: PLC0415 - needs an extra

        return facets_of(self._lineage or self._planned_lineage())

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002 - Airflow's
        """Return what was read and written."""
        return self.get_openlineage_facets_on_start()

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002 - Airflow's
        """Return what was read and written until the task failed."""
        return self.get_openlineage_facets_on_start()

    def _planned_lineage(self) -> Lineage:
        """Return what the arguments tell."""
        return Lineage()

    def _tell(self, context: Context, manifest: dict[str, Any], lineage: Lineage) -> dict[str, Any]:
        """Tell what a task that has succeeded has read and written.

        :param manifest: of what was written; the events of assets carry it.
        :return: the manifest.
        """
        self._lineage = lineage
        tell_hook_lineage(self.hook, lineage)
        tell_outlets(context, manifest, [each.uri for each in lineage.outputs])
        return manifest
