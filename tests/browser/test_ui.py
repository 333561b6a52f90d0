"""What people see in Airflow's UI, from the connection to the file, and what Apify notices of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from airflow_provider_apify.hooks._form import CONN_FIELDS
from local_apify.control import Control
from tests.browser.airflows import PATIENCE_SECONDS, Site
from tests.browser.pages import Pages
from tools.lab import wait_until
from tools.lab.airflow_home import AIRFLOW_VERSION

if TYPE_CHECKING:
    from tests.browser.pages_3 import Pages3

Picture = Callable[[Pages, str], None]

HAS_BACKFILLS = not AIRFLOW_VERSION.startswith("2.")
REFUSES_TO_TEST = AIRFLOW_VERSION == "3.3.2"
"""Its button sends no port as an empty one, which its own API refuses; see docs/troubleshooting.md."""
FORM_DAG, LONG_DAG, README_DAG, DAILY_DAG = "apify_run_from_ui", "long_crawl", "products", "apify_daily_backfill"


def test_the_connection_form_explains_every_field_and_its_test_button_knows_whose_token_it_is(
    pages: Pages, site: Site, picture: Picture
) -> None:
    pages.open_connection_form("apify_shop")
    picture(pages, "connection")
    fields = {"Base URL": site.apify.base_url, "API token": site.apify.token}
    pages.save_connection({**fields, CONN_FIELDS["limit_max_total_charge_usd"]["label"]: "5"})
    shown = pages.test_connection("apify_shop", site.apify.token)
    if REFUSES_TO_TEST:
        assert "Bad Request" in shown
        assert "Connection success" in site.cli("connections", "test", "apify_shop")
    else:
        assert "The token belongs to Apify user 'local'" in shown


def test_every_extra_field_of_the_connection_has_its_label_and_a_description(pages: Pages) -> None:
    pages.open_connection_form("apify_other")
    pages.show_extra_fields()
    for field in CONN_FIELDS.values():
        expect(pages.page.get_by_text(field["label"], exact=True)).to_have_count(1)
        expect(pages.page.get_by_text(field["description"])).to_have_count(1)


def test_the_trigger_form_refuses_a_bad_value_and_nothing_is_started(
    pages: Pages, apify: Control, picture: Picture
) -> None:
    before = len(apify.ledger().runs)
    pages.open_trigger_form(FORM_DAG)
    pages.fill("Addresses to crawl", "https://shop.example/")
    picture(pages, "form")
    pages.fill("Addresses to crawl", "ftp://shop.example/")
    assert "start_urls" in pages.refused()
    assert len(apify.ledger().runs) == before


def test_a_deferred_task_links_to_its_run_which_is_aborted_once_it_is_marked_failed(
    pages: Pages, apify: Control, picture: Picture
) -> None:
    first = deferred_run(pages, apify)
    picture(pages, "deferred")
    pages.wait_for_log(first)
    pages.mark_failed()
    pages.wait_for_state("failed")
    wait_for_status(apify, first, "ABORTED")
    pages.clear()
    second = wait_until(lambda: newest_run(apify, but=first), "another run after the clear", timeout=PATIENCE_SECONDS)
    pages.wait_for_state("deferred")
    pages.wait_for_link("Apify run", second)
    pages.mark_failed()
    wait_for_status(apify, second, "ABORTED")


def test_a_finished_task_shows_what_its_run_has_cost_and_where_its_data_is(
    pages: Pages, site: Site, picture: Picture
) -> None:
    pages.open_trigger_form(README_DAG)
    run_id = pages.submit()
    pages.open_task(README_DAG, run_id, "save")
    pages.wait_for_state("success")
    assert list(site.output.glob("products/*.jsonl"))
    pages.open_task(README_DAG, run_id, "crawl")
    pages.wait_for_log("Platform usage of run")
    picture(pages, "task")
    for name, heading in (("Apify run", "Run "), ("Apify dataset", "Dataset ")):
        opened = pages.follow(name)
        expect(opened.get_by_role("heading", name=heading)).to_be_visible()
        opened.close()


@pytest.mark.skipif(not HAS_BACKFILLS, reason="Airflow 2 has backfills on the command line only")
def test_a_backfill_makes_one_run_and_one_file_for_each_day(
    pages: Pages3, apify: Control, site: Site, picture: Picture
) -> None:
    days = ["2026-02-02", "2026-02-03", "2026-02-04"]
    files = [site.output / "daily" / f"day={day}" / "pages.jsonl" for day in days]
    before = len(apify.ledger().runs)
    pages.backfill(DAILY_DAG, days[0], days[-1])
    wait_until(lambda: all(file.exists() for file in files), "a file for each day", timeout=PATIENCE_SECONDS)
    pages.go(f"/dags/{DAILY_DAG}/runs?run_type=backfill")
    expect(pages.page.get_by_text("Success", exact=True)).to_have_count(len(days))
    inputs = [run.input_sha256 for run in apify.ledger().runs[before:]]
    assert len(inputs) == len(set(inputs)), "the input is the day's: no day has been crawled twice"
    picture(pages, "backfill")


def test_the_file_that_one_dag_declares_an_asset_starts_the_next_dag(
    pages: Pages, apify: Control, site: Site, picture: Picture
) -> None:
    pages.unpause("apify_asset_consumer")
    pages.open_trigger_form("apify_asset_producer")
    pages.submit()
    found = site.output / "asset_pipeline"
    wait_until(lambda: list(found.glob("details-*.json")), "the file of the second DAG", timeout=PATIENCE_SECONDS)
    pages.open_asset("apify_example_pages")
    expect(pages.page.get_by_text("apify_asset_producer").first).to_be_visible()
    expect(pages.page.get_by_text("apify_asset_consumer").first).to_be_visible()
    assert {run.status for run in apify.ledger().runs[-2:]} == {"SUCCEEDED"}
    picture(pages, "asset")


def test_the_local_apify_shows_its_runs_their_logs_and_their_items(
    pages: Pages, apify: Control, site: Site, picture: Picture
) -> None:
    run = next(run for run in apify.ledger().runs if run.status == "SUCCEEDED")
    page = pages.page
    page.goto(f"{site.apify.base_url}/")
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    picture(pages, "local-apify")
    page.get_by_role("link", name=run.run_id).click()
    expect(page.get_by_role("heading", name=f"Run {run.run_id}")).to_be_visible()
    expect(page.get_by_text("SUCCEEDED", exact=True)).to_be_visible()
    assert site.apify.token not in page.content()


def deferred_run(pages: Pages, apify: Control) -> str:
    """Start the long crawl, open its task once it waits, and return the ID of its run at Apify."""
    before = newest_run(apify)
    pages.open_trigger_form(LONG_DAG)
    pages.open_task(LONG_DAG, pages.submit(), "crawl")
    pages.wait_for_state("deferred")
    run_id = newest_run(apify, but=before)
    assert run_id
    pages.wait_for_link("Apify run", run_id)
    return run_id


def newest_run(apify: Control, *, but: str | None = None) -> str | None:
    """Return the ID of the newest run, unless it is that one."""
    runs = [run.run_id for run in apify.ledger().runs]
    return runs[-1] if runs and runs[-1] != but else None


def wait_for_status(apify: Control, run_id: str, status: str) -> None:
    """Wait until Apify says so of a run."""

    def reached() -> bool:
        return any(run.run_id == run_id and run.status == status for run in apify.ledger().runs)

    wait_until(reached, f"run {run_id} to be {status}", timeout=PATIENCE_SECONDS)
