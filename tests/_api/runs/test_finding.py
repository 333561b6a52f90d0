"""How few requests a search takes, and in which order it reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_apify._api.answers import Answer
from airflow_provider_apify._api.runs.finding import Finder
from airflow_provider_apify.exceptions import ApifyTooManyRuns
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import RetryPolicy, Target
from tests._api.answering import failed, ok
from tests._api.played_start import ACTOR, ME, a_run

DATE = "Thu, 01 Jan 2026 00:00:59 GMT"
NOW = datetime(2026, 1, 1, 0, 0, 59, tzinfo=UTC).timestamp()


def listed(run_id: str, second: int) -> dict[str, Any]:
    """Return a run as lists show it: without its User-Agent."""
    return {**a_run(run_id, started=f"{second:02}"), "meta": {"origin": "API"}}


def of_another(run_id: str) -> Answer:
    return ok(a_run(run_id, identity=None))


def is_enough(_run: ActorRun) -> bool:
    return True


class Search:
    """A search among runs of which ``mine`` is the wanted one.

    :ivar rounds: the runs that were read at the same time, in order.
    :ivar lists: the lists that were asked for.
    """

    def __init__(self, items: list[dict[str, Any]], mine: str = "", *, near: int | None = None, **data: Any) -> None:
        self.rounds: list[list[str]] = []
        self.lists: list[dict[str, str]] = []
        self.pauses: list[float] = []
        self._items, self._mine, self._data = items, mine, data
        finder = Finder(data.pop("target", ACTOR), ME, RetryPolicy(), clock=lambda: NOW)
        moment = None if near is None else NOW - 59 + near
        flow = finder.started(NOW - 59, is_enough=is_enough, near=moment)
        try:
            request = next(flow)
            while True:
                self.pauses.append(request.delay)
                if request.path.endswith("/runs"):
                    self.lists.append(dict(request.params))
                    request = flow.send(ok({"items": self._items, **self._data}, date=DATE))
                    continue
                ids = [each.path.rpartition("/")[2] for each in (request, *request.beside)]
                self.rounds.append(ids)
                first, *others = map(self._answer, ids)
                request = flow.send(first if not others else _beside(first, others))
        except StopIteration as done:
            self.found = [run.id for run in done.value]

    def _answer(self, run_id: str) -> Answer:
        return ok(a_run(run_id)) if run_id == self._mine else of_another(run_id)


def _beside(first: Answer, others: list[Answer]) -> Answer:
    return replace(first, beside=tuple(others))


MANY = [listed(f"r{second:02}", second) for second in range(1, 60)]


def test_runs_are_read_nearest_to_the_start_first_and_none_after_the_one_that_is_found() -> None:
    search = Search(MANY, "r32", near=31)
    assert search.found == ["r32"]
    assert search.rounds == [["r31", "r32"]]


def test_without_a_time_the_newest_are_read_first_in_rounds_that_grow() -> None:
    search = Search(MANY, "r40")
    assert search.rounds[0] == ["r59", "r58"]
    assert [len(each) for each in search.rounds] == [2, 3, 4, 6, 9]
    assert search.found == ["r40"]


def test_at_most_sixteen_runs_are_read_at_the_same_time() -> None:
    assert max(map(len, Search(MANY).rounds)) == 16


def test_a_list_that_tells_whose_a_run_is_costs_no_other_request() -> None:
    items = [a_run("x", identity=None), a_run("mine")]
    search = Search(items)
    assert (search.found, search.rounds) == (["mine"], [])


def test_the_first_page_tells_that_a_search_is_hopeless() -> None:
    with pytest.raises(ApifyTooManyRuns, match="more than 10,000 runs since"):
        Search(MANY, total=10_001)


def test_among_very_many_runs_those_about_the_time_of_the_start_are_read_nevertheless() -> None:
    search = Search(MANY, "r07", near=7, total=250_000)
    assert (search.found, len(search.lists)) == (["r07"], 1)
    assert search.lists[0]["desc"] == "false"


def test_a_saved_task_s_runs_are_listed_newest_first_because_its_lists_cannot_be_limited_to_a_time() -> None:
    search = Search(MANY, "r07", near=7, target=Target("task", "me/task"), total=250_000)
    assert (search.found, search.lists[0]["desc"]) == (["r07"], "true")


def test_a_429_slows_all_reads_of_a_search() -> None:
    finder = Finder(ACTOR, ME, RetryPolicy(), clock=lambda: NOW)
    flow = finder.started(NOW - 59, is_enough=is_enough)
    next(flow)
    request = flow.send(ok({"items": MANY[:2]}, date=DATE))
    limited = failed(429, "rate-limit-exceeded")
    request = flow.send(_beside(limited, [failed(429, "rate-limit-exceeded")]))
    assert len(request.beside) == 1
    assert request.delay > 0
