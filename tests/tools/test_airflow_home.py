from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from tools.lab.airflow_home import AirflowHome

DATABASE = "database"
SERVER = "postgresql+psycopg2://me@/airflow?host=%2Ftmp"


def written(folder: Path, database_url: str | None) -> configparser.ConfigParser:
    home = AirflowHome(folder)
    home.configure(port=1, task_port=2, dag_folders=[], overrides={}, database_url=database_url)
    config = configparser.ConfigParser()
    config.read(home.folder / "airflow.cfg")
    return config


def test_without_a_server_the_database_is_a_file_of_the_home(tmp_path: Path) -> None:
    database = written(tmp_path, None)[DATABASE]
    assert database["sql_alchemy_conn"] == f"sqlite:///{tmp_path / 'airflow.db'}"
    assert "sql_alchemy_connect_args" in database


def test_a_database_server_gets_none_of_what_is_for_the_file(tmp_path: Path) -> None:
    assert dict(written(tmp_path, SERVER)[DATABASE]) == {"sql_alchemy_conn": SERVER}


@pytest.mark.parametrize("database_url", [None, SERVER])
def test_all_else_is_the_same_on_both(tmp_path: Path, database_url: str | None) -> None:
    assert written(tmp_path, database_url)["core"]["executor"] == "LocalExecutor"
