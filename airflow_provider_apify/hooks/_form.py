"""The connection form, described once: Airflow 3.2+ reads it as metadata, older ones ask the hook for widgets.

Imports neither Airflow nor a form library at module level: every Airflow process reads the metadata.
"""

from __future__ import annotations

from typing import Any

_FIELDS: dict[str, tuple[str, str]] = {
    "default_max_total_charge_usd": (
        "Paid per event: default limit of a run (USD)",
        "max_total_charge_usd where the DAG sets none. Apify keeps it. For Actors paid by usage, set the limit below.",
    ),
    "limit_max_total_charge_usd": (
        "Paid per event: highest limit of a run (USD)",
        "No DAG may ask for a higher max_total_charge_usd. For Actors paid by usage, set the limit below.",
    ),
    "default_abort_above_usd": (
        "Paid by usage: default limit of a run (USD)",
        "abort_above_usd where the DAG sets none. Airflow aborts a run that has cost more, while a task waits for it.",
    ),
    "limit_abort_above_usd": (
        "Paid by usage: highest limit of a run (USD)",
        "No DAG may ask for a higher abort_above_usd, or start a run of any Actor for which no task waits.",
    ),
    "monthly_budget_usd": (
        "All Actors: budget of a month (USD)",
        "Nothing starts once the whole account has used so much in its billing cycle. Its token must see the limits.",
    ),
    "cost_settle_seconds": (
        "Seconds until costs are final",
        "How long after a run's end its cost is read once more; 0 takes the preliminary cost. Default 10.",
    ),
    "start_settle_seconds": (
        "Seconds until a lost start shows",
        "How long the run of a start whose answer was lost is looked for before it is started again. Default 30.",
    ),
}
_TEXT_FIELDS: dict[str, tuple[str, str]] = {
    "installation": (
        "Name of this Airflow",
        "Only where several Airflows with the same DAGs share one Apify account: tells their runs apart.",
    ),
    "console_url": (
        "Address of Apify Console",
        "Where links of tasks lead, if not to https://console.apify.com: for example to the pages of a local Apify.",
    ),
    "web_fetch_url": (
        "Address of Web Fetch",
        "Only for another address than https://web-fetch.apify.actor, or for another base URL than Apify's.",
    ),
}
_SECRET_FIELDS: dict[str, tuple[str, str]] = {
    "webhook_secret": (
        "Secret of Apify's webhooks",
        "By which Airflow's receiver knows Apify: 16 characters or more, without spaces. Empty: it takes nothing.",
    ),
    "previous_webhook_secret": (
        "The secret before",
        "Taken as well, while the secret changes. Empty it once all webhooks have the new one.",
    ),
}
CONN_FIELDS: dict[str, Any] = (
    {
        name: {"label": label, "description": description, "schema": {"type": ["number", "null"], "minimum": 0}}
        for name, (label, description) in _FIELDS.items()
    }
    | {
        name: {"label": label, "description": description, "schema": {"type": ["string", "null"]}}
        for name, (label, description) in _TEXT_FIELDS.items()
    }
    | {
        name: {
            "label": label,
            "description": description,
            "schema": {"type": ["string", "null"], "format": "password"},
        }
        for name, (label, description) in _SECRET_FIELDS.items()
    }
)
HIDDEN_FIELDS = ["schema", "port", "login"]
RELABELING = {"password": "API token", "host": "Base URL"}
PLACEHOLDERS = {
    "password": "apify_api_...",
    "host": "https://api.apify.com",
    "extra": '{"limit_max_total_charge_usd": 5}',
}


def get_connection_form_widgets() -> dict[str, Any]:
    """Return the extra fields as widgets, for Airflow below 3.2."""
    from flask_appbuilder.fieldwidgets import BS3TextFieldWidget  # noqa: PLC0415 - only there when asked for
    from flask_babel import lazy_gettext  # noqa: PLC0415 - the same
    from wtforms import StringField  # noqa: PLC0415 - the same

    return {
        name: StringField(lazy_gettext(label), description=description, widget=BS3TextFieldWidget())
        for name, (label, description) in (_FIELDS | _TEXT_FIELDS | _SECRET_FIELDS).items()
    }


def get_ui_field_behaviour() -> dict[str, Any]:
    """Return which standard fields are hidden, renamed and filled in as examples, for Airflow below 3.2."""
    return {"hidden_fields": HIDDEN_FIELDS, "relabeling": RELABELING, "placeholders": PLACEHOLDERS}
