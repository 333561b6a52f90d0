"""A storage that refuses uploads for a while gets them whole in the end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._files.sinks.uploads import CHUNK_BYTES
from airflow_provider_apify._files.sinks.whole_file import whole_file
from tests.storage.busy import BusyServer
from tests.storage.conftest import Storage
from tests.storage.servers import AzuriteServer, S3Server

pytestmark = pytest.mark.timeout(600)  # the first one installs its server

# Both drivers of S3 try again: what is below s3fs as often as it is told to, then s3fs itself.
SETTINGS_OF_S3: list[dict[str, Any]] = [{"max_attempts": 1}, {"max_attempts": 2, "mode": "standard"}]
PLACES = pytest.mark.parametrize(
    ("size", "word"), [(8_000, ""), (CHUNK_BYTES + 5, ""), (CHUNK_BYTES + 5, "partNumber=2")]
)


def connected(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> str:
    conn_id = f"busy_{uuid4().hex}"
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return conn_id


def write(url: str, conn_id: str, body: bytes) -> int:
    with whole_file(ObjectStoragePath(url, conn_id=conn_id)) as file:
        file.write(body)
    return file.size


@pytest.fixture
def busy_s3(s3_server: S3Server) -> Iterator[BusyServer]:
    with BusyServer(s3_server.endpoint, "SlowDown") as server:
        yield server


@pytest.mark.parametrize("retries", SETTINGS_OF_S3)
@PLACES
def test_s3_that_asks_to_slow_down_gets_an_object_whole(
    s3: Storage,
    s3_server: S3Server,
    busy_s3: BusyServer,
    monkeypatch: pytest.MonkeyPatch,
    *,
    size: int,
    word: str,
    retries: dict[str, Any],
) -> None:
    extra = {"endpoint_url": busy_s3.url, "region_name": "us-east-1", "config_kwargs": {"retries": retries}}
    conn_id = connected(monkeypatch, s3_server.connection | {"extra": extra})
    name, body = uuid4().hex, os.urandom(size)
    busy_s3.refuse, busy_s3.word = 3, word
    assert write(f"{s3.url}/{name}", conn_id, body) == size
    assert s3.read(name) == body
    assert busy_s3.refuse == 0


@PLACES
def test_azure_that_is_busy_gets_a_blob_whole(
    azure: Storage, azurite_server: AzuriteServer, monkeypatch: pytest.MonkeyPatch, *, size: int, word: str
) -> None:
    from azure.storage.blob.aio import ExponentialRetry  # noqa: PLC0415 - slow to import

    monkeypatch.setattr(ExponentialRetry, "get_backoff_time", lambda *_: 0.01)  # it would be 15 seconds and more
    endpoint = azurite_server.endpoint
    with BusyServer(endpoint, "ServerBusy") as server:
        login = azurite_server.connection_string.replace(endpoint, server.url)
        conn_id = connected(monkeypatch, azurite_server.connection | {"extra": {"connection_string": login}})
        name, body = uuid4().hex, os.urandom(size)
        server.refuse, server.word = 2, word.replace("partNumber=2", "comp=blocklist") or "comp=block"
        assert write(f"{azure.url}/{name}", conn_id, body) == size
        assert azure.read(name) == body
        assert server.refuse == 0
