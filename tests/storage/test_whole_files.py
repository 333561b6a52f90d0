"""A file is whole or not there, whatever happens to its writer, on every storage."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import timedelta
from threading import Thread
from uuid import uuid4

import pytest

from airflow_provider_apify._files.sinks import drafts
from airflow_provider_apify._files.sinks.storages import storage_path
from airflow_provider_apify._files.sinks.uploads import CHUNK_BYTES
from airflow_provider_apify._files.sinks.whole_file import whole_file
from tests.storage.conftest import Storage
from tests.storage.servers import AzuriteServer, SftpServer
from tools.lab import wait_until
from tools.versions import ROOT

pytestmark = pytest.mark.timeout(600)  # the first one installs its server

SEVERAL_CHUNKS = 3 * CHUNK_BYTES + 3


class _PowerCutError(Exception):
    """Something that goes wrong in the middle."""


@pytest.fixture
def name() -> str:
    return f"{uuid4().hex}.jsonl"


def body_of(size: int) -> bytes:
    """Return bytes that differ from part to part."""
    return (os.urandom(1021) * (size // 1021 + 1))[:size]


def write(storage: Storage, name: str, body: bytes, *, piece: int = 2**20, fail: bool = False) -> tuple[int, str]:
    with whole_file(storage.path(name)) as file:
        for start in range(0, len(body), piece):
            file.write(memoryview(body)[start : start + piece])
        if fail:
            raise _PowerCutError
    return file.size, file.sha256


@pytest.mark.parametrize("size", [0, 1, 2**20 + 1, CHUNK_BYTES, SEVERAL_CHUNKS])
def test_a_file_of_any_size_appears_whole(storage: Storage, name: str, size: int) -> None:
    body = body_of(size)
    assert write(storage, name, body) == (size, hashlib.sha256(body).hexdigest())
    assert storage.read(name) == body
    assert storage.litter() == []


@pytest.mark.parametrize("piece", [100_000, 5 * 2**20, SEVERAL_CHUNKS])
def test_pieces_may_have_any_size(storage: Storage, name: str, piece: int) -> None:
    body = body_of(SEVERAL_CHUNKS)
    write(storage, name, body, piece=piece)
    assert storage.read(name) == body


def test_a_file_may_lie_in_folders_that_are_not_there_yet(storage: Storage, name: str) -> None:
    write(storage, f"{name}/year=2026/items.jsonl", b"{}\n")
    assert storage.read(f"{name}/year=2026/items.jsonl") == b"{}\n"


def test_a_reader_sees_nothing_and_then_all(storage: Storage, name: str) -> None:
    with whole_file(storage.path(name)) as file:
        file.write(body_of(SEVERAL_CHUNKS))
        assert storage.read(name) is None
    assert len(storage.read(name) or b"") == SEVERAL_CHUNKS


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(storage: Storage, name: str) -> None:
    write(storage, name, b"old\n")
    with whole_file(storage.path(name)) as file:
        file.write(body_of(SEVERAL_CHUNKS))
        assert storage.read(name) == b"old\n"
    assert len(storage.read(name) or b"") == SEVERAL_CHUNKS


@pytest.mark.parametrize("size", [0, 1, SEVERAL_CHUNKS])
def test_a_failure_leaves_the_old_file_and_nothing_else(storage: Storage, name: str, size: int) -> None:
    write(storage, name, b"old\n")
    with pytest.raises(_PowerCutError):
        write(storage, name, body_of(size), fail=True)
    assert storage.read(name) == b"old\n"
    assert storage.litter() == []


def test_a_failure_where_there_was_no_file_leaves_none(storage: Storage, name: str) -> None:
    with pytest.raises(_PowerCutError):
        write(storage, name, body_of(SEVERAL_CHUNKS), fail=True)
    assert storage.read(name) is None


def test_what_a_killed_writer_leaves_is_removed_by_the_next_writer_of_the_same_file(
    storage: Storage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(storage, name, b"old\n")
    begin_and_kill(storage, name)
    assert storage.read(name) == b"old\n"
    left = storage.litter()

    monkeypatch.setattr(drafts, "ABANDONED_AFTER", timedelta(0))  # as if the time had passed
    write(storage, f"{name}.other", b"{}\n")
    assert storage.litter() == left
    body = body_of(SEVERAL_CHUNKS)
    write(storage, name, body)
    assert storage.read(name) == body
    assert storage.litter() == []


@pytest.mark.parametrize("storage", ["local", "s3", "sftp"], indirect=True)
def test_two_writers_of_one_file_do_not_mix_and_the_later_end_counts(storage: Storage, name: str) -> None:
    bodies = body_of(SEVERAL_CHUNKS), body_of(SEVERAL_CHUNKS)
    with whole_file(storage.path(name)) as one:
        one.write(bodies[0])
        write(storage, name, bodies[1])
        assert storage.read(name) == bodies[1]
    assert storage.read(name) == bodies[0]
    assert storage.litter() == []


def test_of_two_writers_of_one_blob_the_first_to_end_wins_and_the_other_hears_of_it(
    azure: Storage, azurite_server: AzuriteServer, name: str
) -> None:
    from azure.storage.blob import ContainerClient  # noqa: PLC0415 - slow to import

    body, server = body_of(SEVERAL_CHUNKS), azurite_server
    container = ContainerClient.from_connection_string(server.connection_string, server.container)

    def has_begun() -> bool:
        return name in {blob.name for blob in container.list_blobs(include=["uncommittedblobs"])}

    with container, pytest.raises(OSError, match="block list is invalid"), whole_file(azure.path(name)) as one:  # noqa: PT012 - the end raises
        one.write(body_of(SEVERAL_CHUNKS))
        wait_until(has_begun, "a block of the first", timeout=60)
        write(azure, name, body)
    assert azure.read(name) == body


def test_a_file_may_be_written_in_another_thread_than_it_was_opened_in(storage: Storage, name: str) -> None:
    body = body_of(SEVERAL_CHUNKS)
    with whole_file(storage.path(name)) as file:
        writer = Thread(target=file.write, args=(body,))
        writer.start()
        writer.join()
    assert storage.read(name) == body


def test_a_replaced_file_on_sftp_keeps_its_mode(sftp: Storage, sftp_server: SftpServer, name: str) -> None:
    write(sftp, name, b"old\n")
    (sftp_server.disk / name).chmod(0o640)
    write(sftp, name, b"new\n")
    assert sftp.read(name) == b"new\n"
    assert (sftp_server.disk / name).stat().st_mode & 0o7777 == 0o640


@pytest.mark.parametrize("special", ["with space", "ünïcode-日本", "hash#1", "100%", "%20", "a+b&c='d'"])
def test_any_name_is_taken_as_it_is(storage: Storage, name: str, special: str) -> None:
    write(storage, f"{special}/{special}-{name}", b"{}\n")
    assert storage.read(f"{special}/{special}-{name}") == b"{}\n"


@pytest.mark.parametrize("storage", ["local", "s3", "azure"], indirect=True)
def test_a_question_mark_in_a_name_is_taken_as_it_is(storage: Storage, name: str) -> None:
    write(storage, f"what?now=1/{name}?", b"{}\n")
    assert storage.read(f"what?now=1/{name}?") == b"{}\n"


def test_a_question_mark_in_a_name_on_sftp_is_refused_because_airflow_cuts_the_name_there(sftp: Storage) -> None:
    with pytest.raises(ValueError, match=r"Airflow reads it as .*/what, because of a character in its name"):
        storage_path(f"{sftp.url}/what?now=1.jsonl", sftp.conn_id)


def begin_and_kill(storage: Storage, name: str) -> None:
    """Have another process write half a file, and kill it as the kernel does when memory is short."""
    heard, said = os.pipe()
    command = [sys.executable, "-m", "tests.storage.killed_writer", f"{storage.url}/{name}", storage.conn_id or ""]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, str(SEVERAL_CHUNKS), str(said)], cwd=ROOT, stdin=subprocess.PIPE, pass_fds=[said]
    ) as writer:
        os.close(said)
        with open(heard, "rb") as pipe:  # noqa: PTH123 - no path
            assert pipe.read(len(b"written")) == b"written"
        writer.kill()
