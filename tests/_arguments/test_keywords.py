from __future__ import annotations

import pytest

from airflow_provider_apify._arguments.keywords import misspelt

KNOWN = ["start_urls", "maxPages", "budget_usd"]


@pytest.mark.parametrize("given", [[], ["maxPages"], KNOWN])
def test_nothing_is_said_of_names_that_there_are(given: list[str]) -> None:
    assert misspelt(given, KNOWN) == ""


@pytest.mark.parametrize(
    ("name", "meant"),
    [("maxpages", "maxPages"), ("max_pages", "maxPages"), ("start_url", "start_urls"), ("budget", "budget_usd")],
)
def test_a_name_that_is_nearly_one_is_told_with_it(name: str, meant: str) -> None:
    assert misspelt([name, "budget_usd"], KNOWN) == (
        f"no {name} (did you mean {meant}?); there are start_urls, maxPages, budget_usd"
    )


def test_a_name_that_is_like_no_other_is_told_alone() -> None:
    assert misspelt(["zzz"], KNOWN).startswith("no zzz; there are start_urls")
    assert misspelt(["zzz"], []) == "no zzz; there are none"
