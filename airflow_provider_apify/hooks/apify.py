"""The hook: an Airflow connection turned into Apify calls."""

from __future__ import annotations

from dataclasses import replace

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_apify._api.budget import get_used
from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.hooks import _form
from airflow_provider_apify.hooks._account import Account
from airflow_provider_apify.hooks._actors import Actors
from airflow_provider_apify.hooks._official import OfficialClients
from airflow_provider_apify.hooks._request_queues import RequestQueues
from airflow_provider_apify.hooks._run_logs import RunLogs
from airflow_provider_apify.hooks._run_sync import RunSync
from airflow_provider_apify.hooks._storage_names import StorageNames
from airflow_provider_apify.hooks._web_fetch import WebFetch
from airflow_provider_apify.hooks._webhooks import Webhooks


class ApifyHook(RunSync, RunLogs, RequestQueues, StorageNames, Webhooks, Actors, Account, WebFetch, OfficialClients):
    """Call the Apify API with the token of an Airflow connection.

    Every method that reads repeats itself through passing faults (network errors, 5xx, 429); a start is only repeated
    where it is certain that nothing was started. Errors are those of :mod:`airflow_provider_apify.exceptions`.

    :param apify_conn_id: connection of type ``apify``: password = API token, host = another base URL. Where the default
        connection does not exist, the environment's ``APIFY_TOKEN`` serves.
    :param retry: how often to try, and how long to wait in between.
    """

    conn_name_attr = "apify_conn_id"
    conn_type = "apify"
    hook_name = "Apify"

    get_connection_form_widgets = staticmethod(_form.get_connection_form_widgets)
    get_ui_field_behaviour = staticmethod(_form.get_ui_field_behaviour)

    def test_connection(self) -> tuple[bool, str]:
        """Say who the token belongs to, or what is wrong with the connection. Called by Airflow's UI."""
        try:
            with_few_tries = ApifyHook(self.apify_conn_id, retry=replace(self.retry, attempts=2))
            me, budget = with_few_tries.get_me(), with_few_tries._budget_in_words()
        except (ApifyError, ValueError, AirflowNotFoundException) as error:
            return False, str(error)
        plan = (me.get("plan") or {}).get("id", "unknown")
        return True, f"The token belongs to Apify user {me.get('username', 'unknown')!r} (plan {plan}).{budget}"

    def _budget_in_words(self) -> str:
        limits = self._connection.limits
        if limits.monthly_budget_usd is None:
            return ""
        used = self._drive(get_used(limits, self.retry))
        return f" It has used {used.usd:.2f} of {limits.monthly_budget_usd} US dollars (monthly_budget_usd)."
