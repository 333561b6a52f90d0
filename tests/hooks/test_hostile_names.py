"""Whatever IDs and keys hold, no request reaches another endpoint than the one it was meant for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from airflow_provider_apify._api.storages.endpoints import get_record, get_records
from airflow_provider_apify._files.bodies import BodyReader, RecordCheck
from airflow_provider_apify.exceptions import ApifyApiError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy
from local_apify import Exchange, LocalApify

HOSTILE = [
    "../x",
    "..%2fx",
    "%2e%2e",
    "a/b",
    "a%2fb",
    "a?b=c",
    "a#b",
    "a\nb",
    "a\r\nX: y",
    "🦊",
    "\x00",
    "x" * 5_000,
    "%",
]
STORE = "/v2/key-value-stores/{storeId}"


def reader() -> BodyReader:
    """Return what takes any body."""
    return BodyReader(lambda _piece: None, partial(RecordCheck, None))


# Of what is asked of a run, only its log is not asked for again, with seconds in between, where there is none.
CALLS: list[tuple[str, Callable[[ApifyHook, str], Any]]] = [
    ("GET /v2/actor-runs/{runId}/log", lambda hook, name: hook.get_log(name)),
    ("GET /v2/datasets/{datasetId}", lambda hook, name: hook.get_dataset(name)),
    ("POST /v2/datasets/{datasetId}/items", lambda hook, name: hook.push_items(name, [{"a": 1}])),
    (f"GET {STORE}", lambda hook, name: hook.get_key_value_store(name)),
    (f"GET {STORE}/keys", lambda hook, name: list(hook.iterate_keys(name, prefix=name))),
    (f"GET {STORE}/records/{{recordKey}}", lambda hook, name: hook.get_record("s", name)),
    (f"GET {STORE}/records/{{recordKey}}", lambda hook, name: hook.get_record(name, name)),
    (f"PUT {STORE}/records/{{recordKey}}", lambda hook, name: hook.set_record("s", name, name)),
    (f"DELETE {STORE}/records/{{recordKey}}", lambda hook, name: hook.delete_record("s", name)),
    ("GET /v2/webhooks/{webhookId}", lambda hook, name: hook.get_webhook(name)),
    ("DELETE /v2/webhooks/{webhookId}", lambda hook, name: hook.delete_webhook(name)),
    ("GET /v2/webhook-dispatches/{dispatchId}", lambda hook, name: hook.get_webhook_dispatch(name)),
    ("GET /v2/store", lambda hook, name: list(hook.search_store(name, category=name))),
    (f"GET {STORE}/records", lambda hook, name: hook._read_body(get_records(name, prefix=name), reader())),
    (f"GET {STORE}/records/{{recordKey}}", lambda hook, name: hook._read_body(get_record(name, name), reader())),
    (f"GET {STORE}", lambda hook, name: hook.name_storage("key_value_store", name, name)),
    ("GET /v2/request-queues/{queueId}/head", lambda hook, name: hook.get_request_queue_head(name)),
    (
        "POST /v2/request-queues/{queueId}/requests/batch",
        lambda hook, name: hook.add_requests(name, [{"url": name}]),
    ),
]


@pytest.fixture(scope="module")
def listened() -> Iterator[tuple[ApifyHook, list[Exchange]]]:
    """Return a hook and what it asks, for all examples of a property: each starts with an empty list."""
    exchanges: list[Exchange] = []
    with LocalApify(on_exchange=exchanges.append) as apify, pytest.MonkeyPatch.context() as patch:
        connection = f"apify://:{apify.token}@{apify.base_url.removeprefix('http://')}/http"
        patch.setenv("AIRFLOW_CONN_HOSTILE", connection)
        yield ApifyHook("hostile", retry=RetryPolicy(attempts=1)), exchanges


@pytest.mark.parametrize(("route", "ask"), CALLS, ids=lambda value: value if isinstance(value, str) else "")
@example(name="../x")
@example(name="None")
@given(
    name=st.sampled_from(HOSTILE)
    | st.text(min_size=1)
    | st.tuples(st.text(), st.sampled_from([*HOSTILE, "/v2/datasets/"]), st.text()).map("://".join)
)
def test_a_request_reaches_the_endpoint_it_was_meant_for_or_none(
    listened: tuple[ApifyHook, list[Exchange]], route: str, ask: Callable[[ApifyHook, str], Any], name: str
) -> None:
    hook, exchanges = listened
    exchanges.clear()
    refused = False
    try:
        with suppress(ApifyApiError):
            ask(hook, name)
    except ValueError:
        refused = True
    assert [f"{each.method} {each.template}" for each in exchanges] == ([] if refused else [route])
    assert all(each.status < 500 for each in exchanges)
    # An address is read for the ID in it, and refused where it has none.
    # "None" is what a template makes of an ID that is not there; only a record's key may be that.
    assert refused == (name in {".", ".."}) or "://" in name or name == "None"
