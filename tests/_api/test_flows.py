"""Which requests are repeated, which never, and after how long."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._api.answers import Answer, NoResponse, Response
from airflow_provider_apify._api.flows import call, call_data, call_resuming, pause_before_retry, troubles
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import endpoints as run_endpoints
from airflow_provider_apify._api.runs.reading import call_known_run, get_run
from airflow_provider_apify._api.storages import endpoints as storage_endpoints
from airflow_provider_apify.exceptions import (
    ApifyApiError,
    ApifyAuthError,
    ApifyConnectionError,
    ApifyDataError,
    ApifyError,
    ApifyNotFoundError,
    ApifyRateLimitError,
    ApifyServerError,
)
from airflow_provider_apify.options import RetryPolicy, RunOptions, Target
from tests._api.answering import LOST, REFUSED, Fed, failed, ok, run_data

START = run_endpoints.start_run(Target("actor", "me/crawler"), b"{}", RunOptions())
READ = storage_endpoints.get_dataset("d1")
UNREADABLE = Response(200, {}, b"<html>Welcome to the hotel's network</html>")
TIMED_OUT = NoResponse("no answer (ReadTimeout)")
BUSY = failed(429, "rate-limit-exceeded")
BROKEN = failed(500, "internal-server-error")

NEVER_REPEATED = [
    (failed(400, "invalid-input"), ApifyApiError),
    (failed(401, "user-or-token-not-found"), ApifyAuthError),
    (failed(402, "actor-memory-limit-exceeded"), ApifyApiError),
    (failed(403, "insufficient-permissions"), ApifyAuthError),
    (failed(404, "record-not-found"), ApifyNotFoundError),
    (failed(413, "request-too-large"), ApifyApiError),
]
PASSING = [
    LOST,
    TIMED_OUT,
    REFUSED,
    BUSY,
    BROKEN,
    failed(502),
    failed(503),
    failed(408),
    failed(500, "concurrent-update-detected"),
    failed(400, "request-aborted-prematurely"),
    UNREADABLE,
    Response(404, {}, b"<html>Not Found</html>"),
    Response(403, {}, b""),
]


@pytest.mark.parametrize("answer", PASSING)
def test_reading_is_repeated_through_whatever_may_pass(answer: Answer) -> None:
    fed = Fed(call_data(READ, RetryPolicy()))
    fed.answer(answer)
    assert fed.finish(ok({"id": "d1"})) == {"id": "d1"}
    assert [request.path for request in fed.requests] == [READ.path] * 2


@pytest.mark.parametrize("answer", PASSING)
def test_each_repetition_is_told_with_its_cause(answer: Answer) -> None:
    fed = Fed(call_data(READ, RetryPolicy()))
    fed.answer(answer)
    assert fed.finish(ok({"id": "d1"})) == {"id": "d1"}
    first, second = fed.requests
    (words,) = troubles(second)
    assert not [*troubles(first)]
    assert words.startswith(f"GET {READ.path}: ")
    assert words.endswith(f"Asking again in {fed.requests[1].delay:.1f} s.")


def test_what_goes_well_is_not_told() -> None:
    fed = Fed(get_run("r1", RetryPolicy()))
    fed.answer(failed(404, "record-not-found"))
    assert fed.finish(ok(run_data())).id
    assert not [words for request in fed.requests for words in troubles(request)]


@pytest.mark.parametrize(("answer", "error"), NEVER_REPEATED)
@pytest.mark.parametrize("request_", [START, READ])
def test_what_every_repetition_would_meet_again_is_not_repeated(
    request_: Request, answer: Answer, error: type[ApifyError]
) -> None:
    with pytest.raises(error):
        Fed(call_data(request_, RetryPolicy())).answer(answer)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (LOST, ApifyConnectionError),
        (TIMED_OUT, ApifyConnectionError),
        (BROKEN, ApifyServerError),
        (failed(502), ApifyServerError),
        (failed(400, "request-aborted-prematurely"), ApifyServerError),
        (UNREADABLE, ApifyConnectionError),
        (Response(201, {}, b'{"data":'), ApifyConnectionError),
        (Response(201, {}, b'{"data": []}'), ApifyConnectionError),
    ],
)
def test_a_start_that_may_have_started_a_run_is_never_repeated(answer: Answer, error: type[ApifyError]) -> None:
    with pytest.raises(error):
        Fed(call_data(START, RetryPolicy())).answer(answer)


@pytest.mark.parametrize("answer", [BUSY, REFUSED])
def test_a_start_that_certainly_started_nothing_is_repeated(answer: Answer) -> None:
    fed = Fed(call_data(START, RetryPolicy()))
    assert fed.answer(answer).body == START.body
    assert fed.finish(ok({"id": "r1"})) == {"id": "r1"}


def test_a_repeated_start_that_gets_lost_is_not_repeated_again() -> None:
    fed = Fed(call_data(START, RetryPolicy()))
    fed.answer(BUSY)
    with pytest.raises(ApifyConnectionError, match="unknown whether it was done; not repeated"):
        fed.answer(LOST)


@pytest.mark.parametrize(
    ("answer", "error"),
    [(LOST, ApifyConnectionError), (BUSY, ApifyRateLimitError), (BROKEN, ApifyServerError), (UNREADABLE, ApifyError)],
)
def test_the_last_attempt_s_failure_is_the_error(answer: Answer, error: type[ApifyError]) -> None:
    fed = Fed(call_data(READ, RetryPolicy(attempts=4)))
    fed.answer_all([LOST, BROKEN, BUSY])
    with pytest.raises(error):
        fed.answer(answer)
    assert len(fed.requests) == 4


def test_one_attempt_means_none_is_repeated() -> None:
    with pytest.raises(ApifyRateLimitError):
        Fed(call(READ, RetryPolicy(attempts=1))).answer(BUSY)


def test_any_body_satisfies_a_call_that_does_not_read_it() -> None:
    assert Fed(call(READ, RetryPolicy())).finish(UNREADABLE) is UNREADABLE


@pytest.mark.parametrize("kind", ["text/html", "application/json", ""])
def test_a_log_is_plain_text(kind: str) -> None:
    flow = Fed(call(run_endpoints.get_log("r1"), RetryPolicy()))
    flow.answer(Response(200, {"content-type": kind}, b"any"))
    assert flow.finish(Response(200, {"content-type": "text/plain; charset=utf-8"}, b"any")).body == b"any"


@pytest.mark.parametrize("status", [200, 201, 204])
def test_whatever_is_a_success_is_an_answer(status: int) -> None:
    assert Fed(call(READ, RetryPolicy())).finish(Response(status, {}, b"")).status_code == status


@given(
    attempt=st.integers(1, 200),
    first_delay=st.floats(0.001, 100),
    max_delay=st.floats(0.001, 1000),
    answer=st.sampled_from([LOST, REFUSED, BUSY, BROKEN]),
)
def test_the_pause_is_a_random_time_that_doubles_up_to_the_highest(
    attempt: int, first_delay: float, max_delay: float, answer: Answer
) -> None:
    policy = RetryPolicy(attempts=1000, first_delay=first_delay, max_delay=max_delay)
    delay = pause_before_retry(policy, READ, answer, attempt)
    doubled = first_delay * 2 ** min(attempt - 1, 16)
    assert delay is not None
    assert min(doubled, max_delay) <= delay <= min(2 * doubled, max_delay)


def test_pauses_differ_so_that_many_callers_do_not_return_together() -> None:
    assert len({pause_before_retry(RetryPolicy(), READ, BROKEN, 1) for _ in range(20)}) > 10


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("0", 0.0), ("3600", 60.0)])
@pytest.mark.parametrize("status", [429, 503])
def test_the_server_says_how_long_to_wait_up_to_the_highest_pause(status: int, header: str, seconds: float) -> None:
    answer = Response(status, {"retry-after": header}, b"")
    assert Fed(call(READ, RetryPolicy())).answer(answer).delay == seconds


def test_the_first_request_is_sent_at_once() -> None:
    assert Fed(call(READ, RetryPolicy())).request.delay == 0


def test_a_patient_policy_outlives_half_an_hour_and_never_shortens() -> None:
    policy = RetryPolicy(attempts=2).patient()
    shortest = [policy.first_delay * 2.0 ** min(attempt - 1, 16) for attempt in range(1, policy.attempts)]
    assert sum(min(seconds, policy.max_delay) for seconds in shortest) > 30 * 60
    assert RetryPolicy(attempts=100).patient().attempts == 100


class _Clock:
    """Unix time that passes only where a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _answer_until_error(flow: Any, clock: _Clock, answer: Answer) -> list[float]:
    """Return when each request was sent, until the flow gave up."""
    fed, sent = Fed(flow), []
    with pytest.raises(ApifyError):  # noqa: PT012 - the flow decides after which answer
        for _ in range(1000):
            clock.now += fed.request.delay
            sent.append(clock.now)
            fed.answer(answer)
    return sent


def test_the_last_attempt_comes_when_the_time_is_up() -> None:
    clock = _Clock()
    flow = call_data(READ, RetryPolicy(attempts=40, first_delay=8), until=1020.0, clock=clock)
    sent = _answer_until_error(flow, clock, LOST)
    assert sent[0] == 1000
    assert sent[-1] == 1020
    assert len(sent) in {2, 3}


def test_without_an_end_all_attempts_are_made() -> None:
    clock = _Clock()
    assert len(_answer_until_error(call_data(READ, RetryPolicy(), until=math.inf, clock=clock), clock, LOST)) == 6


def test_where_the_time_is_up_nothing_is_repeated() -> None:
    clock = _Clock()
    assert len(_answer_until_error(call_data(READ, RetryPolicy(), until=999.0, clock=clock), clock, LOST)) == 1


def test_a_run_too_young_for_a_replica_is_asked_for_again_until_the_replicas_have_caught_up() -> None:
    fed = Fed(call_known_run(run_endpoints.abort_run("run1"), RetryPolicy()))
    unknown = failed(404, "record-not-found")
    fed.answer_all([unknown, unknown])
    assert fed.finish(ok(run_data("ABORTING"))).status == "ABORTING"
    assert sum(request.delay for request in fed.requests) >= 3.0
    assert {request.path for request in fed.requests} == {"/v2/actor-runs/run1/abort"}


def test_what_is_asked_of_a_young_run_is_asked_after_its_own_pause_too() -> None:
    fed = Fed(get_run("run1", RetryPolicy(), delay=16))
    assert fed.request.delay == 16
    assert fed.answer(failed(404, "record-not-found")).delay < 16


def test_a_run_that_stays_unknown_was_deleted() -> None:
    fed = Fed(get_run("run1", RetryPolicy()))
    unknown = failed(404, "record-not-found")
    fed.answer_all([unknown, unknown])
    with pytest.raises(ApifyNotFoundError, match="run1"):
        fed.finish(unknown)


class Download:
    """Something that is read on from where it broke."""

    def __init__(self) -> None:
        self.position = 0
        self.told: list[str] = []

    def fed(self, attempts: int = 3) -> Fed:
        def next_request() -> Request:
            return storage_endpoints.get_items("d1", {"offset": self.position})

        return Fed(call_resuming(next_request, lambda: self.position, RetryPolicy(attempts=attempts), self.told.append))


def test_what_breaks_is_asked_for_from_where_it_broke() -> None:
    download = Download()
    fed = download.fed()
    download.position = 7
    fed.answer(LOST)
    assert fed.finish(Response(200, {}, b"")) is None
    assert [request.params["offset"] for request in fed.requests] == ["0", "7"]
    assert len(download.told) == 1
    assert fed.requests[0].delay == 0
    assert fed.requests[1].delay > 0


def test_only_tries_without_progress_are_counted() -> None:
    download = Download()
    fed = download.fed()
    for position in range(1, 101):
        download.position = position
        fed.answer(LOST)
    for _ in range(RetryPolicy().patient().attempts - 2):
        fed.answer(BUSY)
    with pytest.raises(ApifyConnectionError):
        fed.answer(LOST)


@pytest.mark.parametrize("outage", [LOST, BUSY])
@pytest.mark.parametrize("position", [0, 7])
def test_an_outage_of_half_an_hour_does_not_end_a_download(outage: Answer, position: int) -> None:
    download = Download()
    fed = download.fed(attempts=6)
    download.position = position
    while sum(request.delay for request in fed.requests) < 1_800:
        fed.answer(outage)
    assert fed.finish(Response(200, {}, b"")) is None
    assert len(download.told) == len(fed.requests) - 1
    assert all("Asking again in" in said for said in download.told)


def test_what_is_spoilt_from_the_beginning_ends_a_download_soon_and_later_on_does_not() -> None:
    spoilt = NoResponse("the page is cut", kind=ApifyDataError, is_of_another=True)
    download = Download()
    fed = download.fed(attempts=3)
    fed.answer_all([spoilt, spoilt])
    with pytest.raises(ApifyDataError, match="the page is cut"):
        fed.answer(spoilt)
    fed = download.fed(attempts=3)
    download.position = 7
    fed.answer_all([spoilt] * 20)
    assert fed.finish(Response(200, {}, b"")) is None


def test_what_no_repetition_can_cure_ends_a_download() -> None:
    download = Download()
    fed = download.fed()
    download.position = 7
    with pytest.raises(ApifyNotFoundError):
        fed.answer(failed(404, "record-not-found"))
