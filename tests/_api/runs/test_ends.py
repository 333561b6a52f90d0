"""Which ends of runs a watcher tells: each once, whatever the lists show late, and wherever it stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._api.answers import Answer
from airflow_provider_apify._api.facts import REPLICA_LAG_SECONDS
from airflow_provider_apify._api.flows import Flow
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs.ends import Look, Wanted, Watch, look_for_ends
from airflow_provider_apify.exceptions import ApifyNotFoundError
from airflow_provider_apify.models.runs import UNFINISHED_STATUSES
from airflow_provider_apify.options import RetryPolicy, Target
from tests._api.answering import Fed, failed, ok, one_by_one

RETRY = RetryPolicy(attempts=2, first_delay=0.0)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ALL = Wanted(None, frozenset({"SUCCEEDED", "FAILED"}), frozenset())
LAG_SECONDS = 20


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def run(run_id: str, began: float, ended: float | None = None, **changes: Any) -> dict[str, Any]:
    status = "RUNNING" if ended is None else "SUCCEEDED"
    return {
        "id": run_id,
        "actId": "actor",
        "status": status,
        "startedAt": at(began).isoformat(),
        "finishedAt": None if ended is None else at(ended).isoformat(),
        "meta": {"origin": "API"},
        **changes,
    }


def page(*runs: dict[str, Any]) -> Answer:
    return ok({"items": list(runs)})


def look(*runs: dict[str, Any], going: tuple[str, ...] = ()) -> Look:
    """Look at an account that has just these runs."""
    fed = Fed(look_for_ends(going, at(0), RETRY))
    fed.answer(page(*(each for each in runs if each["status"] in UNFINISHED_STATUSES)))
    shown: Look = fed.finish(page(*runs))
    return shown


def test_the_first_look_takes_one_page_of_the_newest_runs() -> None:
    fed = Fed(look_for_ends((), None, RETRY))
    assert fed.request.params["status"].split(",") == list(UNFINISHED_STATUSES)
    newest = fed.answer(page(run("long", -4_000)))
    assert (newest.path, newest.params) == ("/v2/actor-runs", {"desc": "true", "offset": "0", "limit": "1000"})
    shown = fed.finish(page(run("short", 5, 9), run("new", 7)))
    assert (set(shown.going), [each.id for each in shown.ended], shown.until) == ({"long", "new"}, ["short"], at(9))


def test_a_later_look_reads_what_has_begun_since_and_a_minute_before() -> None:
    fed = Fed(look_for_ends((), at(0), RETRY))
    assert "12:00" not in fed.answer(page()).params["startedAfter"]
    assert fed.request.params["startedAfter"].startswith("2026-05-01T11:59:00")


def test_a_run_that_no_list_shows_any_more_is_read() -> None:
    fed = Fed(look_for_ends(("long", "gone"), at(0), RETRY))
    fed.answer(page())
    assert fed.answer(page()).path == "/v2/actor-runs/long"
    fed.answer(ok(run("long", -5_000, 20)))
    for _ in range(2):
        assert fed.request.path == "/v2/actor-runs/gone"
        fed.answer(failed(404, "record-not-found"))
    shown = fed.finish(failed(404, "record-not-found"))
    assert [each.id for each in shown.ended] == ["long"]
    assert not shown.going


def test_a_proxy_that_says_404_does_not_end_the_watch_of_a_run() -> None:
    fed = Fed(look_for_ends(("long",), at(0), RETRY))
    fed.answer(page())
    fed.answer(page())
    with pytest.raises(ApifyNotFoundError):
        fed.answer_all([failed(404, "no-such-route")] * 3)


def test_thousands_that_end_at_once_are_read_little_by_little() -> None:
    long = [str(number) for number in range(2_000)]
    sizes, shown = _answered(look_for_ends(long, at(0), RETRY))
    assert max(sizes) == 50
    assert [each.id for each in shown.ended] == long


def _answered(flow: Flow[Look]) -> tuple[list[int], Look]:
    """Have all runs read as ended; return how many requests came together each time, and the look."""
    sizes: list[int] = []
    try:
        request = next(flow)
        while True:
            answers = [_ended(each) for each in (request, *request.beside)]
            sizes.append(len(answers))
            request = flow.send(replace(answers[0], beside=tuple(answers[1:])))
    except StopIteration as done:
        return sizes, done.value


def _ended(asked: Request) -> Answer:
    run_id = asked.path.removeprefix("/v2/actor-runs").removeprefix("/")
    return ok(run(run_id, -5_000, 20)) if run_id else page()


def test_an_end_without_its_time_is_told_when_it_has_one() -> None:
    watch = Watch(ALL)
    assert watch.take(look(run("soon", 1, status="SUCCEEDED"))) == []
    assert watch.going == {"soon"}
    assert [each.id for each in watch.take(look(run("soon", 1, 10)))] == ["soon"]


def test_a_run_that_the_list_lacks_though_it_goes_on_stays_watched() -> None:
    fed = Fed(look_for_ends(("long",), at(0), RETRY))
    fed.answer(page())
    fed.answer(page())
    assert set(fed.finish(ok(run("long", -5_000))).going) == {"long"}


@pytest.mark.parametrize("answer", [{"items": None}, {"items": [{"id": "a"}]}, {"items": [7]}, {}, []])
def test_a_list_that_is_none_is_asked_for_again(answer: Any) -> None:
    fed = Fed(look_for_ends((), at(0), RETRY))
    fed.answer(ok(answer))
    assert fed.answer(page()).path == "/v2/actor-runs"
    assert not fed.finish(page()).ended


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (ALL, ["mine", "other", "failed"]),
        (replace(ALL, statuses=frozenset({"FAILED"})), ["failed"]),
        (replace(ALL, origins=frozenset({"SCHEDULER"})), ["other"]),
        (replace(ALL, target=Target("actor", "actor")), ["mine", "failed"]),
        (replace(ALL, target=Target("task", "saved")), ["failed"]),
    ],
)
def test_only_what_is_wanted_is_told(wanted: Wanted, told: list[str]) -> None:
    shown = look(
        run("mine", 1, 10),
        run("other", 2, 11, actId="another", meta={"origin": "SCHEDULER"}),
        run("failed", 3, 12, status="FAILED", actorTaskId="saved"),
        run("aborted", 3, 13, status="ABORTED"),
        run("going", 4, actId="third"),
    )
    watch = Watch(wanted)
    assert [each.id for each in watch.take(shown)] == told
    assert watch.going == ({"going"} if wanted.target is None else set())
    assert watch.take(shown) == []


def test_a_resurrected_run_is_told_once_more() -> None:
    watch = Watch(ALL)
    watch.take(look(run("again", 1, 10)))
    watch.take(look(run("again", 1)))
    assert [each.finished_at for each in watch.take(look(run("again", 1, 500)))] == [at(500)]


@pytest.mark.parametrize("kept", [{}, {"going": 1, "until": None, "told": {}}, {"going": [], "until": 3, "told": []}])
def test_a_note_that_is_none_is_refused(kept: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        Watch.from_dict(ALL, kept)


@dataclass
class Apify:
    """An account whose lists lag, each look by another time, as its servers do."""

    runs: list[tuple[float, float]]
    now: float = 0.0
    lag: float = 0.0
    asked: list[Request] = field(default_factory=list)

    def seen(self, number: int) -> dict[str, Any] | None:
        """Return a run as the server that answers knows it."""
        began, ended = self.runs[number]
        if began > self.now - self.lag:
            return None
        return run(str(number), began, ended if ended <= self.now - self.lag else None)

    def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        if "runs/" in request.path:
            self.lag = min(self.lag, REPLICA_LAG_SECONDS)
            found = self.seen(int(request.path.rsplit("/")[-1]))
            return failed(404, "record-not-found") if found is None else ok(found)
        known = [each for number in range(len(self.runs)) if (each := self.seen(number))]
        statuses, after = request.params.get("status"), request.params.get("startedAfter")
        found_runs = [
            each
            for each in known
            if (not statuses or each["status"] in statuses.split(","))
            and (not after or datetime.fromisoformat(each["startedAt"]) >= datetime.fromisoformat(after))
        ]
        return page(*sorted(found_runs, key=lambda each: str(each["startedAt"]), reverse=True)[:1_000])

    def look(self, going: Any, until: datetime | None) -> Look:
        flow = one_by_one(look_for_ends(going, until, RETRY))
        request = next(flow)
        try:
            while True:
                request = flow.send(self.answer(request))
        except StopIteration as done:
            shown: Look = done.value
            return shown


LENGTHS = st.tuples(st.floats(0, 900), st.floats(0.1, 600))
RUNS = st.lists(LENGTHS.map(lambda run: (run[0], run[0] + run[1])), max_size=12)
STEPS = st.lists(
    st.tuples(st.floats(1, 200), st.floats(0, LAG_SECONDS), st.sampled_from(["look", "look", "restart", "broken"])),
    max_size=15,
)


@given(RUNS, STEPS)
def test_each_end_is_told_once_through_lags_and_restarts(runs: list[tuple[float, float]], steps: Any) -> None:
    apify = Apify(runs)
    watch, shown, told = Watch(ALL), apify.look((), None), []
    watch.take(shown)
    for pause, lag, what in [*steps, (3_000.0, 0.0, "restart"), (60.0, 0.0, "look")]:
        apify.now, apify.lag = apify.now + pause, lag
        if what == "broken":
            continue  # a look that failed changes nothing
        if what == "restart":
            watch = Watch.from_dict(ALL, json.loads(json.dumps(watch.to_dict())))
            shown = apify.look((), None)  # of all watchers
            apify.now += 1
            told += watch.take(apify.look(watch.going, watch.until))
            continue
        shown = apify.look(shown.going, shown.until)
        told += watch.take(shown)
    assert sorted(each.id for each in told) == sorted(str(number) for number in range(len(runs)))
