"""The hook: an Airflow connection turned into Apify calls."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal

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
        """Say who the token belongs to, or what is wrong with the connection. Called by Airflow's UI.

        A connection whose ``monthly_budget_usd`` is used up is not good: nothing would be started.
        """
        try:
            with_few_tries = ApifyHook(self.apify_conn_id, retry=replace(self.retry, attempts=2))
            me, (has_budget, budget) = with_few_tries.get_me(), with_few_tries._budget_in_words()
        except AirflowNotFoundException as error:
            return False, str(error)
        except (ApifyError, ValueError) as error:
            # Airflow's UI gives what it tests an ID that nobody knows.
            said = str(error).replace(f"Airflow connection {self.apify_conn_id!r}", "this connection")
            return False, said[:1].upper() + said[1:]
        plan = (me.get("plan") or {}).get("id", "unknown")
        whose = f"The token belongs to Apify user {me.get('username', 'unknown')!r} (plan {plan})."
        return has_budget, f"{whose}{budget}"

    def _budget_in_words(self) -> tuple[bool, str]:
        """Return whether something is left of the month's budget, and what to say of it."""
        limits = self._connection.limits
        budget = limits.monthly_budget_usd
        if budget is None:
            return True, ""
        used = self._drive(get_used(limits, self.retry))
        places = max(2, len(f"{budget:f}".partition(".")[2]))
        shown = used.usd.quantize(Decimal(1).scaleb(-places), ROUND_FLOOR)  # never as much as the budget before it is
        words = f" It has used {shown:f} of {budget:.{places}f} US dollars (monthly_budget_usd)"
        if used.usd < budget:
            return True, f"{words}."
        return False, f"{words}: nothing is started until {used.cycle.end_at:%Y-%m-%d %H:%M} UTC."
