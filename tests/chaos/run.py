"""Put the real operators, in a real Airflow, through every case, and write docs/what-happens-when.md.

``python -m tests.chaos.run [--only PATTERN,...] [--no-plain]``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from fnmatch import fnmatchcase
from functools import partial
from importlib.metadata import version
from pathlib import Path

from tests.chaos import report
from tests.chaos.aftermath import play
from tests.chaos.case import PLAIN_PREFIX, Case
from tests.chaos.cases import CASES
from tests.chaos.judge import Verdict
from tests.chaos.keeping import kept_running
from tests.chaos.report_of_starts import Crowds
from tests.chaos.scene import LAB_CONFIG
from tests.chaos.storms import STORMS, Gathering
from tools.lab import AirflowLab
from tools.versions import DEVELOPMENT_VERSION, ROOT

tell = partial(print, flush=True)

AIRFLOW = version("apache-airflow")
AT_A_TIME = 4
PLAYS = 2
READ_SECONDS = 300.0


def chaos_lab(folder: Path) -> AirflowLab:
    """Return an Airflow, not started yet, that has the DAGs of all cases."""
    variables = {"CHAOS_FOLDER": str(folder), "PYTHONPATH": str(ROOT)}
    dags = [ROOT / "tests/chaos/dags"]
    return AirflowLab(folder, dags, is_busy=True, config=LAB_CONFIG, variables=lambda _apify: variables)


def play_all(lab: AirflowLab, cases: Sequence[Case], *, prefix: str = "") -> Iterator[Verdict]:
    """Run the cases, several at a time where they do not stop what others need; yield each verdict when it is there."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        by_themselves = [case for case in cases if not (case.is_alone or case.storm)]
        together = [pool.submit(play, lab, case, prefix=prefix) for case in by_themselves]
        yield from (future.result() for future in as_completed(together))
    for storm in dict.fromkeys(case.storm for case in cases if case.storm):
        yield from _play_in_storm(lab, storm, [case for case in cases if case.storm == storm], prefix=prefix)
    yield from (play(lab, case, prefix=prefix) for case in cases if case.is_alone)


def _play_in_storm(lab: AirflowLab, storm: str, cases: Sequence[Case], *, prefix: str) -> Iterator[Verdict]:
    """Run the cases of one storm, all at the same time."""
    with Gathering(lab, STORMS[storm], len(cases)) as gathering, ThreadPoolExecutor(len(cases)) as pool:
        together = [pool.submit(play, lab, case, prefix=prefix, storm=gathering.wait) for case in cases]
        yield from (future.result() for future in as_completed(together))


def play_clearly(lab: AirflowLab, cases: Sequence[Case], *, prefix: str = "") -> list[Verdict]:
    """Run the cases, and those that were spoilt once more: a slow machine may make Airflow lose a worker by itself.

    :return: the last verdict of each, in the order of all cases; all are printed when they are there.
    """
    word = _their_word if prefix else _our_word
    verdicts: dict[str, Verdict] = {}
    for _ in range(PLAYS):
        started = time.monotonic()
        for verdict in play_all(lab, cases, prefix=prefix):
            tell(f"{time.monotonic() - started:6.0f} s  {word(verdict):<7}  {verdict}")
            key = verdict.case.key
            verdicts[key] = verdict.played_again(verdicts.get(key))
        cases = [verdict.case for verdict in verdicts.values() if verdict.is_spoilt]
    return sorted(verdicts.values(), key=lambda verdict: CASES.index(verdict.case))


def _our_word(verdict: Verdict) -> str:
    return "ok" if verdict.is_as_expected else "SPOILT" if verdict.is_spoilt else "WRONG"


def _their_word(verdict: Verdict) -> str:
    return "TROUBLE" if verdict.trouble else "played"


def _write_page(ours: Sequence[Verdict], theirs: Sequence[Verdict]) -> None:
    tell("\nVery many starts under faults")
    report.PAGE.write_text(report.page(ours, theirs, Crowds.measured()))


def main() -> int:
    """Return 1 when a case of ours was not as the table says; the page is written only when all were played and are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="*", help="patterns of keys, such as 'worker_*,machine_*'; writes no page")
    parser.add_argument("--no-plain", action="store_true", help="leave the comparison out; writes no page")
    chosen = parser.parse_args()
    if AIRFLOW.startswith("2."):
        parser.error("the DAGs of the cases are written for Airflow 3")
    cases = [case for case in CASES if any(fnmatchcase(case.key, each) for each in chosen.only.split(","))]
    plain = [] if chosen.no_plain else [case for case in cases if case.has_plain]
    with tempfile.TemporaryDirectory(prefix="apify-chaos-") as folder, chaos_lab(Path(folder)) as lab:
        for dag_id in [*(case.key for case in cases), *(PLAIN_PREFIX + case.key for case in plain)]:
            lab.client.wait_for_dag(dag_id, timeout=READ_SECONDS)
        with kept_running(lab) as restarted:
            ours = play_clearly(lab, cases)
            wrong = [verdict for verdict in ours if not verdict.is_as_expected]
            again = sum(bool(verdict.again) for verdict in ours)
            tell(f"\nAirflow {AIRFLOW}: {len(ours)} cases, {again} played again, {len(wrong)} not as they should be")
            theirs = play_clearly(lab, plain, prefix=PLAIN_PREFIX)
            tell(
                f"\nPlain client: {len(theirs)} cases, {sum(bool(verdict.trouble) for verdict in theirs)} with trouble"
            )
            tell(f"Ended by themselves, and started again: {', '.join(restarted) or 'none'}")
    is_whole = len(cases) == len(CASES) and not chosen.no_plain
    if is_whole and not wrong and DEVELOPMENT_VERSION.release == AIRFLOW:
        _write_page(ours, theirs)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
