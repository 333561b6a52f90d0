"""What a run's task returns is handed on the way people type it."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_apify.operators.persist_storage import PersistStorageOperator
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.operators.run_lifecycle import AbortRunOperator
from airflow_provider_apify.sensors.dataset import ApifyDatasetSensor
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from airflow_provider_apify.transfers.key_value_store_to_file import KeyValueStoreToFileOperator
from local_apify import LocalApify
from tests.dag_runs import START_DATE, DagRunner, Outcome

_numbers = count(1)
waiting_both_ways = pytest.mark.parametrize("deferrable", [False, True], ids=["on a worker", "in the triggerer"])


def value_of(task: Any) -> Any:
    """Return ``task.output``, which Airflow gives a type without keys."""
    return task.output


def new_dag(**arguments: Any) -> DAG:
    return DAG(f"values_{next(_numbers)}", schedule=None, start_date=START_DATE, **arguments)


def crawl(**arguments: Any) -> RunActorOperator:
    defaults: dict[str, Any] = {
        "task_id": "crawl",
        "actor_id": "apify/scenario",
        "run_input": {"items": 2},
        "deferrable": False,
    }
    return RunActorOperator(**(defaults | arguments))


def lines(path: Any) -> int:
    return len(path.read_text().splitlines())


@waiting_both_ways
def test_a_key_of_the_output_is_a_value(airflow: DagRunner, tmp_path: Any, *, deferrable: bool) -> None:
    with new_dag() as dag:
        run = crawl(deferrable=deferrable)
        DatasetToFileOperator(task_id="write", dataset_id=value_of(run)["dataset_id"], path=f"{tmp_path}/a.jsonl")
    assert airflow.run(dag).state == "success"
    assert lines(tmp_path / "a.jsonl") == 2


@waiting_both_ways
def test_a_key_of_a_decorated_task_is_a_value(airflow: DagRunner, tmp_path: Any, *, deferrable: bool) -> None:
    @task.apify_actor(actor_id="apify/scenario", deferrable=deferrable)
    def crawl(items: int) -> dict[str, Any]:
        return {"items": items}

    with new_dag() as dag:
        run: Any = crawl(3)
        DatasetToFileOperator(task_id="write", dataset_id=run["dataset_id"], path=f"{tmp_path}/a.jsonl")
    assert airflow.run(dag).state == "success"
    assert lines(tmp_path / "a.jsonl") == 3


@pytest.mark.parametrize("argument", ["run_id", "dataset_id"])
@pytest.mark.parametrize("native", [False, True])
def test_a_whole_run_names_itself_and_its_storages(
    airflow: DagRunner, tmp_path: Any, argument: str, *, native: bool
) -> None:
    with new_dag(render_template_as_native_obj=native) as dag:
        run = crawl()
        whole: Any = "{{ ti.xcom_pull('crawl') }}" if native else run.output
        write = DatasetToFileOperator(task_id="write", path=f"{tmp_path}/a.jsonl", **{argument: whole})
        run >> write
    assert airflow.run(dag).state == "success"
    assert lines(tmp_path / "a.jsonl") == 2


def test_every_operator_and_sensor_takes_a_whole_run(airflow: DagRunner, tmp_path: Any) -> None:
    with new_dag() as dag:
        run = value_of(crawl(run_input={"items": 2, "records": {"OUTPUT": {"a": 1}}}))
        ApifyRunSensor(task_id="sense", run_id=run, deferrable=True)
        ApifyDatasetSensor(task_id="look", dataset_id=run, deferrable=True)
        ApifyDatasetSensor(task_id="look_at_run", run_id=run, deferrable=False)
        AbortRunOperator(task_id="abort", run_id=run)
        KeyValueStoreToFileOperator(task_id="records", store_id=run, path=f"{tmp_path}/{{key}}")
        KeyValueStoreToFileOperator(task_id="records_of_run", run_id=run, path=f"{tmp_path}/{{key}}")
        PersistStorageOperator(task_id="keep", persist_as="kept-store", storage_id=run, storage="key_value_store")
    outcome = airflow.run(dag)
    assert outcome.errors == {}
    assert outcome.state == "success"


def test_mapped_runs_are_handed_on_one_by_one(airflow: DagRunner, tmp_path: Any) -> None:
    with new_dag() as dag:
        runs = RunActorOperator.partial(task_id="crawl", actor_id="apify/scenario", deferrable=False).expand(
            run_input=[{"items": 1}, {"items": 2}]
        )
        partial = DatasetToFileOperator.partial(task_id="write", path=f"{tmp_path}/{{{{ ti.map_index }}}}.jsonl")
        partial.expand(run_id=runs.output)
        keyed = DatasetToFileOperator.partial(task_id="keyed", path=f"{tmp_path}/k{{{{ ti.map_index }}}}.jsonl")
        keyed.expand(dataset_id=runs.output.map(lambda run: run["dataset_id"]))
    outcome = airflow.run(dag)
    assert outcome.errors == {}
    names = ("0.jsonl", "1.jsonl", "k0.jsonl", "k1.jsonl")
    assert [lines(tmp_path / name) for name in names] == [1, 2, 1, 2]
    assert outcome.xcom("crawl", key="dataset_id", map_index=1)


@waiting_both_ways
def test_a_failed_run_leaves_its_ids_for_whoever_wants_the_rest(
    airflow: DagRunner, tmp_path: Any, *, deferrable: bool
) -> None:
    with new_dag() as dag:
        run = crawl(run_input={"items": 2, "endAs": "FAILED"}, deferrable=deferrable)
        DatasetToFileOperator(
            task_id="rest", dataset_id=value_of(run)["dataset_id"], path=f"{tmp_path}/a.jsonl", trigger_rule="all_done"
        )
    outcome = airflow.run(dag)
    assert outcome.task_state("crawl") == "failed"
    assert lines(tmp_path / "a.jsonl") == 2
    assert outcome.xcom("crawl", key="run_url").endswith(outcome.xcom("crawl", key="run_id"))
    assert outcome.xcom("crawl", key="key_value_store_id")


def test_a_task_that_is_to_leave_no_xcoms_leaves_none(airflow: DagRunner) -> None:
    outcome = airflow.run_task(crawl(do_xcom_push=False))
    assert outcome.state == "success"
    assert [outcome.xcom("crawl", key=key) for key in ("run_id", "dataset_id", "return_value")] == [None] * 3


def test_a_sensor_s_run_has_keys_too(airflow: DagRunner) -> None:
    with new_dag() as dag:
        sensor = ApifyRunSensor(task_id="sense", run_id=value_of(crawl())["run_id"], deferrable=False)
        ApifyDatasetSensor(task_id="look", dataset_id=value_of(sensor)["dataset_id"], deferrable=False)
    assert airflow.run(dag).state == "success"


def test_the_task_itself_is_told_from_what_it_returns() -> None:
    with (
        new_dag(),
        pytest.raises(ValueError, match=r"is the task .*crawl.*\. Give what the task returns: its \.output"),
    ):
        DatasetToFileOperator(task_id="write", run_id=crawl(), path="/a.jsonl")  # type: ignore[arg-type]


def test_an_argument_run_is_told_from_run_id() -> None:
    with new_dag(), pytest.raises(TypeError, match=r"DatasetToFileOperator takes no run\. .*run_id=crawl\.output"):
        DatasetToFileOperator(task_id="write", run=crawl(), path="/a.jsonl")


def refused(outcome: Outcome) -> str:
    error = outcome.errors["write"]
    assert isinstance(error, AirflowFailException)
    return str(error)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"rows": 3}, "is a dictionary without dataset_id; it has rows"),
        ("{{ params.value }}", "is the text of a dictionary. Write {{ ti.xcom_pull('task')['dataset_id'] }}"),
    ],
)
def test_another_dictionary_is_refused_with_its_keys(airflow: DagRunner, value: Any, words: str) -> None:
    with new_dag(params={"value": {"dataset_id": "abc"}}) as dag:

        @task
        def other() -> Any:
            return value

        source: Any = other() if isinstance(value, dict) else value
        DatasetToFileOperator(task_id="write", dataset_id=source, path="/a.jsonl")
    assert words in refused(airflow.run(dag))


def test_the_ids_are_told_before_the_run_ends(apify: LocalApify, airflow: DagRunner) -> None:
    outcome = airflow.run_task(crawl(wait_for_completion=False))
    (started,) = apify.control.ledger().runs
    assert outcome.xcom("crawl", key="run_id") == started.run_id
    assert json.dumps(outcome.xcom("crawl"))


@pytest.mark.parametrize("is_decorated", [False, True])
def test_the_values_of_mapped_tasks_are_part_of_an_input(
    apify: LocalApify, airflow: DagRunner, *, is_decorated: bool
) -> None:
    sent: list[Any] = []

    @task
    def page(n: int) -> dict[str, Any]:
        return {"url": f"https://example.com/{n}"}

    @task.apify_actor(actor_id="apify/scenario", deferrable=False)
    def decorated(pages: Any) -> dict[str, Any]:
        return {"items": 1, "records": {"startUrls": pages, "since": START_DATE}}

    with new_dag() as dag:
        pages = page.expand(n=[1, 2, 3])
        if is_decorated:
            decorated(pages)
        else:
            crawl(run_input={"items": 1, "records": {"startUrls": pages, "since": START_DATE}})
    apify.on_exchange = lambda exchange: sent.append(exchange) if exchange.path.endswith("/runs") else None
    outcome = airflow.run(dag)
    apify.on_exchange = None
    assert outcome.errors == {}
    body = next(json.loads(each.request_body)["records"] for each in sent if each.method == "POST")
    assert body["startUrls"] == [{"url": f"https://example.com/{n}"} for n in (1, 2, 3)]
    assert body["since"] == "2026-01-01T00:00:00+00:00"


def test_the_defaults_of_a_dag_decide_about_keys_of_their_own() -> None:
    with new_dag(default_args={"multiple_outputs": False}):
        plain = crawl()
        mapped: Any = RunActorOperator.partial(task_id="mapped", actor_id="apify/scenario").expand(run_input=[1])
    assert not plain.multiple_outputs
    assert not mapped.unmap({"run_input": 1}).multiple_outputs
    with new_dag():
        assert crawl().multiple_outputs
