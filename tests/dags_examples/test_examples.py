from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import Target
from local_apify import LocalApify, expected_crawl
from local_apify.world.webhook_templates import render
from tests.dag_runs import AIRFLOW_VERSION, TOO_NEW, DagRunner, dag_bag
from tests.docs.readme import dag_of_the_readme
from tests.local_apify.client import limit_usage, until

FOLDER = Path(__file__).parents[2] / "dags_examples"
FILES = sorted(file for file in FOLDER.glob("*.py") if file.stem not in TOO_NEW)
DAY = datetime(2026, 2, 3, tzinfo=UTC)
Load = Callable[..., Any]


@pytest.fixture
def output(apify: LocalApify, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have the examples crawl the local shop and write to a folder of the test."""
    monkeypatch.setenv("APIFY_EXAMPLE_START_URL", f"{apify.base_url}/shop/")
    monkeypatch.setenv("APIFY_EXAMPLE_OUTPUT", str(tmp_path))
    return tmp_path


@pytest.fixture
def load(output: Path, airflow_db: None) -> Load:  # noqa: ARG001 - both have to be there
    """Return what reads a DAG from the file of its name, or from another.

    A suffix gives it an ID that no other test has: Airflow 3 stores each DAG that is run under its ID, once.
    """

    def read(dag_id: str, file: str = "", suffix: str = "") -> Any:
        bag = dag_bag(FOLDER / f"{file or dag_id}.py")
        assert bag.import_errors == {}
        dag = bag.dags[dag_id]
        dag.dag_id += suffix
        return dag

    return read


def lines_of(pages: list[dict[str, Any]]) -> bytes:
    """Write pages as they are expected in a file."""
    return "".join(f"{json.dumps(page, ensure_ascii=False, separators=(',', ':'))}\n" for page in pages).encode()


def pages_from(start_url: str, pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return pages whose first was reached under another address."""
    first = pages[0] | {"url": start_url, "crawl": pages[0]["crawl"] | {"loadedUrl": start_url}}
    return [first, *pages[1:]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.usefixtures("airflow_db")
def test_every_example_is_read_without_errors_or_warnings(file: Path, recwarn: pytest.WarningsRecorder) -> None:
    bag = dag_bag(file)

    assert bag.import_errors == {}
    assert [str(warning.message) for warning in recwarn] == []
    assert bag.dags
    for dag in bag.dags.values():
        assert dag.doc_md
        assert dag.description
        assert set(dag.tags) > {"apify", "example"}
        assert all(dag.params.get_param(name).description for name in dag.params)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.usefixtures("airflow_db")
def test_every_task_of_an_example_is_retried_soon(file: Path) -> None:
    tasks = [task for dag in dag_bag(file).dags.values() for task in dag.tasks]

    assert [task.task_id for task in tasks if not task.retries or task.retry_delay > timedelta(minutes=1)] == []


def test_the_three_parts_together(apify: LocalApify, airflow: DagRunner, load: Load, output: Path) -> None:
    outcome = airflow.run(load("apify_end_to_end"))

    assert outcome.state == "success"
    assert (output / "end_to_end.jsonl").read_bytes() == lines_of(expected_crawl(apify.base_url, max_pages=10))
    assert apify.control.ledger().runs_started == 1


def test_the_hook_in_a_task(apify: LocalApify, airflow: DagRunner, load: Load) -> None:
    outcome = airflow.run(load("apify_hook_in_task"))

    assert len(outcome.xcom("crawl")["titles"]) == 5
    assert apify.control.ledger().runs[0].options["timeoutSecs"] == 600


def test_a_retry_of_the_hook_in_a_task_goes_on_with_the_run_of_the_attempt_before(
    apify: LocalApify, airflow: DagRunner, load: Load
) -> None:
    dag = load("apify_hook_in_task")
    dag.get_task("crawl").retry_delay = timedelta(0)
    apify.control.add_fault(
        "answer", path="/v2/actor-runs/*", method="GET", status=403, error_type="insufficient-permissions"
    )
    outcome = airflow.run(dag)

    assert (outcome.state, outcome.task_instance("crawl").try_number) == ("success", 2)
    assert apify.control.ledger().runs_started == 1


def test_the_scheduled_crawl_names_its_file_after_the_data_interval(
    apify: LocalApify, airflow: DagRunner, load: Load, output: Path
) -> None:
    dag = load("apify_scheduled_crawl")
    outcome = airflow.run(dag, date=DAY)

    (file,) = (output / "scheduled_crawl").iterdir()
    assert outcome.state == "success"
    assert file.name in {"20260203T000000.jsonl", "20260202T000000.jsonl"}  # an interval before it, or none
    assert file.read_bytes() == lines_of(expected_crawl(apify.base_url, max_pages=20))


def test_a_manual_run_of_the_scheduled_crawl_takes_its_address_from_the_form(
    apify: LocalApify, airflow: DagRunner, load: Load, output: Path
) -> None:
    url = f"{apify.base_url}/shop/?from=the-form"
    outcome = airflow.run(load("apify_scheduled_crawl"), conf={"start_url": url})

    (file,) = (output / "scheduled_crawl").iterdir()
    assert outcome.state == "success"
    assert file.read_bytes().startswith(lines_of(pages_from(url, expected_crawl(apify.base_url, max_pages=1))))


def test_a_run_from_the_form(apify: LocalApify, airflow: DagRunner, load: Load, output: Path) -> None:
    form = {"start_urls": [f"{apify.base_url}/shop/", "", " "], "max_pages": 7, "budget_usd": None}
    outcome = airflow.run(load("apify_run_from_ui"), conf=form)

    (file,) = (output / "run_from_ui").iterdir()
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert outcome.state == "success"
    assert [row["url"] for row in rows] == [page["url"] for page in expected_crawl(apify.base_url, max_pages=7)]


def test_the_budget_of_the_form_holds_for_an_actor_that_is_paid_by_usage(
    apify: LocalApify, airflow: DagRunner, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token}
    limited = {**connection, "extra": {"limit_abort_above_usd": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(limited))
    outcome = airflow.run(load("apify_run_from_ui", suffix="_budget"), conf={"budget_usd": 2.5})

    assert "abort_above_usd is 2.5, but Airflow connection 'apify_default' allows" in str(outcome.errors["crawl"])
    assert apify.control.ledger().runs_started == 0


def test_a_misspelt_name_in_the_conf_fails_before_a_run_is_paid_for(
    apify: LocalApify, airflow: DagRunner, load: Load
) -> None:
    outcome = airflow.run(load("apify_run_from_ui", suffix="_misspelt"), conf={"maxpages": 2, "budget": 0.5})

    assert "maxpages (did you mean max_pages?)" in str(outcome.errors["prepare"])
    assert "budget (did you mean budget_usd?)" in str(outcome.errors["prepare"])
    assert apify.control.ledger().runs_started == 0


@pytest.mark.parametrize(
    "form",
    [{"start_urls": []}, {"start_urls": [""]}, {"start_urls": ["ftp://x"]}, {"max_pages": 0}, {"budget_usd": 50}],
    ids=str,
)
def test_the_form_refuses_values_out_of_range(load: Load, form: dict[str, Any]) -> None:
    params = load("apify_run_from_ui").params

    with pytest.raises(Exception, match="Invalid input"):
        params.update(form)


def test_a_day_can_be_run_again(apify: LocalApify, airflow: DagRunner, load: Load, output: Path) -> None:
    dag = load("apify_daily_backfill")
    for _ in range(2):
        assert airflow.run(dag, date=DAY).state == "success"

    (file,) = output.glob("daily/day=*/pages.jsonl")
    day = file.parent.name
    assert day in {"day=2026-02-03", "day=2026-02-02"}
    expected = pages_from(f"{apify.base_url}/shop/?{day}", expected_crawl(apify.base_url, max_depth=1))
    assert file.read_bytes() == lines_of(expected)


def test_the_daily_files_can_also_be_made_by_a_run_without_a_date(airflow: DagRunner, load: Load, output: Path) -> None:
    assert airflow.run(load("apify_daily_backfill")).state == "success"
    assert len(list(output.glob("daily/day=*/pages.jsonl"))) == 1


def test_the_items_of_many_runs_side_by_side_are_one_file(
    apify: LocalApify, airflow: DagRunner, load: Load, output: Path
) -> None:
    outcome = airflow.run(load("apify_fan_out"), conf={"count": 20})

    (file,) = (output / "fan_out").iterdir()
    pages = expected_crawl(apify.base_url, max_pages=5)
    expected = [pages_from(f"{apify.base_url}/shop/?page={number}", pages) for number in range(1, 21)]
    assert outcome.state == "success"
    assert apify.control.ledger().runs_started == 20
    assert file.read_bytes() == b"".join(map(lines_of, expected))
    assert [each["items"] for each in outcome.xcom("save")["datasets"]] == [5] * 20


def test_a_saved_task_and_its_run(apify: LocalApify, airflow: DagRunner, load: Load, output: Path) -> None:
    outcome = airflow.run(load("apify_saved_task"))

    (run,) = apify.control.ledger().runs
    assert outcome.xcom("wait")["run_id"] == run.run_id
    assert run.task == "daily-crawl"
    assert (output / "saved_task.jsonl").read_bytes() == lines_of(expected_crawl(apify.base_url, max_pages=10))


def test_a_run_that_was_started_elsewhere(airflow: DagRunner, load: Load, output: Path) -> None:
    run = ApifyHook().start_run(Target("actor", "apify/hello-world"), {"message": "from elsewhere"})
    outcome = airflow.run(load("apify_watch_other_run"), conf={"run_id": run.id})

    assert outcome.state == "success"
    assert (output / "watch_other_run" / f"{run.id}.jsonl").read_bytes() == b'{"message":"from elsewhere"}\n'


def test_a_run_that_was_started_elsewhere_may_be_named_by_its_address(
    airflow: DagRunner, load: Load, output: Path
) -> None:
    run = ApifyHook().start_run(Target("actor", "apify/hello-world"), {"message": "from elsewhere"})
    outcome = airflow.run(load("apify_watch_other_run", suffix="_by_address"), conf={"run_id": run.console_url})

    assert outcome.state == "success"
    assert (output / "watch_other_run" / f"{run.id}.jsonl").exists()


def test_what_the_webhook_sends_starts_the_dag_that_watches(load: Load) -> None:
    template = load("apify_webhook").get_task("ensure").payload_template
    body = json.loads(render(template, {"resource": {"id": "r" * 17}}))

    load("apify_watch_other_run").params.update(body.pop("conf"))
    assert body == {"dag_run_id": "r" * 17, "logical_date": None}


def test_a_careful_run_looks_before_it_spends(apify: LocalApify, airflow: DagRunner, load: Load) -> None:
    apify.control.settings(max_concurrent_runs=1, max_memory_mbytes=8192)
    limit_usage(apify, 10)
    outcome = airflow.run(load("apify_careful_run"))

    assert outcome.xcom("wait") == {"memory": 8192, "run_slots": 1, "budget_usd": "10"}
    assert outcome.xcom("crawl")["item_count"] == 5
    requests = apify.control.ledger().requests
    assert requests["POST /v2/actors/{actorId}/validate-input"] == 1


def test_a_quick_answer_takes_one_request(apify: LocalApify, airflow: DagRunner, load: Load) -> None:
    outcome = airflow.run(load("apify_quick_answer"))

    assert outcome.xcom("titles") == [page["metadata"]["title"] for page in expected_crawl(apify.base_url, max_pages=3)]
    asked = {route: count for route, count in apify.control.ledger().requests_by_route.items() if "/v2/" in route}
    assert asked == {"POST /v2/actors/{actorId}/run-sync-get-dataset-items": 1}


def test_one_webhook_is_kept_and_what_it_could_not_deliver_is_listed(
    apify: LocalApify, airflow: DagRunner, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APIFY_EXAMPLE_RECEIVER", f"{apify.base_url}/shop/")  # takes no POST
    apify.control.settings(webhook_backoff_seconds=0)
    dag = load("apify_webhook")
    first = airflow.run(dag)
    webhook_id = first.xcom("ensure")["webhook_id"]
    assert first.xcom("undelivered") == []
    run = ApifyHook().start_run(Target("task", "local/daily-crawl"))
    until(lambda: list(ApifyHook().iterate_webhook_dispatches(status="FAILED")))
    second = airflow.run(dag)

    assert second.xcom("ensure")["webhook_id"] == webhook_id
    assert second.xcom("undelivered") == [f"ACTOR.RUN.SUCCEEDED of run {run.id}"]


def test_the_file_of_one_dag_feeds_the_next(apify: LocalApify, airflow: DagRunner, load: Load, output: Path) -> None:
    producer = load("apify_asset_producer", "apify_asset_pipeline")
    consumer = load("apify_asset_consumer", "apify_asset_pipeline")
    crawl, save = producer.get_task("crawl"), producer.get_task("save")
    way = [*crawl.inlets, *crawl.outlets, *save.inlets, *save.outlets]
    assert [getattr(each, "name", each.uri) for each in way] == [
        "apify://actor/apify~website-content-crawler",
        "apify_example_items",
        "apify_example_items",
        "apify_example_pages",
    ]
    produced, consumed = airflow.run(producer), airflow.run(consumer)

    pages = expected_crawl(apify.base_url, max_pages=10)
    (details,) = (output / "asset_pipeline").glob("details-*.json")
    assert (produced.state, consumed.state) == ("success", "success")
    assert (output / "asset_pipeline" / "pages.jsonl").read_bytes() == lines_of(pages)
    assert json.loads(details.read_bytes()) == [page | {"crawl": page["crawl"] | {"depth": 0}} for page in pages[:3]]


def test_runs_without_a_date_have_none_on_airflow_3(airflow: DagRunner, load: Load) -> None:
    outcome = airflow.run(load("apify_hook_in_task"))

    assert (outcome.logical_date is None) is not AIRFLOW_VERSION.startswith("2.")


@pytest.mark.parametrize("date", [DAY, None], ids=["scheduled, or a day of a backfill", "manual, or by an asset"])
def test_the_dag_of_the_readme_runs_as_printed_on_any_trigger(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, date: datetime | None
) -> None:
    file = tmp_path / "readme.py"
    file.write_text(dag_of_the_readme(f"{apify.base_url}/shop/", str(tmp_path)))
    monkeypatch.syspath_prepend(tmp_path)
    outcome = airflow.run(dag_bag(file).dags["products"], date=date)

    assert outcome.state == "success"
    (saved,) = (tmp_path / "products").glob("*.jsonl")
    assert date is None or saved.name == "2026-02-03.jsonl"
    assert saved.read_bytes() == lines_of(expected_crawl(apify.base_url, max_pages=50))


def test_the_old_crawler_and_its_simplified_results(
    apify: LocalApify, airflow: DagRunner, load: Load, output: Path
) -> None:
    apify.control.add_fault("answer", path="/shop/categories/garden", status=503, times=None)
    outcome = airflow.run(load("apify_old_crawler"), conf={"custom_data": "mine", "offset": 1, "limit": 4})

    pages = expected_crawl(apify.base_url, max_pages=5)[1:]
    rows = list(csv.DictReader((output / "old_crawler.csv").read_text().splitlines()))
    assert outcome.state == "success"
    assert outcome.xcom("execute")["item_count"] == 10
    assert [(row["url"], row["title"], row["customData"]) for row in rows] == [
        (page["url"], page["metadata"]["title"], "mine") for page in pages if "garden" not in page["url"]
    ]
    assert apify.control.ledger().runs_started == 1


def test_the_items_of_decorated_functions_feed_the_next_task(apify: LocalApify, airflow: DagRunner, load: Load) -> None:
    outcome = airflow.run(load("apify_task_decorator"), conf={"max_pages": 2})

    expected = [page["metadata"]["title"] for page in expected_crawl(apify.base_url, max_pages=2)]
    assert [outcome.xcom("titles", map_index=index) for index in (0, 1)] == [expected, expected]
    assert apify.control.ledger().runs_started == 2


def test_all_that_a_run_leaves_behind_is_kept(apify: LocalApify, airflow: DagRunner, load: Load, output: Path) -> None:
    dag = load("apify_keep_everything")
    first, second = airflow.run(dag), airflow.run(dag)

    pages, folder, hook = expected_crawl(apify.base_url, max_pages=10), output / "keep_everything", ApifyHook()
    run_id = second.xcom("start")["run_id"]
    assert (first.state, second.state) == ("success", "success")
    assert second.xcom("first_items")["item_count"] >= 3
    assert hook.get_dataset(second.xcom("name")["id"]).name == f"pages-{run_id}"
    assert gzip.decompress((folder / "items.jsonl.gz").read_bytes()) == lines_of(pages)
    assert [file.name for file in (folder / "records").iterdir()] == ["INPUT"]
    assert (folder / "log.txt").read_text() == hook.get_log(run_id)
    assert [page["url"] for page in hook.iterate_items(second.xcom("collect")["dataset_id"])] == [
        page["url"] for page in pages * 2
    ]


@pytest.mark.skipif(AIRFLOW_VERSION.startswith("2."), reason="asset watchers came with Airflow 3")
def test_the_example_of_a_dag_that_runs_start_has_nothing_to_do_by_hand(airflow: DagRunner, load: Load) -> None:
    outcome = airflow.run(load("apify_follow_runs"))

    assert outcome.xcom("runs") == []
