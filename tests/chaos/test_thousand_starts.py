from __future__ import annotations

from local_apify import LedgerRun
from tests.chaos.thousand_starts import FIRST_TIMEOUT, Crowd, judge, put_through, start_with_the_hook, table


def test_of_many_starts_under_faults_each_gets_one_run_and_gets_its_own() -> None:
    figures = put_through("this package", start_with_the_hook, Crowd(100, actors=20))

    assert (figures["starts"], figures["runs"], figures["adopted"]) == (100, 100, 100)
    assert (figures["duplicates"], figures["lost"], figures["orphaned"], figures["raised"]) == (0, 0, 0, 0)
    assert all(figures["faults"].values()), "a fault has not happened"
    assert "| adopted | 100 |" in table([figures])


def test_the_ledger_tells_duplicates_lost_runs_and_orphans() -> None:
    runs = [
        a_run("given", start=0),
        a_run("twin", start=0),
        a_run("aborted twin", start=0, status="ABORTED", aborted=True),
        a_run("unheard of", start=1),
        a_run("mixed up", start=2, status="SUCCEEDED"),
    ]
    assert judge(runs, ["given", None, "given", None]) == {
        "starts": 4,
        "runs": 5,
        "adopted": 1,
        "duplicates": 1,
        "lost": 2,
        "orphaned": 2,
        "raised": 2,
    }


def a_run(run_id: str, *, start: int, status: str = "RUNNING", aborted: bool = False) -> LedgerRun:
    return LedgerRun(
        run_id=run_id,
        actor="crowd/actor-0",
        actor_id="actor",
        task=None,
        started_at="2026-01-01T00:00:00.000Z",
        finished_at=None,
        status=status,
        user_agent=None,
        headers={},
        options={"timeoutSecs": FIRST_TIMEOUT + start},
        input_sha256=None,
        aborted_by_request=aborted,
    )
