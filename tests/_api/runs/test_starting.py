from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify._api.answers import Answer, NoResponse, Response
from airflow_provider_apify._api.runs.choosing import Decision, OnFailedRun
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify._api.runs.starting import STARTS, Starter
from airflow_provider_apify.exceptions import (
    ApifyAuthError,
    ApifyCapacityError,
    ApifyConnectionError,
    ApifyNotFoundError,
    ApifyRunFailedBefore,
    ApifyServerError,
)
from airflow_provider_apify.models.runs import STATUSES, SUCCEEDED
from airflow_provider_apify.options import RetryPolicy
from tests._api.answering import LOST, Fed, failed, ok
from tests._api.played_start import ENDING, GOING, LIST, ME, NOTHING, START, Played, a_run, decided, obtain, order, run

# Decisions: exhaustively over the last run's status


@pytest.mark.parametrize("status", sorted(STATUSES))
@pytest.mark.parametrize("policy", ["new", "resurrect", "fail"])
def test_one_earlier_run_is_taken_resurrected_left_or_fatal(status: str, policy: OnFailedRun) -> None:
    earlier = run("a", status)
    wanted = order(on_failed_run=policy)
    if status in {*GOING, SUCCEEDED}:
        assert decided([earlier], wanted) == Decision(earlier)
    elif policy == "new":
        assert decided([earlier], wanted) == Decision()
    elif policy == "resurrect":
        assert decided([earlier], wanted) == Decision(earlier, resurrect=True)
    else:
        with pytest.raises(ApifyRunFailedBefore, match="is not paid for again"):
            decided([earlier], wanted)


def test_nothing_earlier_means_a_new_run() -> None:
    assert decided([], order(on_failed_run="fail")) == Decision()


@pytest.mark.parametrize("status", GOING)
def test_after_a_clear_an_old_run_that_goes_on_is_aborted_and_a_new_one_started(status: str) -> None:
    old = run("old", status, Identity(ME.task, rerun=1, attempt=1))
    assert decided([old], order()) == Decision(abort=(old,))


@pytest.mark.parametrize("status", [SUCCEEDED, "FAILED", *ENDING])
def test_after_a_clear_an_old_run_that_ended_is_of_no_interest(status: str) -> None:
    assert (
        decided([run("old", status, Identity(ME.task, rerun=1, attempt=1))], order(on_failed_run="fail")) == Decision()
    )


def test_of_several_runs_the_oldest_that_goes_on_is_taken_and_the_others_are_aborted() -> None:
    younger, older = run("b", started="20"), run("a", started="10")
    assert decided([younger, older], order()) == Decision(older, abort=(younger,))


def test_a_good_run_comes_before_one_that_goes_on() -> None:
    done, going = run("a", SUCCEEDED, started="10"), run("b", started="20")
    assert decided([done, going], order()) == Decision(done, abort=(going,))


def test_accepted_statuses_need_no_other_run() -> None:
    partial = run("a", "TIMED-OUT")
    assert decided([partial], order(accept=("TIMED-OUT",))) == Decision(partial)


# The start


def test_a_first_attempt_asks_once_and_leaves_its_marker() -> None:
    played = Played(order(), [ok(a_run("a"))])
    assert (played.asked, played.agents, played.run.id, played.said) == ([START], [ME.marker], "a", [])


@pytest.mark.parametrize(
    "lost",
    [
        NoResponse("reset"),
        failed(502),
        failed(500, "internal-server-error"),
        Response(200, {}, b"<"),
        *(Response(status, {}, b"<html>No</html>") for status in (400, 401, 403, 404, 407, 413)),
    ],
)
def test_a_start_without_a_clear_answer_is_looked_for_and_adopted(lost: Answer) -> None:
    found = ok({"items": [a_run("a")]})
    played = Played(order(), [lost, found])
    assert played.asked == [START, LIST]
    assert played.run.id == "a"
    assert "going on with run a" in played.said[-1]


def test_a_start_that_a_proxy_never_lets_pass_ends_with_the_proxy_s_status() -> None:
    too_large = Response(413, {}, b"<html>Too large</html>")
    with pytest.raises(ApifyServerError, match="HTTP 413: the body is not Apify's JSON") as raised:
        Played(order(), [too_large, *[NOTHING] * 5] * STARTS)
    assert raised.value.retryable


NO_PAGE = Response(404, {}, b"<html>No such page</html>")


@pytest.mark.parametrize("page", [NO_PAGE, Response(200, {}, b"<html>Hello</html>")])
@pytest.mark.parametrize(("changes", "first"), [({}, [NO_PAGE]), ({"search": True}, [])])
def test_a_host_that_is_plainly_not_apify_s_is_told_after_the_ordinary_retries(
    page: Response, changes: dict[str, Any], first: list[Answer]
) -> None:
    with pytest.raises((ApifyServerError, ApifyConnectionError), match="check the connection's host"):
        Played(order(**changes), [*first, *[page] * RetryPolicy().attempts])


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({}, [LOST]),
        ({}, [failed(502)]),
        ({}, [NO_PAGE, NOTHING]),
        ({"known": {"a": 2}}, []),
        ({"search": True}, [NOTHING]),
    ],
)
def test_what_answers_in_apify_s_place_is_outlasted_where_a_run_may_go_on_or_apify_was_there(
    changes: dict[str, Any], first: list[Answer]
) -> None:
    said: list[str] = []
    flow = Fed(obtain(order(**changes), said.append, lambda: 1_000.0))
    flow.answer_all([*first, *[NO_PAGE] * 30])
    assert flow.request.path.rpartition("/")[2] in {"runs", "a"}


def test_a_run_that_appears_late_is_still_adopted() -> None:
    nothing, found = ok({"items": []}), ok({"items": [a_run("a")]})
    played = Played(order(), [NoResponse("time-out"), nothing, nothing, nothing, found])
    assert played.asked.count(START) == 1
    assert sum(played.delays[1:5]) == pytest.approx(15.0)


def test_only_what_was_surely_not_done_is_sent_again() -> None:
    nothing = ok({"items": []})
    played = Played(order(), [NoResponse("reset"), *[nothing] * 5, ok(a_run("a")), ok({"items": [a_run("a")]})])
    assert played.asked == [START, *[LIST] * 5, START, LIST]
    assert sum(played.delays[1:6]) == pytest.approx(30.0)
    assert played.run.id == "a"


def test_a_start_that_was_given_up_for_lost_and_came_late_leaves_one_run() -> None:
    nothing = ok({"items": []})
    both = ok({"items": [a_run("second", started="50"), a_run("first", started="10")]})
    second = ok(a_run("second", started="50"))
    aborted = ok(a_run("second", "ABORTING", started="50"))
    played = Played(order(), [NoResponse("reset"), *[nothing] * 5, second, both, aborted])
    assert played.asked[-1] == "POST /actor-runs/second/abort"
    assert played.run.id == "first"


@pytest.mark.parametrize("refused", [failed(429), NoResponse("refused", sent=False)])
def test_a_start_that_was_surely_not_done_is_sent_again_without_a_look(refused: Answer) -> None:
    assert Played(order(), [refused, ok(a_run("a"))]).asked == [START, START]


def test_a_refusal_is_no_doubt() -> None:
    with pytest.raises(ApifyNotFoundError):
        Played(order(), [failed(404, "actor-not-found")])


def test_starts_that_stay_in_doubt_end_after_a_few_and_the_last_is_not_said_to_be_repeated() -> None:
    said: list[str] = []
    flow = Fed(obtain(order(), said.append, lambda: 1_000.0))
    with pytest.raises(ApifyConnectionError, match="reset"):
        flow.answer_all([NoResponse("reset"), *[NOTHING] * 5] * STARTS)
    assert said.count("The run was not started: starting it again.") == STARTS - 1


def test_the_id_of_a_start_that_was_answered_is_known_before_others_are_looked_for() -> None:
    """Where the look fails on the last attempt, somebody must still be able to abort the run."""
    starters: list[Starter] = []
    flow = Fed(obtain(order(), lambda _words: None, lambda: 1_000.0, starters.append))
    flow.answer_all([NoResponse("reset"), *[NOTHING] * 5, ok(a_run("a"))])
    with pytest.raises(ApifyAuthError):
        flow.answer(failed(403, "insufficient-permissions"))
    assert starters[0].run_id == "a"


def test_of_several_runs_the_one_that_is_kept_is_known() -> None:
    both = ok({"items": [a_run("second", started="50"), a_run("first", started="10")]})
    second = a_run("second", started="50")
    aborted = ok({**second, "status": "ABORTING"})
    played = Played(order(), [NoResponse("reset"), *[NOTHING] * 5, ok(second), both, aborted])
    assert played.starters[0].run_id == played.run.id == "first"


def test_without_capacity_nothing_is_started_until_there_is_some() -> None:
    full = failed(402, "actor-memory-limit-exceeded")
    played = Played(order(capacity_until=2_000.0), [full, full, ok(a_run("a"))])
    assert played.asked == [START] * 3
    assert played.delays[1:] == [20.0, 20.0]
    assert "Nothing was started" in played.said[0]


def test_capacity_is_not_waited_for_after_its_time() -> None:
    with pytest.raises(ApifyCapacityError):
        Played(order(capacity_until=500.0), [failed(402, "concurrent-runs-limit-exceeded")])
