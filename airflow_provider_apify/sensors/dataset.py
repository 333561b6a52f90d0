"""The sensor that waits for items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import PokeReturnValue

from airflow_provider_apify._airflow.arguments import Reference
from airflow_provider_apify._airflow.failing import WatchedForError, failing_fast
from airflow_provider_apify._arguments.references import check_id
from airflow_provider_apify._arguments.templates import check_exactly_one, is_template
from airflow_provider_apify._arguments.values import parse_whole_number
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.links import ApifyDatasetLink, ApifyRunLink, links_of, store_links
from airflow_provider_apify.models.storages import ItemsSeen
from airflow_provider_apify.operators._base import ApifyTask
from airflow_provider_apify.sensors._deferring import DeferrableSensor
from airflow_provider_apify.triggers.dataset import ApifyDatasetTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class ApifyDatasetSensor(ApifyTask, DeferrableSensor):
    """Wait until a dataset has at least so many items, for example while its run still goes on.

    Given a run, it fails, or skips with ``soft_fail``, when the run is over and its dataset has fewer, once Apify's
    count does not lag any more. It never aborts a run. ``timeout``, ``poke_interval`` and ``mode`` are Airflow's own.
    ``soft_fail`` skips for too few items or when the time is over; a wrong token or a mistyped ID fails all the same.

    Reference: https://docs.apify.com/api/v2/dataset-get

    :param dataset_id: the dataset. Give this or ``run_id``. (templated)
    :param run_id: a run, whose default dataset is watched. (templated)
    :param min_items: how many items are enough. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :param deferrable: wait in the triggerer, which looks every ``poke_interval`` seconds, too. Default: Airflow's
        ``[operators] default_deferrable``.
    :return: (XCom) ``dataset_id``, ``item_count``, and of a run also ``run_id`` and ``run_status``.
    :raises ValueError: at parse time, wrong arguments.
    :raises AirflowFailException: the run is over with fewer items, or an error that no retry can cure.
    """

    operator_extra_links = (ApifyRunLink(), ApifyDatasetLink())
    template_fields: Sequence[str] = ("dataset_id", "run_id", "min_items", "apify_conn_id")

    def __init__(
        self,
        *,
        dataset_id: Reference | None = None,
        run_id: Reference | None = None,
        min_items: int | str = 1,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_id = cast("str | None", dataset_id)
        self.run_id = cast("str | None", run_id)
        self.min_items = min_items
        self.apify_conn_id = apify_conn_id
        self._check_arguments()

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Resume after the trigger fired."""
        told: dict[str, Any] = self._judge(ItemsSeen(**event), context).xcom_value or {}
        return told

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        with failing_fast():
            self._check_arguments()  # again, with the templates rendered
            seen = self.hook._look_at_items(self.dataset_id, self.run_id)
            self.log.info("%s, and %s are needed.", seen, self.min_items)
            return self._judge(seen, context)

    def _judge(self, seen: ItemsSeen, context: Context) -> PokeReturnValue:
        store_links(self, context, links_of(self.hook.console, seen.run_id, storages={"dataset": seen.dataset_id}))
        is_enough = seen.item_count >= _positive(self.min_items)
        if seen.is_final and not is_enough:
            raise WatchedForError(
                f"Run {seen.run_id} is {seen.run_status}. {seen}, fewer than {self.min_items}.",
            )
        told = {"dataset_id": seen.dataset_id, "item_count": seen.item_count}
        if seen.run_id is not None:
            told |= {"run_id": seen.run_id, "run_status": seen.run_status}
        return PokeReturnValue(is_done=is_enough, xcom_value=told if is_enough else None)

    def _trigger(self, context: Context) -> ApifyDatasetTrigger:  # noqa: ARG002 - what it watches is the same in every DAG run
        return ApifyDatasetTrigger(
            dataset_id=self.dataset_id,
            run_id=self.run_id,
            min_items=_positive(self.min_items),
            apify_conn_id=self.apify_conn_id,
            poke_interval=self.poke_interval,
        )

    def _check_arguments(self) -> None:
        """Check what is known before templates are rendered, so that a mistake shows when the DAG is parsed."""
        given = {"dataset_id": self.dataset_id, "run_id": self.run_id}
        check_exactly_one("whose default dataset is watched", **given)
        check_id("dataset", self.dataset_id)
        check_id("run", self.run_id)
        if not is_template(self.min_items):
            _positive(self.min_items)


def _positive(value: int | str) -> int:
    return parse_whole_number("min_items", value, minimum=1)
