"""A run in one request, with answers made by hand. The rest of starting is tested in ``test_starting``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_apify._api.answers import Response
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify._api.runs.synchronous import SynchronousStarter, read_items, read_output
from airflow_provider_apify.exceptions import ApifyApiError, ApifyCapacityError, ApifyConnectionError
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import RetryPolicy, RunOptions, Target
from tests._api.answering import LOST, REFUSED, Fed, failed, ok, run_data

ACTOR = Target("actor", "me/crawler")
STARTED_AT = "2026-11-08T12:00:00.000Z"
SINCE = 1_794_139_200.0  # the same moment
ALL = {"x-apify-pagination-count": "2", "x-apify-pagination-total": "2"}


def created(body: bytes = b'{"a": 1}', **headers: str) -> Response:
    return Response(201, {"content-type": "application/json", **headers}, body)


class Play:
    """A run in one request, fed with answers."""

    def __init__(self) -> None:
        request = endpoints.run_sync(ACTOR, b"{}", RunOptions(), output_key="OUTPUT")
        self.said: list[str] = []
        retry = RetryPolicy(attempts=3)
        self.starter = SynchronousStarter.of(ACTOR, request, retry, self.said.append, clock=lambda: SINCE)
        self.flow = Fed(self.starter.run_sync(read_output))
        self.answer, self.finish = self.flow.answer, self.flow.finish
        self.marker = self.flow.request.user_agent

    def listed(self, status: str = "RUNNING", *, name: str = "run1") -> Response:
        """Return a list in which the run stands, with its marker."""
        meta = {"origin": "API", "userAgent": f"agent {self.marker}"}
        return ok({"items": [run_data(status, id=name, startedAt=STARTED_AT, meta=meta)]})

    @property
    def asked(self) -> list[str]:
        return [f"{each.method} {each.path.rpartition('/')[2]}" for each in self.flow.requests]


def test_a_good_answer_is_all_there_is_to_it() -> None:
    play = Play()
    assert play.finish(created()).value == {"a": 1}
    assert play.asked == ["POST run-sync"]
    assert play.flow.request.timeout > 300
    assert not play.flow.request.compressed
    assert Identity.parse(play.marker) is not None


def test_each_run_has_a_marker_of_its_own() -> None:
    assert Play().marker != Play().marker


@pytest.mark.parametrize(
    "answer",
    [
        LOST,
        failed(408, "run-timeout-exceeded"),
        failed(502),
        failed(400, "run-failed"),
        failed(404, "record-not-found"),
        Response(200, {}, b"<html>"),
        created(json.dumps({"data": run_data(defaultDatasetId="d1")}).encode()),
        created(b'{"a": '),
        created(b'{"a": 1}', **{"content-length": "9"}),
        created(b"12"),
        created(b""),
        Response(201, {"content-type": "text/plain"}, b"a text"),
    ],
    ids=[
        *("lost", "408", "502", "run-failed", "no-record", "a proxy's page", "a run that goes on"),
        *("broken JSON", "another length", "maybe half a number", "maybe no record", "maybe half a text"),
    ],
)
def test_an_answer_without_output_is_followed_by_a_look_for_the_run(answer: Any) -> None:
    play = Play()
    play.answer(answer)
    found = play.finish(play.listed())
    assert isinstance(found, ActorRun)
    assert (found.id, play.asked) == ("run1", ["POST run-sync", "GET runs"])
    assert play.starter.is_late == (answer == failed(408, "run-timeout-exceeded"))


@pytest.mark.parametrize("answer", [REFUSED, failed(429)])
def test_what_did_nothing_is_sent_again_at_once(answer: Any) -> None:
    play = Play()
    play.answer(answer)
    assert play.asked == ["POST run-sync", "POST run-sync"]


@pytest.mark.parametrize("answer", [failed(400, "invalid-input"), failed(402, "actor-memory-limit-exceeded")])
def test_a_refusal_is_an_error_and_nothing_is_looked_for(answer: Response) -> None:
    with pytest.raises((ApifyApiError, ApifyCapacityError)):
        Play().answer(answer)


def empty_looks(play: Play) -> None:
    """Find nothing until the run counts as not started."""
    while play.asked[-1] == "GET runs":
        play.answer(ok({"items": []}))


def test_a_run_that_was_not_started_is_started_again() -> None:
    play = Play()
    play.answer(LOST)
    empty_looks(play)
    assert play.asked.count("POST run-sync") == 2
    play.answer(created())
    play.answer(play.listed("SUCCEEDED"))
    assert isinstance(play.finish(play.listed("SUCCEEDED")), ActorRun), "the older of two runs counts"


def test_an_output_whose_run_is_not_to_be_found_is_good_enough() -> None:
    play = Play()
    play.answer(LOST)
    empty_looks(play)
    play.answer(created())
    looks = len(play.asked)
    for _ in range(4):
        play.answer(ok({"items": []}))
    assert play.finish(ok({"items": []})).value == {"a": 1}
    assert play.asked[looks:] == ["GET runs"] * 4


def test_an_error_of_a_run_that_is_not_to_be_found_is_an_error() -> None:
    play = Play()
    play.answer(failed(400, "run-failed", "Actor run did not succeed"))
    with pytest.raises(ApifyApiError, match="Actor run did not succeed"):
        empty_looks(play)


def test_it_is_given_up_after_some_starts() -> None:
    play = Play()
    for _ in range(3):
        play.answer(LOST)
        empty_looks(play)
    play.answer(LOST)
    with pytest.raises(ApifyConnectionError, match="It is unknown whether it was done"):
        empty_looks(play)
    assert play.asked.count("POST run-sync") == 4


@pytest.mark.parametrize(
    ("answer", "items"),
    [
        (created(b"[1, 2]", **ALL), [1, 2]),
        (created(b"[]", **dict.fromkeys(ALL, "0")), []),
        (created(b"[1]", **{**ALL, "x-apify-pagination-count": "1"}), None),
        (created(b"[1, 2]"), None),
        (created(b"[1, 2]", **dict.fromkeys(ALL, "²")), None),
        (created(b"[1, ", **ALL), None),
        (created(b"{}", **ALL), None),
        (Response(200, ALL, b"[1, 2]"), None),
    ],
)
def test_items_count_where_all_of_the_dataset_s_have_come(answer: Response, items: Any) -> None:
    assert read_items(answer) == items


def test_a_record_may_look_like_anything_but_a_run_that_goes_on() -> None:
    finished = json.dumps({"data": run_data("SUCCEEDED", defaultDatasetId="d1")}).encode()
    for body in (b"", b"12", b"[]", b'{"data": {"status": "RUNNING"}}', finished):
        record = read_output(created(body, **{"content-length": str(len(body))}))
        assert record is not None
        assert record.body == body
    octets = {"content-type": "application/octet-stream", "content-length": "1"}
    assert read_output(Response(201, octets, b"\xff")) is not None


def test_a_start_s_own_option_is_refused() -> None:
    options = RunOptions(force_permission_level="LIMITED_PERMISSIONS")
    with pytest.raises(ValueError, match="leave it out"):
        endpoints.run_sync(ACTOR, None, options, output_key="OUTPUT")
