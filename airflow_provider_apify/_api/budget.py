"""A month's budget: right before a start, Apify is asked what its account has used. No I/O.

Nothing is started where Apify does not say: a budget of which nobody knows how much is left is none to spend.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from airflow_provider_apify._api import account
from airflow_provider_apify._api.answers import Answer, NoResponse, Response, data_of
from airflow_provider_apify._api.flows import Flow, call_reading
from airflow_provider_apify._api.request import Request
from airflow_provider_apify.exceptions import ApifyBudgetRenewsSoon, ApifyBudgetUsedUp, ApifyError
from airflow_provider_apify.models.account import UsageCycle
from airflow_provider_apify.options import RetryPolicy, RunLimits

T = TypeVar("T")
# So near to its beginning or end, a retry may meet another cycle, or Apify may not yet count the new one.
_EDGE = timedelta(hours=1)


@dataclass(frozen=True)
class Used:
    """What an account has used of its billing cycle, as Apify counts it.

    :param usd: US dollars.
    :param told_at: when Apify has said so, by its own clock.
    """

    usd: Decimal
    cycle: UsageCycle
    told_at: datetime

    @property
    def is_at_an_edge(self) -> bool:
        """Whether another cycle is about to begin, or has just begun."""
        return not self.cycle.start_at + _EDGE <= self.told_at <= self.cycle.end_at - _EDGE


def get_used(limits: RunLimits, retry: RetryPolicy, *, delay: float = 0.0) -> Flow[Used]:
    """Ask what the account has used, in one request: the number that Apify's own monthly limit goes by.

    Reference: https://docs.apify.com/api/v2/users-me-limits-get

    :param limits: for errors: whose budget it is for.
    :param delay: seconds to wait before.
    """
    try:
        return (yield from call_reading(replace(account.get_limits(), delay=delay), retry, _read))
    except ApifyError as error:
        words = (
            f"What is left of monthly_budget_usd of {limits.source} is not known, and nothing is started without. "
            f"{error} The token must be allowed to read the account's limits; otherwise leave monthly_budget_usd out."
        )
        raise type(error)(words, **error.details) from error


def _read(answer: Response) -> Used | None:
    data = data_of(answer) or {}
    try:
        usd, cycle = Decimal(str(data["current"]["monthlyUsageUsd"])), UsageCycle.from_api(data["monthlyUsageCycle"])
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError):
        return None
    is_told = usd.is_finite() and cycle.start_at and cycle.end_at
    return Used(usd, cycle, answer.date or datetime.now(UTC)) if is_told else None


def within_budget(flow: Flow[T], limits: Callable[[], RunLimits], retry: RetryPolicy) -> Flow[T]:
    """Go through a flow, and withhold what spends where the month's budget is used up.

    :param limits: looks up those of the connection, when something is about to spend.
    """
    try:
        request = next(flow)
        while True:
            answer = yield from _checked(request, limits(), retry) if request.spends else _sent(request)
            request = flow.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result


def _sent(request: Request) -> Flow[Answer]:
    return (yield request)


def _checked(request: Request, limits: RunLimits, retry: RetryPolicy) -> Flow[Answer]:
    budget = limits.monthly_budget_usd
    if budget is None:
        return (yield request)
    try:
        used = yield from get_used(limits, retry, delay=request.delay)
    except ApifyError as error:
        return _withheld(error)
    if used.usd >= budget:
        return _withheld(_used_up(limits, budget, used))
    return (yield replace(request, delay=0.0))


def _withheld(error: ApifyError) -> NoResponse:
    return NoResponse(str(error), sent=False, withheld=error)


def _used_up(limits: RunLimits, budget: Decimal, used: Used) -> ApifyBudgetUsedUp:
    kind = ApifyBudgetRenewsSoon if used.is_at_an_edge else ApifyBudgetUsedUp
    advice = (
        "Another cycle is about to begin, or has just begun, so a retry may find its budget."
        if used.is_at_an_edge
        else "Raise it in the connection's extra, or wait for the next cycle and clear the task."
    )
    return kind(
        f"Nothing was started: the monthly budget of {limits.source} is used up. Its Apify account has used "
        f"{used.usd:f} US dollars in the billing cycle that ends at {used.cycle.end_at:%Y-%m-%d %H:%M} UTC, and "
        f"monthly_budget_usd is {budget}. {advice}",
        budget_usd=float(budget),
        used_usd=float(used.usd),
        cycle_ends_at=used.cycle.end_at.isoformat(),
    )
