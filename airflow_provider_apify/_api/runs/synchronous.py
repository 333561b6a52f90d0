"""A run in one request: start it, wait for its end, and get its output, for runs of some minutes. No I/O.

The answer does not say which run it is of, and often there is none: a run of more than 5 minutes goes on while Apify
answers 408, and so does one whose connection breaks. The marker of the start finds it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

from airflow_provider_apify._api.answers import Response, data_of, error_of, in_words, read_json
from airflow_provider_apify._api.flows import Flow
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs.finding import Finder
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify._api.runs.starting import STARTS, Starter
from airflow_provider_apify.models._fields import is_run
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.models.storages import Record
from airflow_provider_apify.options import RetryPolicy, Target

T = TypeVar("T")
_CREATED = 201
_NOT_FOUND = 404
_TIMEOUT = 408
_SCANNED, _TOTAL = "x-apify-pagination-count", "x-apify-pagination-total"


class SynchronousStarter(Starter):
    """Run something in one request, or find its run where the request did not bring its output.

    :ivar is_late: whether Apify has said that the run takes more than 5 minutes.
    """

    is_late = False

    @classmethod
    def of(
        cls,
        target: Target,
        request: Request,
        retry: RetryPolicy,
        report: Callable[[str], object],
        *,
        settle: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Make one whose start has a marker that nothing else has, so that its run is found and no other."""
        identity = Identity(secrets.token_hex(10), rerun=0, attempt=1)
        finder = Finder(target, identity, retry, clock=clock)
        return cls(request, finder, retry, report, settle=settle, clock=clock)

    def run_sync(self, read: Callable[[Response], T | None]) -> Flow[T | ActorRun]:
        """Return what the answer holds; where it holds nothing, the run, which may be going on.

        :param read: reads a good answer; ``None`` where it is not whole, or not Apify's.
        """
        for doubts in range(STARTS):
            if doubts:
                self._report("The run was not started: starting it again.")
            answer = yield from self._send()
            self.is_late = isinstance(answer, Response) and answer.status_code == _TIMEOUT
            output = read(answer) if isinstance(answer, Response) and answer.is_success else None
            if output is not None and not doubts:
                return output
            self._report(f"The answer does not settle the matter ({in_words(answer)}): looking for the run.")
            run = yield from self.look_for(answer, is_only=not doubts)
            if run is not None:
                self._report(f"Going on with run {run.id}, which is {run.status}.")
                return run
            if output is not None:
                return output
            if isinstance(answer, Response) and not answer.is_success and not answer.is_passing_fault:
                break
        raise error_of(self._request, answer)

    def _may_have_started(self, answer: Response) -> bool:
        """Tell whether there may be a run: one that failed, or has no such record, is answered with an error, too."""
        is_error_of_a_run = answer.error.get("type") == "run-failed" or answer.status_code == _NOT_FOUND
        return super()._may_have_started(answer) or is_error_of_a_run


def read_output(answer: Response) -> Record | None:
    """Read the answer of ``run-sync``, if it is certain to hold the whole record."""
    if answer.status_code != _CREATED or _is_unfinished_run(answer):
        return None
    record = Record("", answer.headers.get("content-type", ""), answer.body)
    return record if _is_whole(record, answer.headers.get("content-length")) else None


def _is_whole(record: Record, length: str | None) -> bool:
    """Tell whether a body is whole, by its length and its type; no length proves nothing but of a JSON document."""
    try:
        value = record.value
    except ValueError:
        return False
    if length is not None:
        return length == str(len(record.body))
    return record.is_json and isinstance(value, dict | list)


def _is_unfinished_run(answer: Response) -> bool:
    """Tell an answer that was once given, and is documented still, where a run takes more than 5 minutes."""
    data = data_of(answer)
    return data is not None and is_run(data) and not ActorRun.from_api(data).is_finished


def read_items(answer: Response) -> list[Any] | None:
    """Read the answer of ``run-sync-get-dataset-items``, in JSON, if it holds all items of the dataset."""
    counts = [answer.headers.get(name, "") for name in (_SCANNED, _TOTAL)]
    if answer.status_code != _CREATED or not all(map(str.isdecimal, counts)) or int(counts[0]) < int(counts[1]):
        return None
    try:
        items = read_json(answer.body)
    except ValueError:
        return None
    return items if isinstance(items, list) else None
