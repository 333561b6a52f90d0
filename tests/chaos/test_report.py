from __future__ import annotations

import pytest

from tests.chaos.case import Case, Counts
from tests.chaos.cases import CASES
from tests.chaos.judge import Verdict
from tests.chaos.report import page
from tests.chaos.report_of_starts import Crowds
from tests.chaos.thousand_starts import FAULTS

HELD = next(case for case in CASES if case.has_plain)
LIMIT = next(case for case in CASES if case.is_limit and case.has_plain)
FIGURES = [{"starts": 10, "actors": 2, "requests": 20, "client": "one", "faults": dict.fromkeys(FAULTS, 1)}]
BUSY = [{"a retry": "an hour after the start", "requests": 7}]


def as_expected(case: Case) -> Verdict:
    return Verdict(case, case.state, case.runs, case.costs)


def page_of(ours: list[Verdict], theirs: list[Verdict]) -> str:
    return page(ours, theirs, Crowds(FIGURES, FIGURES, FIGURES, BUSY))


def test_known_limits_are_counted_apart_from_the_promise() -> None:
    text = page_of([as_expected(HELD), as_expected(LIMIT)], [as_expected(HELD)])

    assert "**1 cases in which the promise holds: 0 duplicate runs, 0 orphaned, 0 lost.**" in text
    assert "1 known limits, played in 1 cases and listed under" in text
    assert "0 duplicate runs, 1 orphaned, 0 lost.**" in text
    assert text.count(LIMIT.happens) == 1


def test_nothing_is_written_of_a_case_that_is_not_as_expected() -> None:
    orphaned = Verdict(HELD, HELD.state, HELD.runs, Counts(orphaned=1))

    with pytest.raises(ValueError, match=HELD.key):
        page_of([orphaned, as_expected(LIMIT)], [])


def test_a_limit_says_what_prevents_it() -> None:
    text = page_of([as_expected(HELD), as_expected(LIMIT)], [as_expected(HELD)])

    assert LIMIT.prevented_by
    assert text.count(f"| {LIMIT.prevented_by} |") == 1


def test_known_limits_are_compared_too_and_counted_on_both_sides() -> None:
    text = page_of([as_expected(HELD), as_expected(LIMIT)], [as_expected(HELD), as_expected(LIMIT)])

    assert "1 of the cases are among the known limits" in text
    assert "| `RunActorOperator` | 2 | 0 | 1 | 0 |" in text
    assert "| `actor.call()` in a task | 2 | 0 | 1 | 0 |" in text


def test_the_page_says_which_cases_were_played_again_and_why() -> None:
    again = as_expected(HELD).played_again(Verdict(HELD, HELD.state, HELD.runs, HELD.costs, "it took 3 of 2 tries"))

    text = page_of([again, as_expected(LIMIT)], [])

    assert f"This time these were: `{HELD.key}` (it took 3 of 2 tries)." in text
    assert "This time no case was." in page_of([as_expected(HELD), as_expected(LIMIT)], [])


def test_a_plain_client_that_was_not_put_through_it_is_named_and_not_counted() -> None:
    troubled = Verdict(HELD, HELD.state, ("SUCCEEDED", "SUCCEEDED"), Counts(duplicates=1), "nobody was killed")
    duplicated = Verdict(HELD, HELD.state, ("SUCCEEDED", "SUCCEEDED"), Counts(duplicates=1))

    text = page_of([as_expected(HELD), as_expected(LIMIT)], [duplicated, troubled])

    assert f"has not happened: `{HELD.key}` (nobody was killed)." in text
    assert "| `RunActorOperator` | 1 | 0 | 0 | 0 |" in text
    assert "| `actor.call()` in a task | 2 | 1 | 0 | 0 |" in text


def test_the_page_has_the_requests_of_starts_after_deaths_and_on_a_busy_actor() -> None:
    text = page_of([as_expected(HELD), as_expected(LIMIT)], [])

    assert "the workers of 10 starts of one Actor are all killed once" in text
    assert "| an hour after the start | 7 |" in text
