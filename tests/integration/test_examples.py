from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_apify.actors.shop import expected_crawl
from tests.dag_runs import TOO_NEW
from tests.integration.stage import Stage, json_lines
from tools.lab import AirflowRequestError, wait_until
from tools.versions import ROOT

EXAMPLES = {file for file in (ROOT / "dags_examples").glob("apify_*.py") if file.stem not in TOO_NEW}


def test_airflow_understands_every_example(stage: Stage) -> None:
    client = stage.lab.client

    def understood() -> bool:
        dags = client.call("GET", "/dags", params={"tags": "example", "limit": 100})["dags"]
        return {Path(dag["fileloc"]) for dag in dags} == EXAMPLES

    wait_until(understood, "Airflow to read the examples", timeout=120)
    assert {Path(file).stem for file in client.import_errors()} == TOO_NEW


@pytest.fixture
def slow_starts(stage: Stage) -> Iterator[None]:
    """Let runs wait for their machine as long as a busy Apify does, so that whoever waits for them has to."""
    usual = stage.apify.settings().ready_seconds
    stage.apify.settings(ready_seconds=20)
    yield
    stage.apify.settings(ready_seconds=usual)


@pytest.mark.usefixtures("slow_starts")
def test_the_example_of_start_wait_and_save_lands_its_pages(stage: Stage) -> None:
    run = stage.trigger("apify_end_to_end")

    stage.finish(run)

    saved = stage.lab.client.xcom(run, "save")
    file = stage.lab.home.folder / "examples" / "end_to_end.jsonl"
    assert file.read_bytes() == json_lines(expected_crawl(stage.lab.apify.base_url, max_pages=saved["items"]))
    assert "Pausing task as DEFERRED" in stage.lab.client.task_log(run, "wait")


@pytest.mark.parametrize(
    "form", [{"max_pages": 0}, {"max_pages": "many"}, {"budget_usd": 1000}, {"start_urls": []}], ids=str
)
def test_a_form_that_is_filled_in_wrongly_starts_nothing(stage: Stage, form: dict[str, object]) -> None:
    started_before = stage.apify.ledger().runs_started
    name = next(iter(form))

    with pytest.raises(AirflowRequestError, match=f"(?s)400.*{name}"):
        stage.trigger("apify_run_from_ui", **form)

    assert stage.apify.ledger().runs_started == started_before
