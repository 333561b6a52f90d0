"""Runs in one request: started, waited for, and answered with their output."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeVar, get_args

from airflow_provider_apify._api import request
from airflow_provider_apify._api.answers import Response
from airflow_provider_apify._api.facts import MAX_SYNC_SECONDS
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify._api.runs.input import encode_input
from airflow_provider_apify._api.runs.synchronous import SynchronousStarter, read_items, read_output
from airflow_provider_apify._api.storages.endpoints import get_record
from airflow_provider_apify.exceptions import ApifyDataError, ApifyNotFoundError, ApifyRunTimedOut
from airflow_provider_apify.hooks._datasets import Datasets
from airflow_provider_apify.hooks._key_value_stores import KeyValueStores
from airflow_provider_apify.hooks._run_changes import RunChanges
from airflow_provider_apify.hooks._runs import Runs
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.models.storages import Record
from airflow_provider_apify.options import RunOptions, Target

T = TypeVar("T")
WhenLate = Literal["wait", "abort"]


class RunSync(Runs, RunChanges, KeyValueStores, Datasets):
    """The methods of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` that run something in one request.

    They are for runs of less than 5 minutes, and the worker is blocked meanwhile. A run that takes longer, or whose
    connection breaks, is found by the marker of its start and gone on with, so that it is neither lost nor started
    twice. The next attempt of the task knows nothing of it, though:
    :class:`~airflow_provider_apify.operators.run_actor.RunActorOperator` does, and needs no worker to wait.
    """

    def run_sync(
        self,
        target: Target | str,
        run_input: Any = None,
        *,
        options: RunOptions | Mapping[str, Any] | None = None,
        output_key: str = "OUTPUT",
        when_late: WhenLate = "wait",
    ) -> Any:
        """Run an Actor or a saved task to its end, in one request, and return a record that it stored.

        See https://docs.apify.com/api/v2/act-run-sync-post and https://docs.apify.com/api/v2/actor-task-run-sync-post.

        :param target: as in :meth:`start_run`, and so are ``run_input`` and ``options``.
        :param output_key: of the record.
        :param when_late: what to do with a run that goes on for more than 5 minutes: ``"wait"`` for its end, or
            ``"abort"`` it.
        :return: the :attr:`value <airflow_provider_apify.models.Record.value>` of the record; ``None`` where there is
            none, or nothing in it.
        :raises ApifyRunError: the run did not succeed, or was too late.
        :raises ApifyDataError: the record is not what its type says; the run is good, and paid for.
        :raises ApifyConnectionError: Apify did not answer for so long that it stays unknown whether there is a run.
        """
        chosen, limited = Target.of(target), self._connection.limits.apply(RunOptions.of(options))
        request = endpoints.run_sync(chosen, encode_input(run_input), limited, output_key=output_key)
        found = self._run_sync(chosen, request, read_output, when_late)
        record = found if isinstance(found, Record) else self._output_of(found, output_key)
        return record.value if record and record.body else None

    def _output_of(self, run: ActorRun, key: str) -> Record | None:
        """Read a record as often as it takes to have it whole: by the list of keys, and by what it holds."""
        # Beside what writes files, which the hook does not need.
        from airflow_provider_apify._files.bodies import BodyReader, RecordCheck  # noqa: PLC0415

        store_id, body = run.key_value_store_id or "", bytearray()
        listed = self._find_key(store_id, key)
        reader = BodyReader(body.extend, partial(RecordCheck, listed.size if listed else None))
        try:
            self._read_body(get_record(store_id, key), reader)
        except ApifyNotFoundError:
            return None
        record = Record(key, reader.content_type, bytes(body))
        try:
            record.value  # noqa: B018 - whether it can be read
        except ValueError as error:
            raise ApifyDataError(
                f"Run {run.id} succeeded ({run.console_url}), but its record {key!r} is not the {record.content_type} "
                f"that it says: {error}. get_record(...).body of key-value store {store_id} has its bytes.",
            ) from None
        return record

    def run_sync_get_items(
        self,
        target: Target | str,
        run_input: Any = None,
        *,
        options: RunOptions | Mapping[str, Any] | None = None,
        clean: bool = False,
        fields: Sequence[str] | None = None,
        when_late: WhenLate = "wait",
    ) -> list[Any]:
        """Run an Actor or a saved task to its end, in one request, and return the items of its dataset.

        All of them are in memory at once.
        See https://docs.apify.com/api/v2/act-run-sync-get-dataset-items-post and
        https://docs.apify.com/api/v2/actor-task-run-sync-get-dataset-items-post.

        :param target: as in :meth:`run_sync`, and so are the others but for these.
        :param clean: leave out empty items and hidden fields (those that start with ``#``).
        :param fields: only these fields.
        :raises ApifyRunError: the run did not succeed, or was too late.
        """
        chosen, limited = Target.of(target), self._connection.limits.apply(RunOptions.of(options))
        params = {"clean": clean or None, "fields": fields or None}
        request = endpoints.run_sync_items(chosen, encode_input(run_input), limited, params)
        found = self._run_sync(chosen, request, read_items, when_late)
        if isinstance(found, list):
            return found
        return list(self.iterate_items(found.dataset_id or "", clean=clean, fields=fields))

    def _run_sync(
        self, target: Target, request: request.Request, read: Callable[[Response], T | None], when_late: WhenLate
    ) -> T | ActorRun:
        """Return what the answer holds, or the run when it has succeeded, where it holds nothing."""
        if when_late not in get_args(WhenLate):
            raise ValueError(f"when_late must be one of {', '.join(get_args(WhenLate))}, not {when_late!r}.")
        began, settle = time.time(), self._connection.start_settle_seconds
        starter = SynchronousStarter.of(target, request, self.retry, self.log.info, settle=settle)
        found = self._drive(starter.run_sync(read))
        if not isinstance(found, ActorRun):
            return found
        deadline = began if starter.is_late else began + MAX_SYNC_SECONDS
        event = self.wait_for_run(found.id, deadline=deadline if when_late == "abort" else None)
        if event.deadline_passed:
            self.abort_run(found.id)
            raise ApifyRunTimedOut(
                f"Run {found.id} of {target} had not ended after {time.time() - began:.0f} seconds, "
                f"which is longer than one request may take; it is aborted ({found.console_url}).",
                **event.run.details(target.id),
            )
        event.run.raise_for_status(actor=target.id)
        return event.run
