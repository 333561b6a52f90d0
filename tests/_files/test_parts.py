"""One export in several files, each whole or not there."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from hypothesis import given, strategies as st

from airflow_provider_apify._files.formats.json_array import ArrayOfLines, Body, Lines
from airflow_provider_apify._files.split import Parts, Split, WrittenFile
from tests._files.material import CUTS, lines_of, pieces_of

ITEMS = [{"number": number} for number in range(10)]
SPLITS = st.builds(Split, st.none() | st.integers(1, 9), st.none() | st.integers(1, 60)).filter(
    lambda split: split != Split()
)


def ignore(_files: Sequence[WrittenFile]) -> None:
    """Take no note."""


@pytest.fixture
def path(tmp_path: Path) -> Callable[[int], ObjectStoragePath]:
    return lambda number: ObjectStoragePath(str(tmp_path / f"items-{number:05d}.jsonl"))


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@given(st.lists(st.integers(0, 10**6), max_size=20), SPLITS, CUTS)
def test_files_are_cut_behind_items_and_lose_none(numbers: list[int], split: Split, cuts: list[int]) -> None:
    files, items, size = [b""], 0, 0
    for piece in pieces_of(lines_of(numbers), cuts):
        rest = piece
        while rest:
            cut = split.cut(rest, items, size)
            files[-1] += rest[:cut]
            items, size = files[-1].count(b"\n"), len(files[-1])
            if cut is None:
                break
            rest, items, size = rest[cut:], 0, 0
            files.append(b"")
    *full, last = files
    assert b"".join(files) == lines_of(numbers)
    for file in full:
        assert file.endswith(b"\n")
        *before, _ = file.splitlines(keepends=True)
        assert len(before) + 1 == split.items or len(file) >= (split.size or 10**9)
        assert len(b"".join(before)) < (split.size or 10**9)
    assert last.count(b"\n") < (split.items or 10**9)
    assert len(last) < (split.size or 10**9)


def test_parts_are_files_of_their_own(tmp_path: Path, path: Callable[[int], ObjectStoragePath]) -> None:
    parts = Parts(path, Split(items=4), None)
    noted: list[int] = []
    with parts.written(lambda files: noted.append(len(files))):
        for piece in pieces_of(lines_of(ITEMS), [7, 30, 77]):
            parts.write(piece)
        assert parts.items == 10
    assert names_in(tmp_path) == [f"items-{number:05d}.jsonl" for number in range(3)]
    assert [file.items for file in parts.files] == [4, 4, 2]
    assert noted == [1, 2, 3]
    for number, file in enumerate(parts.files):
        body = (tmp_path / f"items-{number:05d}.jsonl").read_bytes()
        assert body == lines_of(ITEMS[4 * number : 4 * number + 4])
        assert (file.bytes, file.sha256) == (len(body), hashlib.sha256(body).hexdigest())
        assert file.path == str(path(number))


def test_parts_may_be_arrays_and_compressed(tmp_path: Path, path: Callable[[int], ObjectStoragePath]) -> None:
    parts = Parts(path, Split(size=40), "gzip", body=ArrayOfLines)
    with parts.written(ignore):
        parts.write(lines_of(ITEMS))
    bodies = [gzip.decompress((tmp_path / name).read_bytes()) for name in names_in(tmp_path)]
    assert [json.loads(body) for body in bodies] == [ITEMS[:3], ITEMS[3:6], ITEMS[6:9], ITEMS[9:]]
    assert [file.items for file in parts.files] == [3, 3, 3, 1]


@pytest.mark.parametrize(("kind", "body"), [(Lines, b""), (ArrayOfLines, b"[]\n")])
def test_no_items_are_one_empty_file(
    tmp_path: Path, path: Callable[[int], ObjectStoragePath], kind: type[Body], body: bytes
) -> None:
    parts = Parts(path, Split(items=4), None, body=kind)
    with parts.written(ignore):
        pass
    assert names_in(tmp_path) == ["items-00000.jsonl"]
    assert (tmp_path / "items-00000.jsonl").read_bytes() == body


def test_items_that_fill_the_last_part_leave_no_empty_one_behind(
    tmp_path: Path, path: Callable[[int], ObjectStoragePath]
) -> None:
    parts = Parts(path, Split(items=5), None)
    with parts.written(ignore):
        parts.write(lines_of(ITEMS))
    assert [file.items for file in parts.files] == [5, 5]
    assert len(names_in(tmp_path)) == 2


def test_parts_of_a_longer_export_before_are_removed_when_the_new_one_is_whole(
    tmp_path: Path, path: Callable[[int], ObjectStoragePath]
) -> None:
    for number in range(6):
        (tmp_path / f"items-{number:05d}.jsonl").write_text("old")
    parts = Parts(path, Split(items=5), None)
    with parts.written(ignore):
        parts.write(lines_of(ITEMS))
        assert len(names_in(tmp_path)) == 6
    assert names_in(tmp_path) == ["items-00000.jsonl", "items-00001.jsonl"]


def test_old_parts_are_removed_although_an_attempt_died_while_it_removed_them(
    tmp_path: Path, path: Callable[[int], ObjectStoragePath], monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        """The process ends."""

    def write() -> None:
        parts = Parts(path, Split(items=5), None)
        with parts.written(ignore):
            parts.write(lines_of(ITEMS))

    def die_at_the_second(self: ObjectStoragePath, _unlink: Any = ObjectStoragePath.unlink) -> None:
        if len(names_in(tmp_path)) < 6:
            raise KilledError
        _unlink(self)

    for number in range(6):
        (tmp_path / f"items-{number:05d}.jsonl").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(ObjectStoragePath, "unlink", die_at_the_second)
        with pytest.raises(KilledError):
            write()
    write()
    assert names_in(tmp_path) == ["items-00000.jsonl", "items-00001.jsonl"]


def test_a_failure_leaves_the_finished_parts_and_the_old_ones_behind_them(
    tmp_path: Path, path: Callable[[int], ObjectStoragePath]
) -> None:
    for number in range(3):
        (tmp_path / f"items-{number:05d}.jsonl").write_text("old")
    parts = Parts(path, Split(items=4), None)

    def fail() -> None:
        with parts.written(ignore):
            parts.write(lines_of(ITEMS[:6]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (tmp_path / "items-00000.jsonl").read_bytes() == lines_of(ITEMS[:4])
    assert [(tmp_path / f"items-{number:05d}.jsonl").read_text() for number in (1, 2)] == ["old", "old"]
    assert len(names_in(tmp_path)) == 3


def test_finished_parts_are_gone_on_from(tmp_path: Path, path: Callable[[int], ObjectStoragePath]) -> None:
    done = [WrittenFile(str(path(0)), 4, 56, "digest")]
    parts = Parts(path, Split(items=4), None, done=done)
    assert parts.items == 4
    with parts.written(ignore):
        parts.write(lines_of(ITEMS[4:]))
    assert parts.files[0] == done[0]
    assert [file.items for file in parts.files] == [4, 4, 2]
    assert names_in(tmp_path) == ["items-00001.jsonl", "items-00002.jsonl"]


@given(st.lists(st.integers(0, 10**6), max_size=9), SPLITS)
def test_all_parts_together_hold_all_items(tmp_path_factory: Any, numbers: list[int], split: Split) -> None:
    folder = tmp_path_factory.mktemp("parts")
    parts = Parts(lambda number: ObjectStoragePath(str(folder / f"{number:05d}")), split, None)
    with parts.written(ignore):
        parts.write(lines_of(numbers))
    assert b"".join((folder / name).read_bytes() for name in names_in(folder)) == lines_of(numbers)
    assert sum(file.items or 0 for file in parts.files) == len(numbers)
