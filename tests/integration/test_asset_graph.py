"""Airflow's asset graph shows where a file comes from."""

from __future__ import annotations

import pytest

from tests.dag_runs import AIRFLOW_VERSION
from tests.integration.stage import Stage


@pytest.mark.skipif(
    AIRFLOW_VERSION.startswith(("2.", "3.0.", "3.1.", "3.2.")),
    reason="older graphs have no tasks",
)
def test_the_graph_leads_from_the_actor_over_its_items_to_the_file(stage: Stage) -> None:
    client = stage.lab.client
    client.wait_for_dag("apify_asset_producer")
    (file,) = client.entries("/assets", "assets", name_pattern="apify_example_pages")

    asked = {"node_id": f"asset:{file['id']}", "dependency_type": "data"}
    graph = client._send("GET", "/ui/dependencies", params=asked).json()

    labels = {node["id"]: node["label"] for node in graph["nodes"]}
    ways = {(labels[edge["source_id"]], labels[edge["target_id"]]) for edge in graph["edges"]}
    assert ways >= {
        ("apify://actor/apify~website-content-crawler", "apify_asset_producer.crawl"),
        ("apify_asset_producer.crawl", "apify_example_items"),
        ("apify_example_items", "apify_asset_producer.save"),
        ("apify_asset_producer.save", "apify_example_pages"),
    }
