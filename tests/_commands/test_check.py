from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from airflow.models import Connection
from airflow.utils.session import create_session

from airflow_provider_apify import _extras
from airflow_provider_apify.__main__ import main
from local_apify import LocalApify

DAG = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

with DAG("{dag_id}", schedule=None):
    DatasetToFileOperator(task_id="save", dataset_id="d", path="s3://bucket/{{{{ run_id }}}}.parquet")
    DatasetToFileOperator.partial(task_id="many", path="/data/{{part}}.jsonl.zst", items_per_file=1).expand(
        dataset_id=["a", "b"]
    )
"""
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")

    def command(*paths: object) -> tuple[int, str]:
        return main(["check", *map(str, paths)]), capfd.readouterr().out

    return command


@pytest.fixture
def without_pyarrow_and_zstandard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _extras, "find_spec", lambda name: None if name in {"pyarrow", "zstandard"} else find_spec(name)
    )


def dag_file(folder: Path, dag_id: str) -> Path:
    file = folder / f"{dag_id}.py"
    file.write_text(DAG.format(dag_id=dag_id))
    return file


@pytest.mark.usefixtures("apify")
def test_a_good_installation_is_told_with_the_owner_of_the_token(run: Run) -> None:
    code, said = run()
    assert code == 0
    assert "Connection apify_default: works. The token belongs to Apify user 'local'" in said
    assert "parquet       is there" in said


def test_the_token_is_never_printed(run: Run, apify: LocalApify) -> None:
    _, said = run()
    assert apify.token not in said


def test_a_missing_connection_is_a_problem(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_APIFY_DEFAULT", raising=False)
    code, said = run()
    assert code == 1
    assert "Connection apify_default: DOES NOT WORK. Airflow connection 'apify_default' does not exist." in said


@pytest.mark.usefixtures("apify", "airflow_db", "without_pyarrow_and_zstandard")
def test_a_missing_driver_is_a_problem_where_a_dag_needs_it(run: Run, tmp_path: Path) -> None:
    dag_file(tmp_path, "crawl")
    code, said = run(tmp_path)
    assert code == 1
    assert "crawl: Task save needs pyarrow: pip install 'airflow-provider-apify[parquet]'" in said
    assert "crawl: Task many needs zstandard: pip install 'airflow-provider-apify[zstd]'" in said
    assert run()[0] == 0


@pytest.mark.usefixtures("apify", "airflow_db")
def test_dags_that_have_all_they_need_are_fine_and_broken_ones_are_not(run: Run, tmp_path: Path) -> None:
    assert run(dag_file(tmp_path, "crawl"))[1].endswith("DAGs:\n  have all they need\n")
    broken, empty = tmp_path / "broken.py", tmp_path / "empty.py"
    broken.write_text("from airflow import DAG\nraise ValueError('not this way')\n")
    empty.write_text("")
    code, said = run(broken, empty)
    assert code == 1
    assert "broken.py cannot be read: ValueError: not this way" in said
    assert "empty.py has no DAGs" in said


@pytest.mark.usefixtures("airflow_db")
def test_a_connection_of_the_database_counts(apify: LocalApify, capfd: pytest.CaptureFixture[str]) -> None:
    with create_session() as session:
        session.add(Connection("stored", conn_type="apify", host=apify.base_url, password=apify.token))  # noqa: AIR311 - a row
    assert main(["check", "--conn-id", "stored"]) == 0
    assert "Connection stored: works." in capfd.readouterr().out


def test_help_imports_no_airflow() -> None:
    program = (
        "import sys, runpy\nsys.argv[1:] = ['--help']\n"
        "try:\n    runpy.run_module('airflow_provider_apify', run_name='__main__')\n"
        "except SystemExit:\n    print('airflow' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout  # noqa: S603
    assert said.rstrip().endswith("False")
    assert {"new-dag", "input-schema", "check"} <= set(said.split())
