from __future__ import annotations

import pytest

from airflow_provider_apify._references import Kind, read_reference

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
    ],
)
def test_the_address_of_something_else_is_refused(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError, match=r"is not the address of an? (Actor|Actor task|run) at Apify"):
        read_reference(kind, text)


def test_a_token_in_an_address_is_not_shown() -> None:
    with pytest.raises(ValueError, match=r"api\.apify\.com/v2/datasets/d1' is") as caught:
        read_reference("run", "https://api.apify.com/v2/datasets/d1?token=apify_api_secret")
    assert "secret" not in str(caught.value)
