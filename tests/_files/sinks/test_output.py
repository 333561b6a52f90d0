"""What is written is what the file holds: joined, compressed, counted and hashed."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import zstandard
from hypothesis import given, strategies as st

from airflow_provider_apify._files.sinks import output
from airflow_provider_apify._files.sinks.output import Output, compression_of
from tests._files.material import Taken

OPEN: dict[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}
_PIECE_BYTES = 2**17
PIECES = st.lists(st.tuples(st.binary(max_size=20), st.integers(0, 30)), max_size=8)


@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
@given(pieces=PIECES)
def test_what_is_written_is_in_the_file(compression: str | None, pieces: list[tuple[bytes, int]]) -> None:
    sink = Taken()
    bodies = [piece * times for piece, times in pieces]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output, "_BLOCK_BYTES", 64)  # so that blocks are small as well as joined
        with Output(sink, compression) as written:
            for number, body in enumerate(bodies):
                written.write(memoryview(body) if number % 2 else body)
    assert OPEN[compression](sink.body) == b"".join(bodies)
    assert written.taken == sum(map(len, bodies))
    assert written.size == len(sink.body)
    assert written.sha256 == hashlib.sha256(sink.body).hexdigest()


@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
def test_large_files_are_written_in_large_blocks(compression: str | None) -> None:
    blocks: list[int] = []

    class Sink:
        def write(self, data: Any) -> None:
            blocks.append(len(data))

    with Output(Sink(), compression) as written:
        for number in range(40_000):
            written.write(hashlib.sha256(str(number).encode()).digest() * 4)
    assert written.taken == 40_000 * 128
    assert len(blocks) < 40_000 * 128 / 2**16


class _FullError(OSError):
    """The disk is full."""


class _FullSink:
    def __init__(self, room: int) -> None:
        self._room = room

    def write(self, data: Any) -> None:
        self._room -= len(data)
        if self._room < 0:
            raise _FullError


@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
@pytest.mark.parametrize("room", [0, 2_000_000])
def test_a_sink_that_fails_fails_the_writer(compression: str | None, room: int) -> None:
    def write_noise() -> None:
        with Output(_FullSink(room), compression) as written:
            for number in range(20):
                written.write(hashlib.shake_256(bytes([number])).digest(2**20))

    with pytest.raises(_FullError):
        write_noise()


class _Flaky(Taken):
    """Fails once."""

    def __init__(self) -> None:
        super().__init__()
        self.has_failed = False

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise _FullError
        super().write(piece)


@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
def test_after_a_write_that_failed_nothing_is_taken_and_nothing_completed(compression: str | None) -> None:
    noise = hashlib.shake_256(b"noise").digest(2**20)

    def go_on_in_spite_of_it() -> None:
        with Output(_Flaky(), compression) as written:
            for _ in range(20):
                with suppress(OSError):
                    written.write(noise)

    with pytest.raises(OSError):  # noqa: PT011 - any: the first one or that of the refusal
        go_on_in_spite_of_it()


@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
def test_a_writer_that_fails_completes_nothing(compression: str | None) -> None:
    sink = Taken()

    def fail() -> None:
        with Output(sink, compression) as written:
            written.write(b"one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert sink.body == b""


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_writer_that_fails_does_not_compress_what_still_waits(compression: str) -> None:
    sink, sizes = Taken(), []

    def fail() -> None:
        with Output(sink, compression) as written:
            for number in range(20):
                written.write(hashlib.shake_256(bytes([number])).digest(_PIECE_BYTES))
            sizes.append(len(sink.body))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(sink.body) - sizes[0] < 3 * _PIECE_BYTES


def test_what_waits_is_bounded_however_large_the_pieces_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_BLOCK_BYTES", _PIECE_BYTES // 16)
    noise = hashlib.shake_256(b"noise").digest(_PIECE_BYTES)
    waiting: list[int] = []

    class Sink(Taken):
        def write(self, piece: bytes | bytearray | memoryview) -> None:
            super().write(piece)
            waiting.append(written.taken - len(self.body))

    sink = Sink()
    with Output(sink, "gzip") as written:
        for _ in range(40):
            written.write(noise)
    assert gzip.decompress(sink.body) == noise * 40
    # The blocks that may wait are less than two pieces; one is on its way in, and zlib holds less than one back.
    assert max(waiting) < 4 * _PIECE_BYTES


@pytest.mark.parametrize(
    ("path", "chosen", "compression"),
    [
        ("/items.jsonl", None, None),
        ("/items.jsonl", "", None),
        ("/items.jsonl", "gzip", "gzip"),
        ("/items.jsonl.gz", None, "gzip"),
        ("s3://bucket/items.csv.zst", None, "zstd"),
        ("/items.jsonl.gz", "gzip", "gzip"),
        ("/items.jsonl.gz", "none", None),
        ("/items.jsonl", "none", None),
    ],
)
def test_the_compression_is_chosen_or_named_by_the_path(path: str, chosen: str | None, compression: str | None) -> None:
    assert compression_of(path, chosen) == compression


def test_an_unknown_compression_is_told_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"compression is 'bzip2'\. Give one of gzip, zstd, none"):
        compression_of("/items.jsonl", "bzip2")


def test_a_compression_that_the_path_contradicts_is_refused() -> None:
    with pytest.raises(ValueError, match="compression is 'zstd', but the path's ending means gzip: change one of them"):
        compression_of("/items.jsonl.gz", "zstd")
