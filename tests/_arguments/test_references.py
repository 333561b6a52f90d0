from __future__ import annotations

import pytest

from airflow_provider_apify._arguments.references import Kind, check_id, read_id, read_reference

CONSOLE = "https://console.apify.com"


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        ("actor", f"{CONSOLE}/actors/HG7ML7M8z78YcAPEB", "HG7ML7M8z78YcAPEB"),
        ("actor", f"{CONSOLE}/actors/HG7ML7M8z78YcAPEB/runs/3KH8gEpp4d8uQSe8T", "HG7ML7M8z78YcAPEB"),
        ("actor", f" {CONSOLE}/organization/org1/actors/HG7ML7M8z78YcAPEB/input?tab=json\n", "HG7ML7M8z78YcAPEB"),
        ("actor", "https://apify.com/apify/web-scraper", "apify/web-scraper"),
        ("actor", "https://www.apify.com/apify/web-scraper/api#python", "apify/web-scraper"),
        ("actor", "https://api.apify.com/v2/acts/apify~web-scraper/runs?token=x", "apify~web-scraper"),
        ("actor", "https://api.apify.com/v2/actors/apify%7Eweb-scraper", "apify~web-scraper"),
        ("task", f"{CONSOLE}/actors/tasks/KJHSKHausidyaJKHs/runs", "KJHSKHausidyaJKHs"),
        ("task", f"{CONSOLE}/organization/org1/actors/tasks/KJHSKHausidyaJKHs", "KJHSKHausidyaJKHs"),
        ("task", "https://api.apify.com/v2/actor-tasks/me~daily/runs", "me~daily"),
        ("run", f"{CONSOLE}/actors/runs/3KH8gEpp4d8uQSe8T", "3KH8gEpp4d8uQSe8T"),
        ("run", f"{CONSOLE}/actors/HG7ML7M8z78YcAPEB/runs/3KH8gEpp4d8uQSe8T#output", "3KH8gEpp4d8uQSe8T"),
        ("run", f"{CONSOLE}/actors/tasks/KJHSKHausidyaJKHs/runs/3KH8gEpp4d8uQSe8T", "3KH8gEpp4d8uQSe8T"),
        ("run", f"{CONSOLE}/view/runs/3KH8gEpp4d8uQSe8T", "3KH8gEpp4d8uQSe8T"),
        ("run", "https://api.apify.com/v2/actor-runs/3KH8gEpp4d8uQSe8T/dataset/items?token=x", "3KH8gEpp4d8uQSe8T"),
        ("run", "https://api.apify.com/v2/acts/me~a/runs/3KH8gEpp4d8uQSe8T", "3KH8gEpp4d8uQSe8T"),
        ("dataset", f"{CONSOLE}/storage/datasets/WkzbQMuFYuamGv3YF", "WkzbQMuFYuamGv3YF"),
        ("dataset", f"{CONSOLE}/organization/org1/storage/datasets/WkzbQMuFYuamGv3YF?view=all", "WkzbQMuFYuamGv3YF"),
        ("dataset", "https://api.apify.com/v2/datasets/WkzbQMuFYuamGv3YF/items?token=x", "WkzbQMuFYuamGv3YF"),
        ("key_value_store", f"{CONSOLE}/storage/key-value/eIFbYYlBvOXYzJw", "eIFbYYlBvOXYzJw"),
        ("key_value_store", "https://api.apify.com/v2/key-value-stores/me~s/records/A", "me~s"),
        ("request_queue", f"{CONSOLE}/storage/request-queues/WkzbQMuFYuamGv3YF", "WkzbQMuFYuamGv3YF"),
    ],
)
def test_the_address_of_a_page_names_what_it_shows(kind: Kind, text: str, name: str) -> None:
    assert read_reference(kind, text) == name


@pytest.mark.parametrize("text", ["HG7ML7M8z78YcAPEB", "apify/web-scraper", "apify~web-scraper", "", "a b"])
def test_what_is_no_address_stays_as_it_is(text: str) -> None:
    assert read_reference("actor", text) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("actor", f"{CONSOLE}/actors/runs/3KH8gEpp4d8uQSe8T"),
        ("actor", f"{CONSOLE}/actors/tasks/KJHSKHausidyaJKHs"),
        ("actor", f"{CONSOLE}/actors/"),
        ("actor", "https://apify.com/apify"),
        ("actor", "https://example.com/apify/web-scraper"),
        ("actor", "https://console.apify.com.example.com/actors/HG7ML7M8z78YcAPEB"),
        ("task", f"{CONSOLE}/actors/HG7ML7M8z78YcAPEB"),
        ("run", f"{CONSOLE}/actors/runs"),
        ("run", "https://api.apify.com/v2/acts/me~a/runs/last"),
        ("dataset", f"{CONSOLE}/storage/key-value/eIFbYYlBvOXYzJw"),
    ],
)
def test_the_address_of_something_else_is_refused(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError, match=r"is not the address of an? (Actor|Actor task|run|dataset) at Apify"):
        read_reference(kind, text)


def test_a_token_in_an_address_is_not_shown() -> None:
    with pytest.raises(ValueError, match=r"api\.apify\.com/v2/datasets/d1' is") as caught:
        read_reference("run", "https://api.apify.com/v2/datasets/d1?token=apify_api_secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("nothing", [None, "None"])
def test_what_a_template_made_of_nothing_is_said_to_be_nothing(nothing: str | None) -> None:
    with pytest.raises(ValueError, match="The dataset ID is None: what it comes from, a template or another task"):
        read_id("dataset", nothing)


@pytest.mark.parametrize("text", ["", "a b", "a\n", "..", "../users/me", "a/b/c", "a?b", "é", "~", "me~", 5])
def test_what_can_be_no_id_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"is no run ID|run ID must be a string"):
        read_id("run", text)


def test_a_storage_is_known_by_its_owner_and_name() -> None:
    assert read_id("dataset", "me/prices") == read_id("dataset", "me~prices") == "me~prices"


@pytest.mark.parametrize("text", [None, "{{ ti.xcom_pull('crawl')['run_id'] }}", "3KH8gEpp4d8uQSe8T"])
def test_what_is_not_known_yet_is_not_judged(text: str | None) -> None:
    check_id("run", text)
