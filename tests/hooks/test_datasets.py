from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._api.storages.endpoints import get_record
from airflow_provider_apify._files.bodies import BodyReader, RecordCheck, save_body
from airflow_provider_apify.exceptions import ApifyAuthError, ApifyDataError, ApifyNotFoundError, ApifyServerError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.storages import StorageKind
from airflow_provider_apify.options import RetryPolicy
from local_apify import LocalApify
from tests._api.plain_server import Reply, plain_server

BODY = bytes(range(256)) * 4_000
RECORD = "*/records/*"
KINDS: dict[StorageKind, str] = {
    "dataset": "dataset_id",
    "key_value_store": "key_value_store_id",
    "request_queue": "request_queue_id",
}


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook(retry=RetryPolicy(attempts=3, first_delay=0.001, max_delay=0.002))


class Taken:
    """All that a reader passes on."""

    def __init__(self) -> None:
        self.body = b""
        self.reader = BodyReader(self._take, partial(RecordCheck, None))

    def _take(self, piece: bytes) -> None:
        self.body += piece


@pytest.fixture
def store(hook: ApifyHook) -> str:
    store_id = hook.create_key_value_store("notes").id
    hook.set_record(store_id, "BLOB", BODY, content_type="image/png")
    return store_id


def test_a_record_is_read_over_as_many_answers_as_it_needs(hook: ApifyHook, apify: LocalApify, store: str) -> None:
    # Each brings a little more than the one before: only tries without progress count.
    for after in range(100_000, 900_000, 100_000):
        apify.control.add_fault("cut-body", path=RECORD, after_bytes=after)
    taken = Taken()
    hook._read_body(get_record(store, "BLOB"), taken.reader)
    assert taken.body == BODY
    assert taken.reader.content_type == "image/png"


def test_a_record_that_always_breaks_at_the_same_byte_is_an_error(
    hook: ApifyHook, apify: LocalApify, store: str
) -> None:
    apify.control.add_fault("cut-body", path=RECORD, after_bytes=100_000, times=None)
    with pytest.raises(Exception, match="no answer"):
        hook._read_body(get_record(store, "BLOB"), Taken().reader)


def test_a_record_that_is_replaced_while_it_is_read_is_written_as_it_is_now(
    hook: ApifyHook, apify: LocalApify, store: str, tmp_path: Path
) -> None:
    apify.control.add_fault("cut-body", path=RECORD, method="GET", after_bytes=500_000)

    def replace_it_and_check(headers: Mapping[str, str]) -> RecordCheck:
        hook.set_record(store, "BLOB", BODY[::-1])
        return RecordCheck(None, headers)

    target = ObjectStoragePath(str(tmp_path / "file"))
    saved = save_body(target, partial(hook._read_body, get_record(store, "BLOB")), replace_it_and_check)
    assert (tmp_path / "file").read_bytes() == BODY[::-1]
    assert saved.bytes == len(BODY)


def test_a_record_that_is_stored_elsewhere_is_fetched_there_without_the_token(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(_: Any) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, b"from the bucket"

    with plain_server(elsewhere) as bucket:
        # Another name of this machine is another host.
        there = f"{bucket.base_url.replace('127.0.0.1', 'localhost')}/bucket/BLOB?signature=1"
        with plain_server(lambda _: (302, {"Location": there}, b"")) as redirecting:
            connection = f"apify://:{apify.token}@{redirecting.base_url.removeprefix('http://')}/http"
            monkeypatch.setenv("AIRFLOW_CONN_REDIRECTED", connection)
            taken = Taken()
            ApifyHook("redirected")._read_body(get_record("store", "BLOB"), taken.reader)

    assert taken.body == b"from the bucket"
    assert bucket.targets == ["/bucket/BLOB?signature=1"]
    assert apify.token not in str(bucket.headers)


@pytest.mark.parametrize("kind", KINDS)
def test_a_storage_of_a_run_is_named_as_often_as_one_likes(hook: ApifyHook, kind: StorageKind) -> None:
    run = hook.wait_for_run(hook.start_run("apify/scenario", {"items": 1}).id).run
    storage_id = getattr(run, KINDS[kind])
    for _ in range(2):
        named = hook.name_storage(kind, storage_id, "kept")
        assert (named["id"], named["name"]) == (storage_id, "kept")
    hook.delete_run(run.id)
    assert hook.name_storage(kind, storage_id, "kept")["id"] == storage_id


def test_a_name_whose_answer_is_lost_is_given_again(hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = hook.start_run("apify/scenario").dataset_id or ""
    apify.control.add_fault("cut-after-commit", method="PUT")
    assert hook.name_storage("dataset", dataset_id, "kept")["name"] == "kept"


def test_a_name_that_another_storage_has_is_an_error_that_says_which(hook: ApifyHook) -> None:
    owner = hook.create_dataset("kept")
    dataset_id = hook.start_run("apify/scenario").dataset_id or ""
    with pytest.raises(ValueError, match=f"The name 'kept' is taken by the dataset {owner.id}"):
        hook.name_storage("dataset", dataset_id, "kept")
    assert hook.get_dataset(dataset_id).name is None


def test_a_storage_keeps_the_name_that_it_has(hook: ApifyHook) -> None:
    dataset = hook.create_dataset("kept")
    with pytest.raises(ValueError, match=f"The dataset {dataset.id} is named 'kept' already"):
        hook.name_storage("dataset", dataset.id, "other")


@pytest.mark.parametrize(
    ("status", "error_type", "error"),
    [
        (403, "insufficient-permissions", ApifyAuthError),
        (503, "internal-server-error", ApifyServerError),
        (404, "record-not-found", ApifyNotFoundError),
    ],
)
def test_other_errors_of_naming_stay_what_they_are(
    hook: ApifyHook, apify: LocalApify, status: int, error_type: str, error: type[Exception]
) -> None:
    dataset_id = hook.start_run("apify/scenario").dataset_id or ""
    apify.control.add_fault("answer", method="PUT", status=status, error_type=error_type, times=None)
    with pytest.raises(error):
        hook.name_storage("dataset", dataset_id, "kept")


def test_a_dataset_is_made_by_its_name_and_found_again(hook: ApifyHook) -> None:
    made = hook.create_dataset("prices")
    assert (made.name, made.item_count) == ("prices", 0)
    assert hook.create_dataset("prices").id == made.id


def test_records_that_never_agree_with_their_listed_size_are_an_error(
    hook: ApifyHook, apify: LocalApify, store: str
) -> None:
    for after in (1_000, 2_000, 3_000):
        apify.control.add_fault("end-body-early", path=RECORD, after_bytes=after)
    apify.control.add_fault("answer", path=RECORD, status=503, times=None)
    reader = BodyReader(lambda _piece: None, partial(RecordCheck, len(BODY)))
    with pytest.raises((ApifyServerError, ApifyDataError)):
        hook._read_body(get_record(store, "BLOB"), reader)
    assert reader.progress == 3_000


def test_an_error_whose_body_has_no_end_is_read_no_further_than_it_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = 0

    def endless(handler: BaseHTTPRequestHandler) -> Reply:
        nonlocal sent
        handler.send_response(500)
        handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        with suppress(OSError):
            while sent < 500_000_000:
                sent += handler.wfile.write(b"x" * 100_000)
        return 500, {}, b""

    with plain_server(endless) as server:
        connection = {"conn_type": "apify", "host": server.base_url, "password": "t"}
        monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
        hook = ApifyHook(retry=RetryPolicy(attempts=1, patient_attempts=1))
        with pytest.raises(ApifyServerError, match="HTTP 500"):
            hook._read_body(get_record("store", "BLOB"), Taken().reader)
    assert sent < 50_000_000
