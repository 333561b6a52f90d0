from __future__ import annotations

import inspect
import json
from base64 import b64decode
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run_actor import RunActorOperator
from local_apify import Exchange, LocalApify
from tests.dag_runs import START_DATE, DagRunner
from tests.operators.scenario_task import SCENARIO, run_scenario, waiting_both_ways


@waiting_both_ways
def test_the_task_returns_a_flat_description_of_its_run(
    apify: LocalApify, airflow: DagRunner, deferrable: bool
) -> None:
    plan = {"items": 3, "exitMessage": "All there."}
    outcome = airflow.run_task(run_scenario(deferrable=deferrable, run_input=plan))

    (started,) = apify.control.ledger().runs
    result = outcome.xcom()
    assert outcome.state == "success"
    assert result.keys() == {
        *("run_id", "actor_id", "actor_task_id", "status", "status_message", "started_at", "finished_at"),
        *("build_number", "exit_code", "dataset_id", "key_value_store_id", "request_queue_id"),
        *("usage_total_usd", "charged_event_counts", "console_url", "run_url", "item_count"),
    }
    assert (result["run_id"], result["actor_id"]) == (started.run_id, started.actor_id)
    assert (result["status"], result["status_message"], result["exit_code"]) == ("SUCCEEDED", "All there.", 0)
    assert result["item_count"] == 3
    assert result["console_url"] == f"https://console.apify.com/actors/runs/{started.run_id}"
    assert result["finished_at"].endswith("+00:00")


@waiting_both_ways
def test_links_to_console_are_stored_when_the_run_starts_and_stay(
    apify: LocalApify,
    airflow: DagRunner,
    deferrable: bool,
) -> None:
    outcome = airflow.run_task(run_scenario(deferrable=deferrable, run_input={"endAs": "FAILED"}))

    (started,) = apify.control.ledger().runs
    console = "https://console.apify.com"
    assert outcome.state == "failed"
    assert outcome.xcom(key="apify_run_link") == f"{console}/actors/runs/{started.run_id}"
    assert outcome.xcom(key="apify_dataset_link").startswith(f"{console}/storage/datasets/")
    assert outcome.xcom(key="apify_key_value_store_link").startswith(f"{console}/storage/key-value/")


def test_every_option_reaches_the_api(apify: LocalApify, airflow: DagRunner) -> None:
    webhook = {"eventTypes": ["ACTOR.RUN.SUCCEEDED"], "requestUrl": f"{apify.base_url}/nowhere"}
    starts: list[Exchange] = []
    apify.on_exchange = lambda exchange: starts.append(exchange) if exchange.method == "POST" else None
    outcome = airflow.run_task(
        run_scenario(
            build="latest",
            memory=512,
            run_timeout=120,
            max_items=7,
            max_total_charge_usd=0.25,
            restart_on_error=True,
            force_permission_level="LIMITED_PERMISSIONS",
            webhooks=[webhook],
        )
    )

    (start,) = starts
    sent = {name: values[0] for name, values in parse_qs(start.query).items()}
    assert outcome.state == "success"
    assert json.loads(b64decode(sent.pop("webhooks"))) == [webhook]
    assert sent == {
        "build": "latest",
        "memory": "512",
        "timeout": "120",
        "maxItems": "7",
        "maxTotalChargeUsd": "0.25",
        "restartOnError": "true",
        "forcePermissionLevel": "LIMITED_PERMISSIONS",
    }


def test_templates_reach_input_and_options_and_the_target(apify: LocalApify, airflow: DagRunner) -> None:
    outcome = airflow.run_task(
        run_scenario(
            actor_id="{{ params.actor }}",
            run_input={"exitMessage": "{{ dag_run.conf['words'] }}", "items": 1},
            memory="{{ params.memory }}",
            max_total_charge_usd="{{ params.budget }}",
            restart_on_error="{{ params.restart }}",
        ),
        conf={"words": "said at run time"},
        params={"actor": SCENARIO, "memory": 256, "budget": 0.5, "restart": False},
    )

    (started,) = apify.control.ledger().runs
    assert outcome.xcom()["status_message"] == "said at run time"
    assert (started.options["memoryMbytes"], started.options["maxTotalChargeUsd"]) == (256, 0.5)


def test_the_input_may_be_json_text_that_a_template_makes(airflow: DagRunner) -> None:
    plan = {"items": 2, "exitMessage": "quotes \" and ' and \u00e4"}
    outcome = airflow.run_task(
        run_scenario(run_input="{{ params.plan | tojson }}"),
        params={"plan": plan},
    )

    assert outcome.xcom()["item_count"] == 2
    assert outcome.xcom()["status_message"] == plan["exitMessage"]


def test_the_input_may_be_a_json_template_file(airflow: DagRunner, tmp_path: Any) -> None:
    (tmp_path / "input.json").write_text('{"items": {{ params.count }}}')
    outcome = airflow.run_task(
        run_scenario(run_input="input.json"),
        params={"count": 4},
        template_searchpath=str(tmp_path),
    )

    assert outcome.xcom()["item_count"] == 4


def test_native_templates_keep_numbers_numbers(airflow: DagRunner) -> None:
    outcome = airflow.run_task(
        run_scenario(run_input={"items": "{{ params.count }}"}, max_items="{{ params.count }}"),
        params={"count": 5},
        render_template_as_native_obj=True,
    )

    assert outcome.xcom()["item_count"] == 5


def test_outputs_of_other_tasks_may_stand_inside_the_input(airflow: DagRunner) -> None:
    @task
    def count() -> int:
        return 6

    with DAG("test_output_in_input", schedule=None, start_date=START_DATE) as dag:
        run_scenario(run_input={"items": count(), "exitMessage": "six"})
    outcome = airflow.run(dag)

    assert outcome.xcom()["item_count"] == 6


def test_a_mapped_task_starts_one_run_for_each_input(apify: LocalApify, airflow: DagRunner) -> None:
    with DAG("test_mapped", schedule=None, start_date=START_DATE) as dag:
        RunActorOperator.partial(task_id="task", actor_id=SCENARIO, deferrable=True).expand(
            run_input=[{"items": 1}, {"items": 2}]
        )
    outcome = airflow.run(dag)

    assert outcome.state == "success"
    assert [outcome.xcom(map_index=index)["item_count"] for index in (0, 1)] == [1, 2]
    assert apify.control.ledger().runs_started == 2


def test_a_saved_task_runs_with_its_own_input_changed_where_the_task_says_so(
    apify: LocalApify, airflow: DagRunner
) -> None:
    apify.add_task("nightly", SCENARIO, {"items": 2, "exitMessage": "as saved"}, {"memoryMbytes": 512})
    outcome = airflow.run_task(run_scenario(actor_id=None, actor_task_id="local/nightly", run_input={"items": 3}))

    (started,) = apify.control.ledger().runs
    assert (started.task, started.options["memoryMbytes"]) == ("nightly", 512)
    assert outcome.xcom()["item_count"] == 3
    assert outcome.xcom()["status_message"] == "as saved"


def test_without_waiting_the_task_returns_the_started_run(apify: LocalApify, airflow: DagRunner) -> None:
    outcome = airflow.run_task(run_scenario(run_input={"durationSecs": 600}, wait_for_completion=False))

    (started,) = apify.control.ledger().runs
    assert outcome.state == "success"
    assert outcome.xcom()["run_id"] == started.run_id
    assert outcome.xcom()["dataset_id"]
    assert started.is_going


def test_an_address_in_the_input_may_end_like_a_template_file(apify: LocalApify, airflow: DagRunner) -> None:
    addresses = {"records": {"startUrls": [{"url": "https://example.com/feed.json"}]}, "items": 1}
    outcome = airflow.run_task(run_scenario(run_input=addresses))

    assert outcome.state == "success"
    assert apify.control.ledger().runs_started == 1


def test_an_operator_that_is_executed_again_is_in_another_attempt(apify: LocalApify) -> None:
    operator = RunActorOperator(task_id="task", actor_id="apify/scenario", deferrable=False)
    for attempt in (1, 2):
        ti = SimpleNamespace(
            dag_id="dag",
            task_id="task",
            run_id="run",
            map_index=-1,
            max_tries=attempt - 1,
            try_number=attempt,
            start_date=datetime.now(UTC),
            xcom_push=lambda key, value: None,  # noqa: ARG005 - Airflow's signature
            xcom_pull=lambda **_what: None,
        )
        context: Any = {"ti": ti, "task": operator, "dag_run": SimpleNamespace(start_date=datetime.now(UTC))}
        inspect.unwrap(RunActorOperator.execute)(operator, context)  # called otherwise, it warns
    runs = [ApifyHook().get_run(run.run_id) for run in apify.control.ledger().runs]
    markers = [Identity.parse(run.user_agent) for run in runs]
    assert [marker.attempt for marker in markers if marker] == [1, 2]
