"""Google Cloud Storage: gcsfs itself, over the wire, on a strict imitation of Google's resumable upload.

Google's own Airflow provider is not here: Airflow is given the file system as it would get it from there.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._files.sinks.storages import storage_path
from airflow_provider_apify._files.sinks.uploads import CHUNK_BYTES
from airflow_provider_apify._files.sinks.whole_file import whole_file
from tests.storage.google import BUCKET, Fault, Google, google_storage
from tools.lab.waiting import wait_until

try:
    from airflow.sdk.io import attach
except ImportError:  # Airflow 2
    from airflow.io.store import attach  # type: ignore[import-not-found, no-redef]

SEVERAL_CHUNKS = 3 * CHUNK_BYTES + 3
pytestmark = pytest.mark.filterwarnings("ignore:You are using a Python version:FutureWarning")


class _PowerCutError(Exception):
    """Something that goes wrong in the middle."""


@pytest.fixture(scope="module")
def server() -> Iterator[Google]:
    with pytest.MonkeyPatch.context() as patch, google_storage() as server:
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # else it asks Google what kind the bucket is
        from gcsfs.core import GCSFileSystem  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import

        attach("gs", fs=GCSFileSystem(endpoint_url=server.base_url, token="anon", project="p"))
        yield server


@pytest.fixture
def google(server: Google) -> Google:
    """Return the server without objects, uploads and faults."""
    for what in (server.objects, server.uploads, server.faults, server.refusals):
        what.clear()
    return server


@pytest.fixture
def name() -> str:
    return f"{uuid4().hex}.jsonl"


def body_of(size: int) -> bytes:
    return (os.urandom(1021) * (size // 1021 + 1))[:size]


def write(
    name: str, body: bytes, *, piece: int = 2**20, fail_when: Callable[[], bool] | None = None
) -> tuple[int, str]:
    with whole_file(ObjectStoragePath(f"gs://{BUCKET}/{name}")) as file:
        for start in range(0, len(body), piece):
            file.write(memoryview(body)[start : start + piece])
        if fail_when:
            wait_until(fail_when, "the moment to fail", timeout=30)
            raise _PowerCutError
    return file.size, file.sha256


@pytest.mark.parametrize(
    "size", [0, 1, 2**18 - 1, 2**18, 2**18 + 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, SEVERAL_CHUNKS]
)
@pytest.mark.parametrize("piece", [100_000, 2**20])
def test_a_file_of_any_size_appears_whole_by_the_protocol(google: Google, name: str, size: int, piece: int) -> None:
    body = body_of(size)
    assert write(name, body, piece=piece) == (size, hashlib.sha256(body).hexdigest())
    assert google.objects == {name: body}
    assert google.refusals == []
    assert [upload.state for upload in google.uploads] == ["finished"]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(google: Google, name: str) -> None:
    write(name, b"old\n")
    with whole_file(ObjectStoragePath(f"gs://{BUCKET}/{name}")) as file:
        file.write(body_of(SEVERAL_CHUNKS))
        assert google.objects == {name: b"old\n"}
    assert len(google.objects[name]) == SEVERAL_CHUNKS


@pytest.mark.parametrize("size", [0, 1, SEVERAL_CHUNKS])
def test_a_failure_leaves_the_old_file_and_cancels_the_upload(
    google: Google, name: str, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    write(name, b"old\n")
    with caplog.at_level(logging.ERROR), pytest.raises(_PowerCutError):
        # What is written is sent beside; the upload must have begun.
        write(name, body_of(size), fail_when=lambda: size < CHUNK_BYTES or len(google.uploads) > 1)
    assert google.objects == {name: b"old\n"}
    # What is smaller than a part has not been sent at all.
    assert [upload.state for upload in google.uploads[1:]] == (["cancelled"] if size > CHUNK_BYTES else [])
    assert google.refusals == []
    assert "Could not remove" not in caplog.text


@pytest.mark.parametrize("size", [9, CHUNK_BYTES + 5, SEVERAL_CHUNKS])
@pytest.mark.parametrize("kind", ["busy", "lost", "partial", "forgotten"])
@pytest.mark.parametrize("skip", [0, 1, 3])
def test_whatever_happens_to_a_part_the_file_is_whole_or_not_there(
    google: Google, name: str, size: int, kind: str, skip: int
) -> None:
    body = body_of(size)
    google.faults.append(Fault(kind, skip))
    with suppress(OSError):
        write(name, body)
        assert google.objects == {name: body}
    assert google.objects in ({name: body}, {})
    assert google.refusals == []


@pytest.mark.parametrize("kind", ["busy", "partial"])
def test_a_part_that_is_refused_for_a_while_or_half_kept_is_sent_again(google: Google, name: str, kind: str) -> None:
    body = body_of(SEVERAL_CHUNKS)
    google.faults.append(Fault(kind, 1))
    write(name, body)
    assert google.objects == {name: body}


@pytest.mark.parametrize("special", ["with space", "ünïcode-日本", "hash#1", "100%", "%20", "a+b&c='d'", "what?now=1"])
def test_any_name_is_taken_as_it_is(google: Google, name: str, special: str) -> None:
    write(f"{special}/{special}-{name}", b"{}\n")
    assert google.objects == {f"{special}/{special}-{name}": b"{}\n"}


def test_a_bucket_that_is_not_there_is_an_error_that_says_so(google: Google) -> None:
    path = storage_path("gs://nowhere/items.jsonl")
    with pytest.raises(OSError, match="nowhere"), whole_file(path) as file:
        file.write(b"{}\n")
    assert google.objects == {}
