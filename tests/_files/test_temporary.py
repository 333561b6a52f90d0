from __future__ import annotations

import resource
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._files.export import Export
from airflow_provider_apify._files.formats.registry import FORMATS
from airflow_provider_apify._files.temporary import temporary_file
from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from tests._files.material import dataset_of

_ROOM_BYTES = 2_000_000


@pytest.fixture
def _little_room() -> Iterator[None]:
    """Let no file of this process become larger than 2 MB."""
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM_BYTES, most[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, most)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("_little_room")
@pytest.mark.parametrize("in_memory", [0, 1_000_000])
def test_a_full_temporary_folder_is_named_whatever_notices_it(in_memory: int) -> None:
    with temporary_file(in_memory) as file, pytest.raises(ApifyError, match="let TMPDIR name") as caught:
        file.writelines([b"x" * 100_000] * 30)
    assert f"Cannot use the worker's temporary folder {tempfile.gettempdir()}: OSError" in str(caught.value)


def test_a_temporary_file_is_read_as_it_was_written_and_is_gone() -> None:
    with temporary_file() as file:
        file.write(b"one\ntwo\n")
        assert file.tell() == 8
        file.seek(0)
        assert (file.read(4), file.read()) == (b"one\n", b"two\n")
    assert file.closed


def test_an_export_says_that_the_temporary_folder_is_full_and_not_its_path(hook: ApifyHook, tmp_path: Path) -> None:
    dataset_id = dataset_of(hook, 20_000)
    target = ObjectStoragePath(str(tmp_path / "items.parquet"))
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM_BYTES, most[1]))
    try:
        with pytest.raises(ApifyError, match="Cannot use the worker's temporary folder"):
            Export(hook, [dataset_id], lambda _number: target, FORMATS["parquet"]).run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert list(tmp_path.iterdir()) == []
