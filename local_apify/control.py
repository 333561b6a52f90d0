"""The remote control of a local Apify, in this process or another."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import requests

from local_apify.settings import Settings
from local_apify.world.ledger import Ledger

_TIMEOUT_SECONDS = 30
_RUNS_AT_ONCE = 1000


class Control:
    """Arrange faults, read the ledger, change settings.

    :param base_url: of the local Apify, such as ``http://127.0.0.1:8010``.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = f"{base_url.rstrip('/')}/control"

    def add_fault(
        self, action: str, *, method: str = "*", path: str = "*", times: int | None = 1, skip: int = 0, **details: Any
    ) -> str:
        """Let requests go wrong.

        :param action: and everything else: see :class:`~local_apify.world.faults.Fault`.
        :return: the id of the rule.
        :raises ValueError: the action or a detail is not known.
        """
        rule = {"action": action, "method": method, "path": path, "times": times, "skip": skip, **details}
        return str(self._send("POST", "faults", rule)["id"])

    def faults(self) -> list[dict[str, Any]]:
        """Return the rules in force, each with ``happened``: to how many requests so far."""
        rules: list[dict[str, Any]] = self._send("GET", "faults")
        return rules

    def clear_faults(self) -> None:
        """Drop all rules, and let the token be valid again."""
        self._send("DELETE", "faults")

    def ledger(self, *, slim: bool = False) -> Ledger:
        """Return what the server remembers.

        :param slim: without the headers of the starting requests, for very many runs.
        """
        return Ledger.from_json(self._send("GET", "ledger?slim=1" if slim else "ledger"))

    def settings(self, **changes: Any) -> Settings:
        """Change settings, until the next reset; without changes, just return them.

        :raises ValueError: there is no such setting.
        """
        return Settings(**self._send("PATCH", "settings", changes))

    def rotate_token(self, token: str) -> None:
        """Accept this token from now on, and refuse the one before; a reset undoes it."""
        self._send("PUT", "token", {"token": token})

    def add_past_runs(self, actor: str, started: Iterable[datetime], *, user_agent: str | None = None) -> list[str]:
        """Give an Actor a history: runs that were started at these times, and have succeeded at once.

        :param actor: the Actor's name or id.
        :param started: oldest first, each with a time zone.
        :param user_agent: of the requests that have started them.
        :return: their ids.
        :raises ValueError: there is no such Actor.
        """
        times = [moment.astimezone(UTC).isoformat() for moment in started]
        ids: list[str] = []
        for first in range(0, max(len(times), 1), _RUNS_AT_ONCE):
            some = times[first : first + _RUNS_AT_ONCE]
            body = {"actor": actor.replace("/", "~"), "started": some, "user_agent": user_agent}
            ids += self._send("POST", "past-runs", body)
        return ids

    def fire_schedule(self, schedule_id: str) -> None:
        """Let a schedule start its runs now, without waiting for its time.

        :raises ValueError: there is no such schedule.
        """
        self._send("POST", f"schedules/{quote(schedule_id, safe='')}/fire")

    def reset(self) -> None:
        """Stop all runs and forget everything, the settings and faults too."""
        self._send("POST", "reset")

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, f"{self._base_url}/{path}", json=body, timeout=_TIMEOUT_SECONDS)
        if answer.status_code == requests.codes.bad_request:
            raise ValueError(answer.json()["error"])
        answer.raise_for_status()
        return answer.json() if answer.content else None
