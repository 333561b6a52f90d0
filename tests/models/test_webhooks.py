from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_apify.models.webhooks import (
    EVENT_TYPES,
    RUN_ENDS,
    Webhook,
    WebhookDispatch,
    WebhookSpec,
    changes,
    idempotency_key,
)
from tests.contract.openapi import DOCUMENT

URL = "https://example.com/hook?key=secret"
ACTOR = {"actorId": "actor1"}


def key(target: str = "actor1", **spec: Any) -> str:
    values: dict[str, Any] = {"event_types": RUN_ENDS, "request_url": URL, **spec}
    made = WebhookSpec(**values)
    return idempotency_key(made.body({"actorId": target}), made.identity)


def test_the_events_are_those_that_the_api_documents() -> None:
    documented = json.loads(DOCUMENT.read_text(encoding="utf-8"))["components"]["schemas"]["WebhookEventType"]["enum"]
    assert {"TEST"} == set(documented) - EVENT_TYPES
    assert not EVENT_TYPES - set(documented)


def test_a_webhook_is_the_same_for_the_same_target_events_url_and_headers() -> None:
    assert key() == key(event_types=RUN_ENDS[::-1])
    assert key(headers={"a": "1", "b": "2"}) == key(headers={"b": "2", "a": "1"})
    assert key() == key(payload_template="{}", description="Tells", do_not_retry=True)


@pytest.mark.parametrize(
    "spec",
    [
        {"target": "actor2"},
        {"event_types": RUN_ENDS[:1]},
        {"request_url": "https://example.com/"},
        {"headers": {"X-Secret": "s"}},
    ],
)
def test_another_target_event_url_or_header_is_another_webhook(spec: dict[str, Any]) -> None:
    assert key(**spec) != key()


@pytest.mark.parametrize("url", ["mailto:me@example.com", "example.com", ""])
def test_only_urls_of_the_web_are_called(url: str) -> None:
    with pytest.raises(ValueError, match="must be an http or https URL"):
        WebhookSpec(RUN_ENDS, url)


@pytest.mark.parametrize("url", ["ftp://me:secret@example.com/hook?key=secret", "//example.com/secret#secret"])
def test_a_url_that_is_refused_shows_its_host_and_nothing_secret(url: str) -> None:
    with pytest.raises(ValueError, match=r"and host 'example\.com'") as caught:
        WebhookSpec(RUN_ENDS, url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "template",
    ['{"a": {{resource}}}', '{"a": "It {{resource.status}}", "b": [{{ eventType }}]}', "{{resource}}", "{}", "", None],
)
def test_a_payload_template_is_json_with_variables_in_it(template: str | None) -> None:
    assert WebhookSpec(RUN_ENDS, URL, template).payload_template == template


@pytest.mark.parametrize(
    "template", ['{"a": {{resource}', '{"a": {resource}}', '{"secret": }', "{{resource}} {{eventType}}"]
)
def test_a_payload_template_that_gives_no_json_is_refused_without_a_word_of_it(template: str) -> None:
    with pytest.raises(ValueError, match="payload_template is no JSON once null stands for each variable") as caught:
        WebhookSpec(RUN_ENDS, URL, template)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("events", ["ACTOR.RUN.FAILED", [], ["ACTOR.RUN.TIMED-OUT"]])
def test_events_that_do_not_exist_are_refused_with_those_that_do(events: Any) -> None:
    with pytest.raises(ValueError, match=r"some of ACTOR\.BUILD\.ABORTED, .*ACTOR\.RUN\.TIMED_OUT"):
        WebhookSpec(events, URL)


def test_only_what_differs_is_changed() -> None:
    wanted = WebhookSpec(RUN_ENDS, URL, description="Tells").body(ACTOR)
    found = {
        "eventTypes": list(RUN_ENDS),
        "requestUrl": URL,
        "condition": {**ACTOR, "actorTaskId": None},
        "payloadTemplate": "",
        "description": "Told",
        "isAdHoc": False,
    }
    assert changes(wanted, found) == {"description": "Tells"}


def test_what_may_be_secret_shows_in_no_repr_and_no_xcom() -> None:
    spec = WebhookSpec(RUN_ENDS, URL, headers={"X-Secret": "secret"})
    webhook = Webhook.from_api({"id": "w", **spec.body(ACTOR)})
    assert "secret" not in f"{spec!r}{webhook!r}{webhook.to_dict()!r}"
    assert webhook.to_dict() == {"webhook_id": "w", "event_types": sorted(RUN_ENDS), "condition": ACTOR}


def test_a_dispatch_of_a_build_has_no_run() -> None:
    data = {"id": "d", "webhookId": "w", "status": "ACTIVE", "eventType": "ACTOR.BUILD.FAILED", "eventData": None}
    dispatch = WebhookDispatch.from_api(data)
    assert (dispatch.run_id, dispatch.calls, dispatch.created_at) == (None, (), None)
