"""Before: HttpOperator and HttpSensor, and a connection `apify_http` with the token in its headers."""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor

with DAG("http_before", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=30)}):
    start = HttpOperator(
        task_id="start",
        http_conn_id="apify_http",
        endpoint="v2/actors/apify~website-content-crawler/runs",
        data='{"startUrls": [{"url": "https://docs.apify.com/academy"}], "maxCrawlPages": 3}',
        headers={"Content-Type": "application/json"},
        response_filter=lambda response: response.json()["data"],
    )
    wait = HttpSensor(
        task_id="wait",
        http_conn_id="apify_http",
        endpoint="v2/actor-runs/{{ ti.xcom_pull('start')['id'] }}",
        response_check=lambda response: response.json()["data"]["status"] == "SUCCEEDED",
        poke_interval=10,
    )
    items = HttpOperator(
        task_id="items",
        http_conn_id="apify_http",
        method="GET",
        endpoint="v2/datasets/{{ ti.xcom_pull('start')['defaultDatasetId'] }}/items",
    )
    start >> wait >> items
