from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airflow_provider_apify._api.answers import Answer, NoResponse
from airflow_provider_apify._api.runs.choosing import may_be_of
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify.exceptions import (
    ApifyRunError,
    ApifyRunFailedBefore,
    ApifyTooManyRuns,
)
from airflow_provider_apify.models.runs import SUCCEEDED
from airflow_provider_apify.options import Target
from tests._api.answering import Fed, ok
from tests._api.played_start import LIST, ME, NOTHING, START, UNKNOWN, Played, a_run, obtain, order


def test_a_noted_run_is_gone_on_with() -> None:
    played = Played(order(known={"a": 2}), [ok(a_run("a"))])
    assert (played.asked, played.run.id) == (["GET /actor-runs/a"], "a")


@pytest.mark.parametrize(
    ("target", "is_told"),
    [
        (Target("actor", "act"), False),
        (Target("actor", "other"), True),
        (Target("task", "other"), True),
        (Target("actor", "me/other"), False),  # whose ID is not known
    ],
)
def test_a_noted_run_of_another_actor_is_gone_on_with_and_recognised(target: Target, is_told: bool) -> None:
    """As where the DAG file was edited between two attempts."""
    played = Played(order(known={"a": 2}, target=target), [ok(a_run("a"))])
    assert played.run.id == "a"
    assert may_be_of(played.run, target) is not is_told


def test_a_noted_run_that_was_deleted_is_replaced() -> None:
    played = Played(order(known={"a": 2}), [*[UNKNOWN] * 3, *[NOTHING] * 6, ok(a_run("b"))])
    assert (played.asked, played.run.id) == ([*["GET /actor-runs/a"] * 3, *[LIST] * 6, START], "b")
    assert "unknown to Apify" in played.said[0]


def test_a_noted_run_that_is_listed_is_not_taken_for_deleted() -> None:
    played = Played(order(known={"a": 2}), [*[UNKNOWN] * 3, NOTHING, ok({"items": [a_run("a")]})])
    assert played.run.id == "a"


def test_a_run_that_moves_to_the_next_page_meanwhile_is_no_second_one() -> None:
    mine = a_run("a", "FAILED", identity=Identity(ME.task, rerun=2, attempt=1))
    full = ok({"items": [*[a_run(f"x{number}", identity=None) for number in range(999)], mine]})
    played = Played(order(search=True, quiet=True, on_failed_run="resurrect"), [full, ok({"items": [mine]}), ok(mine)])
    assert played.asked == [LIST, LIST, "POST /actor-runs/a/resurrect"]


def test_a_pause_is_made_once_and_not_for_every_page() -> None:
    full = ok({"items": [a_run(f"x{number}", identity=None) for number in range(1_000)]})
    played = Played(order(search=True), [*[full, NOTHING] * 6, ok(a_run("b"))])
    assert sum(played.delays) == pytest.approx(30.0)


def test_of_a_failed_and_a_going_start_the_going_one_is_kept() -> None:
    both = ok({"items": [a_run("second", started="50"), a_run("first", "FAILED", started="10")]})
    answers: list[Answer] = [NoResponse("reset"), *[NOTHING] * 5, ok(a_run("second", started="50")), both]
    assert Played(order(), answers).run.id == "second"


def test_a_run_of_the_same_name_from_before_is_not_taken_for_the_one_just_started() -> None:
    """As after a DAG run was deleted and made again; Apify's clock tells, not ours."""
    old, new = a_run("old", SUCCEEDED, started="10"), a_run("new", started="50")
    now = datetime(2026, 1, 1, 0, 10, 48, tzinfo=UTC).timestamp()  # our clock is ten minutes ahead
    listed = ok({"items": [new, old]}, date="Thu, 01 Jan 2026 00:00:48 GMT")
    assert Played(order(), [NoResponse("reset"), listed], clock=now).run.id == "new"


# When the DAG run began, by a clock that is ten minutes ahead of Apify's, and what Apify's says 18 seconds later.
BEGAN = datetime(2026, 1, 1, 0, 10, 30, tzinfo=UTC).timestamp()
DATE = "Thu, 01 Jan 2026 00:00:48 GMT"


def test_a_retry_does_not_take_what_a_dag_run_of_the_same_name_has_left_for_its_own_result() -> None:
    """As where the DAG run was deleted and made again, and the first attempt of the new one died."""
    old = a_run("old", SUCCEEDED, identity=replace(ME, attempt=1), started="10")
    listed = ok({"items": [old]}, date=DATE)
    played = Played(
        order(search=True, quiet=True, since=BEGAN), [listed, ok(a_run("new", started="50"))], clock=BEGAN + 18
    )
    assert played.run.id == "new"


def test_a_retry_finds_the_run_that_has_succeeded_since_its_dag_run_began() -> None:
    mine = a_run("a", SUCCEEDED, identity=replace(ME, attempt=2), started="35")
    assert Played(order(search=True, since=BEGAN), [ok({"items": [mine]}, date=DATE)], clock=BEGAN + 18).run.id == "a"


@pytest.mark.parametrize("ahead", [1_800, 7_200, -7_200])
def test_the_run_of_a_lost_start_is_found_however_wrong_the_clock_is(ahead: int) -> None:
    now = datetime(2026, 1, 1, 0, 0, 11, tzinfo=UTC).timestamp() + ahead
    date = "Thu, 01 Jan 2026 00:00:11 GMT"
    mine = a_run("a", started="10")

    def listed(params: Mapping[str, str]) -> Answer:
        is_late = datetime.fromisoformat(params["startedAfter"]) > datetime.fromisoformat(mine["startedAt"])
        return ok({"items": [] if is_late else [mine]}, date=date)

    flow = Fed(obtain(order(), lambda _words: None, lambda: now))
    flow.answer(NoResponse("reset"))
    if ahead > 3_600:
        flow.answer(listed(flow.request.params))
    assert flow.finish(listed(flow.request.params)).id == "a"


def test_what_goes_on_from_before_is_found_whenever_it_was_started() -> None:
    """After a clear before Airflow 3.3: all that can be done with a run of an earlier rerun is to abort it."""
    old = {**a_run("old", identity=replace(ME, rerun=1)), "startedAt": "2025-01-01T00:00:00.000Z"}
    played = Played(
        order(search=True, quiet=True, since=BEGAN),
        [NOTHING, ok({**old, "status": "ABORTING"}), ok(a_run("new"))],
        unfinished=[old],
    )
    assert (played.asked, played.run.id) == ([LIST, "POST /actor-runs/old/abort", START], "new")


def test_a_run_that_ends_while_it_is_looked_for_counts_as_the_list_of_its_time_says() -> None:
    old = {**a_run("old"), "meta": {"origin": "API"}, "startedAt": "2025-01-01T00:00:00.000Z"}
    over = ok({**a_run("old", SUCCEEDED), "startedAt": "2025-01-01T00:00:00.000Z"})
    played = Played(order(search=True, quiet=True, since=BEGAN), [NOTHING, over, ok(a_run("new"))], unfinished=[old])
    assert played.run.id == "new"


def test_a_run_that_is_being_stopped_for_ever_lets_none_be_started_beside_it() -> None:
    now = 0.0
    flow = Fed(obtain(order(known={"a": 2}), lambda _words: None, lambda: now))
    flow.answer(ok(a_run("a", "ABORTING")))
    now = 301.0
    with pytest.raises(ApifyRunError, match="Run a is still ABORTING after 300 seconds") as raised:
        flow.answer(ok(a_run("a", "ABORTING")))
    assert raised.value.retryable


def test_a_noted_run_that_a_lagging_replica_does_not_know_is_read_again() -> None:
    assert Played(order(known={"a": 2}), [UNKNOWN, ok(a_run("a"))]).run.id == "a"


def test_an_old_run_that_a_lagging_replica_does_not_know_is_still_aborted() -> None:
    old = a_run("old", identity=Identity(ME.task, rerun=1, attempt=2))
    played = Played(order(known={"old": 1}), [ok(old), UNKNOWN, ok({**old, "status": "ABORTING"}), ok(a_run("new"))])
    assert played.asked[1:] == ["POST /actor-runs/old/abort"] * 2 + [START]


def test_a_run_that_nobody_noted_is_found_at_apify() -> None:
    listed = {**a_run("a"), "meta": {"origin": "API"}}  # lists may lack the User-Agent
    others = [{**a_run("x", identity=None), "meta": {"origin": "WEB"}}, a_run("y", identity=None)]
    played = Played(order(search=True, since=1_000.0), [ok({"items": [*others, listed]}), ok(a_run("a"))])
    assert (played.asked, played.run.id) == ([LIST, "GET /actor-runs/a"], "a")


def test_nothing_is_started_while_a_start_of_an_attempt_that_died_may_still_be_under_way() -> None:
    late = a_run("late", identity=Identity(ME.task, rerun=2, attempt=2))
    played = Played(order(search=True), [NOTHING, NOTHING, NOTHING, ok({"items": [late]})])
    assert (played.asked, played.run.id) == ([LIST] * 4, "late")
    assert "looking for it" in played.said[0]


def test_a_start_that_was_under_way_when_the_task_was_cleared_is_aborted() -> None:
    late = a_run("late", identity=Identity(ME.task, rerun=1, attempt=2))
    played = Played(order(search=True), [NOTHING, ok({"items": [late]}), ok(late), ok(a_run("new"))])
    assert (played.asked, played.run.id) == ([LIST, LIST, "POST /actor-runs/late/abort", START], "new")


def test_when_nothing_can_be_under_way_any_more_a_run_is_started() -> None:
    played = Played(order(search=True), [*[NOTHING] * 6, ok(a_run("a"))])
    assert (played.asked, played.run.id) == ([*[LIST] * 6, START], "a")
    assert sum(played.delays) == pytest.approx(30.0)


def test_nothing_more_can_be_under_way_where_the_attempt_before_has_started_a_run() -> None:
    over = a_run("a", "FAILED", Identity(ME.task, rerun=2, attempt=2))
    assert Played(order(search=True), [ok({"items": [over]}), ok(a_run("b"))]).asked == [LIST, START]


def test_a_good_run_is_gone_on_with_at_once_whichever_attempt_has_started_it() -> None:
    good = a_run("a", identity=Identity(ME.task, rerun=2, attempt=1))
    assert Played(order(search=True), [ok({"items": [good]})]).run.id == "a"


def test_an_attempt_that_goes_on_after_a_pause_does_not_look_for_so_long_again() -> None:
    assert Played(order(search=True, quiet=True), [NOTHING, ok(a_run("a"))]).asked == [LIST, START]


def test_the_run_of_a_clear_is_aborted_before_the_new_one_is_started() -> None:
    old = a_run("old", identity=Identity(ME.task, rerun=1, attempt=1))
    played = Played(order(known={"old": 1}), [ok(old), ok({**old, "status": "ABORTING"}), ok(a_run("new"))])
    assert played.asked == ["GET /actor-runs/old", "POST /actor-runs/old/abort", START]
    assert "no longer wanted" in played.said[0]


def test_all_pages_of_a_long_list_are_read() -> None:
    full = ok({"items": [a_run(f"x{i}", identity=None) for i in range(1_000)]})
    played = Played(order(search=True), [full, ok({"items": [a_run("a")]})])
    assert (played.asked, played.run.id) == ([LIST, LIST], "a")


def test_a_failed_run_is_resurrected_once_though_the_answer_is_lost() -> None:
    wanted = order(known={"a": 2}, on_failed_run="resurrect")
    played = Played(wanted, [ok(a_run("a", "FAILED")), NoResponse("reset"), ok(a_run("a"))])
    assert played.asked == ["GET /actor-runs/a", "POST /actor-runs/a/resurrect", "GET /actor-runs/a"]
    assert played.run.status == "RUNNING"


def test_a_resurrection_that_was_not_done_is_asked_for_again() -> None:
    wanted = order(known={"a": 2}, on_failed_run="resurrect")
    not_done: list[Answer] = [NoResponse("reset"), *[ok(a_run("a", "FAILED"))] * 5]
    played = Played(wanted, [ok(a_run("a", "FAILED")), *not_done, ok(a_run("a"))])
    assert [asked for asked in played.asked if asked.startswith("POST")] == ["POST /actor-runs/a/resurrect"] * 2
    assert played.run.status == "RUNNING"


def test_a_run_that_is_being_stopped_is_resurrected_when_it_has_ended() -> None:
    wanted = order(known={"a": 2}, on_failed_run="resurrect")
    played = Played(wanted, [ok(a_run("a", "ABORTING")), ok(a_run("a", "ABORTED")), ok(a_run("a"))])
    assert played.asked == ["GET /actor-runs/a", "GET /actor-runs/a", "POST /actor-runs/a/resurrect"]


def test_a_run_that_is_being_stopped_and_ends_as_the_task_accepts_is_used() -> None:
    wanted = order(known={"a": 2}, accept=("TIMED-OUT",))
    played = Played(wanted, [ok(a_run("a", "TIMING-OUT")), ok(a_run("a", "TIMED-OUT"))])
    assert (played.run.id, played.run.status) == ("a", "TIMED-OUT")


def test_a_noted_run_counts_though_its_marker_was_lost_on_the_way() -> None:
    assert Played(order(known={"a": 2}), [ok(a_run("a", identity=None))]).run.id == "a"


def test_a_listed_run_that_a_lagging_replica_does_not_know_is_read_again() -> None:
    listed = {**a_run("a"), "meta": {"origin": "API"}}
    played = Played(order(search=True), [ok({"items": [listed]}), UNKNOWN, ok(a_run("a"))])
    assert played.run.id == "a"


def test_a_listed_run_that_was_deleted_is_no_obstacle() -> None:
    listed = {**a_run("gone"), "meta": {"origin": "API"}}
    played = Played(order(search=True, quiet=True), [ok({"items": [listed]}), *[UNKNOWN] * 3, ok(a_run("new"))])
    assert played.run.id == "new"


def test_runs_older_than_the_task_are_not_read_one_by_one() -> None:
    old = {**a_run("x"), "startedAt": "2025-01-01T00:00:00.000Z", "meta": {"origin": "API"}}
    wanted = order(search=True, quiet=True, since=1_767_225_600.0)
    played = Played(wanted, [ok({"items": [old]}), ok(a_run("new"))])
    assert played.run.id == "new"


def test_only_runs_that_are_younger_than_a_lost_start_are_read_for_it() -> None:
    """Among mapped tasks many runs of one Actor are listed, and lists do not show whose they are."""
    old, new = ({**a_run(name, started=at), "meta": {"origin": "API"}} for name, at in (("old", "10"), ("new", "50")))
    now = datetime(2026, 1, 1, 0, 10, 48, tzinfo=UTC).timestamp()  # our clock is ten minutes ahead
    listed = ok({"items": [new, old]}, date="Thu, 01 Jan 2026 00:00:48 GMT")
    mine = ok(a_run("new", started="50"))
    played = Played(order(), [NoResponse("reset"), listed, mine], clock=now)
    assert played.asked == [START, LIST, "GET /actor-runs/new"]


def test_a_search_without_end_is_an_error_and_no_second_start() -> None:
    full = ok({"items": [a_run(f"x{i}", identity=None) for i in range(1_000)]})
    with pytest.raises(ApifyTooManyRuns, match="more than 10,000 runs"):
        Played(order(search=True), [full] * 10)


def test_fail_does_not_spend_again() -> None:
    with pytest.raises(ApifyRunFailedBefore, match="Run a"):
        Played(order(known={"a": 2}, on_failed_run="fail"), [ok(a_run("a", "FAILED"))])
