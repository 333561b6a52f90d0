"""How a run is waited for, by a clock that only moves when the test moves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_apify._api.answers import Answer, Response
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs.waiting import Waiting, wait_for_run
from airflow_provider_apify.exceptions import (
    ApifyAuthError,
    ApifyConnectionError,
    ApifyNotFoundError,
    ApifyServerError,
)
from airflow_provider_apify.models.runs import FINISHED_STATUSES, ActorRun, RunEvent
from airflow_provider_apify.options import RetryPolicy
from tests._api.answering import LOST, Fed, failed, ok, run_data

START_TIME = 1_800_000_000.0
NOT_FOUND = failed(404, "record-not-found")
PROXY_S = Response(404, {}, b"<html>Not Found</html>")


class Wait:
    """A wait for a run, fed with answers; time passes as its pauses and the answers take.

    :ivar requests: what was asked, in order.
    :ivar times: when each was sent, in seconds since the start.
    """

    def __init__(self, *, on_update: Callable[[ActorRun], None] = lambda _run: None, **waiting: Any) -> None:
        self._now = START_TIME
        deadline = waiting.pop("deadline", None)
        how = Waiting(deadline=None if deadline is None else START_TIME + deadline, **waiting)
        retry = RetryPolicy(attempts=3)
        self._fed = Fed(wait_for_run("run1", retry, how, on_update=on_update, clock=lambda: self._now))
        self.times: list[float] = []
        self._send()

    @property
    def requests(self) -> list[Request]:
        return self._fed.requests

    def _send(self) -> None:
        self._now += self._fed.request.delay
        self.times.append(self._now - START_TIME)

    def answer(self, answer: Answer, *, took: float = 0.0) -> Request:
        """Answer after some seconds; return the next request, as it is sent."""
        self._now += took
        request = self._fed.answer(answer)
        self._send()
        return request

    def running(self, *, took: float = 0.0, **changes: Any) -> Request:
        return self.answer(ok(run_data(**changes)), took=took)

    def finish(self, answer: Answer, *, took: float = 0.0) -> RunEvent:
        """Answer for the last time, and return the event."""
        self._now += took
        event: RunEvent = self._fed.finish(answer)
        return event


@pytest.mark.parametrize("status", sorted(FINISHED_STATUSES))
def test_a_finished_run_ends_the_wait_at_once(status: str) -> None:
    event = Wait().finish(ok(run_data(status)))
    assert (event.run.status, event.deadline_passed) == (status, False)


def test_the_server_holds_each_request_until_the_run_ends() -> None:
    wait = Wait()
    for _ in range(3):
        wait.running(took=60)
    assert wait.finish(ok(run_data("SUCCEEDED")), took=12).run.is_finished
    assert [request.params for request in wait.requests] == [{"waitForFinish": "60"}] * 4
    assert wait.times == [0, 60, 120, 180]


def test_an_interval_asks_plainly_and_pauses() -> None:
    wait = Wait(poll_interval=30)
    wait.running(took=2)
    wait.running(took=2)
    assert wait.finish(ok(run_data("FAILED"))).run.status == "FAILED"
    assert [request.params for request in wait.requests] == [{}] * 3
    assert wait.times == [0, 32, 64]


def test_waiters_that_arrive_together_can_be_spread() -> None:
    wait = Wait(first_delay=0.7)
    wait.running(took=60)
    assert wait.times == pytest.approx([0.7, 60.7])


@pytest.mark.parametrize("status", ["READY", "RUNNING", "TIMING-OUT", "ABORTING", "A-STATUS-OF-NEXT-YEAR"])
def test_any_other_status_keeps_waiting(status: str) -> None:
    wait = Wait()
    wait.running(status=status, took=60)
    wait.running(status=status, took=60)
    assert wait.finish(ok(run_data("SUCCEEDED"))).run.status == "SUCCEEDED"


def test_a_run_that_is_answered_too_soon_is_not_hammered() -> None:
    wait = Wait()
    for _ in range(4):
        wait.running(took=0.01)
    assert [later - sooner for sooner, later in zip(wait.times, wait.times[1:], strict=False)] == pytest.approx(
        [5.01] * 4
    )


def test_the_deadline_ends_the_wait_with_the_run_as_it_was_last_seen() -> None:
    wait = Wait(deadline=100)
    wait.running(took=60)
    assert wait.requests[-1].params == {"waitForFinish": "40"}
    event = wait.finish(ok(run_data(statusMessage="Page 7")), took=40)
    assert event.deadline_passed
    assert (event.run.status, event.run.status_message) == ("RUNNING", "Page 7")


def test_a_run_that_ends_just_at_the_deadline_has_ended() -> None:
    event = Wait(deadline=5).finish(ok(run_data("SUCCEEDED")), took=5)
    assert not event.deadline_passed


def test_the_deadline_cuts_the_pause_between_plain_requests() -> None:
    wait = Wait(deadline=45, poll_interval=30)
    wait.running()
    wait.running()
    assert wait.times == [0, 30, 45]
    assert wait.finish(ok(run_data())).deadline_passed


def test_a_deadline_that_is_already_past_still_looks_once() -> None:
    wait = Wait(deadline=-10)
    assert wait.requests[0].params == {"waitForFinish": "1"}
    assert wait.finish(ok(run_data())).deadline_passed


def test_a_new_run_that_a_replica_does_not_know_yet_is_found_later() -> None:
    wait = Wait()
    wait.answer(NOT_FOUND, took=0.1)
    wait.answer(NOT_FOUND, took=0.1)
    assert wait.finish(ok(run_data("SUCCEEDED"))).run.id == "run1"
    assert wait.times == pytest.approx([0, 1.1, 2.2])


def test_a_run_that_stays_unknown_is_not_found() -> None:
    wait = Wait(first_delay=10)
    with pytest.raises(ApifyNotFoundError, match="run1"):  # noqa: PT012 - the flow decides when
        for _ in range(10):
            wait.answer(NOT_FOUND)
    assert wait.times == [10, 11, 12, 13, 14]


def test_a_run_that_vanishes_while_it_is_waited_for_is_not_found() -> None:
    wait = Wait()
    wait.running(took=60)
    with pytest.raises(ApifyNotFoundError):
        wait.answer(NOT_FOUND)


def test_a_404_that_is_not_about_the_run_leaves_open_whether_it_goes_on() -> None:
    wait = Wait()
    wait.running(took=60)
    with pytest.raises(ApifyConnectionError, match="Whether run run1 goes on is unknown") as raised:
        wait.answer(failed(404, "page-not-found"))
    assert raised.value.retryable


def test_a_finished_run_that_a_lagging_replica_does_not_know_is_read_again_for_its_cost() -> None:
    wait = Wait(settle=10)
    wait.answer(ok(run_data("SUCCEEDED")))
    wait.answer(NOT_FOUND)
    assert wait.finish(ok(run_data("SUCCEEDED", usageTotalUsd=0.5))).run.usage_total_usd is not None


def test_a_refused_token_ends_the_wait() -> None:
    wait = Wait()
    wait.running(took=60)
    with pytest.raises(ApifyAuthError):
        wait.answer(failed(401, "user-or-token-not-found"))


@pytest.mark.parametrize("outage", [LOST, failed(503), failed(429), PROXY_S])
def test_an_outage_longer_than_any_other_call_would_survive_does_not_lose_the_run(outage: Answer) -> None:
    wait = Wait()
    wait.running(took=60)
    for _ in range(30):
        wait.answer(outage)
    assert wait.times[-1] > 15 * 60
    assert wait.finish(ok(run_data("SUCCEEDED"))).run.status == "SUCCEEDED"


@pytest.mark.parametrize(("outage", "error"), [(LOST, ApifyConnectionError), (failed(503), ApifyServerError)])
def test_an_outage_without_end_is_told_in_the_end(outage: Answer, error: type[Exception]) -> None:
    wait = Wait()
    wait.running(took=60)
    with pytest.raises(error):  # noqa: PT012 - the flow decides when
        for _ in range(100):
            wait.answer(outage)
    assert len(wait.times) == 41


@pytest.mark.parametrize("outage", [LOST, failed(503), failed(429), PROXY_S])
def test_the_deadline_also_passes_while_apify_does_not_answer(outage: Answer) -> None:
    wait = Wait(deadline=100)
    wait.running(took=60, statusMessage="Page 7")
    event = None
    for _ in range(20):
        try:
            wait.answer(outage)
        except StopIteration as done:
            event = done.value
            break
    assert event is not None
    assert event.deadline_passed
    assert event.run.status_message == "Page 7"
    assert wait.times[-1] == pytest.approx(100)


def test_a_broken_long_poll_is_repeated_plainly_so_that_no_idle_limit_of_a_proxy_can_cut_it() -> None:
    wait = Wait(deadline=62)
    assert wait.requests[0].params == {"waitForFinish": "60"}
    assert wait.answer(LOST, took=30).params == {}
    assert wait.running().params == {"waitForFinish": str(int(62 - wait.times[-1]))}


def test_who_has_seen_nothing_at_the_deadline_asks_on_because_there_is_nothing_to_tell() -> None:
    wait = Wait(deadline=10)
    wait.answer(LOST, took=10)
    event = wait.finish(ok(run_data()), took=1)
    assert event.deadline_passed


def test_an_outage_from_the_start_is_told_in_the_end_whatever_the_deadline() -> None:
    wait = Wait(deadline=10)
    with pytest.raises(ApifyConnectionError):  # noqa: PT012 - the flow decides when
        for _ in range(100):
            wait.answer(LOST)
    assert len(wait.times) == 40


def test_no_request_is_held_back_after_the_deadline() -> None:
    wait = Wait(deadline=10)
    wait.answer(LOST)
    assert {request.held_until for request in wait.requests} == {START_TIME + 10}


def test_a_finished_run_is_read_again_when_its_cost_is_final() -> None:
    wait = Wait(settle=10)
    finished = run_data("SUCCEEDED", finishedAt="2027-01-15T08:00:00.000Z", usageTotalUsd=0.1)
    # 2027-01-15T08:00:00Z is START_TIME, and 4 of the 10 seconds have passed.
    request = wait.answer(ok(finished), took=4)
    assert (request.params, request.delay) == ({}, 6)
    event = wait.finish(ok({**finished, "usageTotalUsd": 0.25}))
    assert str(event.run.usage_total_usd) == "0.25"


@pytest.mark.parametrize(
    ("finished_at", "delay"),
    [
        (None, 10),  # unknown: all of it
        ("2027-01-15T09:00:00.000Z", 10),  # Apify's clock is ahead of ours: no longer than that
        ("2027-01-15T07:00:00.000Z", 0),  # ended long ago: costs are final
    ],
)
def test_settling_takes_no_longer_than_it_has_to(finished_at: str | None, delay: float) -> None:
    assert Wait(settle=10).running(status="FAILED", finishedAt=finished_at).delay == delay


def test_a_run_that_is_resurrected_while_its_cost_settles_is_waited_for_again() -> None:
    wait = Wait(settle=10)
    wait.running(status="FAILED")
    wait.running(status="RUNNING")
    wait.running(status="SUCCEEDED", took=30)
    assert wait.finish(ok(run_data("SUCCEEDED"))).run.status == "SUCCEEDED"


def test_every_answer_is_told_to_who_wants_to_know() -> None:
    seen: list[tuple[str, str | None]] = []
    wait = Wait(on_update=lambda run: seen.append((run.status, run.status_message)))
    wait.answer(NOT_FOUND)
    wait.running(status="READY", took=10)
    wait.answer(LOST)
    wait.running(statusMessage="Page 7", took=10)
    wait.finish(ok(run_data("SUCCEEDED")))
    assert seen == [("READY", None), ("RUNNING", "Page 7"), ("SUCCEEDED", None)]
