"""Metadata that Airflow reads through the ``apache_airflow_provider`` entry point."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify import __version__
from airflow_provider_apify.hooks._form import CONN_FIELDS, HIDDEN_FIELDS, PLACEHOLDERS, RELABELING

_PACKAGE = "airflow_provider_apify"
_INTEGRATION = "Apify"
_ASSET_URIS = [
    {
        "schemes": ["apify"],
        "handler": f"{_PACKAGE}._arguments.asset_uris.sanitize_uri",
        "factory": f"{_PACKAGE}._airflow.assets.create_asset",
        "to_openlineage_converter": f"{_PACKAGE}._airflow.assets.convert_asset_to_openlineage",
    }
]


def get_provider_info() -> dict[str, Any]:
    """Return what this provider adds to Airflow. Runs at the start of every Airflow process: imports no Airflow."""
    return {
        "package-name": "airflow-provider-apify",
        "name": "Apify",
        "description": "Run Actors and fetch their data from `Apify <https://apify.com/>`__.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://docs.apify.com/api/v2",
                "tags": ["service"],
            },
        ],
        "hooks": [{"integration-name": _INTEGRATION, "python-modules": [f"{_PACKAGE}.hooks.apify"]}],
        "operators": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": [
                    f"{_PACKAGE}.operators.persist_storage",
                    f"{_PACKAGE}.operators.run_actor",
                    f"{_PACKAGE}.operators.run_lifecycle",
                    f"{_PACKAGE}.operators.webhooks",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": [
                    f"{_PACKAGE}.sensors.capacity",
                    f"{_PACKAGE}.sensors.dataset",
                    f"{_PACKAGE}.sensors.run",
                ],
            }
        ],
        "triggers": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": [
                    f"{_PACKAGE}.triggers.account",
                    f"{_PACKAGE}.triggers.capacity",
                    f"{_PACKAGE}.triggers.dataset",
                    f"{_PACKAGE}.triggers.dataset_changed",
                    f"{_PACKAGE}.triggers.run",
                    f"{_PACKAGE}.triggers.run_finished",
                ],
            }
        ],
        "transfers": [
            *(
                {
                    "source-integration-name": _INTEGRATION,
                    "target-integration-name": "Common IO",
                    "python-module": f"{_PACKAGE}.transfers.{module}",
                }
                for module in ("dataset_to_file", "key_value_store_to_file", "run_log_to_file")
            ),
            {
                "source-integration-name": "Common IO",
                "target-integration-name": _INTEGRATION,
                "python-module": f"{_PACKAGE}.transfers.file_to_dataset",
            },
        ],
        "notifications": [f"{_PACKAGE}.notifications.apify.ApifyNotifier"],
        "task-decorators": [
            {"name": "apify_actor", "class-name": f"{_PACKAGE}.decorators.apify_actor.apify_actor_task"},
        ],
        "connection-types": [
            {
                "connection-type": "apify",
                "hook-class-name": f"{_PACKAGE}.hooks.apify.ApifyHook",
                "hook-name": "Apify",
                "conn-fields": CONN_FIELDS,
                "ui-field-behaviour": {
                    "hidden-fields": HIDDEN_FIELDS,
                    "relabeling": RELABELING,
                    "placeholders": PLACEHOLDERS,
                },
            },
        ],
        "config": {
            "apify": {
                "description": "The receiver of Apify's webhooks, at ``/apify/webhook`` of Airflow's API server.",
                "options": {
                    "webhook_conn_ids": {
                        "description": (
                            "Connections whose ``webhook_secret`` opens the receiver, separated by commas. That of "
                            "another than ``apify_default`` is at ``/apify/webhook/{conn_id}``."
                        ),
                        "version_added": None,
                        "type": "string",
                        "example": "apify_default,apify_other",
                        "default": "apify_default",
                    },
                },
            },
        },
        "asset-uris": _ASSET_URIS,
        "dataset-uris": _ASSET_URIS,  # what Airflow 2 reads
        "extra-links": [
            f"{_PACKAGE}.links.ApifyRunLink",
            f"{_PACKAGE}.links.ApifyDatasetLink",
            f"{_PACKAGE}.links.ApifyKeyValueStoreLink",
            f"{_PACKAGE}.links.ApifyRequestQueueLink",
        ],
    }
