from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset

from airflow_provider_apify.assets import actor_asset, dataset_asset, task_asset
from tests.dag_runs import AIRFLOW_VERSION


@pytest.mark.parametrize(
    ("asset", "reference", "uri"),
    [
        (actor_asset, "apify/hello-world", "apify://actor/apify~hello-world"),
        (task_asset, "me~daily", "apify://task/me~daily"),
        (
            dataset_asset,
            "https://console.apify.com/storage/datasets/WkzbQMuFYuamGv3YF",
            "apify://dataset/WkzbQMuFYuamGv3YF",
        ),
    ],
)
def test_an_asset_of_apify_is_named_like_everything_else(asset: Callable[[str], Any], reference: str, uri: str) -> None:
    assert asset(reference).uri == uri
    assert asset(reference) == Asset(uri=uri)


def test_an_asset_takes_what_airflow_s_own_takes() -> None:
    assert dataset_asset("me~prices", extra={"team": "shop"}).extra == {"team": "shop"}


@pytest.mark.skipif(AIRFLOW_VERSION.startswith("2."), reason="datasets of Airflow 2 have no name and no group")
def test_an_asset_has_its_uri_for_a_name_unless_it_is_given_one() -> None:
    assert dataset_asset("me~prices").name == "apify://dataset/me~prices"
    named: Any = dataset_asset("me~prices", name="prices", group="shop")
    assert (named.name, named.uri, named.group) == ("prices", "apify://dataset/me~prices", "shop")


def test_airflow_itself_brings_a_uri_of_apify_into_its_canonical_form() -> None:
    assert Asset(uri="apify://actor/apify/hello-world/").uri == "apify://actor/apify~hello-world"
    with pytest.raises(ValueError, match="'run' is no kind of asset of Apify"):
        Asset(uri="apify://run/abc")


def test_a_template_is_refused_because_nobody_renders_it() -> None:
    with pytest.raises(ValueError, match="assets are not templated"):
        dataset_asset("{{ params.dataset }}")
