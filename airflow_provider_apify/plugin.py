"""What Airflow loads by the entry point ``airflow.plugins``: the receiver of Apify's webhooks, in the API server."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin


class ApifyPlugin(AirflowPlugin):
    """The receiver of Apify's webhooks, for Airflow 3.0 and later. Other processes than the API server pay nothing."""

    name = "apify"

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Return the receiver; it is imported now."""
        from airflow_provider_apify._receiver.app import app  # noqa: PLC0415 - every task's process has the plugin

        return [{"app": app(), "url_prefix": "/apify", "name": "Apify"}]
