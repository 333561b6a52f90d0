"""A file is whole or not there; ``tests/storage`` shows the same on real servers."""

from __future__ import annotations

import errno
import gc
import hashlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec  # type: ignore[import-untyped]
import pytest
import requests
from airflow.providers.common.compat import sdk
from airflow.providers.common.compat.sdk import HookLineageCollector, ObjectStoragePath
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem  # type: ignore[import-untyped]
from upath.implementations.cloud import CloudPath
from upath.registry import register_implementation

from airflow_provider_apify._files.export import Export
from airflow_provider_apify._files.formats.registry import FORMATS
from airflow_provider_apify._files.sinks.google import HeldBackSink
from airflow_provider_apify._files.sinks.storages import STORAGES, advice, driver_advice, storage_path
from airflow_provider_apify._files.sinks.uploads import chunk_size
from airflow_provider_apify._files.sinks.whole_file import whole_file
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify
from tests._files.material import dataset_of, requests_for_items

try:
    from airflow.sdk.io import attach
except ImportError:  # Airflow 2
    from airflow.io.store import attach  # type: ignore[import-not-found, no-redef]


class _Upload(AbstractBufferedFile):  # type: ignore[misc]
    """An upload in parts that appears when it is committed, as on S3."""

    def _initiate_upload(self) -> None:
        self.parts: list[bytes] = []

    def _upload_chunk(self, final: bool = False) -> bool:  # noqa: FBT002 - fsspec's signature
        self.parts.append(self.buffer.getvalue())
        if final and self.autocommit:
            self.commit()
        return True

    def commit(self) -> None:
        Bucket.objects[self.path] = b"".join(self.parts)

    def discard(self) -> None:
        Bucket.discarded.append(self.path)


class Bucket(AbstractFileSystem):  # type: ignore[misc]
    """An object store in memory. fsspec's own memory store shows files before they are complete."""

    protocol = "bucket"
    cachable = False
    objects: ClassVar[dict[str, bytes]] = {}
    discarded: ClassVar[list[str]] = []
    is_full: ClassVar[bool] = False

    def _open(self, path: str, mode: str = "rb", **options: Any) -> _Upload:
        if self.is_full:
            raise OSError(28, "No space left")
        return _Upload(self, path, mode, **options)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Bucket]]:
    fsspec.register_implementation("bucket", Bucket, clobber=True)
    register_implementation("bucket", CloudPath, clobber=True)
    attach("bucket", fs=Bucket())
    # Google's driver holds files back as this one does; tests/storage/test_google.py has that one itself.
    monkeypatch.setitem(STORAGES, "bucket", STORAGES["gs"])
    Bucket.objects.clear()
    Bucket.discarded.clear()
    yield Bucket
    Bucket.is_full = False


class _PowerCutError(Exception):
    """Something that goes wrong in the middle."""


def names_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def write(path: ObjectStoragePath, *pieces: bytes, fail: bool = False) -> tuple[int, str]:
    with whole_file(path) as file:
        for piece in pieces:
            file.write(piece)
        if fail:
            raise _PowerCutError
    return file.size, file.sha256


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_new_local_file_appears_with_its_folders(tmp_path: Path, scheme: str) -> None:
    target = tmp_path / "a" / "b" / "items.jsonl"
    size, sha256 = write(ObjectStoragePath(f"{scheme}{target}"), b"one\n", b"two\n")
    assert target.read_bytes() == b"one\ntwo\n"
    assert (size, sha256) == (8, hashlib.sha256(b"one\ntwo\n").hexdigest())
    assert names_in(target.parent) == ["items.jsonl"]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> HookLineageCollector:
    """Return what collects lineage where something in Airflow reads it."""
    collector = HookLineageCollector()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(sdk, "get_hook_lineage_collector", lambda: collector)
    return collector


def outputs(collector: HookLineageCollector) -> list[str]:
    return [output.asset.uri for output in collector.collected_assets.outputs]


def test_a_file_that_is_written_is_an_output_in_airflows_lineage(
    bucket: type[Bucket], collector: HookLineageCollector
) -> None:
    write(ObjectStoragePath("bucket://lake/items.jsonl"), b"one\n")
    assert bucket.objects
    assert outputs(collector) == ["bucket://lake/items.jsonl"]


def test_a_file_that_is_not_written_is_no_output(tmp_path: Path, collector: HookLineageCollector) -> None:
    with pytest.raises(_PowerCutError):
        write(ObjectStoragePath(str(tmp_path / "items.jsonl")), b"one\n", fail=True)
    write(ObjectStoragePath(str(tmp_path / "other.jsonl")), b"one\n")
    assert [uri.rpartition("/")[2] for uri in outputs(collector)] == ["other.jsonl"]


def test_a_file_that_can_be_no_asset_is_written_all_the_same(
    bucket: type[Bucket], collector: HookLineageCollector, caplog: pytest.LogCaptureFixture
) -> None:
    path = ObjectStoragePath(f"bucket://lake/{'long/' * 700}items.jsonl")
    write(path, b"one\n")
    assert list(bucket.objects.values()) == [b"one\n"]
    assert outputs(collector) == []
    assert "No lineage of" in caplog.text


def test_a_local_file_that_is_there_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "items.jsonl"
    target.write_bytes(b"old and longer\n")
    write(ObjectStoragePath(str(target)), b"new\n")
    assert target.read_bytes() == b"new\n"


def test_nothing_is_seen_of_a_local_file_before_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "items.jsonl"
    with whole_file(ObjectStoragePath(str(target))) as file:
        file.write(b"x" * 10_000_000)
        assert not target.exists()
    assert target.stat().st_size == 10_000_000


def test_a_failure_in_the_middle_leaves_the_old_local_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "items.jsonl"
    target.write_bytes(b"old\n")
    with pytest.raises(_PowerCutError):
        write(ObjectStoragePath(str(target)), b"x" * 10_000_000, fail=True)
    assert target.read_bytes() == b"old\n"
    assert names_in(tmp_path) == ["items.jsonl"]


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(OSError, match="file"):
        write(ObjectStoragePath(str(tmp_path / "file" / "items.jsonl")), b"x")
    assert names_in(tmp_path) == ["file"]


def test_a_path_that_is_a_folder_is_an_os_error_and_leaves_no_litter(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").mkdir()
    with pytest.raises(OSError, match=r"items\.jsonl"):
        write(ObjectStoragePath(str(tmp_path / "items.jsonl")), b"x")
    assert names_in(tmp_path) == ["items.jsonl"]


def test_a_device_that_is_full_is_an_os_error_and_leaves_no_litter(tmp_path: Path) -> None:
    """A name that is too long fails as late as a full disk does: when the file is made."""
    with pytest.raises(OSError, match="too long"):
        write(ObjectStoragePath(str(tmp_path / ("x" * 300))), b"x")
    assert names_in(tmp_path) == []


def test_two_writers_of_one_local_file_do_not_mix(tmp_path: Path) -> None:
    path = ObjectStoragePath(str(tmp_path / "items.jsonl"))
    with whole_file(path) as one, whole_file(path) as two:
        one.write(b"one\n" * 1000)
        two.write(b"two\n" * 1000)
    assert (tmp_path / "items.jsonl").read_bytes() == b"one\n" * 1000
    assert names_in(tmp_path) == ["items.jsonl"]


@pytest.mark.parametrize("size", [0, 1, 4 * 2**20, 20_000_000])
def test_an_object_appears_whole(bucket: type[Bucket], size: int) -> None:
    body = b"x" * size
    assert write(ObjectStoragePath("bucket://mine/items.jsonl"), body) == (size, hashlib.sha256(body).hexdigest())
    assert list(bucket.objects.values()) == [body]
    assert bucket.discarded == []


@pytest.mark.parametrize("size", [0, 1, 20_000_000])
def test_a_failure_in_the_middle_gives_the_upload_up(bucket: type[Bucket], size: int) -> None:
    write(ObjectStoragePath("bucket://mine/items.jsonl"), b"old\n")
    with pytest.raises(_PowerCutError):
        write(ObjectStoragePath("bucket://mine/items.jsonl"), b"x" * size, fail=True)
    assert list(bucket.objects.values()) == [b"old\n"]
    assert len(bucket.discarded) == 1


def test_an_object_store_that_refuses_is_an_os_error(bucket: type[Bucket]) -> None:
    bucket.is_full = True
    with pytest.raises(OSError, match="No space left"):
        write(ObjectStoragePath("bucket://mine/items.jsonl"), b"x")
    assert bucket.objects == {}


def test_an_error_of_a_storages_http_library_is_not_taken_for_one_of_apifys(
    hook: ApifyHook, apify: LocalApify, bucket: type[Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise requests.ConnectionError("the storage's own HTTP library")

    dataset_id = dataset_of(hook, 100)
    monkeypatch.setattr(HeldBackSink, "write", fail)
    before = requests_for_items(apify)
    with pytest.raises(OSError, match="the storage's own HTTP library") as raised:
        Export(hook, [dataset_id], lambda _: ObjectStoragePath("bucket://mine/items.jsonl"), FORMATS["jsonl"]).run()
    assert not isinstance(raised.value, requests.RequestException)
    assert bucket.objects == {}
    assert requests_for_items(apify) - before <= 2


def test_an_upload_that_is_given_up_stays_given_up_when_its_memory_is_freed(bucket: type[Bucket]) -> None:
    with pytest.raises(_PowerCutError):
        write(ObjectStoragePath("bucket://mine/items.jsonl"), b"x", fail=True)
    gc.collect()
    assert bucket.objects == {}


def test_a_storage_whose_files_show_before_they_are_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="in memory:// no file can appear whole or not at all"):
        storage_path("memory://bucket/items.jsonl")


LOCAL = ("/folder/items.jsonl", "file:///folder/items.jsonl")
REMOTE = ("s3://bucket/items.jsonl", "sftp:///folder/items.jsonl")


@pytest.mark.parametrize(
    ("urls", "error", "words"),
    [
        (LOCAL, FileExistsError(), "A file stands where a folder should be"),
        (LOCAL, NotADirectoryError(), "A file stands where a folder should be"),
        (LOCAL, FileNotFoundError(), "Is its folder there?"),
        (LOCAL, PermissionError(), "its folder, and its own, for the user that the worker runs as"),
        (REMOTE, FileNotFoundError(), "Is its bucket, container or folder there?"),
        (REMOTE, PermissionError(), "Look at the storage's connection: its login, and what it may do there"),
    ],
)
def test_advice_suits_the_storage(urls: tuple[str, ...], error: OSError, words: str) -> None:
    for url in urls:
        assert words in advice(url, error)
        assert advice(url, TimeoutError()) == ""


@pytest.mark.parametrize(
    ("url", "extra"),
    [("s3a://b/x", "s3"), ("gs://b/x", "gcs"), ("gcs://b/x", "gcs"), ("abfs://b/x", "azure"), ("ssh:///x", "sftp")],
)
def test_the_extra_that_brings_a_driver_is_named(url: str, extra: str) -> None:
    assert f"pip install 'airflow-provider-apify[{extra}]'" in driver_advice(url)
    assert driver_advice("/folder/x") == driver_advice("nosuch://b/x") == ""


def test_a_name_that_airflow_would_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="Airflow reads it as /folder"):
        storage_path("file:///folder/../folder/")


def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="something else than a file"):
        write(ObjectStoragePath(str(tmp_path / "pipe")), b"x")
    assert (tmp_path / "pipe").is_fifo()


def test_a_file_that_is_being_written_is_not_taken_for_abandoned(tmp_path: Path) -> None:
    path = ObjectStoragePath(str(tmp_path / "items.jsonl"))
    with whole_file(path) as file:
        file.write(b"x" * 2_000_000)
        with pytest.raises(_PowerCutError):
            write(path, b"y", fail=True)
    assert (tmp_path / "items.jsonl").stat().st_size == 2_000_000


@pytest.mark.parametrize("blocks", [80, 200])
def test_a_disk_that_fails_beside_the_writing_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr(os, "fdatasync", fail)
    path = ObjectStoragePath(str(tmp_path / "items.jsonl"))
    with pytest.raises(OSError, match="the disk is gone"):
        write(path, bytes(blocks * 2**20))
    assert names_in(tmp_path) == []


def test_an_export_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    for number in range(3):
        write(ObjectStoragePath(str(tmp_path / f"items-{number}.jsonl")), b"x" * 2**26)
    assert threading.active_count() == before


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "items-1.jsonl").write_bytes(b"old\n")
    (tmp_path / "items.jsonl").symlink_to("items-1.jsonl")
    write(ObjectStoragePath(str(tmp_path / "items.jsonl")), b"new\n")
    assert (tmp_path / "items.jsonl").is_symlink()
    assert (tmp_path / "items-1.jsonl").read_bytes() == b"new\n"
    assert len(names_in(tmp_path)) == 2


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".apify-000000000000-12345678.part").write_bytes(b"of another file")
    (tmp_path / "items.jsonl.part").write_bytes(b"of another program")
    write(ObjectStoragePath(str(tmp_path / "items.jsonl")), b"x")
    assert len(names_in(tmp_path)) == 3


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_writer_may_use_its_memory_again(bucket: type[Bucket], kind: Any) -> None:
    memory = bytearray(b"a" * 3_000_000)
    with whole_file(ObjectStoragePath("bucket://mine/items.jsonl")) as file:
        file.write(kind(memory))
        memory[:] = b"b" * 3_000_000
        file.write(kind(memory[:1]))
    assert list(bucket.objects.values()) == [b"a" * 3_000_000 + b"b"]


def test_a_failing_clean_up_does_not_hide_what_went_wrong(
    bucket: type[Bucket], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: _Upload) -> None:
        raise OSError(5, "gone")

    monkeypatch.setattr(_Upload, "discard", fail)
    with pytest.raises(_PowerCutError):
        write(ObjectStoragePath("bucket://mine/items.jsonl"), b"x", fail=True)
    assert "Could not remove what was written of bucket://mine/items.jsonl" in caplog.text
    assert bucket.objects == {}


def test_ten_thousand_parts_hold_more_than_300_gigabytes() -> None:
    assert sum(chunk_size(number) for number in range(1, 10_001)) > 300 * 10**9


@pytest.mark.parametrize(
    ("url", "version"),
    [("s3://bucket/a?versionId=x.jsonl", "?versionId="), ("abfs://container/a?versionid=x.jsonl", "?versionid=")],
)
def test_a_path_that_names_a_version_is_refused_and_not_cut(url: str, version: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{version} in it names a version of a file")):
        storage_path(url)


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_a_replaced_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    target = tmp_path / "items.jsonl"
    target.write_bytes(b"old")
    target.chmod(mode)
    write(ObjectStoragePath(str(target)), b"new")
    assert (target.read_bytes(), target.stat().st_mode & 0o7777) == (b"new", mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_replaced_file_keeps_its_owner(tmp_path: Path) -> None:
    target = tmp_path / "items.jsonl"
    target.write_bytes(b"old")
    os.chown(target, 12_345, 23_456)
    write(ObjectStoragePath(str(target)), b"new")
    assert (target.stat().st_uid, target.stat().st_gid) == (12_345, 23_456)
