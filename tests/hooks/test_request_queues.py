"""Request queues and pushed items, against the local Apify."""

from __future__ import annotations

import pytest

from airflow_provider_apify.exceptions import ApifyConnectionError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy
from local_apify import LocalApify
from tests.hooks.conftest import RunScenario

BATCHES = "POST /v2/request-queues/{queueId}/requests/batch"
URLS = [{"url": f"https://example.com/{number}"} for number in range(60)]


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook(retry=RetryPolicy(attempts=3, first_delay=0.001, max_delay=0.002))


@pytest.fixture
def queue(hook: ApifyHook, finished_run: str) -> str:
    return hook.get_run(finished_run).request_queue_id or ""


@pytest.fixture
def dataset(hook: ApifyHook, run_scenario: RunScenario) -> str:
    return hook.get_run(run_scenario(wait=30, items=0)).dataset_id or ""


def test_requests_are_queued_in_their_order(hook: ApifyHook, queue: str, apify: LocalApify) -> None:
    added = hook.add_requests(queue, URLS)
    head = hook.get_request_queue_head(queue, limit=1000)

    assert [each["url"] for each in head] == [each["url"] for each in URLS]
    assert [each.request_id for each in added] == [each["id"] for each in head]
    assert apify.control.ledger().requests[BATCHES] == 3
    described = hook.get_request_queue(queue)
    assert (described.id, described.total_request_count, described.pending_request_count) == (queue, 60, 60)


def test_requests_that_are_known_change_nothing(hook: ApifyHook, queue: str) -> None:
    hook.add_requests(queue, URLS[:2])
    again = hook.add_requests(queue, URLS[:3])
    assert [each.was_already_present for each in again] == [True, True, False]
    assert not again[0].was_already_handled


def test_requests_can_be_put_before_the_others(hook: ApifyHook, queue: str) -> None:
    hook.add_requests(queue, URLS[:1])
    hook.add_requests(queue, URLS[1:2], forefront=True)
    assert [each["url"] for each in hook.get_request_queue_head(queue)] == [URLS[1]["url"], URLS[0]["url"]]


def test_requests_that_are_given_back_are_added_in_the_end(hook: ApifyHook, apify: LocalApify, queue: str) -> None:
    apify.control.settings(queue_requests_per_batch=10)
    assert len(hook.add_requests(queue, URLS)) == 60
    assert hook.get_request_queue(queue).total_request_count == 60


def test_a_queue_that_takes_nothing_is_an_error(hook: ApifyHook, apify: LocalApify, queue: str) -> None:
    apify.control.settings(queue_requests_per_batch=0)
    with pytest.raises(ApifyConnectionError, match="keeps giving back 25"):
        hook.add_requests(queue, URLS)
    assert apify.control.ledger().requests[BATCHES] == 3


def test_large_requests_are_added_in_parts(hook: ApifyHook, apify: LocalApify, queue: str) -> None:
    hook.add_requests(queue, [{**each, "userData": {"text": "x" * 500_000}} for each in URLS[:25]])
    assert hook.get_request_queue(queue).total_request_count == 25
    assert apify.control.ledger().requests[BATCHES] == 2


def test_a_lost_answer_adds_nothing_twice(hook: ApifyHook, apify: LocalApify, queue: str) -> None:
    apify.control.add_fault("cut-after-commit", path="*/requests/batch")
    hook.add_requests(queue, URLS[:5])
    assert hook.get_request_queue(queue).total_request_count == 5


def test_items_are_pushed_in_their_order(hook: ApifyHook, dataset: str) -> None:
    items = [{"number": number, "text": "é🦊"} for number in range(1_000)]
    assert hook.push_items(dataset, iter(items)) == 1_000
    assert list(hook.iterate_items(dataset)) == items


def test_many_large_items_are_pushed_in_parts(hook: ApifyHook, apify: LocalApify, dataset: str) -> None:
    assert hook.push_items(dataset, ({"text": "x" * 1_000_000} for _ in range(11))) == 11
    assert hook.get_dataset(dataset).item_count == 11
    assert apify.control.ledger().requests["POST /v2/datasets/{datasetId}/items"] == 3


def test_items_are_never_stored_twice(hook: ApifyHook, apify: LocalApify, dataset: str) -> None:
    apify.control.add_fault("cut-after-commit", path="*/items")
    with pytest.raises(ApifyConnectionError, match="0 were stored before"):
        hook.push_items(dataset, [{"a": 1}])
    assert hook.get_dataset(dataset).item_count == 1


@pytest.mark.parametrize("text", ["<html>Sign in</html>", ""])
def test_a_page_that_answers_in_apifys_place_has_stored_nothing(
    hook: ApifyHook, apify: LocalApify, dataset: str, text: str
) -> None:
    apify.control.add_fault("answer", path="*/items", status=200, text=text)
    with pytest.raises(ApifyConnectionError, match=r"is not what Apify answers.*may be stored or not.*0 were stored"):
        hook.push_items(dataset, [{"a": 1}])


def test_nothing_to_add_or_to_push_asks_for_nothing(
    hook: ApifyHook, apify: LocalApify, queue: str, dataset: str
) -> None:
    asked = apify.control.ledger().requests
    assert (hook.add_requests(queue, []), hook.push_items(dataset, [])) == ([], 0)
    assert apify.control.ledger().requests == asked


def test_items_whose_answer_is_lost_are_said_to_be_in_doubt(hook: ApifyHook, apify: LocalApify, dataset: str) -> None:
    apify.control.add_fault("cut-after-commit", path="*/items")
    with pytest.raises(ApifyConnectionError, match=r"The 2 items in this request may be stored or not.*0 were stored"):
        hook.push_items(dataset, [{"number": 1}, {"number": 2}])
