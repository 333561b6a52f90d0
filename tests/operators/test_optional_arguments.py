"""Form fields that may stay empty, and DAGs that render templates as Python objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Param, literal

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.operators.webhooks import EnsureWebhookOperator
from airflow_provider_apify.sensors.dataset import ApifyDatasetSensor
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from local_apify import Exchange, LocalApify
from tests.dag_runs import START_DATE, DagRunner

_numbers = count(1)
OPTIONS = ("build", "memory", "run_timeout", "max_items", "max_total_charge_usd", "restart_on_error")
EMPTY: list[Any] = [None, "", "None"]


@pytest.fixture
def starts(apify: LocalApify) -> Iterator[list[Exchange]]:
    sent: list[Exchange] = []

    def note(exchange: Exchange) -> None:
        if exchange.method == "POST" and exchange.path.endswith("/runs"):
            sent.append(exchange)

    apify.on_exchange = note
    yield sent
    apify.on_exchange = None


def value_of(task: Any) -> Any:
    """Return ``task.output``, which Airflow gives a type without keys."""
    return task.output


def new_dag(**arguments: Any) -> DAG:
    return DAG(f"optional_{next(_numbers)}", schedule=None, start_date=START_DATE, **arguments)


@pytest.mark.parametrize("empty", EMPTY)
@pytest.mark.parametrize("native", [False, True])
def test_what_a_form_leaves_empty_is_not_given(
    airflow: DagRunner, starts: list[Exchange], empty: Any, *, native: bool
) -> None:
    names = (*OPTIONS, "abort_above_usd", "webhooks", "force_permission_level", "run_input")
    params = {name: Param(empty, type=["null", "string"]) for name in names}
    given: dict[str, Any] = {name: f"{{{{ params.{name} }}}}" for name in names}
    with new_dag(params=params, render_template_as_native_obj=native) as dag:
        RunActorOperator(task_id="task", actor_id="apify/scenario", deferrable=False, **given)
    outcome = airflow.run(dag)
    assert outcome.errors == {}
    assert outcome.state == "success"
    assert not starts[0].request_body


@pytest.mark.parametrize("empty", EMPTY)
def test_what_a_form_leaves_empty_has_its_default(airflow: DagRunner, tmp_path: Path, empty: Any) -> None:
    names = ("file_format", "compression", "columns", "limit", "fields", "clean", "delimiter", "on_lost_columns")
    given: dict[str, Any] = dict.fromkeys((*names, "target_conn_id"), "{{ params.empty }}")
    with new_dag(params={"empty": Param(empty, type=["null", "string"])}) as dag:
        run = RunActorOperator(task_id="run", actor_id="apify/scenario", run_input={"items": 2}, deferrable=False)
        found = value_of(run)["dataset_id"]
        looking = ApifyDatasetSensor(task_id="look", dataset_id=found, min_items="{{ params.empty }}")
        looking >> DatasetToFileOperator(task_id="write", dataset_id=found, path=f"{tmp_path}/a.jsonl", **given)
    outcome = airflow.run(dag)
    assert outcome.errors == {}
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("empty", EMPTY)
def test_an_id_that_must_be_given_is_asked_for(airflow: DagRunner, empty: Any) -> None:
    with new_dag(params={"actor": Param(empty, type=["null", "string"])}) as dag:
        RunActorOperator(task_id="task", actor_id="{{ params.actor }}", deferrable=False)
    error = airflow.run(dag).error
    assert isinstance(error, AirflowFailException)
    assert "Give exactly one of actor_id" in str(error)
    assert "All are empty. If a template makes one, what that looks for is not there." in str(error)


def test_text_stays_text_where_templates_become_objects(airflow: DagRunner, starts: list[Exchange]) -> None:
    with new_dag(render_template_as_native_obj=True, params={"memory": 256}) as dag:
        RunActorOperator(
            task_id="task",
            actor_id="apify/scenario",
            build="{{ '0.10' }}",
            memory="{{ params.memory }}",
            deferrable=False,
        )
    airflow.run(dag)
    assert "build=0.10" in starts[0].query
    assert "memory=256" in starts[0].query


def test_numbers_name_fields_where_templates_become_objects(airflow: DagRunner, tmp_path: Path) -> None:
    with new_dag(render_template_as_native_obj=True, params={"field": 2024}) as dag:
        run = RunActorOperator(task_id="run", actor_id="apify/scenario", run_input={"items": 1}, deferrable=False)
        for name, fields in (
            ("one", "{{ params.field }}"),
            ("list", ["{{ params.field }}", "index"]),
            ("text", "2024"),
        ):
            path = f"{tmp_path}/{name}.csv"
            DatasetToFileOperator(task_id=name, dataset_id=value_of(run)["dataset_id"], fields=fields, path=path)
    outcome = airflow.run(dag)
    assert outcome.errors == {}
    assert (tmp_path / "list.csv").read_text().splitlines()[0].endswith("2024,index")


@pytest.mark.parametrize("native", [False, True])
def test_a_json_file_stays_json(airflow: DagRunner, starts: list[Exchange], tmp_path: Path, *, native: bool) -> None:
    text = (
        '{"items": {{ params.many }}, "exitMessage": "https:\\/\\/a.b \\u00e9", "records": {"A": [0.10, null, true]}}'
    )
    (tmp_path / "input.json").write_text(text)
    folders = [str(tmp_path)]
    with new_dag(render_template_as_native_obj=native, template_searchpath=folders, params={"many": 1}) as dag:
        RunActorOperator(task_id="task", actor_id="apify/scenario", run_input="input.json", deferrable=False)
    outcome = airflow.run(dag)
    assert outcome.errors == {}
    sent = json.loads(starts[0].request_body)
    assert sent == {"items": 1, "exitMessage": "https://a.b é", "records": {"A": [0.1, None, True]}}


def test_an_object_stays_an_object_where_templates_become_objects(airflow: DagRunner, starts: list[Exchange]) -> None:
    with new_dag(render_template_as_native_obj=True, params={"plan": {"items": 1, "exitMessage": "0.10"}}) as dag:
        RunActorOperator(task_id="task", actor_id="apify/scenario", run_input="{{ params.plan }}", deferrable=False)
    airflow.run(dag)
    assert json.loads(starts[0].request_body) == {"items": 1, "exitMessage": "0.10"}


@pytest.mark.parametrize("native", [False, True])
def test_a_script_s_braces_are_left_alone_in_a_literal(
    airflow: DagRunner, starts: list[Exchange], *, native: bool
) -> None:
    script = "async ({ page }) => ({ at: {{ x: 1 }} }) // {% {#"
    with new_dag(render_template_as_native_obj=native) as dag:
        plan = {"items": 1, "exitMessage": literal(script)}
        RunActorOperator(task_id="task", actor_id="apify/scenario", run_input=plan, deferrable=False)
    assert airflow.run(dag).state == "success"
    assert json.loads(starts[0].request_body)["exitMessage"] == script


def test_texts_inside_a_mapping_stay_texts_where_templates_become_objects(airflow: DagRunner) -> None:
    task = EnsureWebhookOperator(
        task_id="task",
        actor_id="apify/scenario",
        request_url="https://example.com/",
        headers={"X-Secret": "{{ params.secret }}", "X-Version": "{{ params.version }}"},
    )
    params = {"secret": "1234_5678", "version": "0.10"}
    assert airflow.run_task(task, params=params, render_template_as_native_obj=True).errors == {}
    (listed,) = ApifyHook().iterate_webhooks("apify/scenario")
    webhook = ApifyHook().get_webhook(listed.id)
    assert json.loads(webhook.raw["headersTemplate"]) == {"X-Secret": "1234_5678", "X-Version": "0.10"}


class PagesOperator(RunActorOperator):
    """A class of somebody who uses this package, with an argument of its own."""

    template_fields = (*RunActorOperator.template_fields, "pages")

    def __init__(self, *, pages: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pages = pages

    def _input(self, context: Any) -> Any:  # noqa: ARG002 - of the family
        return {"items": len(self.pages)}


def test_what_a_subclass_adds_is_rendered_as_airflow_does(airflow: DagRunner, starts: list[Exchange]) -> None:
    task = PagesOperator(task_id="task", actor_id="apify/scenario", pages="{{ params.pages }}", deferrable=False)
    airflow.run_task(task, params={"pages": ["a", "b"]}, render_template_as_native_obj=True)
    assert json.loads(starts[0].request_body) == {"items": 2}
