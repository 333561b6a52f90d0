from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._files.loading.stored import pieces

BODY = bytes(range(256)) * 20_000
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}
compressed = pytest.mark.parametrize("compression", COMPRESS)


def read(tmp_path: Path, body: bytes, compression: str | None) -> bytes:
    (tmp_path / "file").write_bytes(body)
    return b"".join(pieces(ObjectStoragePath(str(tmp_path / "file")), compression))


def test_a_file_is_read_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BODY)
    assert [len(piece) for piece in pieces(ObjectStoragePath(str(tmp_path / "file")), None)] == [2**20] * 4 + [925_696]


@compressed
def test_a_compressed_file_is_decompressed(tmp_path: Path, compression: str) -> None:
    assert read(tmp_path, COMPRESS[compression](BODY), compression) == BODY


@compressed
def test_compressed_streams_may_follow_one_another(tmp_path: Path, compression: str) -> None:
    parts = [COMPRESS[compression](part) for part in (b"one\n", BODY, b"two\n")]
    assert read(tmp_path, b"".join(parts), compression) == b"one\n" + BODY + b"two\n"


@compressed
def test_little_that_becomes_much_comes_in_pieces_that_memory_holds(tmp_path: Path, compression: str) -> None:
    (tmp_path / "file").write_bytes(COMPRESS[compression](bytes(2**27)))
    sizes = [len(piece) for piece in pieces(ObjectStoragePath(str(tmp_path / "file")), compression)]
    assert sum(sizes) == 2**27
    assert max(sizes) <= 2**25


@compressed
def test_a_compressed_file_without_a_byte_is_an_error_and_one_of_nothing_is_not(
    tmp_path: Path, compression: str
) -> None:
    with pytest.raises(ValueError, match="it is empty, which no compressed file is"):
        read(tmp_path, b"", compression)
    assert read(tmp_path, COMPRESS[compression](b""), compression) == b""


def test_a_plain_file_may_be_empty(tmp_path: Path) -> None:
    assert read(tmp_path, b"", None) == b""


@compressed
@pytest.mark.parametrize("lacking", [1, 300])
def test_a_compressed_file_that_is_cut_is_an_error(tmp_path: Path, compression: str, lacking: int) -> None:
    with pytest.raises(ValueError, match="ends in the middle of its compressed bytes"):
        read(tmp_path, COMPRESS[compression](BODY)[:-lacking], compression)


@compressed
def test_a_file_that_is_not_compressed_as_it_says_is_an_error(tmp_path: Path, compression: str) -> None:
    with pytest.raises(ValueError, match="not compressed as its name says"):
        read(tmp_path, b"plain text", compression)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(pieces(ObjectStoragePath(str(tmp_path / "nothing")), None))
