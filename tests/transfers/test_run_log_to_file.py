from __future__ import annotations

import gzip
import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy
from airflow_provider_apify.transfers import run_log_to_file
from airflow_provider_apify.transfers.run_log_to_file import RunLogToFileOperator
from local_apify import LocalApify
from tests.dag_runs import DagRunner
from tests.local_apify.client import until

LINES = [f"\x1b[31mLine\x1b[0m {number} žluť" for number in range(3_000)]
LOG = "*/log"


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook()


@pytest.fixture
def run_id(hook: ApifyHook) -> str:
    """Return the ID of a finished run with a log."""
    return hook.wait_for_run(hook.start_run("apify/scenario", {"logLines": LINES}).id).run.id


def write(**arguments: Any) -> RunLogToFileOperator:
    """Make the task of most tests."""
    defaults: dict[str, Any] = {"task_id": "task", "retry_delay": timedelta(0)}
    return RunLogToFileOperator(**(defaults | arguments))


def test_the_whole_log_of_a_run_becomes_a_file(
    airflow: DagRunner, tmp_path: Path, hook: ApifyHook, run_id: str
) -> None:
    target = tmp_path / "new" / "run.log"
    outcome = airflow.run_task(write(run_id="{{ params.run }}", path=str(target)), params={"run": run_id})

    body = target.read_bytes()
    assert body.decode() == hook.get_log(run_id)
    assert [line for line in LINES if line.encode() not in body] == []
    told = outcome.xcom()
    assert told.pop("path").endswith(str(target))
    assert told == {
        "content_type": "text/plain; charset=utf-8",
        "bytes": len(body),
        "body_bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "run_id": run_id,
        "status": "SUCCEEDED",
        "is_complete": True,
    }


def test_the_log_of_a_run_that_goes_on_is_written_up_to_now(
    airflow: DagRunner, tmp_path: Path, hook: ApifyHook
) -> None:
    plan = {"logLines": ["first", "much later"], "durationSecs": 1_200}
    run_id = hook.start_run("apify/scenario", plan).id
    until(lambda: "first" in hook.get_log(run_id))
    outcome = airflow.run_task(write(run_id=run_id, path=str(tmp_path / "run.log")))

    text = (tmp_path / "run.log").read_text()
    assert "first\n" in text
    assert "much later" not in text
    assert (outcome.xcom()["status"], outcome.xcom()["is_complete"]) == ("RUNNING", False)


@pytest.mark.parametrize(("name", "compression"), [("run.log.gz", None), ("run.log", "gzip")])
def test_a_log_may_be_compressed(
    airflow: DagRunner, tmp_path: Path, run_id: str, name: str, compression: str | None
) -> None:
    outcome = airflow.run_task(write(run_id=run_id, path=str(tmp_path / name), compression=compression))

    packed = (tmp_path / name).read_bytes()
    assert gzip.decompress(packed).decode() == ApifyHook().get_log(run_id)
    assert (outcome.xcom()["bytes"], outcome.xcom()["body_bytes"]) == (len(packed), len(gzip.decompress(packed)))


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "cut-body", "after_bytes": 50_000},
        {"action": "end-body-early", "after_bytes": 50_000},
        {"action": "answer", "status": 502},
        {"action": "answer", "status": 200, "text": "<html>Sign in</html>"},
        {"action": "answer", "status": 200, "text": ""},
    ],
    ids=str,
)
def test_a_body_that_breaks_in_a_line_is_read_again(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, run_id: str, fault: dict[str, Any]
) -> None:
    whole = ApifyHook().get_log(run_id)
    apify.control.add_fault(path=LOG, **fault)
    airflow.run_task(write(run_id=run_id, path=str(tmp_path / "run.log")))

    assert (tmp_path / "run.log").read_bytes().decode() == whole
    assert apify.control.faults()[0]["happened"] == 1


def test_a_page_in_place_of_a_log_is_none_however_often_it_comes(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, run_id: str
) -> None:
    apify.control.add_fault("answer", path=LOG, status=200, text="<html>Sign in</html>", times=None)
    task = write(run_id=run_id, path=str(tmp_path / "run.log"))
    task.hook = ApifyHook(retry=RetryPolicy(attempts=3, first_delay=0.001))
    outcome = airflow.run_task(task)

    assert isinstance(outcome.error, ApifyDataError)
    assert "the answer is text/html; charset=utf-8, not plain text" in str(outcome.error)
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_apify_may_have_cut_is_written_with_a_warning(
    airflow: DagRunner, tmp_path: Path, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log_to_file, "LOG_BYTES", 10_000)
    outcome = airflow.run_task(write(run_id=run_id, path=str(tmp_path / "run.log")))

    assert outcome.state == "success"
    assert "Apify keeps 10 MiB of a log" in outcome.log


def test_a_run_that_does_not_exist_fails_for_good(airflow: DagRunner, tmp_path: Path) -> None:
    outcome = airflow.run_task(write(run_id="nothing", path=str(tmp_path / "run.log"), retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_skips_the_task_where_it_says_so(airflow: DagRunner, tmp_path: Path, run_id: str) -> None:
    (tmp_path / "run.log").write_text("old")
    outcome = airflow.run_task(write(run_id=run_id, path=str(tmp_path / "run.log"), if_exists="skip"))

    assert outcome.task_state() == "skipped"
    assert (tmp_path / "run.log").read_text() == "old"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "run.log"}, "Give a local path that begins with '/'"),
        ({"path": "/run.log", "compression": "bzip2"}, "compression is 'bzip2'"),
        ({"path": "/run.log", "run_id": ""}, "run_id is empty"),
        ({"path": "/run.log.gz", "compression": "zstd"}, "the path's ending means gzip"),
        ({"path": "/run.log", "if_exists": "ask"}, "if_exists is 'ask'"),
        ({"path": "/run.log", "if_exists": "{{ x }}"}, "if_exists is not templated"),
        ({"path": "http://host/run.log"}, "path is 'http://host/run.log', but in http:// no file can"),
        ({"path": None}, "path is None. Give it as text"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        write(**({"run_id": "a"} | arguments))
