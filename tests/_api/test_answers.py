from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from airflow_provider_apify._api.answers import (
    NoResponse,
    Response,
    data_of,
    error_class,
    error_of,
    in_words,
    is_token_refused,
    not_apify,
)
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs.endpoints import get_run, start_run
from airflow_provider_apify.exceptions import (
    ApifyApiError,
    ApifyApprovalError,
    ApifyAuthError,
    ApifyCapacityError,
    ApifyConnectionError,
    ApifyDataError,
    ApifyError,
    ApifyInvalidInputError,
    ApifyNotFoundError,
    ApifyRateLimitError,
    ApifyServerError,
    ApifyWebFetchError,
)
from airflow_provider_apify.options import RunOptions, Target
from tests._api.answering import LOST, REFUSED, failed, ok

START = start_run(Target("actor", "me/crawler"), b'{"secret": "of the input"}', RunOptions())
READ = get_run("run1")

ERRORS = [
    # status, error type, class, whether trying later can help
    (429, "rate-limit-exceeded", ApifyRateLimitError, True),
    (500, "internal-server-error", ApifyServerError, True),
    (500, "concurrent-update-detected", ApifyServerError, True),
    (400, "request-aborted-prematurely", ApifyServerError, True),
    (402, "actor-memory-limit-exceeded", ApifyCapacityError, True),
    (402, "concurrent-runs-limit-exceeded", ApifyCapacityError, True),
    (402, "not-enough-usage-to-run-paid-actor", ApifyApiError, False),
    (403, "platform-feature-disabled", ApifyApiError, False),
    (403, "user-disabled", ApifyAuthError, False),
    (402, "apify-plan-required-to-use-paid-actor", ApifyApiError, False),
    (403, "actor-is-not-rented", ApifyApiError, False),
    (403, "too-many-webhooks", ApifyApiError, False),
    (400, "actor-disabled", ApifyApiError, False),
    (403, "full-permission-actor-not-approved", ApifyApprovalError, False),
    (403, "insufficient-permissions", ApifyAuthError, False),
    (401, "invalid-token", ApifyAuthError, False),
    (401, "user-or-token-not-found", ApifyAuthError, False),
    (401, "token-not-provided", ApifyAuthError, False),
    (404, "record-not-found", ApifyNotFoundError, False),
    (404, "actor-not-found", ApifyNotFoundError, False),
    (400, "invalid-input", ApifyInvalidInputError, False),
    (400, "invalid-parameter", ApifyApiError, False),
    (400, "invalid-value", ApifyApiError, False),
    (400, "run-input-body-not-valid-json", ApifyApiError, False),
    (400, "input-json-not-object", ApifyApiError, False),
    (404, "unknown-build-tag", ApifyApiError, False),
    (400, "max-items-must-be-greater-than-zero", ApifyApiError, False),
    (400, "max-total-charge-usd-below-minimum", ApifyApiError, False),
    (413, "request-too-large", ApifyApiError, False),
    (502, "UPSTREAM_FETCH_ERROR", ApifyWebFetchError, True),
    (504, "FETCH_TIMEOUT", ApifyWebFetchError, True),
]


@pytest.mark.parametrize(("status", "error_type", "expected", "can_be_repeated"), ERRORS)
def test_each_error_type_has_its_class_and_says_what_was_asked_and_answered(
    status: int,
    error_type: str,
    expected: type[ApifyApiError],
    can_be_repeated: bool,
) -> None:
    error = error_of(READ, failed(status, error_type, "The server's own words"))
    assert type(error) is expected
    assert isinstance(error, ApifyApiError)
    assert (error.http_status, error.error_type, error.retryable) == (status, error_type, can_be_repeated)
    assert str(error).startswith(f"GET /v2/actor-runs/run1: HTTP {status} {error_type}: The server's own words")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ApifyApiError),
        (401, ApifyAuthError),
        (402, ApifyApiError),
        (403, ApifyAuthError),
        (404, ApifyNotFoundError),
        (408, ApifyServerError),
        (418, ApifyApiError),
        (429, ApifyRateLimitError),
        (500, ApifyServerError),
        (502, ApifyServerError),
        (599, ApifyServerError),
    ],
)
def test_an_unknown_type_falls_back_to_the_status(status: int, expected: type[ApifyApiError]) -> None:
    assert error_class(failed(status, "a-type-of-next-year")) is expected


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 407, 413, 414, 431, 451])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>No</html>", b"{}", b"[]", b'{"error": "no"}', b'{"error": {"type": null}}'],
)
def test_a_refusal_without_apify_s_error_is_of_something_else_and_may_pass(status: int, body: bytes) -> None:
    """A proxy's word on a token, an ID or a request would end a run that goes on."""
    answer = Response(status, {}, body)
    error = error_of(READ, answer)
    assert answer.is_passing_fault
    assert type(error) is ApifyServerError
    assert (error.http_status, error.retryable) == (status, True)
    assert f"HTTP {status}: the body is not Apify's JSON; check the connection's host and any proxy" in str(error)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_that_is_not_followed_is_no_success_and_says_what_to_write_where(status: int) -> None:
    """A write that is sent elsewhere by a proxy is not done."""
    answer = Response(status, {"location": "https://user:word@api.apify.com/v2/x?token=secret"}, b"")
    error = error_of(START, answer)
    assert (answer.is_success, answer.is_passing_fault) == (False, True)
    assert type(error) is ApifyServerError
    assert f"HTTP {status}: redirected to https://api.apify.com, and only reads are sent on" in str(error)
    assert str(error).endswith("write https://api.apify.com in the connection's host.")
    assert in_words(answer) == f"HTTP {status}, redirected to https://api.apify.com"


@pytest.mark.parametrize("location", [{}, {"location": "/login"}, {"location": "http://["}])
def test_a_redirect_that_names_no_host_says_what_to_check(location: dict[str, str]) -> None:
    message = str(error_of(START, Response(302, location, b"")))
    assert message.endswith("redirected to elsewhere, and only reads are sent on; check the connection's host.")


def test_too_many_requests_are_too_many_whoever_says_so() -> None:
    assert Response(429, {}, b"<html>Slow down</html>").is_rate_limited


def test_the_answer_to_a_head_can_only_be_told_by_its_status() -> None:
    assert error_class(Response(404, {}, b"", has_body=False)) is ApifyNotFoundError


def test_the_type_counts_more_than_the_status() -> None:
    assert error_class(failed(500, "record-not-found")) is ApifyNotFoundError
    assert failed(400, "rate-limit-exceeded").is_rate_limited
    assert failed(400, "request-aborted-prematurely").is_passing_fault


def test_web_fetch_has_its_words_and_its_code_side_by_side() -> None:
    answer = Response(415, {}, b'{"code": "UNSUPPORTED_CONTENT_TYPE", "error": "Cannot convert application/zip."}')
    error = error_of(Request("POST", "/", label="Web Fetch of https://example.com/a.zip"), answer)
    assert str(error) == (
        "Web Fetch of https://example.com/a.zip: HTTP 415 UNSUPPORTED_CONTENT_TYPE: Cannot convert application/zip."
    )
    assert (error.retryable, type(error)) == (False, ApifyApiError)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Bad gateway</html>", b"[1]", b"{}", b'{"error": "text"}', b'{"error": null}', b"\xff\x00", b"null"],
)
def test_an_error_that_is_not_apify_s_json_is_still_told_by_its_status(body: bytes) -> None:
    error = error_of(READ, Response(502, {}, body))
    assert type(error) is ApifyServerError
    assert "HTTP 502: no message" in str(error)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"data": [1]}', b'{"data": null}', b"null", b"\xff", b'"data"']
)
def test_a_body_that_holds_no_data_object_is_not_read(body: bytes) -> None:
    assert data_of(Response(200, {}, body)) is None


def test_the_data_object_of_an_answer_is_read() -> None:
    assert data_of(ok({"id": "run1"})) == {"id": "run1"}


def test_a_wrong_token_is_told_with_where_to_mend_it() -> None:
    error = error_of(READ, failed(401, "user-or-token-not-found", "User was not found"))
    assert str(error).endswith("Check the API token in the Airflow connection's password and what it may do.")


@pytest.mark.parametrize(
    "error_type", ["platform-feature-disabled", "actor-is-not-rented", "public-actor-disabled", "unknown-build-tag"]
)
def test_what_no_other_token_would_cure_does_not_send_the_reader_to_the_token(error_type: str) -> None:
    assert "token" not in str(error_of(START, failed(403, error_type, "Monthly limit exceeded")))


@pytest.mark.parametrize("url", ["https://console.apify.com/approve/1", "http://localhost/approve"])
def test_a_missing_approval_is_told_with_where_a_person_gives_it(url: str) -> None:
    error = error_of(
        START, failed(403, "full-permission-actor-not-approved", "Not approved", data={"approvalUrl": url})
    )
    assert isinstance(error, ApifyApprovalError)
    assert str(error).endswith(f"Approve it here, then run the task again: {url}")


@pytest.mark.parametrize(
    "data",
    [{"approvalUrl": "javascript:alert(1)"}, {"approvalUrl": "//console"}, {"approvalUrl": 3}, {}, None, "text", [1]],
)
def test_only_a_web_address_is_shown_as_the_place_of_approval(data: Any) -> None:
    message = str(error_of(START, failed(403, "full-permission-actor-not-approved", "Not approved", data=data)))
    assert message.endswith("Approve it in Apify Console.")
    assert "javascript" not in message


def test_a_long_message_of_the_server_is_cut() -> None:
    assert len(str(error_of(READ, failed(400, "invalid-input", "x" * 10_000)))) < 700


def test_a_lost_start_says_that_its_fate_is_unknown() -> None:
    error = error_of(START, LOST)
    assert type(error) is ApifyConnectionError
    assert str(error) == (
        "POST /v2/actors/me~crawler/runs: no answer (ConnectionResetError: reset by peer). "
        "It is unknown whether it was done; not repeated."
    )


@pytest.mark.parametrize(("request_", "answer"), [(START, REFUSED), (READ, LOST), (READ, REFUSED)])
def test_nothing_is_in_doubt_where_nothing_was_sent_or_nothing_is_changed(
    request_: Request, answer: NoResponse
) -> None:
    assert "unknown" not in str(error_of(request_, answer))


def test_an_answer_of_something_that_is_not_apify_is_told_so() -> None:
    assert "not Apify's JSON; check the connection's host" in str(error_of(READ, not_apify(READ, ok({}))))


def test_data_that_kept_breaking_is_a_data_error() -> None:
    error = error_of(READ, NoResponse("the page ends in the middle of an item", kind=ApifyDataError))
    assert type(error) is ApifyDataError
    assert error.retryable


@pytest.mark.parametrize("answer", [LOST, REFUSED, failed(500), failed(400, "invalid-input"), not_apify(START, ok({}))])
def test_no_error_holds_the_input(answer: Response | NoResponse) -> None:
    error = error_of(START, answer)
    shown = f"{error}{error!r}{error.args}{vars(error)}{START!r}"
    assert "secret" not in shown


def test_every_error_is_an_error_of_the_provider() -> None:
    assert all(issubclass(expected, ApifyError) for _, _, expected, _ in ERRORS)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 0.0), ("", None), ("soon", None), ("-1", None), ("1.5", None)]
)
def test_retry_after_is_read_where_it_is_whole_seconds(header: str, seconds: float | None) -> None:
    assert Response(429, {"retry-after": header}, b"").retry_after == seconds


@pytest.mark.parametrize(
    ("until", "seconds"), [("Wed, 21 Oct 2015 07:28:40 GMT", 40.0), ("Wed, 21 Oct 2015 07:27:00 -0000", 0.0)]
)
def test_retry_after_may_be_a_time_by_the_clock_of_the_server(until: str, seconds: float) -> None:
    answer = Response(402, {"retry-after": until, "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"")
    assert answer.retry_after == seconds


def test_retry_after_may_be_a_time_where_the_server_does_not_tell_its_own() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    waits = Response(429, {"retry-after": until}, b"").retry_after
    assert waits is not None
    assert 0 < waits <= timedelta(hours=1).total_seconds()


@pytest.mark.parametrize(("headers", "seconds"), [({"retry-after": "7"}, 7.0), ({}, None)])
def test_an_error_carries_how_long_the_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    for status in (402, 429, 503):
        error = error_of(START, Response(status, headers, b""))
        assert isinstance(error, ApifyApiError)
        assert error.retry_after == seconds


def test_a_response_shows_no_body() -> None:
    assert "private" not in repr(Response(200, {}, json.dumps({"data": "private"}).encode()))


@pytest.mark.parametrize("answer", [LOST, failed(503, "internal-server-error", "Oops")])
def test_a_request_says_itself_what_is_in_doubt_when_its_answer_is_lost(answer: Any) -> None:
    doubted = Request("POST", "/v2/x", retry_safe=False, if_lost="Two of them may be there.")
    assert str(error_of(doubted, answer)).endswith("Two of them may be there.")
    assert "may be there" not in str(error_of(Request("POST", "/v2/x", if_lost="Two of them may be there."), answer))


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/v2/actors/me~crawler/runs", "Check the ID, and that the token may see it."),
        ("/v2/actor-runs/run1", "Check the ID, and that the token may see it."),
        (
            "/v2/datasets/d1/items",
            "Check the ID, and that the token may see it; unnamed storages are deleted some days after their run.",
        ),
        (
            "/v2/key-value-stores/s1/records/OUTPUT",
            (
                "Check the key, the store's ID, and that the token may see it; unnamed storages are deleted some days "
                "after their run."
            ),
        ),
    ],
)
def test_what_is_not_found_is_looked_for_where_it_may_be(path: str, advice: str) -> None:
    assert str(error_of(Request("GET", path), failed(404, "record-not-found", "Not found"))).endswith(
        f"found. {advice}"
    )


def test_a_token_that_is_wrong_is_looked_for_where_it_was_found() -> None:
    answer = replace(failed(401, "user-or-token-not-found", "Unknown"), token_setting="APIFY_TOKEN of the environment")
    assert "Check the API token in APIFY_TOKEN of the environment and what it may do." in str(error_of(READ, answer))


def test_a_view_that_is_not_there_is_looked_for_in_the_dataset_schema_and_not_by_id() -> None:
    answer = failed(404, "requested-dataset-view-does-not-exist", "The dataset has no view of this name")
    error = error_of(Request("GET", "/v2/datasets/d1/items"), answer)
    assert type(error) is ApifyNotFoundError
    assert str(error).endswith(
        "no view of this name. The views are in the dataset schema of the Actor that made the dataset: look there for "
        "their names, or leave view out."
    )


@pytest.mark.parametrize(
    ("answer", "is_refused"),
    [
        (failed(401, "user-or-token-not-found"), True),
        (failed(403, "insufficient-permissions"), False),
        (Response(401, {}, b"<html>Log in to the proxy</html>"), False),
        (LOST, False),
    ],
)
def test_only_apify_refuses_a_token(answer: Response | NoResponse, is_refused: bool) -> None:
    assert is_token_refused(answer) is is_refused
