"""The one user of the local Apify."""

from __future__ import annotations

from airflow_provider_apify.testing.clock import stable_id

USERNAME = "local"
USER_ID = stable_id("user local")
CONSOLE = "https://console.apify.com"
