"""Which runs of an account go on, by its list of runs. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_apify._api.answers import Response
from airflow_provider_apify._api.facts import MAX_PAGE
from airflow_provider_apify._api.flows import Flow, call_reading, together
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify.models.runs import FINISHED_STATUSES, UNFINISHED_STATUSES
from airflow_provider_apify.options import RetryPolicy

MOST_RUNS = 30_000
"""Of longer lists, each look would cost more than it saves."""
_PAGES_AT_A_TIME = 4

Costs = Mapping[str, float | None]
"""What each run has cost so far, in US dollars, by its ID; ``None`` where the list does not tell."""


def going_runs(retry: RetryPolicy, *, expected: int = 0) -> Flow[Costs | None]:
    """List what goes on in the whole account; ``None`` where that is too much to be listed again and again.

    The list proves nothing. A run that ends moves those behind it from page to page while it is read, and a new one may
    be unknown to the server that answers: what is missing may go on. What is listed may have ended just now.

    :param expected: how many there may be, to ask for several pages at the same time.
    """
    going: dict[str, float | None] = {}
    at_a_time = MAX_PAGE * min(_PAGES_AT_A_TIME, expected // MAX_PAGE + 1)
    for begin in range(0, MOST_RUNS, at_a_time):
        pages = yield from together(_page(offset, retry) for offset in range(begin, begin + at_a_time, MAX_PAGE))
        for count, page in pages:
            going |= page
            if count < MAX_PAGE:
                return going
    return None


def _page(offset: int, retry: RetryPolicy) -> Flow[tuple[int, Costs]]:
    """Return how many runs a page has, and those among them that go on."""
    request = endpoints.list_runs(None, status=UNFINISHED_STATUSES, offset=offset)
    return (yield from call_reading(request, retry, _read))


def _read(answer: Response) -> tuple[int, Costs] | None:
    try:
        items = json.loads(answer.body, object_hook=_short)["data"]["items"]
        if not all(isinstance(item, tuple) for item in items):
            return None
        going = ((run_id, cost) for run_id, status, cost in items if status not in FINISHED_STATUSES)
        return len(items), {run_id: None if cost is None else float(cost) for run_id, cost in going}
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def _short(found: dict[str, Any]) -> Any:
    """Keep of a run what matters while it is parsed: pages of whole ones, again and again, keep Python's GC busy."""
    is_run = "id" in found and "status" in found
    return (found["id"], found["status"], found.get("usageTotalUsd")) if is_run else found
