"""The hook: an Airflow connection turned into Apify calls."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_apify._api import endpoints, flows
from airflow_provider_apify._api.answers import Answer, NoResponse, Response
from airflow_provider_apify._api.flows import Waiting
from airflow_provider_apify._api.starting import Order, Starter
from airflow_provider_apify._api.transports import (
    no_response,
    open_with_requests,
)
from airflow_provider_apify.exceptions import ApifyDataError, ApifyError
from airflow_provider_apify.export.pages import LineCounter, all_pages
from airflow_provider_apify.hooks import _form
from airflow_provider_apify.hooks._lifecycle import RunLifecycle
from airflow_provider_apify.models import ActorRun, Dataset, RunEvent
from airflow_provider_apify.options import RunOptions, Target

T = TypeVar("T")

# A worker shows the Actor's status messages while it waits; the triggerer, with thousands of runs, asks less often.
_WORKER_LONG_POLL_SECONDS = 10
_LOG_CHARACTERS_A_LINE = 2000
_CHUNK_BYTES = 256 * 1024


class ApifyHook(RunLifecycle):
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

    # Runs

    def start_run(
        self,
        target: Target | str,
        run_input: Any = None,
        *,
        options: RunOptions | None = None,
    ) -> ActorRun:
        """Start an Actor or a saved task and return at once, without waiting for the run to finish.

        See https://docs.apify.com/api/v2/act-runs-post and https://docs.apify.com/api/v2/actor-task-runs-post.

        :param target: an Actor's ID or ``username/name``, or a :class:`~airflow_provider_apify.options.Target`, for
            example ``Target("task", "username/task-name")``.
        :param run_input: any JSON value, or JSON text; ``None`` sends no body, so the saved or default input applies.
        :param options: build, memory in megabytes, timeout in seconds, max_total_charge_usd in US dollars, ...
        :return: the new run, usually ``READY``.
        :raises ValueError: the input is no JSON or above 9 MiB, or the options exceed the connection's limits.
        :raises ApifyNotFoundError: no such Actor or task, or the token may not see it.
        :raises ApifyCapacityError: the account's memory or run slots are taken; nothing was started.
        :raises ApifyConnectionError: no answer. Not repeated: the run may have started.
        """
        chosen = Target("actor", target) if isinstance(target, str) else target
        return ActorRun.from_api(self._call(self.start_request(chosen, run_input, options or RunOptions())))

    def start_or_adopt_run(self, order: Order, report: Callable[[str], None]) -> ActorRun:
        """Return the one run of an order: that of an earlier attempt, or a new one; never a second.

        :param report: takes a sentence about anything but the plain way.
        :raises ApifyRunError: an earlier attempt's run failed, and the order says to fail then.
        :raises ApifyConnectionError: Apify did not answer for so long that it stays unknown whether there is a run; the
            next attempt finds it.
        """
        settle = self.connection.start_settle_seconds
        return self._drive(Starter(order, self.retry, report, settle=settle).run())

    def start_request(self, target: Target, run_input: Any, options: RunOptions) -> endpoints.Request:
        """Return the request that starts a run, with this connection's limits applied; see :meth:`start_run`."""
        return endpoints.start_run(target, endpoints.encode_input(run_input), self.connection.limits.apply(options))

    def get_run(self, run_id: str) -> ActorRun:
        """Return the run as it is now (https://docs.apify.com/api/v2/actor-run-get)."""
        return ActorRun.from_api(self._call(endpoints.get_run(run_id)))

    def get_last_run(self, target: Target, *, status: str | None = None, origin: str | None = None) -> ActorRun:
        """Return the newest run of an Actor or task (https://docs.apify.com/api/v2/act-runs-last-get).

        :param status: only runs in this status, for example ``"SUCCEEDED"``.
        :param origin: only runs started this way, for example ``"SCHEDULER"`` or ``"API"``.
        :raises ApifyNotFoundError: there is no such run, or no such Actor or task.
        """
        return ActorRun.from_api(self._call(endpoints.last_run(target, status=status, origin=origin)))

    def wait_for_run(
        self,
        run_id: str,
        *,
        deadline: float | None = None,
        poll_interval: float | None = None,
        settle: float = 0.0,
        cost_limit: float | None = None,
        on_update: Callable[[ActorRun], None] = lambda _run: None,
    ) -> RunEvent:
        """Block until the run is finished, the deadline has passed, or the run has become too expensive.

        :param deadline: Unix time; ``None`` waits for ever.
        :param poll_interval: seconds between plain requests; ``None`` long-polls, which learns of the end at once.
        :param settle: seconds after the end at which the run is read once more, for its final cost.
        :param cost_limit: US dollars of platform usage, looked at about every 10 seconds.
        :param on_update: called with the run about every 10 seconds.
        """
        waiting = Waiting(
            deadline=deadline,
            long_poll=_WORKER_LONG_POLL_SECONDS,
            poll_interval=poll_interval,
            settle=settle,
            cost_limit=cost_limit,
        )
        return self._drive(flows.wait_for_run(run_id, self.retry, waiting, on_update=on_update))

    def get_log_tail(self, run_id: str, lines: int) -> list[str]:
        """Return the last lines of a run's log, each cut at 2,000 characters (https://docs.apify.com/api/v2/log-get)."""
        log = self._drive(flows.call(endpoints.get_log(run_id), self.retry)).body.decode(errors="replace")
        return [line[:_LOG_CHARACTERS_A_LINE] for line in deque(log.splitlines(), maxlen=lines)]

    # Datasets

    def get_dataset(self, dataset_id: str) -> Dataset:
        """Return a dataset's description (https://docs.apify.com/api/v2/dataset-get)."""
        return Dataset.from_api(self._call(endpoints.get_dataset(dataset_id)))

    def iterate_items(
        self,
        dataset_id: str,
        *,
        clean: bool = False,
        fields: Sequence[str] | None = None,
    ) -> Iterator[Any]:
        """Yield the items of a dataset, in their order (https://docs.apify.com/api/v2/dataset-items-get).

        Items are parsed: to move many of them elsewhere,
        :class:`~airflow_provider_apify.transfers.dataset_to_file.DatasetToFileOperator` is many times faster.

        :param clean: leave out empty items and hidden fields (those that start with ``#``).
        :param fields: only these fields.
        :raises ApifyNotFoundError: there is no such dataset, or no longer.
        :raises ApifyDataError: items that Apify counts did not come.
        """
        params = {"format": "jsonl", "clean": clean or None, "fields": fields or None}
        for page in all_pages(self, dataset_id, params, LineCounter):
            with page:
                yield from map(json.loads, page.open())

    def fetch_items(
        self,
        dataset_id: str,
        params: Mapping[str, Any],
        read: Callable[[Mapping[str, str], Iterator[bytes]], T],
        *,
        compressed: bool = True,
        delay: float = 0.0,
    ) -> T:
        """Ask for one page of items and have ``read`` take its body (https://docs.apify.com/api/v2/dataset-items-get).

        Where the body breaks, the page is asked for again and ``read`` is called anew, with the body from its start.

        :param params: by their API names, for example ``{"format": "jsonl", "offset": 0, "limit": 50_000}``.
        :param read: is given the headers (names in lower case) and the body in pieces; it raises
            :class:`ApifyDataError <airflow_provider_apify.exceptions.ApifyDataError>` where the body is not whole.
        :param compressed: ``False`` where ``read`` cannot tell a body that ends early.
        :param delay: seconds to wait before asking.
        :return: what ``read`` returned for the whole body.
        """
        results: list[T] = []
        request = replace(endpoints.get_items(dataset_id, params), compressed=compressed, delay=delay)
        self._drive(flows.call(request, self.retry), partial(self._send_reading, read, results))
        return results[-1]

    # The account

    def get_me(self) -> dict[str, Any]:
        """Return the account that the token belongs to (https://docs.apify.com/api/v2/users-me-get)."""
        return self._call(endpoints.get_me())

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
        request = endpoints.last_run(target, status=status, origin=origin)
        return ActorRun.from_api(await self._drive_async(flows.call_data(request, self.retry.patient())))

    async def async_abort_run(self, run_id: str, *, gracefully: bool = False) -> ActorRun:
        """Do what :meth:`abort_run` does, on the event loop."""
        request = endpoints.abort_run(run_id, gracefully=gracefully)
        return await self._drive_async(flows.call_known_run(request, self.retry))

    async def async_wait_for_run(
        self,
        run_id: str,
        waiting: Waiting,
        *,
        on_update: Callable[[ActorRun], None] = lambda _run: None,
    ) -> RunEvent:
        """Do what :meth:`wait_for_run` does, on the event loop."""
        return await self._drive_async(flows.wait_for_run(run_id, self.retry, waiting, on_update=on_update))

    # Below the public methods

    def _send_reading(
        self,
        read: Callable[[Mapping[str, str], Iterator[bytes]], T],
        results: list[T],
        request: endpoints.Request,
    ) -> Answer:
        """Send, and have ``read`` take the body of a good answer; a body that breaks is no answer."""
        import requests  # noqa: PLC0415 - a DAG file that imports an operator does not need it

        try:
            with open_with_requests(self._session, self.connection.access, request) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                if not response.ok:
                    return Response(response.status_code, headers, response.content)
                results.append(read(headers, response.iter_content(_CHUNK_BYTES)))
                return Response(response.status_code, headers, b"")
        except requests.RequestException as error:
            return no_response(error)
        except ApifyDataError as error:
            return NoResponse(str(error), kind=ApifyDataError)
