from datetime import timedelta

from airflow.sdk import DAG, AssetWatcher

from airflow_provider_apify.assets import dataset_asset
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from airflow_provider_apify.triggers.dataset_changed import ApifyDatasetChangedTrigger

grows = ApifyDatasetChangedTrigger(dataset_id="me/prices", min_items=1_000)
PRICES = dataset_asset("me/prices", watchers=[AssetWatcher("prices", trigger=grows)])

with DAG("prices_grow", schedule=[PRICES], default_args={"retries": 2, "retry_delay": timedelta(seconds=30)}):
    DatasetToFileOperator(task_id="save", dataset_id="me/prices", path="/data/prices.parquet")
