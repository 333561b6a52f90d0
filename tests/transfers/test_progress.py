"""Long exports say how far they are."""

from __future__ import annotations

from airflow_provider_apify.transfers._export_progress import ExportProgress


class Log:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str, /, *args: object) -> None:
        self.lines.append(message % args)

    warning = error = info


class Clock:
    """A clock that goes on when it is told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_short_export_says_nothing() -> None:
    log, clock = Log(), Clock()
    progress = ExportProgress(log, 10, clock)
    for _ in range(9):
        clock.now += 1
        progress.add(1_000_000)
        progress.reach(5)
    assert log.lines == []


def test_a_long_export_says_every_ten_seconds_how_far_it_is_and_how_long_it_will_take() -> None:
    log, clock = Log(), Clock()
    progress = ExportProgress(log, 10_000, clock)
    for second in range(1, 26):
        clock.now += 1
        progress.reach(second * 100)
        progress.add(2_000_000)
    assert log.lines == [
        "1,000 of 10,000 items, 18 MB so far, 1.8 MB/s, about 90 s to go",
        "2,000 of 10,000 items, 38 MB so far, 1.9 MB/s, about 80 s to go",
    ]


def test_a_document_whose_items_nobody_knows_says_how_much_has_come() -> None:
    log, clock = Log(), Clock()
    progress = ExportProgress(log, 10_000, clock)
    clock.now += 10
    progress.add(12_000_000_000)
    assert log.lines == ["12,000 MB so far, 1200.0 MB/s"]


def test_items_that_come_before_anything_is_written_are_told_too() -> None:
    log, clock = Log(), Clock()
    progress = ExportProgress(log, 1_000, clock)
    clock.now += 10
    progress.reach(500)
    assert log.lines == ["500 of 1,000 items, about 10 s to go"]


def test_more_items_than_were_counted_leave_nothing_to_go() -> None:
    log, clock = Log(), Clock()
    progress = ExportProgress(log, 100, clock)
    clock.now += 10
    progress.reach(250)
    assert log.lines == ["250 of 250 items, about 0 s to go"]
