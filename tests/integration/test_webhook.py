"""What the example of a webhook sends starts the DAG that watches, in a real Airflow."""

from __future__ import annotations

import json
import runpy
from typing import TYPE_CHECKING

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.webhooks import WebhookDispatch
from tests.integration.stage import Stage
from tools.lab import DagRunKey, wait_until
from tools.versions import ROOT

if TYPE_CHECKING:
    import pytest

DAG_ID = "apify_watch_other_run"


def test_an_event_that_arrives_twice_starts_one_dag_run(
    stage: Stage, apify_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, hook = stage.lab.client, ApifyHook()
    connection = {"conn_type": "apify", "host": stage.lab.apify.base_url, "password": apify_token}
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
    stage.apify.settings(webhook_backoff_seconds=600)
    client.unpause(DAG_ID)
    webhook = {
        "eventTypes": ["ACTOR.RUN.SUCCEEDED"],
        "requestUrl": f"{client.url}/api/v2/dags/{DAG_ID}/dagRuns",
        "payloadTemplate": runpy.run_path(str(ROOT / "dags_examples/apify_webhook.py"))["PAYLOAD"],
        "headersTemplate": json.dumps({"Authorization": client.authorization}),
    }
    run = hook.start_run("apify/hello-world", {"message": "twice"}, options={"webhooks": [webhook, webhook]})

    def dispatches() -> list[WebhookDispatch]:
        found = [each for each in hook.iterate_webhook_dispatches() if each.run_id == run.id]
        told = [hook.get_webhook_dispatch(each.id) for each in found]
        return told if len(told) == 2 and all(each.calls for each in told) else []

    answers = [each.calls[0]["responseStatus"] for each in wait_until(dispatches, "both calls", timeout=60)]
    stage.finish(DagRunKey(DAG_ID, run.id))

    assert sorted(answers) == [200, 409]
    assert [each["dag_run_id"] for each in client.dag_runs(DAG_ID)].count(run.id) == 1
    file = stage.lab.home.folder / "examples" / "watch_other_run" / f"{run.id}.jsonl"
    assert file.read_bytes() == b'{"message":"twice"}\n'
