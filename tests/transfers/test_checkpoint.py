"""A retry goes on with what is there, and with nothing else."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._airflow.state_store import STORE
from airflow_provider_apify._files.split import Done, WrittenFile
from airflow_provider_apify.transfers._export_memory import Checkpoint


class Store(dict[str, Any]):
    """Airflow's state store of a task."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key, default)

    def set(self, key: str, value: Any) -> None:
        self[key] = value


class Attempts:
    """What the attempts of a task share: a state store, and a folder."""

    def __init__(self, folder: Path, *, has_store: bool = True) -> None:
        self._store = Store()
        self._has_store = has_store
        self._folder = folder
        self.max_tries = 2

    def begin(self, wanted: str = "d1") -> Checkpoint:
        context: Any = {"ti": SimpleNamespace(max_tries=self.max_tries)}
        if self._has_store:
            context[STORE] = self._store
        return Checkpoint(context, wanted, self.path, logging.getLogger(__name__))

    def entries(self) -> list[Any]:
        return list(self._store.values())

    def forget(self, key: str) -> None:
        del self._store[key]

    def path(self, number: int) -> ObjectStoragePath:
        return ObjectStoragePath(str(self._folder / f"{number}.jsonl"))

    def write(self, number: int) -> WrittenFile:
        (self._folder / f"{number}.jsonl").write_text("{}\n" * 5)
        return WrittenFile(str(self.path(number)), 5, 15, "digest")


@pytest.fixture
def attempts(tmp_path: Path) -> Attempts:
    return Attempts(tmp_path)


def test_a_first_attempt_has_nothing_to_go_on_from(attempts: Attempts) -> None:
    assert attempts.begin().done == Done()


def test_a_retry_goes_on_behind_the_files_that_were_finished(attempts: Attempts) -> None:
    files = [attempts.write(0), attempts.write(1)]
    first = attempts.begin()
    first.note(Done(files[:1]))
    first.note(Done(files))
    assert attempts.begin().done.files == files


def test_many_files_are_remembered_and_one_more_costs_no_more_than_among_a_few(attempts: Attempts) -> None:
    files = [attempts.write(number) for number in range(250)]
    first = attempts.begin()
    for number in range(len(files)):
        first.note(Done(files[: number + 1]))
    assert attempts.begin().done.files == files
    assert max(len(entry["files"]) for entry in attempts.entries()) <= 100


def test_where_airflow_has_lost_a_part_of_its_memory_an_attempt_begins_anew(attempts: Attempts) -> None:
    files = [attempts.write(number) for number in range(100)]
    attempts.begin().note(Done(files))
    attempts.forget("apify_export_0")
    assert attempts.begin().done == Done()


def test_a_clear_begins_anew(attempts: Attempts) -> None:
    attempts.begin().note(Done([attempts.write(0)]))
    attempts.max_tries += 3
    assert attempts.begin().done == Done()


def test_another_export_of_the_same_task_begins_anew(attempts: Attempts) -> None:
    attempts.begin("d1").note(Done([attempts.write(0)]))
    assert attempts.begin("d2").done == Done()


@pytest.mark.parametrize("damage", ["removed", "changed"])
def test_files_that_are_not_there_as_they_were_left_do_not_count(
    attempts: Attempts, tmp_path: Path, damage: str
) -> None:
    attempts.begin().note(Done([attempts.write(0), attempts.write(1)]))
    if damage == "removed":
        (tmp_path / "1.jsonl").unlink()
    else:
        (tmp_path / "1.jsonl").write_text("of somebody else")
    assert attempts.begin().done == Done()


def test_where_airflow_remembers_nothing_every_attempt_begins_anew(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path, has_store=False)
    attempts.begin().note(Done([attempts.write(0)]))
    assert attempts.begin().done == Done()
