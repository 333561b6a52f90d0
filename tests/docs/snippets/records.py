"""Save the records of a run whose keys begin with `screenshot`, each as a file of its own."""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.key_value_store_to_file import KeyValueStoreToFileOperator

with DAG("records", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=30)}):
    shoot = RunActorOperator(
        task_id="shoot",
        actor_id="me/screenshots",
        execution_timeout=timedelta(hours=1),
        deferrable=True,
    )
    save = KeyValueStoreToFileOperator(
        task_id="save",
        run_id=shoot.output["run_id"],
        prefix="screenshot",
        path="/data/screenshots/{{ run_id }}/{key}",
    )
    shoot >> save
