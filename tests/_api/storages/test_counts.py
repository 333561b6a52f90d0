from __future__ import annotations

import pytest

from airflow_provider_apify._api.answers import Answer
from airflow_provider_apify._api.flows import REPLICA_PAUSES
from airflow_provider_apify._api.storages.counts import look_at_items, settled_dataset
from airflow_provider_apify.exceptions import ApifyNotFoundError
from airflow_provider_apify.models.storages import ItemsSeen
from airflow_provider_apify.options import RetryPolicy
from tests._api.answering import Fed, failed, ok, run_data

GONE = failed(404, "record-not-found")
ENDED = "2026-01-01T00:00:00.000Z"
ENDED_AT = 1_767_225_600.0


def looking(dataset_id: str | None, run_id: str | None, *, now: float = 0.0) -> Fed:
    return Fed(look_at_items(dataset_id, run_id, RetryPolicy(), settle=10, clock=lambda: now))


def run(status: str, **more: str) -> Answer:
    return ok(run_data(status, defaultDatasetId="data1", **more))


def counted(items: int) -> Answer:
    return ok({"id": "data1", "itemCount": items})


def test_a_dataset_is_counted() -> None:
    fed = looking("data1", None)
    assert fed.finish(counted(3)) == ItemsSeen("data1", 3)
    assert [each.path for each in fed.requests] == ["/v2/datasets/data1"]


def test_the_dataset_of_a_run_is_counted_after_a_look_at_the_run() -> None:
    fed = looking(None, "run1")
    fed.answer(run("RUNNING"))
    assert fed.finish(counted(3)) == ItemsSeen("data1", 3, "run1", "RUNNING")
    assert [each.path for each in fed.requests] == ["/v2/actor-runs/run1", "/v2/datasets/data1"]


@pytest.mark.parametrize(("age", "is_final"), [(9.0, False), (10.0, True), (100.0, True)])
def test_a_count_is_final_when_its_run_has_been_over_for_a_while(age: float, is_final: bool) -> None:
    fed = looking(None, "run1", now=ENDED_AT + age)
    fed.answer(run("SUCCEEDED", finishedAt=ENDED))
    assert fed.finish(counted(3)).is_final is is_final


def test_a_young_run_or_dataset_that_a_replica_does_not_know_is_asked_for_again() -> None:
    fed = looking(None, "run1")
    fed.answer_all([GONE, run("READY"), GONE, GONE])
    assert fed.finish(counted(0)).item_count == 0
    assert [each.delay for each in fed.requests] == [0, 1.0, 0, 1.0, 2.5]


def test_a_dataset_that_stays_unknown_is_an_error() -> None:
    fed = looking("data1", None)
    fed.answer_all([GONE] * (len(REPLICA_PAUSES) - 1))
    with pytest.raises(ApifyNotFoundError):
        fed.finish(GONE)


def test_a_run_without_a_dataset_has_no_items() -> None:
    assert looking(None, "run1").finish(ok(run_data("READY"))) == ItemsSeen(None, 0, "run1", "READY")


def test_what_was_seen_survives_the_way_through_the_database() -> None:
    seen = ItemsSeen("data1", 3, "run1", "RUNNING", is_final=False)
    assert ItemsSeen(**seen.to_payload()) == seen


def described(items: int, changed: str | None, **headers: str) -> Answer:
    return ok({"id": "data1", "itemCount": items, "modifiedAt": changed}, **headers)


CHANGED = "2026-01-01T00:00:00.500Z"


@pytest.mark.parametrize(
    "answer",
    [
        described(3, CHANGED, date="Thu, 01 Jan 2026 00:00:06 GMT"),
        described(3, CHANGED),
        described(3, None, date="Thu, 01 Jan 2026 00:00:06 GMT"),
    ],
)
def test_the_count_of_a_dataset_that_was_not_just_changed_is_final(answer: Answer) -> None:
    fed = Fed(settled_dataset("data1", RetryPolicy(), lag=5))
    assert fed.finish(answer).item_count == 3
    assert fed.request.delay == 0


@pytest.mark.parametrize(("now", "left"), [("04", 1.5), ("00", 5.0)])
def test_the_count_of_a_dataset_that_was_just_changed_is_asked_for_again_when_it_must_show_that(
    now: str, left: float
) -> None:
    fed = Fed(settled_dataset("data1", RetryPolicy(), lag=5))
    assert fed.answer(described(3, CHANGED, date=f"Thu, 01 Jan 2026 00:00:{now} GMT")).delay == left
    assert fed.finish(described(7, CHANGED)).item_count == 7
