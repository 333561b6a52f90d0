"""Many datasets become one file, as a list or as what mapped tasks return."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat import sdk
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, HookLineageCollector

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.options import Target
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from local_apify import LocalApify
from tests.dag_runs import DagRunner

LISTS = {"dataset_id": ["a", "b"], "path": "/items.jsonl"}


def run_scenario(**run_input: Any) -> ActorRun:
    """Have a finished run with a dataset."""
    hook = ApifyHook()
    return hook.wait_for_run(hook.start_run(Target("actor", "apify/scenario"), run_input).id).run


def write(**arguments: Any) -> DatasetToFileOperator:
    return DatasetToFileOperator(**({"task_id": "task"} | arguments))


def run_directly(**arguments: Any) -> dict[str, Any]:
    """Let the operator do its work without a DAG run, with what Airflow has rendered."""
    operator = write(**arguments)
    context: Any = {"task": operator, "ti": SimpleNamespace(max_tries=0)}
    operator._read_rendered("dataset_id")
    return operator.execute(context)


def ids_in(file: Path) -> list[int]:
    return [json.loads(line)["id"] for line in file.read_bytes().splitlines()]


@pytest.mark.usefixtures("apify")
def test_a_list_of_datasets_becomes_one_file_and_the_manifest_says_what_each_brought(
    tmp_path: Path,
) -> None:
    hook, first, second = ApifyHook(), run_scenario(items=3), run_scenario(items=2)
    named = hook.create_dataset("named")
    told = run_directly(
        dataset_id=[first.to_dict(), second.dataset_id, "local~named"], path=str(tmp_path / "items.jsonl")
    )

    assert ids_in(tmp_path / "items.jsonl") == [0, 1, 2, 0, 1]
    assert told["datasets"] == [
        {"dataset_id": first.dataset_id, "items": 3, "name": None, "run_id": first.id},
        {"dataset_id": second.dataset_id, "items": 2, "name": None, "run_id": second.id},
        {"dataset_id": named.id, "items": 0, "name": "named", "run_id": None},
    ]
    assert (told["items"], told["dataset_count"], told["dataset_id"], told["run_id"]) == (5, 3, None, None)
    assert told["fields"] == ["id", "url", "title", "price", "text"]


@pytest.mark.usefixtures("apify")
def test_a_list_of_one_dataset_is_that_dataset(tmp_path: Path) -> None:
    run = run_scenario(items=3)
    told = run_directly(dataset_id=[run.dataset_id], path=str(tmp_path / "items.jsonl"))

    assert (told["dataset_id"], told["run_id"], told["dataset_count"]) == (run.dataset_id, run.id, 1)


@pytest.mark.parametrize(("key", "is_native"), [("return_value", False), ("dataset_id", True)])
def test_the_runs_of_a_mapped_task_become_one_file(
    airflow: DagRunner, tmp_path: Path, *, key: str, is_native: bool
) -> None:
    with DAG(f"test_mapped_runs_{key}", schedule=None, render_template_as_native_obj=is_native) as dag:
        crawl = RunActorOperator.partial(task_id="crawl", actor_id="apify/scenario").expand(
            run_input=[{"items": count} for count in (3, 0, 2)]
        )
        output: Any = crawl.output
        write(dataset_id=output if key == "return_value" else output[key], path=f"{tmp_path}/items.jsonl")
    outcome = airflow.run(dag)

    assert outcome.state == "success"
    assert ids_in(tmp_path / "items.jsonl") == [0, 1, 2, 0, 1]
    assert [each["items"] for each in outcome.xcom()["datasets"]] == [3, 0, 2]
    assert f"Wrote 5 items of 3 datasets ({outcome.xcom()['bytes']} bytes) to " in outcome.log


def test_the_outputs_of_several_tasks_make_one_list(airflow: DagRunner, tmp_path: Path) -> None:
    with DAG("test_several_outputs", schedule=None) as dag:
        alone = RunActorOperator(task_id="alone", actor_id="apify/scenario", run_input={"items": 1})
        mapped = RunActorOperator.partial(task_id="mapped", actor_id="apify/scenario").expand(
            run_input=[{"items": 2}, {"items": 3}]
        )
        write(dataset_id=[alone.output, mapped.output], path=f"{tmp_path}/items.jsonl")
    outcome = airflow.run(dag)

    assert outcome.state == "success"
    assert ids_in(tmp_path / "items.jsonl") == [0, 0, 1, 0, 1, 2]


@pytest.mark.parametrize("key", ["return_value", "dataset_id"])
def test_where_one_run_has_failed_the_others_are_written_if_the_task_runs_all_the_same(
    airflow: DagRunner, tmp_path: Path, key: str
) -> None:
    with DAG(f"test_one_fails_{key}", schedule=None) as dag:
        crawl = RunActorOperator.partial(task_id="crawl", actor_id="apify/scenario").expand(
            run_input=[{"items": 3}, {"items": 4, "endAs": "FAILED"}, {"items": 2}]
        )
        output: Any = crawl.output
        output = output if key == "return_value" else output[key]
        write(dataset_id=output, path=f"{tmp_path}/items.jsonl", trigger_rule="all_done")
    outcome = airflow.run(dag)

    # Who asks for the IDs gets the items of the failed run, too: its ID is known from its start.
    counts = [3, 2] if key == "return_value" else [3, 4, 2]
    assert outcome.task_state("crawl", map_index=1) == "failed"
    assert [each["items"] for each in outcome.xcom()["datasets"]] == counts
    assert len(ids_in(tmp_path / "items.jsonl")) == sum(counts)


def test_lists_can_be_mapped_over(airflow: DagRunner, tmp_path: Path) -> None:
    runs = [run_scenario(items=count).dataset_id for count in (1, 2, 3)]
    with DAG("test_mapped_lists", schedule=None) as dag:
        DatasetToFileOperator.partial(task_id="task", path=f"{tmp_path}/{{{{ ti.map_index }}}}.jsonl").expand(
            dataset_id=[runs[:2], runs[2:]]
        )
    assert airflow.run(dag).state == "success"

    assert [ids_in(tmp_path / f"{index}.jsonl") for index in (0, 1)] == [[0, 0, 1], [0, 1, 2]]


@pytest.mark.usefixtures("apify")
def test_one_dataset_that_is_not_there_leaves_every_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "00000.jsonl").write_text("old")
    ids = [run_scenario(items=3).dataset_id, "gone"]
    with pytest.raises(AirflowFailException, match="gone"):
        run_directly(dataset_id=ids, path=f"{tmp_path}/{{part}}.jsonl", items_per_file=1)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("00000.jsonl", "old")]


@pytest.mark.usefixtures("apify")
def test_a_dataset_by_its_id_and_by_its_name_is_the_same(tmp_path: Path) -> None:
    dataset_id = ApifyHook().create_dataset("named").id
    with pytest.raises(AirflowFailException, match=rf"dataset_id\[0\] and dataset_id\[1\] are the same .*{dataset_id}"):
        run_directly(dataset_id=[dataset_id, "local~named"], path=f"{tmp_path}/items.jsonl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ([], "dataset_id is an empty list"),
        (["a", None], "dataset_id[1] is None: the task that was to give it has failed, or gave nothing"),
        (["a", ""], "dataset_id[1] is '': the task that was to give it"),
        (["a", {"status": "FAILED"}], "dataset_id[1]: What should name the dataset is a dictionary without dataset"),
        (["a", 5], "dataset_id[1]: dataset ID must be a string, not 5"),
    ],
)
@pytest.mark.usefixtures("apify")
def test_a_list_that_lacks_something_fails_for_good_and_says_where(
    tmp_path: Path, returned: list[Any], words: str
) -> None:
    operator: Any = write(dataset_id="{{ ti.xcom_pull('choose') }}", path=f"{tmp_path}/items.jsonl")
    operator.dataset_id = returned  # what Airflow has rendered
    operator._read_rendered("dataset_id")
    with pytest.raises(AirflowFailException) as failed:
        operator.execute({"task": operator})
    assert words in str(failed.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"dataset_id": []}, "dataset_id is an empty list"),
        ({"dataset_id": ["a", None]}, r"dataset_id\[1\] is None: .* Or leave out what is not there"),
        ({"dataset_id": ["a", ["b", "None"]]}, r"dataset_id\[1\] is 'None'"),
        ({"dataset_id": ["a", "no id!"]}, r"dataset_id\[1\]: 'no id!' is no dataset ID"),
        ({"dataset_id": None, "run_id": ["a"]}, "run_id is a list. Give the runs as dataset_id"),
        *(
            ({"path": f"/items.{name}"}, f"Apify makes {name} of one dataset: write jsonl, json, csv or parquet, or a")
            for name in ("xlsx", "xml", "rss", "html")
        ),
        *(
            ({name: name == "desc" or 1}, f"{name} is for one dataset, but dataset_id is a list: leave {name} out, or")
            for name in ("offset", "limit", "desc")
        ),
        ({"dataset_id": ["{{ x }}"], "limit": 5}, "limit is for one dataset"),
    ],
)
def test_what_is_not_of_several_datasets_is_refused_when_the_dag_is_parsed(
    arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        write(**(LISTS | arguments))


@pytest.mark.usefixtures("apify")
def test_what_is_only_known_when_the_task_runs_is_checked_then(tmp_path: Path) -> None:
    operator: Any = write(dataset_id="{{ ti.xcom_pull('crawl') }}", path=f"{tmp_path}/items.csv", limit=5)
    operator.dataset_id = ["a"]  # what Airflow has rendered
    with pytest.raises(AirflowFailException, match="limit is for one dataset, but dataset_id is a list"):
        operator.execute({"task": operator})


def test_columns_that_the_actors_describe_must_be_the_same(apify: LocalApify) -> None:
    schemas = [{"type": "object", "properties": {"a": {"type": kind}}} for kind in ("string", "number")]
    ids = []
    for schema in schemas:
        run = run_scenario(items=1)
        apify.control.add_fault(
            "change-field",
            path=f"/v2/datasets/{run.dataset_id}",
            field="schema",
            value={"actorSpecification": 1, "fields": schema},
            times=None,
        )
        ids.append(run.dataset_id)
    with pytest.raises(AirflowFailException, match="the Actors of the datasets describe different columns"):
        run_directly(dataset_id=ids, path="/items.parquet", columns="dataset_schema")


@pytest.mark.usefixtures("apify")
def test_each_dataset_is_an_input_of_airflow_s_lineage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = HookLineageCollector()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(sdk, "get_hook_lineage_collector", lambda: collector)
    runs = [run_scenario(items=1), run_scenario(items=2)]
    run_directly(dataset_id=[run.to_dict() for run in runs], path=str(tmp_path / "items.jsonl"))

    assert [each.asset.uri for each in collector.collected_assets.inputs] == [
        f"apify://dataset/{run.dataset_id}" for run in runs
    ]


@pytest.mark.usefixtures("apify")
def test_a_template_that_writes_a_list_as_text_is_told_what_to_write(tmp_path: Path) -> None:
    operator: Any = write(dataset_id="{{ params.ids }}", path=str(tmp_path / "items.jsonl"))
    operator.dataset_id = str(["a", "b"])  # what Airflow has rendered
    with pytest.raises(AirflowFailException, match=r"is the text of a list\. .* render_template_as_native_obj"):
        operator.execute({"task": operator})
