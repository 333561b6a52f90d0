"""The one user of the local Apify."""

from __future__ import annotations

from airflow_provider_apify.testing.clock import stable_id

USERNAME = "local"


def user_id(username: str) -> str:
    """Return the ID of a user, the same on every start of the server."""
    return stable_id(f"user {username}")


USER_ID = user_id(USERNAME)
CONSOLE = "https://console.apify.com"
