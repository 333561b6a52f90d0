"""Persistent webhooks, against the local Apify, which really delivers them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify.exceptions import ApifyApiError, ApifyNotFoundError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.webhooks import RUN_ENDS, WebhookSpec
from airflow_provider_apify.options import RetryPolicy, Target
from local_apify import LocalApify
from tests.local_apify.client import until

SCENARIO = "apify/scenario"
CREATIONS, CHANGES = "POST /v2/webhooks", "PUT /v2/webhooks/{webhookId}"


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook(retry=RetryPolicy(attempts=3, first_delay=0.001, max_delay=0.002))


def spec(apify: LocalApify, **values: Any) -> WebhookSpec:
    """Describe a webhook whose receiver is there: the demonstration shop takes no POST, so calls fail with 405."""
    return WebhookSpec(**{"event_types": RUN_ENDS, "request_url": f"{apify.base_url}/shop/", **values})


def test_a_webhook_is_created_once_and_hears_of_every_run(hook: ApifyHook, apify: LocalApify) -> None:
    webhook = hook.ensure_webhook(SCENARIO, spec(apify))
    assert hook.ensure_webhook(SCENARIO, spec(apify)) == webhook
    assert [each.id for each in hook.iterate_webhooks()] == [webhook.id]
    run = hook.start_run(SCENARIO)
    until(lambda: apify.control.ledger().deliveries)
    assert apify.control.ledger().deliveries[0].run_id == run.id
    assert CHANGES not in apify.control.ledger().requests


def test_a_webhook_of_a_task_hears_of_the_task(hook: ApifyHook, apify: LocalApify) -> None:
    task = Target("task", "local/daily-crawl")
    webhook = hook.ensure_webhook(task, spec(apify))
    hook.ensure_webhook(SCENARIO, spec(apify))
    assert [each.id for each in hook.iterate_webhooks(task)] == [webhook.id]
    assert [each.id for each in hook.iterate_webhooks(SCENARIO)] != [webhook.id]
    assert webhook.condition["actorTaskId"] != task.id, "Apify compares IDs, not names"


@pytest.mark.parametrize(
    "change",
    [
        {"payload_template": '{"id": {{resource.id}}}'},
        {"description": "Tells"},
        {"do_not_retry": True},
        {"ignore_ssl_errors": True},
        {"should_interpolate_strings": True},
    ],
)
def test_a_webhook_is_changed_to_what_it_should_be_and_back(
    hook: ApifyHook, apify: LocalApify, change: dict[str, Any]
) -> None:
    first = hook.ensure_webhook(SCENARIO, spec(apify))
    for wanted in (spec(apify, **change), spec(apify)):
        changed = hook.ensure_webhook(SCENARIO, wanted)
        assert changed.id == first.id
        assert hook.ensure_webhook(SCENARIO, wanted).raw["modifiedAt"] == changed.raw["modifiedAt"]
    assert apify.control.ledger().requests[CHANGES] == 2


def test_what_somebody_changed_by_hand_is_changed_back(hook: ApifyHook, apify: LocalApify) -> None:
    webhook = hook.ensure_webhook(SCENARIO, spec(apify))
    hook.update_webhook(webhook.id, {"requestUrl": "https://example.com/", "eventTypes": ["ACTOR.RUN.FAILED"]})
    assert hook.ensure_webhook(SCENARIO, spec(apify)).request_url == f"{apify.base_url}/shop/"
    assert set(hook.get_webhook(webhook.id).event_types) == set(RUN_ENDS)


@pytest.mark.parametrize("fault", ["cut-after-commit", "answer-after-commit", "garbage"])
def test_a_lost_answer_makes_no_second_webhook(hook: ApifyHook, apify: LocalApify, fault: str) -> None:
    apify.control.add_fault(fault, method="POST", path="/v2/webhooks")
    webhook = hook.ensure_webhook(SCENARIO, spec(apify))
    assert [each.id for each in hook.iterate_webhooks()] == [webhook.id]
    assert apify.control.ledger().requests[CREATIONS] == 2


def test_no_webhook_is_made_for_an_actor_that_does_not_exist(hook: ApifyHook, apify: LocalApify) -> None:
    with pytest.raises(ApifyNotFoundError):
        hook.ensure_webhook("me/nothing", spec(apify))
    assert CREATIONS not in apify.control.ledger().requests


def test_an_account_that_has_all_its_webhooks_says_so(hook: ApifyHook, apify: LocalApify) -> None:
    for number in range(100):
        hook.ensure_webhook(SCENARIO, spec(apify, headers={"X-Number": str(number)}))
    with pytest.raises(ApifyApiError, match=r"too-many-webhooks: .* Delete one .*: iterate_webhooks\(\)") as caught:
        hook.ensure_webhook(SCENARIO, spec(apify))
    assert "token" not in str(caught.value)
    assert not caught.value.retryable


def test_a_deleted_webhook_is_gone_and_deleting_it_again_is_no_error(hook: ApifyHook, apify: LocalApify) -> None:
    webhook = hook.ensure_webhook(SCENARIO, spec(apify))
    assert hook.delete_webhook(webhook.id)
    assert not hook.delete_webhook(webhook.id)
    assert list(hook.iterate_webhooks()) == []
    assert hook.ensure_webhook(SCENARIO, spec(apify)).id != webhook.id


def test_a_webhook_can_be_tested_and_tells_how_it_went(hook: ApifyHook, apify: LocalApify) -> None:
    webhook = hook.ensure_webhook(SCENARIO, spec(apify, do_not_retry=True))
    dispatch = hook.test_webhook(webhook.id)
    assert (dispatch.webhook_id, dispatch.event_type) == (webhook.id, "TEST")
    until(lambda: hook.get_webhook_dispatch(dispatch.id).status == "FAILED")
    (call,) = hook.get_webhook_dispatch(dispatch.id).calls
    assert call["responseStatus"] == 405


def test_what_was_not_delivered_is_found(hook: ApifyHook, apify: LocalApify) -> None:
    bad = hook.ensure_webhook(SCENARIO, spec(apify, do_not_retry=True))
    control = f"{apify.base_url}/control/reset-nothing"
    other = hook.ensure_webhook(SCENARIO, spec(apify, request_url=control, do_not_retry=True))
    runs = [hook.start_run(SCENARIO).id for _ in range(2)]
    until(lambda: len(list(hook.iterate_webhook_dispatches(status="FAILED"))) == 4)

    of_one = list(hook.iterate_webhook_dispatches(webhook_id=bad.id, status="FAILED"))
    assert {each.run_id for each in of_one} == set(runs)
    assert list(hook.iterate_webhook_dispatches(webhook_id=other.id, status="SUCCEEDED")) == []
    newest, *_ = found = list(hook.iterate_webhook_dispatches())
    assert newest.created_at == max(each.created_at for each in found if each.created_at)
    assert newest in hook.iterate_webhook_dispatches(since=newest.created_at)
    assert list(hook.iterate_webhook_dispatches(since=newest.created_at.add(seconds=1))) == []


def test_a_page_that_answers_in_apifys_place_deletes_no_webhook(hook: ApifyHook, apify: LocalApify) -> None:
    webhook = hook.ensure_webhook(SCENARIO, spec(apify))
    apify.control.add_fault("answer", method="DELETE", status=200, text="<html>Sign in</html>")
    assert hook.delete_webhook(webhook.id)
    assert list(hook.iterate_webhooks()) == []
