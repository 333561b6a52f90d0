"""Every exchange of a test session with a local Apify in this process is checked against Apify's OpenAPI document."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from local_apify import Exchange
from local_apify.api.operation import Site
from tests.contract.openapi import Contract, contract

HOOK = "airflow-provider-apify/"
"""How the User-Agent of the hook's requests begins."""
BAD_REQUEST = 400
NOTHING: Mapping[str, int] = MappingProxyType({})
REQUESTS, ANSWERS = "requests of the hook", "answers of the local Apify"


class SessionCheck:
    """Take note of exchanges while tests run, and check them when nobody waits for it.

    Answers that a fault has spoilt are meant to be wrong, and are left out. Of requests only the hook's must be right,
    as far as it is up to the hook: tests send others that are not, and have it send inputs that Apify refuses with 400.
    """

    def __init__(self, agreement: Contract) -> None:
        self._agreement = agreement
        self._pending: deque[Exchange] = deque()
        self._known: set[int] = set()
        self._checked: Counter[str] = Counter()
        self._wrong: Counter[str] = Counter()
        self._operations: set[str] = set()
        self._problems: dict[str, None] = {}

    def start(self) -> None:
        """Listen to every local Apify that this process serves, or will."""
        Site.observers.append(self._pending.append)

    def settle(self) -> list[str]:
        """Check what has come since, and return what is wrong with it."""
        problems: list[str] = []
        while self._pending:
            exchange = self._pending.popleft()
            self._operations.add(f"{exchange.method} {exchange.template}")
            if exchange.request_headers.get("user-agent", "").startswith(HOOK) and exchange.status != BAD_REQUEST:
                problems += self._check(REQUESTS, exchange, _request(exchange), self._agreement.check_request)
            if exchange.fault is None:
                problems += self._check(ANSWERS, exchange, _answer(exchange), self._agreement.check_response)
        self._problems |= dict.fromkeys(problems)
        return problems

    def _check(self, kind: str, exchange: Exchange, parts: tuple[object, ...], check: Callable[..., None]) -> list[str]:
        """Check a request or an answer; one that is the same as one before needs no second look."""
        self._checked[kind] += 1
        identity = hash((kind, exchange.method, exchange.template, str(parts)))
        if identity in self._known:
            return []
        try:
            partial(check, exchange.method, exchange.path)(*parts)
        except AssertionError as error:
            self._wrong[kind] += 1
            return [str(error)]
        self._known.add(identity)
        return []

    def seen(self) -> dict[str, Any]:
        """Return what was checked, for :meth:`add` of another process; plain types."""
        return {
            "checked": dict(self._checked),
            "wrong": dict(self._wrong),
            "operations": sorted(self._operations),
            "problems": list(self._problems),
        }

    def add(
        self,
        checked: Mapping[str, int] = NOTHING,
        wrong: Mapping[str, int] = NOTHING,
        operations: Iterable[str] = (),
        problems: Iterable[str] = (),
    ) -> None:
        """Count what another process has checked."""
        self._checked.update(checked)
        self._wrong.update(wrong)
        self._operations.update(operations)
        self._problems |= dict.fromkeys(problems)

    def summary(self) -> str:
        """Say how much was checked."""
        counts = [
            f"{self._checked[kind] - self._wrong[kind]:,} of {self._checked[kind]:,} {kind}"
            for kind in (REQUESTS, ANSWERS)
        ]
        used = f"{len(self._operations)} of {len(self._agreement.operations)} operations"
        said = f"Valid against Apify's OpenAPI document: {' and '.join(counts)}, of {used}."
        return "\n".join([said, *self._problems])


def _request(exchange: Exchange) -> tuple[object, ...]:
    return exchange.query, _kept(exchange.request_headers), exchange.request_body or None


def _answer(exchange: Exchange) -> tuple[object, ...]:
    there = dict.fromkeys(exchange.response_headers, "")  # what the others say does not count
    return exchange.status, there | _kept(exchange.response_headers), exchange.response_body


def _kept(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that the document says something about."""
    return {name: headers[name] for name in ("content-type", "content-encoding") if name in headers}


CHECK = SessionCheck(contract())
