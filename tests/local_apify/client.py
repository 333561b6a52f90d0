"""A bare HTTP client of the local Apify, with the API's envelope taken off."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from local_apify import LocalApify

TOKEN = "apify_api_local"
WAIT = {"waitForFinish": 60}
SCENARIO = "/v2/actors/apify~scenario/runs"


class Client:
    """Send requests as a user of the API would."""

    def __init__(self, apify: LocalApify) -> None:
        self.apify = apify
        self.session = requests.Session()
        self.session.trust_env = False

    @property
    def authorization(self) -> dict[str, str]:
        """The header that carries the token."""
        return {"Authorization": f"Bearer {TOKEN}"}

    def send(self, method: str, path: str, *, token: str | None = TOKEN, **details: Any) -> requests.Response:
        """Send a request; ``token=None`` sends none."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= details.pop("headers", {})
        return self.session.request(method, self.apify.base_url + path, headers=headers, timeout=30, **details)

    def data(self, method: str, path: str, **details: Any) -> Any:
        """Send a request that must succeed, and return the ``data`` of the answer."""
        answer = self.send(method, path, **details)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()["data"]

    def error(self, method: str, path: str, **details: Any) -> tuple[int, str]:
        """Send a request that must fail, and return the status and the type of the error."""
        answer = self.send(method, path, **details)
        assert not answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.status_code, answer.json()["error"]["type"]

    def start(self, plan: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        """Start the scenario Actor and return the run at once."""
        run: dict[str, Any] = self.data("POST", SCENARIO, json=plan or {}, params=params)
        return run

    def finish(self, plan: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        """Run the scenario Actor to its end."""
        return self.start(plan, **params, **WAIT)

    def wait(self, run_id: str) -> dict[str, Any]:
        """Wait for a run's end."""
        run: dict[str, Any] = self.data("GET", f"/v2/actor-runs/{run_id}", params=WAIT)
        return run

    def until_running(self, run_id: str) -> None:
        """Wait until a run that was just started is running."""
        until(lambda: self.data("GET", f"/v2/actor-runs/{run_id}")["status"] != "READY")


def limit_usage(apify: LocalApify, dollars: float) -> None:
    """Give the account so many US dollars for a month."""
    client = Client(apify)
    with client.session:
        client.send("PUT", "/v2/users/me/limits", json={"maxMonthlyUsageUsd": dollars}).raise_for_status()


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"It did not happen in {seconds} seconds."
        time.sleep(0.01)
