"""The account that the token belongs to: who it is, what it may use, and what it has used."""

from __future__ import annotations

from datetime import date
from typing import Any

from airflow_provider_apify._api import account, flows
from airflow_provider_apify.hooks._client import ApifyClient
from airflow_provider_apify.models.account import AccountLimits, MonthlyUsage


class Account(ApifyClient):
    """The methods of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` for the account."""

    def get_me(self) -> dict[str, Any]:
        """Return the account that the token belongs to (https://docs.apify.com/api/v2/users-me-get)."""
        return self._call(account.get_me())

    def get_limits(self) -> AccountLimits:
        """Return the account's limits, what is used of them, and the room that is left.

        See https://docs.apify.com/api/v2/users-me-limits-get. What is used is counted some seconds late.

        :raises ApifyAuthError: the token may not see them.
        """
        return AccountLimits.from_api(self._call(account.get_limits()))

    async def async_get_limits(self) -> AccountLimits:
        """Do what :meth:`get_limits` does, on the event loop."""
        request = account.get_limits()
        return AccountLimits.from_api(await self._drive_async(flows.call_data(request, self.retry.patient())))

    def get_monthly_usage(self, day: date | None = None) -> MonthlyUsage:
        """Return what the account has used in a month, in all and day by day.

        See https://docs.apify.com/api/v2/users-me-usage-monthly-get.

        :param day: any day of the month; ``None`` for the current month.
        :raises ApifyAuthError: the token may not see it.
        """
        asked = None if day is None else f"{day:%Y-%m-%d}"
        return MonthlyUsage.from_api(self._call(account.get_monthly_usage(asked)))
