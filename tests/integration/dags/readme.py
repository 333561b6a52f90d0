"""The README's DAG as it is printed, and once more for an asset; site and folder are the tests' own."""

from __future__ import annotations

import os

from tests.docs.readme import dag_of_the_readme

printed = dag_of_the_readme(os.environ["APIFY_EXAMPLE_START_URL"], os.environ["APIFY_EXAMPLE_OUTPUT"] + "/readme")
exec(printed)  # noqa: S102 - our own README
for_an_asset = printed.replace('"products",', '"products_of_an_asset",').replace('"@daily"', '[Asset("readme")]')
exec(f"from airflow.sdk import Asset\n{for_an_asset}".replace("/products/", "/products_of_an_asset/"))  # noqa: S102
