from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from airflow_provider_apify._arguments.asset_uris import AssetKind, asset_uri, sanitize_uri


@pytest.mark.parametrize(
    ("kind", "reference", "uri"),
    [
        ("actor", "apify/hello-world", "apify://actor/apify~hello-world"),
        ("actor", "apify~hello-world", "apify://actor/apify~hello-world"),
        ("actor", "https://apify.com/apify/hello-world", "apify://actor/apify~hello-world"),
        ("actor", "HG7ML7M8z78YcAPEB", "apify://actor/HG7ML7M8z78YcAPEB"),
        ("task", "https://console.apify.com/actors/tasks/KJHSKHausidyaJKHs/runs", "apify://task/KJHSKHausidyaJKHs"),
        ("dataset", "me/prices", "apify://dataset/me~prices"),
    ],
)
def test_what_names_a_thing_everywhere_else_names_its_asset(kind: AssetKind, reference: str, uri: str) -> None:
    assert asset_uri(kind, reference) == uri


@pytest.mark.parametrize(
    ("kind", "reference", "advice"),
    [
        ("actor", "a/b/c", "'a/b/c' is no Actor ID"),
        ("actor", "", "'' is no Actor ID"),
        ("task", "https://console.apify.com/actors/HG7ML7M8z78YcAPEB", "is not the address of an Actor task"),
        ("dataset", "{{ run_id }}", "assets are not templated: give the ID or name itself"),
    ],
)
def test_what_names_nothing_makes_no_uri(kind: AssetKind, reference: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        asset_uri(kind, reference)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("apify://actor/apify/hello-world", "apify://actor/apify~hello-world"),
        ("apify://actor/apify/hello-world/", "apify://actor/apify~hello-world"),
        ("apify://dataset/WkzbQMuFYuamGv3YF", "apify://dataset/WkzbQMuFYuamGv3YF"),
    ],
)
def test_a_uri_has_one_canonical_form(written: str, canonical: str) -> None:
    once = sanitize_uri(urlsplit(written))
    assert once.geturl() == canonical
    assert sanitize_uri(once) == once


@pytest.mark.parametrize(
    ("written", "trouble"),
    [
        ("apify://key_value_store/abc", "'key_value_store' is no kind of asset"),
        ("apify://run/abc", "'run' is no kind of asset"),
        ("apify:///abc", "'' is no kind of asset"),
        ("apify://actor", "names no asset"),
        ("apify://actor/", "names no asset"),
        ("apify://actor/apify/hello-world/runs", "names no asset"),
        ("apify://dataset/abc?token=secret", "takes no login, query or fragment"),
        ("apify://user:secret@dataset/abc", "takes no login, query or fragment"),
        ("apify://dataset/abc#secret", "takes no login, query or fragment"),
    ],
)
def test_a_uri_of_something_else_is_refused_with_what_to_write(written: str, trouble: str) -> None:
    with pytest.raises(ValueError, match=trouble) as caught:
        sanitize_uri(urlsplit(written))
    assert "Write apify://KIND/ID, with actor, task, dataset for KIND" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_handler_is_cheap_to_import() -> None:
    code = "import sys, airflow_provider_apify._arguments.asset_uris; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()  # noqa: S603 - us
    assert not {"airflow", "pendulum", "requests", "aiohttp"} & {name.partition(".")[0] for name in loaded}
