"""How a log is shown while its run is waited for, by a clock that only moves when the test moves it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from airflow_provider_apify._api.answers import Answer, Response
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs.showing import LogShower
from airflow_provider_apify.models.runs import ActorRun
from tests._api.answering import LOST, Fed, failed, run_data

LINES = [f"2026-01-01T00:00:{number:02}.000Z line {number}".encode() for number in range(60)]
GOES_ON, IS_OVER = (ActorRun.from_api(run_data(status)) for status in ("RUNNING", "SUCCEEDED"))


def text(lines: Iterable[bytes]) -> Answer:
    return Response(200, {"content-type": "text/plain; charset=utf-8"}, b"".join(line + b"\n" for line in lines))


class Shown:
    """What a task's log has of the run's."""

    def __init__(self, **arguments: Any) -> None:
        self.lines: list[str] = []
        self.now = 0.0
        self._log = LogShower(self.lines.append, clock=lambda: self.now, **arguments)

    def look(self, answer: Answer, run: ActorRun = GOES_ON) -> Request:
        """Look once, and return what was asked."""
        fed = Fed(self._log.look(run))
        request = fed.request
        fed.finish(answer)
        return request

    def asks(self, run: ActorRun = GOES_ON) -> bool:
        return next(self._log.look(run), None) is not None


def shown(lines: Iterable[bytes]) -> list[str]:
    return [f"| {line.decode()}" for line in lines]


def test_each_line_is_shown_once_when_it_is_whole() -> None:
    log = Shown()
    log.look(Response(200, {"content-type": "text/plain"}, b"\n".join(LINES[:3]) + b"\n2026-01-01T0"))
    assert log.lines == shown(LINES[:3])
    log.now += 60
    log.look(text(LINES[:5]))
    assert log.lines == shown(LINES[:5])


def test_a_last_line_without_an_end_is_shown_when_the_run_is_over() -> None:
    log = Shown()
    log.look(Response(200, {"content-type": "text/plain"}, LINES[0] + b"\n" + LINES[1]), IS_OVER)
    assert log.lines == shown(LINES[:2])


def test_a_log_that_has_lost_its_beginning_goes_on_where_it_was() -> None:
    log = Shown()
    log.look(text(LINES[:30]))
    log.now += 60
    log.look(text(LINES[12:40]))
    assert log.lines == shown(LINES[:40])


def test_of_very_many_lines_the_last_ones_are_shown_and_the_others_counted() -> None:
    log = Shown()
    many = [b"line %d" % number for number in range(1_500)]
    log.look(text(many))
    assert log.lines == ["(1,300 lines of the run's log are left out here.)", *shown(many[-200:])]


def test_a_long_line_is_cut() -> None:
    log = Shown()
    log.look(text([b"x" * 5_000]))
    assert log.lines == [f"| {'x' * 2_000}"]


def test_a_long_log_is_asked_for_less_often_but_at_the_end_in_any_case() -> None:
    log = Shown()
    log.look(text([b"x" * 1_000_000]))
    log.now += 99
    assert not log.asks()
    assert log.asks(IS_OVER)
    log.now += 2
    assert log.asks()


@pytest.mark.parametrize(
    "answer",
    [
        LOST,
        failed(404, "record-not-found"),
        failed(500),
        Response(200, {"content-type": "text/html"}, b"<p>Log in</p>"),
    ],
    ids=["no answer", "no log", "outage", "a proxy's page"],
)
def test_a_log_that_cannot_be_read_is_told_once_and_left_alone_for_a_while(answer: Answer) -> None:
    log = Shown()
    request = log.look(answer)
    (told,) = log.lines
    assert told.startswith("(The run's log cannot be read: ")
    assert "Log in" not in told
    assert not log.asks()
    assert not request.is_long, "an answer that trickles in must not keep the run out of sight"
    log.now += 61
    log.look(answer)
    assert len(log.lines) == 1
    log.now += 61
    log.look(text(LINES[:2]))
    assert log.lines[1:] == shown(LINES[:2])


def test_what_somebody_else_has_shown_is_left_out() -> None:
    since = 1_767_225_640.0  # 00:00:40 of that day
    log = Shown(since=since)
    log.look(text([*LINES[:42], b"a traceback", *LINES[42:50]]))
    assert log.lines == shown([*LINES[40:42], b"a traceback", *LINES[42:50]])
    log.now += 60
    log.look(text([*LINES[:42], b"a traceback", *LINES[42:50], b"no time here"]))
    assert log.lines[-1] == "| no time here"


def test_nothing_is_shown_where_all_was_shown_by_somebody_else() -> None:
    log = Shown(since=1_800_000_000.0)
    log.look(text(LINES))
    assert log.lines == []


def test_a_log_longer_than_apify_keeps_is_not_read() -> None:
    assert Shown().look(LOST).most == 20 * 2**20
