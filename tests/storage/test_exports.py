"""Datasets go to real storages through real Airflow tasks; what cannot be written is said so that it can be mended."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncssh
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import Target
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from local_apify import scenario_item
from tests.dag_runs import DagRunner, Outcome
from tests.storage.conftest import Storage
from tests.storage.servers import AzuriteServer, S3Server, Server, SftpServer

pytestmark = pytest.mark.timeout(600)  # the first one installs its server

ITEMS = 5


@pytest.fixture
def name() -> str:
    return f"{uuid4().hex}.jsonl"


def export(airflow: DagRunner, path: str, conn_id: str | None = None) -> Outcome:
    """Write a dataset with a task."""
    run = finished_run(ITEMS)
    return airflow.run_task(DatasetToFileOperator(task_id="task", run_id=run.id, path=path, target_conn_id=conn_id))


def finished_run(items: int) -> ActorRun:
    hook = ApifyHook()
    return hook.wait_for_run(hook.start_run(Target("actor", "apify/scenario"), {"items": items}).id).run


def connect(monkeypatch: pytest.MonkeyPatch, server: Server, **extra: Any) -> str:
    """Make a connection to the server that differs in its extra, and return its id."""
    conn_id = f"lake_{uuid4().hex}"
    connection = server.connection | {"extra": server.connection["extra"] | extra}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return conn_id


def test_a_dataset_goes_to_any_storage(airflow: DagRunner, storage: Storage, name: str) -> None:
    outcome = export(airflow, f"{storage.url}/{name}", storage.conn_id)

    body = storage.read(name) or b""
    assert [json.loads(line) for line in body.splitlines()] == [scenario_item(index) for index in range(ITEMS)]
    assert outcome.xcom()["sha256"] == hashlib.sha256(body).hexdigest()
    assert outcome.xcom()["bytes"] == len(body)
    assert storage.litter() == []


def test_a_dataset_may_be_split_on_any_storage_and_a_shorter_one_replaces_it_whole(
    airflow: DagRunner, storage: Storage, name: str
) -> None:
    def parts_of(items: int) -> list[list[Any]]:
        run = finished_run(items)
        path = f"{storage.url}/{name}/{{part}}.jsonl"
        written = DatasetToFileOperator(
            task_id="task", run_id=run.id, path=path, target_conn_id=storage.conn_id, items_per_file=2
        )
        files = airflow.run_task(written).xcom()["files"]
        bodies = [storage.read(f"{name}/{number:05d}.jsonl") for number in range(5)]
        found = [body for body in bodies if body is not None]
        assert [hashlib.sha256(body).hexdigest() for body in found] == [file["sha256"] for file in files]
        return [[json.loads(line)["id"] for line in body.splitlines()] for body in found]

    assert parts_of(7) == [[0, 1], [2, 3], [4, 5], [6]]
    assert parts_of(3) == [[0, 1], [2]]
    assert storage.litter() == []


@pytest.mark.parametrize("storage", ["s3", "azure", "sftp"], indirect=True)
def test_the_connection_may_stand_in_the_url(airflow: DagRunner, storage: Storage, name: str) -> None:
    scheme, _, rest = storage.url.partition("://")
    export(airflow, f"{scheme}://{storage.conn_id}@{rest}/{name}")
    assert len((storage.read(name) or b"").splitlines()) == ITEMS


@pytest.mark.parametrize(
    ("conn_id", "url", "said"),
    [
        ("lake_s3", "s3://nosuchbucket/items.jsonl", "The specified bucket does not exist"),
        ("lake_azure", "abfs://nosuchcontainer/items.jsonl", "The specified container does not exist"),
    ],
)
@pytest.mark.usefixtures("s3_server", "azurite_server")
def test_a_bucket_that_is_not_there_is_named(airflow: DagRunner, conn_id: str, url: str, said: str) -> None:
    error = export(airflow, url, conn_id).error
    assert isinstance(error, ApifyError)
    assert str(error).startswith(f"Cannot write {url}: FileNotFoundError: ")
    assert said in str(error)
    assert str(error).endswith("Is its bucket, container or folder there?")


def test_wrong_credentials_of_s3_are_told_apart(airflow: DagRunner, s3: Storage, s3_server: S3Server) -> None:
    s3_server.check_credentials(after=0)
    try:
        error = export(airflow, f"{s3.url}/refused.jsonl", s3.conn_id).error
    finally:
        s3_server.check_credentials(after=None)
    assert_refused(error, s3_server.connection["password"])


def test_wrong_credentials_of_azure_are_told_apart(
    airflow: DagRunner, azure: Storage, azurite_server: AzuriteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = azurite_server.connection_string.replace("AccountKey=", "AccountKey=AAAA")
    conn_id = connect(monkeypatch, azurite_server, connection_string=wrong)
    assert_refused(export(airflow, f"{azure.url}/refused.jsonl", conn_id).error, wrong)


def test_wrong_credentials_of_sftp_are_told_apart(
    airflow: DagRunner, sftp: Storage, sftp_server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(tmp_path / "other_key")
    conn_id = connect(monkeypatch, sftp_server, key_file=str(tmp_path / "other_key"))
    assert_refused(export(airflow, f"{sftp.url}/refused.jsonl", conn_id).error)


def test_a_folder_that_may_not_be_written_is_told_apart(
    airflow: DagRunner, sftp: Storage, sftp_server: SftpServer
) -> None:
    closed = sftp_server.disk / "closed"
    closed.mkdir(mode=0o555)
    assert_refused(export(airflow, f"{sftp.url}/closed/items.jsonl", sftp.conn_id).error)
    assert list(closed.iterdir()) == []


def test_a_name_that_cannot_be_written_fails_the_task_for_good(airflow: DagRunner, sftp: Storage) -> None:
    error = export(airflow, f"{sftp.url}/what?now.jsonl", sftp.conn_id).error
    assert isinstance(error, AirflowFailException)
    assert "what?now.jsonl: Airflow reads it as" in str(error)


def test_an_sftp_server_that_cannot_replace_a_file_in_one_step_takes_new_ones_only(
    airflow: DagRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SftpServer(tmp_path, "Subsystem sftp internal-sftp -P posix-rename") as server:
        conn_id = connect(monkeypatch, server)
        assert export(airflow, f"{server.url}/items.jsonl", conn_id).state == "success"
        before = (server.disk / "items.jsonl").read_bytes()
        error = export(airflow, f"{server.url}/items.jsonl", conn_id).error
        assert "cannot replace a file in one step" in str(error)
        assert (server.disk / "items.jsonl").read_bytes() == before
        assert [file.name for file in server.disk.iterdir()] == ["items.jsonl"]


def assert_refused(error: BaseException, *secrets: str) -> None:
    """Check that the message says what to look at, and gives nothing away."""
    assert isinstance(error, ApifyError)
    assert "refused.jsonl: PermissionError" in str(error) or "closed/items.jsonl: PermissionError" in str(error)
    assert str(error).endswith("Look at the storage's connection: its login, and what it may do there.")
    assert not [secret for secret in secrets if secret in str(error)]
