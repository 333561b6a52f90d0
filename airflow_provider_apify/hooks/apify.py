"""The hook: an Airflow connection turned into Apify calls."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_apify._api import flows, request
from airflow_provider_apify._api.runs import endpoints as run_endpoints, reading
from airflow_provider_apify._api.runs.reading import look_for_last_run
from airflow_provider_apify._api.runs.waiting import Waiting, wait_for_run
from airflow_provider_apify._api.storages import endpoints as storage_endpoints
from airflow_provider_apify._api.storages.counts import dataset_of
from airflow_provider_apify._files.dataset.pulling import item_lines
from airflow_provider_apify._files.dataset.readers import Reader
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyDataError, ApifyError
from airflow_provider_apify.hooks import _form
from airflow_provider_apify.hooks._account import Account
from airflow_provider_apify.hooks._actors import Catalog
from airflow_provider_apify.hooks._official import OfficialClients
from airflow_provider_apify.hooks._request_queues import Queues
from airflow_provider_apify.hooks._run_logs import RunLogs
from airflow_provider_apify.hooks._run_sync import SynchronousRuns
from airflow_provider_apify.hooks._storage_names import Storages
from airflow_provider_apify.hooks._web_fetch import WebFetch
from airflow_provider_apify.hooks._webhooks import Webhooks
from airflow_provider_apify.models.runs import ActorRun, RunEvent
from airflow_provider_apify.models.storages import Dataset
from airflow_provider_apify.options import Target


class ApifyHook(SynchronousRuns, RunLogs, Queues, Storages, Webhooks, Catalog, Account, WebFetch, OfficialClients):
    """Call the Apify API with the token of an Airflow connection.

    Every method that reads repeats itself through passing faults (network errors, 5xx, 429); a start is only repeated
    where it is certain that nothing was started. Errors are those of :mod:`airflow_provider_apify.exceptions`.

    :param apify_conn_id: connection of type ``apify``: password = API token, host = another base URL. Where the default
        connection does not exist, the environment's ``APIFY_TOKEN`` serves.
    :param retry: how often to try, and how long to wait in between.
    """

    conn_name_attr = "apify_conn_id"
    conn_type = "apify"
    hook_name = "Apify"

    get_connection_form_widgets = staticmethod(_form.get_connection_form_widgets)
    get_ui_field_behaviour = staticmethod(_form.get_ui_field_behaviour)

    # Datasets

    def get_dataset(self, dataset_id: str) -> Dataset:
        """Return a dataset's description (https://docs.apify.com/api/v2/dataset-get)."""
        return self._drive(flows.call_reading(storage_endpoints.get_dataset(dataset_id), self.retry, dataset_of))

    def iterate_items(
        self,
        dataset_id: str,
        *,
        clean: bool = False,
        fields: Sequence[str] | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Iterator[Any]:
        """Yield the items of a dataset, in their order (https://docs.apify.com/api/v2/dataset-items-get).

        Items are parsed: to move many of them elsewhere,
        :class:`~airflow_provider_apify.transfers.dataset_to_file.DatasetToFileOperator` is many times faster.

        :param clean: leave out empty items and hidden fields (those that start with ``#``).
        :param fields: only these fields.
        :param offset: leave out so many items at the start.
        :param limit: at most so many items, counted before any of them is left out.
        :raises ApifyNotFoundError: there is no such dataset, or no longer.
        :raises ApifyDataError: items that Apify counts did not come.
        """
        query = ItemsQuery(offset, limit, clean=clean or None, fields=tuple(fields or ()))
        yield from map(_parsed, item_lines(Source(self, dataset_id, query)))

    def read_items(
        self,
        dataset_id: str,
        reader: Reader,
        *,
        delay: float = 0.0,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """Have a reader take items of a dataset, in any format (https://docs.apify.com/api/v2/dataset-items-get).

        Where a body breaks, the reader says what is still missing, and that is asked for.

        :param reader: for example a :class:`LineReader <airflow_provider_apify._files.dataset.readers.LineReader>`.
        :param delay: seconds to wait before asking.
        :param pause: waits so many seconds before each request; what it raises ends the reading.
        :raises ApifyDataError: bodies kept breaking.
        """

        def next_request() -> request.Request | None:
            params = reader.params()
            if params is None:
                return None
            return replace(storage_endpoints.get_items(dataset_id, params), compressed=reader.compressed, delay=delay)

        flow = flows.call_resuming(next_request, lambda: reader.progress, self.retry, self.log.warning)
        self._drive(flow, partial(self._send_reading, reader.read, []), pause)

    def test_connection(self) -> tuple[bool, str]:
        """Say who the token belongs to, or what is wrong with the connection. Called by Airflow's UI."""
        try:
            with_few_tries = ApifyHook(self.apify_conn_id, retry=replace(self.retry, attempts=2))
            me = with_few_tries.get_me()
        except (ApifyError, ValueError, AirflowNotFoundException) as error:
            return False, str(error)
        plan = (me.get("plan") or {}).get("id", "unknown")
        return True, f"The token belongs to Apify user {me.get('username', 'unknown')!r} (plan {plan})."

    # For the triggerer

    async def async_get_last_run(
        self,
        target: Target,
        *,
        status: str | None = None,
        origin: str | None = None,
    ) -> ActorRun:
        """Do what :meth:`get_last_run` does, on the event loop."""
        request = run_endpoints.last_run(target, status=status, origin=origin)
        return ActorRun.from_api(await self._drive_async(flows.call_data(request, self.retry.patient())))

    async def async_look_for_last_run(
        self, target: Target, *, status: str | None = None, origin: str | None = None
    ) -> ActorRun | None:
        """Do what :meth:`look_for_last_run` does, on the event loop."""
        flow = look_for_last_run(target, self.retry.patient(), status=status, origin=origin)
        return await self._drive_async(flow)

    async def async_abort_run(self, run_id: str, *, gracefully: bool = False, attempts: int | None = None) -> ActorRun:
        """Do what :meth:`abort_run` does, on the event loop."""
        request = run_endpoints.abort_run(run_id, gracefully=gracefully)
        return await self._drive_async(reading.call_known_run(request, self._retry_of(attempts)))

    async def async_wait_for_run(
        self,
        run_id: str,
        waiting: Waiting,
        *,
        on_update: Callable[[ActorRun], None] = lambda _run: None,
    ) -> RunEvent:
        """Do what :meth:`wait_for_run` does, on the event loop."""
        return await self._drive_async(wait_for_run(run_id, self.retry, waiting, on_update=on_update))


def _parsed(item: bytes) -> Any:
    """Return an item's value.

    :raises ApifyDataError: Python cannot read it.
    """
    try:
        return json.loads(item)
    except RecursionError:
        raise ApifyDataError(
            "An item is nested too deep for Python, which reads about 1,000 lists and objects inside one another. "
            "DatasetToFileOperator writes such items to jsonl.",
        ) from None
