"""What all operators and sensors of Apify share."""

from __future__ import annotations

from functools import cached_property

from airflow_provider_apify.hooks.apify import ApifyHook


class ApifyTask:
    """A task that uses one Airflow connection of type ``apify``."""

    apify_conn_id: str
    ui_color = "#e8f5d8"

    @cached_property
    def hook(self) -> ApifyHook:
        """The hook for this task's connection."""
        return ApifyHook(self.apify_conn_id)
