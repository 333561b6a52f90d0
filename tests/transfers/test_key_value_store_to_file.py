from __future__ import annotations

import hashlib
import json
import threading
import time
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset

from airflow_provider_apify._api.request import Request
from airflow_provider_apify._files.bodies import BodyReader
from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.transfers import key_value_store_to_file
from airflow_provider_apify.transfers.key_value_store_to_file import KeyValueStoreToFileOperator
from local_apify import Exchange, LocalApify
from tests.dag_runs import DagRunner
from tools.lab.waiting import wait_until

IMAGE = bytes(range(256)) * 2000
RECORD = "/v2/key-value-stores/*/records/*"
ARCHIVE = "/v2/key-value-stores/*/records"
KEYS = "GET /v2/key-value-stores/{storeId}/keys"
RECORDS = {
    "OUTPUT": (b'{"a": 1}', "application/json"),
    "page-1": (b"<p>\r\n", "text/html"),
    "shot.png": (IMAGE, "image/png"),
}


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook()


@pytest.fixture
def store(hook: ApifyHook) -> str:
    """Return the ID of a key-value store with three records."""
    store_id = hook.create_key_value_store("notes").id
    for key, (body, content_type) in RECORDS.items():
        hook.set_record(store_id, key, body, content_type=content_type)
    return store_id


def write(**arguments: Any) -> KeyValueStoreToFileOperator:
    """Make the task of most tests."""
    defaults: dict[str, Any] = {"task_id": "task", "retry_delay": timedelta(0)}
    return KeyValueStoreToFileOperator(**(defaults | arguments))


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# One record


@pytest.mark.parametrize("key", RECORDS)
def test_a_record_becomes_a_file_byte_for_byte(airflow: DagRunner, tmp_path: Path, store: str, key: str) -> None:
    target = tmp_path / "new" / "file"
    outcome = airflow.run_task(write(store_id=store, key=key, path=str(target)))

    body, content_type = RECORDS[key]
    assert files_in(tmp_path) == {"new/file": body}
    (file,) = outcome.xcom()["files"]
    assert file.pop("path").endswith(str(target))
    digest = hashlib.sha256(body).hexdigest()
    assert file == {
        "key": key,
        "content_type": content_type,
        "bytes": len(body),
        "sha256": digest,
        "body_bytes": len(body),
    }
    told = outcome.xcom()
    assert (told["store_id"], told["run_id"], told["records"], told["bytes"]) == (store, None, 1, len(body))


def test_the_output_of_a_run_becomes_a_file_and_templates_say_where(
    airflow: DagRunner, tmp_path: Path, hook: ApifyHook
) -> None:
    run = hook.wait_for_run(hook.start_run("apify/scenario", {"records": {"OUTPUT": {"a": 1}}}).id).run
    outcome = airflow.run_task(
        write(
            run_id="{{ params.run }}",
            key="{{ params.key }}",
            path=f"{tmp_path}/{{{{ params.key }}}}.json",
            outlets=[Asset("file://local/output")],
        ),
        params={"run": run.id, "key": "OUTPUT"},
    )

    assert json.loads((tmp_path / "OUTPUT.json").read_bytes()) == {"a": 1}
    assert (outcome.xcom()["run_id"], outcome.xcom()["store_id"]) == (run.id, run.key_value_store_id)


def test_a_record_that_is_not_there_fails_for_good_and_says_which_are(
    airflow: DagRunner, tmp_path: Path, store: str
) -> None:
    outcome = airflow.run_task(write(store_id=store, key="OUT", path=str(tmp_path / "file"), retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert f"Key-value store {store} has no record 'OUT'. It has OUTPUT, page-1, shot.png." in str(outcome.error)
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize("key", ["../../v2/users/me", "%2e%2e", "a?b", "a\nb", "🍪", "a/b"])
def test_a_hostile_key_is_a_record_that_is_not_there(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, store: str, key: str
) -> None:
    exchanges: list[Exchange] = []
    apify.on_exchange = exchanges.append
    outcome = airflow.run_task(write(store_id=store, key=key, path=str(tmp_path / "file")))

    assert "has no record" in str(outcome.error)
    assert {f"{each.method} {each.template}" for each in exchanges} == {KEYS}


def test_a_store_that_does_not_exist_fails_for_good(airflow: DagRunner, tmp_path: Path) -> None:
    outcome = airflow.run_task(write(store_id="nothing", key="OUTPUT", path=str(tmp_path / "file"), retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert "ApifyNotFoundError" in str(outcome.error)


def test_a_run_that_still_goes_on_is_refused(airflow: DagRunner, tmp_path: Path, hook: ApifyHook) -> None:
    run = hook.start_run("apify/scenario", {"durationSecs": 600})
    outcome = airflow.run_task(write(run_id=run.id, key="OUTPUT", path=str(tmp_path / "file")))

    assert isinstance(outcome.error, AirflowFailException)
    assert "its key-value store is not complete. Wait for it" in str(outcome.error)


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "cut-body", "after_bytes": 300_000},
        {"action": "end-body-early", "after_bytes": 300_000},
        {"action": "end-body-early", "after_bytes": 300_000, "times": 2},
        {"action": "answer", "status": 200, "text": "<html>Sign in</html>", "times": 2},
        {"action": "answer", "status": 200, "text": "", "times": 2},
        {"action": "answer", "status": 503},
        {"action": "cut-before-commit", "times": 2},
    ],
    ids=str,
)
def test_a_body_that_breaks_is_read_again_and_the_file_is_whole(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, store: str, fault: dict[str, Any]
) -> None:
    apify.control.add_fault(path=RECORD, **fault)
    outcome = airflow.run_task(write(store_id=store, key="shot.png", path=str(tmp_path / "file")))

    assert files_in(tmp_path) == {"file": IMAGE}
    assert outcome.xcom()["bytes"] == len(IMAGE)
    assert apify.control.faults()[0]["happened"] >= 1


def test_bodies_that_keep_breaking_leave_the_old_file(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, store: str
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    apify.control.add_fault("answer", path=RECORD, status=404, error_type="record-not-found", times=None)
    outcome = airflow.run_task(write(store_id=store, key="shot.png", path=str(tmp_path / "file")))

    assert outcome.task_state() == "failed"
    assert files_in(tmp_path) == {"file": b"old"}


@pytest.mark.parametrize(("if_exists", "state"), [("skip", "skipped"), ("fail", "failed"), ("overwrite", "success")])
def test_a_file_that_is_there_is_replaced_or_kept_as_the_task_says(
    airflow: DagRunner, tmp_path: Path, store: str, if_exists: str, state: str
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    outcome = airflow.run_task(write(store_id=store, key="page-1", path=str(tmp_path / "file"), if_exists=if_exists))

    assert outcome.task_state() == state
    assert files_in(tmp_path)["file"] == (RECORDS["page-1"][0] if state == "success" else b"old")


# Several records


def test_all_records_become_files_named_after_their_keys(airflow: DagRunner, tmp_path: Path, store: str) -> None:
    outcome = airflow.run_task(
        write(store_id=store, path=str(tmp_path / "{{ params.day }}" / "{key}")), params={"day": "d1"}
    )

    assert files_in(tmp_path) == {f"d1/{key}": body for key, (body, _) in RECORDS.items()}
    assert [file["key"] for file in outcome.xcom()["files"]] == sorted(RECORDS)
    assert outcome.xcom()["records"] == len(RECORDS)
    assert outcome.xcom()["bytes"] == sum(len(body) for body, _ in RECORDS.values())


def test_records_with_a_prefix_become_files(airflow: DagRunner, tmp_path: Path, store: str) -> None:
    airflow.run_task(
        write(store_id=store, prefix="{{ params.prefix }}", path=str(tmp_path / "{key}.html")),
        params={"prefix": "page-"},
    )

    assert files_in(tmp_path) == {"page-1.html": RECORDS["page-1"][0]}


def test_a_store_without_records_makes_no_files(airflow: DagRunner, tmp_path: Path, hook: ApifyHook) -> None:
    store_id = hook.create_key_value_store("empty").id
    outcome = airflow.run_task(write(store_id=store_id, path=str(tmp_path / "{key}")))

    assert (outcome.state, outcome.xcom()["records"], outcome.xcom()["files"]) == ("success", 0, [])


def test_more_keys_than_a_page_holds_all_become_files(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, hook: ApifyHook
) -> None:
    records = {f"key-{number:04}": number for number in range(1_050)}
    run = hook.wait_for_run(hook.start_run("apify/scenario", {"records": records}).id).run
    outcome = airflow.run_task(write(run_id=run.id, prefix="key-", path=str(tmp_path / "{key}")))

    assert {name: int(body) for name, body in files_in(tmp_path).items()} == records
    assert (outcome.xcom()["records"], len(outcome.xcom()["files"])) == (1_050, 1_000)
    assert apify.control.ledger().requests[KEYS] == 2


def test_keys_that_are_paths_stay_in_the_folder(airflow: DagRunner, tmp_path: Path, hook: ApifyHook) -> None:
    """Apify itself allows dots in keys, and no slashes."""
    store_id = hook.create_key_value_store("dots").id
    for key in ("...", ".hidden", "-rf", "'(!)'"):
        hook.set_record(store_id, key, key)
    airflow.run_task(write(store_id=store_id, path=str(tmp_path / "in" / "{key}")))

    assert files_in(tmp_path) == {
        "in/%2E..": b"...",
        "in/%2Ehidden": b".hidden",
        "in/-rf": b"-rf",
        "in/'(!)'": b"'(!)'",
    }


def test_where_one_record_fails_finished_files_stay_and_none_is_torn(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, store: str
) -> None:
    apify.control.add_fault("answer", path="*/records/page-1", status=404, error_type="record-not-found", times=None)
    outcome = airflow.run_task(write(store_id=store, path=str(tmp_path / "{key}")))

    assert outcome.task_state() == "failed"
    assert all(body == RECORDS[name][0] for name, body in files_in(tmp_path).items())


def test_nothing_is_written_after_the_task_has_failed(
    tmp_path: Path, hook: ApifyHook, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, read, has_failed = write(store_id=store, path=str(tmp_path / "{key}")), hook._read_body, threading.Event()
    task.__dict__["hook"] = hook

    def fail_or_wait(request: Request, reader: BodyReader) -> None:
        if request.path.endswith("/OUTPUT"):
            raise ApifyError("OUTPUT fails")
        has_failed.wait(0.5)
        read(request, reader)

    monkeypatch.setattr(hook, "_read_body", fail_or_wait)
    with pytest.raises(ApifyError, match="OUTPUT fails"):
        task.execute({})
    has_failed.set()
    assert files_in(tmp_path) == {}
    time.sleep(1)
    assert files_in(tmp_path) == {}


def test_a_record_that_trickles_in_holds_an_error_up_for_seconds_only_and_is_not_written(
    apify: LocalApify, tmp_path: Path, hook: ApifyHook, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_value_store_to_file, "_LAST_SECONDS", 0.1)
    apify.control.add_fault("throttle", path="*/records/shot.png", times=None, bytes_per_second=200_000)
    apify.control.add_fault("answer", path="*/records/OUTPUT", status=404, error_type="record-not-found", times=None)
    task, began = write(store_id=store, path=str(tmp_path / "{key}")), time.monotonic()
    task.__dict__["hook"] = hook
    with pytest.raises(AirflowFailException):
        task.execute({})
    assert time.monotonic() - began < 2
    wait_until(
        lambda: not any(thread.name.startswith("apify-records") for thread in threading.enumerate()),
        "the threads that read records to end",
        timeout=10,
    )
    assert "shot.png" not in files_in(tmp_path)


def test_a_target_that_cannot_be_written_fails_the_task_with_the_reason(
    airflow: DagRunner, tmp_path: Path, store: str
) -> None:
    (tmp_path / "file").write_text("no folder")
    outcome = airflow.run_task(write(store_id=store, key="OUTPUT", path=str(tmp_path / "file" / "x")))

    assert isinstance(outcome.error, ApifyError)
    assert f"Cannot write {tmp_path}/file/x" in str(outcome.error)


# A ZIP file


@pytest.mark.parametrize(("prefix", "names"), [(None, sorted(RECORDS)), ("page-", ["page-1"])])
def test_records_become_one_zip_file(
    airflow: DagRunner, tmp_path: Path, store: str, prefix: str | None, names: list[str]
) -> None:
    target = tmp_path / "records.zip"
    outcome = airflow.run_task(write(store_id=store, prefix=prefix, as_zip=True, path=str(target)))

    with zipfile.ZipFile(target) as file:
        assert {name: file.read(name) for name in file.namelist()} == {name: RECORDS[name][0] for name in names}
    told = outcome.xcom()
    assert (told["records"], told["files"][0]["content_type"]) == (None, "application/zip")
    assert told["files"][0]["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()


@pytest.mark.parametrize("action", ["cut-body", "end-body-early"])
def test_a_zip_file_that_breaks_is_read_again(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, store: str, action: str
) -> None:
    apify.control.add_fault(action, path=ARCHIVE, after_bytes=500, times=2)
    airflow.run_task(write(store_id=store, as_zip=True, path=str(tmp_path / "records.zip")))

    with zipfile.ZipFile(tmp_path / "records.zip") as file:
        assert file.testzip() is None
        assert sorted(file.namelist()) == sorted(RECORDS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "/x/{key}"}, "Give exactly one of store_id and run_id"),
        ({"store_id": "a", "run_id": "b", "path": "/x/{key}"}, "Give exactly one of store_id and run_id"),
        ({"store_id": "a", "path": "/x"}, "so write {key} in the path, once"),
        ({"store_id": "a", "path": "/x/{key}/{key}"}, "so write {key} in the path, once"),
        ({"store_id": "a", "key": "k", "path": "/x/{key}"}, "With key or as_zip there is one file"),
        ({"store_id": "a", "as_zip": True, "path": "/x/{key}.zip"}, "With key or as_zip there is one file"),
        ({"store_id": "a", "key": "k", "as_zip": True, "path": "/x"}, "key chooses one record"),
        ({"store_id": "a", "key": "k", "prefix": "k", "path": "/x"}, "key chooses one record"),
        ({"store_id": "", "path": "/x/{key}"}, "store_id is empty"),
        ({"store_id": "a", "key": "", "path": "/x"}, "key is empty"),
        ({"store_id": "a", "path": "/x/{key}/"}, "a folder"),
        ({"store_id": "a", "path": "/x/{key}", "if_exists": "skip"}, "if_exists is for one file"),
        ({"store_id": "a", "key": "k", "path": "/x", "if_exists": "ask"}, "if_exists is 'ask'. Give one of"),
        ({"store_id": "a", "key": "k", "path": "x"}, "Give a local path that begins with '/'"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        write(**arguments)
