"""Every snippet of the how-tos runs, with the site, the Actor and the folder of a test."""

from __future__ import annotations

import ast
import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from airflow.providers.common.compat.sdk import BaseHook
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.secrets.local_filesystem import LocalFilesystemBackend

from airflow_provider_apify.hooks._connection import ApifyConnection
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import Target
from local_apify import ActorContext, LocalApify, actor, expected_crawl
from tests.dag_runs import AIRFLOW_VERSION, DagRunner, only_dag
from tests.docs.postgres import PostgresServer
from tests.local_apify.client import Client
from tests.spending import spend

FOLDER = Path(__file__).parent / "snippets"
TOO_NEW = {"dataset_grows"} if AIRFLOW_VERSION.startswith("2.") else set()
NAMES = sorted({file.stem for file in FOLDER.glob("*.py")} - TOO_NEW)
Load = Callable[[str], Any]
NO_ADDRESS = {"startUrls": [{"url": "http://[an address without an end"}]}


class SqliteHook(DbApiHook):
    """A database of the standard library, for which Airflow needs no provider."""

    conn_name_attr = "sqlite_conn_id"
    placeholder = "?"
    file = ""

    def get_conn(self) -> Any:
        return sqlite3.connect(self.file)


@actor("me/screenshots")
async def screenshots(context: ActorContext) -> None:
    """Store two screenshots, and something else."""
    for key in ("screenshot-1", "screenshot-2", "other"):
        await context.set_value(key, key.encode(), "image/png")


ODD_TITLES = ['say "so"', "a, b; c\\d \\N \\.", "two\nlines\r\n\tand\x01\x02\x7f", "é🦊\u2028", "", None]
FIRST_DAY, SECOND_DAY = datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 2, 4, tzinfo=UTC)


@actor("me/odd-pages")
async def odd_pages(context: ActorContext) -> None:
    """Push pages whose titles no separator can stand between."""
    await context.push_data([{"url": f"/{n}", "metadata": {"title": title}} for n, title in enumerate(ODD_TITLES)])


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with PostgresServer(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def load(apify: LocalApify, airflow_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:  # noqa: ARG001
    """Return what reads the only DAG of a snippet."""
    monkeypatch.syspath_prepend(tmp_path)

    def read(name: str) -> Any:
        text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        text = text.replace("https://docs.apify.com/academy", f"{apify.base_url}/shop/")
        text = text.replace("/data/", f"{tmp_path}/")
        for beside in FOLDER.glob("*.json"):
            (tmp_path / beside.name).write_bytes(beside.read_bytes())
        file = tmp_path / f"snippet_{name}.py"
        file.write_text(text)
        return only_dag(file)

    return read


def titles(apify: LocalApify) -> list[str]:
    return [page["metadata"]["title"] for page in expected_crawl(apify.base_url, max_pages=3)]


def items_of(folder: Path) -> list[Any]:
    (file,) = folder.glob("*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_every_snippet_is_retried_soon(load: Load, name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert '"retry_delay": timedelta(seconds=30)' in text
    assert all(task.retries for task in load(name).tasks)


@pytest.mark.skipif(AIRFLOW_VERSION.startswith("2."), reason="its providers for HTTP have other names")
@pytest.mark.filterwarnings("ignore:The `airflow.utils.operator_helpers")
def test_from_http_operator(
    apify: LocalApify, airflow: DagRunner, load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_APIFY_HTTP",
        json.dumps({"conn_type": "http", "host": apify.base_url, "extra": {"Authorization": f"Bearer {apify.token}"}}),
    )
    before, after = airflow.run(load("http_operator_before")), airflow.run(load("http_operator_after"))

    assert (before.errors, after.errors) == ({}, {})
    assert before.xcom("items") == items_of(tmp_path / "pages") == expected_crawl(apify.base_url, max_pages=3)


def test_from_apify_client(apify: LocalApify, airflow: DagRunner, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIFY_TOKEN", apify.token)
    monkeypatch.setenv("APIFY_API_BASE_URL", apify.base_url)
    before, after = airflow.run(load("apify_client_before")), airflow.run(load("apify_client_after"))

    assert before.xcom("titles") == after.xcom("titles") == titles(apify)


def test_items_in_a_table_are_there_once_however_often_they_are_loaded(
    apify: LocalApify, airflow: DagRunner, load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteHook, "file", str(tmp_path / "warehouse.db"))
    monkeypatch.setenv("AIRFLOW_CONN_DEFAULT_CONN_ID", '{"conn_type": "generic"}')
    monkeypatch.setattr(BaseHook, "get_hook", lambda *_, **__: SqliteHook())
    with sqlite3.connect(SqliteHook.file) as database:
        database.execute("CREATE TABLE pages (url TEXT PRIMARY KEY, title TEXT)")
    dag = load("database")
    assert [airflow.run(dag).errors for _ in range(2)] == [{}, {}]

    with sqlite3.connect(SqliteHook.file) as database:
        rows = database.execute("SELECT title FROM pages ORDER BY rowid").fetchall()
    assert sorted(title for (title,) in rows) == sorted(titles(apify))


def load_twice_and_another_day(airflow: DagRunner, dag: Any) -> list[tuple[str, str, str | None]]:
    """Load a day, load it again, and load another one; return the rows that there must be."""
    dag.get_task("crawl").actor_id = "me/odd-pages"
    dag.get_task("crawl").run_input = None
    days = set()
    for date in (FIRST_DAY, FIRST_DAY, SECOND_DAY):
        outcome = airflow.run(dag, date=date)
        assert (outcome.state, outcome.errors) == ("success", {})
        days.add(outcome.xcom("save")["path"].rpartition("/")[2][:10])
    assert len(days) == 2
    return [(day, f"/{number}", title) for day in sorted(days) for number, title in enumerate(ODD_TITLES)]


@pytest.mark.apify_actors(odd_pages)
def test_a_day_in_postgres_is_there_once_however_often_it_is_loaded(
    airflow: DagRunner, load: Load, warehouse: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(warehouse.connection))
    with psycopg.connect(host=warehouse.url, user="loader", dbname="postgres", autocommit=True) as database:
        database.execute("CREATE TABLE pages (day date, url text, title text)")
        expected = load_twice_and_another_day(airflow, load("postgres"))
        rows = database.execute("SELECT day::text, url, title FROM pages ORDER BY day, url").fetchall()
    assert rows == expected


@pytest.mark.apify_actors(odd_pages)
def test_a_day_in_duckdb_is_there_once_however_often_it_is_loaded(
    airflow: DagRunner, load: Load, tmp_path: Path
) -> None:
    expected = load_twice_and_another_day(airflow, load("duckdb_table"))

    with duckdb.connect(tmp_path / "warehouse.duckdb") as database:
        rows = database.execute("SELECT day::TEXT, url, title FROM pages ORDER BY day, url").fetchall()
    assert rows == expected


class StageHook(DbApiHook):
    """Stands for a warehouse that loads from a stage: takes note of what it is to run."""

    conn_name_attr = "stage_conn_id"

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[list[str], bool]] = []

    def run(self, sql: Any, *_: Any, autocommit: bool = False, **__: Any) -> None:
        self.asked.append((sql, autocommit))


def test_a_stage_is_asked_for_the_files_of_the_manifest_in_one_transaction(
    airflow: DagRunner, load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = StageHook()
    monkeypatch.setattr(BaseHook, "get_hook", lambda *_, **__: hook)
    dag = load("stage")
    dag.get_task("save").items_per_file = 2
    outcome = airflow.run(dag, date=FIRST_DAY)

    day = Path(outcome.xcom("save")["files"][0]["path"]).parent.name
    (((delete, copy), autocommit),) = hook.asked
    assert autocommit is False
    assert delete == f"DELETE FROM pages WHERE day = '{day}'"  # noqa: S608 - the snippet's own
    names = [f"pages/{day}/{number:05}.jsonl.gz" for number in range(2)]
    assert all((tmp_path / "lake" / name).exists() for name in names)
    assert [line.strip() for line in copy.strip().splitlines()] == [
        "COPY INTO pages (day, url, title)",
        f"FROM (SELECT '{day}', $1:url, $1:metadata:title FROM @lake)",  # noqa: S608 - the same
        f"FILES = ('{names[0]}', '{names[1]}')",
        "FILE_FORMAT = (TYPE = JSON)",
        "FORCE = TRUE",
    ]


def test_the_form_of_an_actor_serves_a_run_that_nobody_filled_in(airflow: DagRunner, load: Load) -> None:
    assert airflow.run(load("actor_form")).xcom("crawl")["item_count"] == 3


def test_a_new_dag_runs_as_it_is(apify: LocalApify, airflow: DagRunner, load: Load, tmp_path: Path) -> None:
    assert airflow.run(load("new_dag")).errors == {}
    assert items_of(tmp_path / "website_content_crawler") == expected_crawl(apify.base_url, max_pages=3)


@pytest.mark.apify_actors(screenshots)
def test_the_records_of_a_prefix_become_files(airflow: DagRunner, load: Load, tmp_path: Path) -> None:
    assert airflow.run(load("records")).state == "success"

    (folder,) = (tmp_path / "screenshots").iterdir()
    assert {file.name for file in folder.iterdir()} == {"screenshot-1", "screenshot-2"}


def test_an_alert_has_the_link_the_status_and_the_cost(airflow: DagRunner, load: Load) -> None:
    dag = load("alert")
    dag.get_task("crawl").run_input = NO_ADDRESS
    outcome = airflow.run(dag)

    assert outcome.state == "failed"
    told = next(line for line in outcome.log.splitlines() if "crawl failed" in line)
    run = ast.literal_eval(told[told.index("{") :])
    assert (run["actor"], run["status"]) == ("apify/website-content-crawler", "FAILED")
    assert run["usage_total_usd"] > 0
    assert run["run_url"].startswith("https://console.apify.com/actors/runs/")


def test_a_connection_limits_each_run_and_the_month(
    apify: LocalApify, airflow: DagRunner, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = json.loads((FOLDER / "connection_with_limits.json").read_text(encoding="utf-8"))
    monkeypatch.setenv(
        "AIRFLOW_CONN_APIFY_LIMITED", json.dumps({**connection, "host": apify.base_url, "password": apify.token})
    )
    dag = load("limits")
    first = airflow.run(dag)
    (run,) = apify.control.ledger().runs
    spend(apify, 100)
    second = airflow.run(dag)

    assert (first.errors, run.options["maxTotalChargeUsd"], dag.get_task("crawl").cost_limit) == ({}, 5, 2)
    assert "the monthly budget of Airflow connection 'apify_limited' is used up" in str(second.error)
    assert apify.control.ledger().runs_started == 2


def test_a_notifier_starts_an_actor_when_a_task_has_failed(apify: LocalApify, airflow: DagRunner, load: Load) -> None:
    dag = load("notifier")
    dag.get_task("crawl").run_input = NO_ADDRESS
    assert airflow.run(dag).state == "failed"

    assert [run.actor for run in apify.control.ledger().runs] == ["apify/website-content-crawler", "apify/hello-world"]


def test_the_run_of_apify_s_scheduler_is_used(
    apify: LocalApify, airflow: DagRunner, load: Load, tmp_path: Path
) -> None:
    client = Client(apify)
    action = {"type": "RUN_ACTOR_TASK", "actorTaskId": ApifyHook().get_task("local/daily-crawl").id}
    schedule = client.data("POST", "/v2/schedules", json={"cronExpression": "@daily", "actions": [action]})
    apify.control.fire_schedule(schedule["id"])
    by_hand = ApifyHook().start_run(Target("task", "local/daily-crawl"))
    outcome = airflow.run(load("scheduled_at_apify"))

    run_id = outcome.xcom("wait")["run_id"]
    assert outcome.state == "success"
    assert run_id != by_hand.id
    assert (tmp_path / "scheduled" / f"{run_id}.jsonl").exists()


def test_a_file_of_a_secrets_backend_holds_a_connection_with_its_limits() -> None:
    backend = LocalFilesystemBackend(connections_file_path=str(FOLDER / "connections.json"))
    found: Any = backend.get_connection("apify_default")
    connection = ApifyConnection.from_airflow(found)
    assert connection.access.token == "apify_api_..."
    assert connection.limits.limit_max_total_charge_usd == Decimal(5)
