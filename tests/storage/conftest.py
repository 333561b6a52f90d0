"""Storages to write to, each a real server (or this machine's disk) behind an Airflow connection."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from tests.storage.servers import AzuriteServer, S3Server, SftpServer

STORAGES = ("local", "s3", "azure", "sftp")


@dataclass(frozen=True)
class Storage:
    """Somewhere to write to, and a look at it that does not go through the code under test.

    :param url: a bucket, container or folder.
    :param conn_id: of the Airflow connection to it; ``None`` for the disk.
    :param read: returns what a reader sees under a name, ``None`` where there is nothing.
    :param litter: names what is there beside finished files, or unfinished uploads.
    """

    url: str
    conn_id: str | None
    read: Callable[[str], bytes | None]
    litter: Callable[[], list[str]]

    def path(self, name: str) -> ObjectStoragePath:
        """Return where a task writes a file of this name."""
        return ObjectStoragePath(f"{self.url}/{name}", conn_id=self.conn_id)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        yield _connected("lake_s3", server)


@pytest.fixture(scope="session")
def azurite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzuriteServer]:
    with AzuriteServer(tmp_path_factory.mktemp("azurite")) as server:
        yield _connected("lake_azure", server)


@pytest.fixture(scope="session")
def sftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    asyncssh.set_log_level("WARNING")  # else it logs even when this process ends, where nobody takes it any more
    with SftpServer(tmp_path_factory.mktemp("sftp")) as server:
        yield _connected("lake_sftp", server)


@pytest.fixture
def local(tmp_path: Path) -> Storage:
    return _disk(str(tmp_path), None, tmp_path)


@pytest.fixture
def sftp(sftp_server: SftpServer) -> Storage:
    return _disk(sftp_server.url, "lake_sftp", sftp_server.disk)


@pytest.fixture
def s3(s3_server: S3Server) -> Storage:
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import
    from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # noqa: PLC0415 - the same

    login = {"aws_access_key_id": "reader", "aws_secret_access_key": "reader", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=s3_server.endpoint, **login)

    def read(name: str) -> bytes | None:
        try:
            body: bytes = client.get_object(Bucket=s3_server.bucket, Key=name)["Body"].read()
        except ClientError:
            return None
        return body

    def litter() -> list[str]:
        return [upload["Key"] for upload in client.list_multipart_uploads(Bucket=s3_server.bucket).get("Uploads", ())]

    return Storage(s3_server.url, "lake_s3", read, litter)


@pytest.fixture
def azure(azurite_server: AzuriteServer) -> Iterator[Storage]:
    """Return a container. Azure shows nobody what is not committed, so there is no litter to look for."""
    from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - slow to import
    from azure.storage.blob import ContainerClient  # noqa: PLC0415 - the same

    name = azurite_server.container
    with ContainerClient.from_connection_string(azurite_server.connection_string, name) as container:
        if not container.exists():
            container.create_container()

        def read(name: str) -> bytes | None:
            try:
                return container.download_blob(name).readall()
            except ResourceNotFoundError:
                return None

        yield Storage(azurite_server.url, "lake_azure", read, list)


@pytest.fixture(params=STORAGES)
def storage(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def _connected(conn_id: str, server: Any) -> Any:
    """Give the server an Airflow connection, for this process and its children."""
    os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(server.connection)
    return server


def _disk(url: str, conn_id: str | None, folder: Path) -> Storage:
    def read(name: str) -> bytes | None:
        file = folder / name
        return file.read_bytes() if file.exists() else None

    def litter() -> list[str]:
        return [str(file) for file in folder.rglob(".*")]

    return Storage(url, conn_id, read, litter)
