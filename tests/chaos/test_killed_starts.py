from __future__ import annotations

from tests.chaos import busy_actor, killed_starts
from tests.chaos.busy_actor import SITUATIONS


def test_of_starts_whose_workers_all_die_once_each_gets_one_run_and_gets_its_own() -> None:
    for figures in killed_starts.measure(starts=12):
        assert (figures["starts"], figures["runs"], figures["adopted"]) == (12, 12, 12)
        assert (figures["duplicates"], figures["lost"], figures["orphaned"], figures["raised"]) == (0, 0, 0, 0)


def test_a_retry_finds_its_run_among_those_of_others_and_starts_one_where_there_is_none() -> None:
    figures = busy_actor.measure(runs_a_day=48)

    assert [each["ends"] for each in figures] == [
        "found" if situation.started else "started anew" for situation in SITUATIONS
    ]
    assert "| found |" in busy_actor.table(figures)
