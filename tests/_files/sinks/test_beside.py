"""What writes beside the reading hangs nobody and leaves nothing, whatever fails and whenever a signal comes."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._files.sinks import beside, output
from airflow_provider_apify._files.sinks.output import Output
from airflow_provider_apify._files.sinks.whole_file import whole_file
from tests._files.material import Taken
from tools.lab.waiting import wait_until

_ENOUGH_BYTES = 2**26
"""So many that the disk is told to begin while they are written."""


class _Interrupt(BaseException):
    """What the handler of a signal raises."""


def write(folder: Path, size: int = _ENOUGH_BYTES) -> None:
    with whole_file(ObjectStoragePath(str(folder / "items.jsonl"))) as file:
        file.write(bytes(size))


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def outcome_of(work: Callable[[], object]) -> list[BaseException | None]:
    """Return what work raises, if anything; nothing where it hangs."""
    outcomes: list[BaseException | None] = []

    def go() -> None:
        try:
            work()
            outcomes.append(None)
        except BaseException as error:  # noqa: BLE001 - whatever it is
            outcomes.append(error)

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    thread.join(10)
    return outcomes


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Make sure that no thread and no descriptor is left."""
    threads, files = threading.active_count(), open_files()
    yield
    wait_until(lambda: threading.active_count() <= threads, "the threads to end", timeout=10)
    assert open_files() <= files


@pytest.mark.parametrize("call", ["fdatasync", "close"])
def test_a_disk_that_is_full_shows_it_at_any_call_and_hangs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """On NFS, a quota that is used up may show when a descriptor is closed."""
    real, names = getattr(os, call), {"apify-output", "apify-disk"}

    def fail(descriptor: Any) -> None:
        real(descriptor)
        if threading.current_thread().name in names:
            raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, call, fail)
    outcomes = outcome_of(lambda: write(tmp_path))
    assert outcomes, "it hangs"
    assert names_in(tmp_path) == ([] if outcomes[0] else ["items.jsonl"])


@pytest.mark.parametrize("number", [1, 2])
def test_where_no_thread_can_be_started_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    start, started = threading.Thread.start, list[threading.Thread]()

    def refuse(thread: threading.Thread) -> None:
        started.append(thread)
        if len(started) == number:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises((OSError, RuntimeError), match="can't start new thread"):
            write(tmp_path)
    assert (len(started), names_in(tmp_path)) == (number, [])


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("size", [1, _ENOUGH_BYTES])
def test_a_signal_while_a_thread_is_started_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, size: int
) -> None:
    start, started = threading.Thread.start, list[threading.Thread]()

    def start_and_interrupt(thread: threading.Thread) -> None:
        start(thread)
        started.append(thread)
        if len(started) == number:
            raise _Interrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start_and_interrupt)
        with suppress(_Interrupt):
            write(tmp_path, size)
    assert names_in(tmp_path) == ([] if len(started) >= number else ["items.jsonl"])


def test_a_file_that_cannot_be_removed_leaves_no_thread_and_no_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path, missing_ok: bool = False) -> None:  # noqa: ARG001, FBT002 - as pathlib has it
        raise PermissionError(errno.EACCES, "no")

    def write_and_fail() -> None:
        with whole_file(ObjectStoragePath(str(tmp_path / "items.jsonl"))) as file:
            file.write(bytes(_ENOUGH_BYTES))
            raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(ZeroDivisionError):
            write_and_fail()


def interrupted_once(work: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return what a signal interrupts the first time, before it has done anything."""
    interrupts = [_Interrupt()]

    def do(thing: Any) -> None:
        if interrupts:
            raise interrupts.pop()
        work(thing)

    return do


@pytest.mark.parametrize("piece", [100, 2**10])
@pytest.mark.parametrize("place", ["put", "flush"])
def test_what_lost_a_block_to_a_signal_completes_no_file(
    monkeypatch: pytest.MonkeyPatch, place: str, piece: int
) -> None:
    """Whoever catches what a handler raises might go on."""
    monkeypatch.setattr(output, "_BLOCK_BYTES", 2**10)
    sink = Taken()

    def go_on_in_spite_of_it() -> None:
        with Output(sink) as written:
            written.write(b"a" * piece)
            work, things = written._beside, written._beside._things
            if place == "put":
                work._things = SimpleNamespace(get=things.get, put=interrupted_once(things.put))  # type: ignore[assignment]
            else:
                monkeypatch.setattr(work, "put", interrupted_once(work.put))
            for letter in [b"b"] * 20 + [b"c"] * 20:
                with suppress(_Interrupt, OSError):
                    written.write(letter * piece)

    with pytest.raises(OSError, match="lost"):
        go_on_in_spite_of_it()
    assert b"c" not in sink.body


def test_a_disk_that_hangs_holds_an_error_up_for_seconds_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2 * beside._GIVE_UP_SECONDS <= 20, "for the thread that writes, and the one that tells the disk"
    monkeypatch.setattr(beside, "_GIVE_UP_SECONDS", 0.1)
    goes_on = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda _file: goes_on.wait(10))

    def write_and_fail() -> None:
        with whole_file(ObjectStoragePath(str(tmp_path / "items.jsonl"))) as file:
            file.write(bytes(_ENOUGH_BYTES))
            raise ZeroDivisionError

    outcomes = outcome_of(write_and_fail)
    goes_on.set()
    assert isinstance(outcomes[0], ZeroDivisionError)
