"""Answers made by hand, and a flow fed with them: no server, no clock, no patches."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from airflow_provider_apify._api.answers import Answer, NoResponse, Response
from airflow_provider_apify._api.flows import Flow
from airflow_provider_apify._api.request import Request

T = TypeVar("T")

LOST = NoResponse("no answer (ConnectionResetError: reset by peer)")
REFUSED = NoResponse("no answer (ConnectionRefusedError: refused)", sent=False)


def ok(data: Any, **headers: str) -> Response:
    """Return a good answer.

    :param headers: by their names in lower case.
    """
    return Response(200, headers, json.dumps({"data": data}).encode())


def failed(status: int, error_type: str | None = None, message: str = "Sorry", **error: Any) -> Response:
    """Return an error answer as Apify words it."""
    body = {"error": {"type": error_type, "message": message, **error}}
    return Response(status, {}, json.dumps(body).encode())


def run_data(status: str = "RUNNING", **changes: Any) -> dict[str, Any]:
    """Return a run as the API describes it."""
    return {"id": "run1", "actId": "actor1", "status": status, **changes}


def one_by_one(flow: Flow[T]) -> Flow[T]:
    """Ask one after the other what a flow asks at the same time."""
    try:
        request = next(flow)
        while True:
            answer, others = (yield replace(request, beside=())), []
            for other in request.beside:
                others.append((yield other))  # noqa: PERF401 - a generator cannot yield inside of a comprehension
            request = flow.send(replace(answer, beside=tuple(others)) if others else answer)
    except StopIteration as done:
        result: T = done.value
        return result


class Fed:
    """A flow that is fed one answer after the other.

    :ivar requests: what it asked, in order.
    """

    def __init__(self, flow: Flow[Any]) -> None:
        self._flow = one_by_one(flow)
        self.requests: list[Request] = [next(self._flow)]

    @property
    def request(self) -> Request:
        """What it asked last."""
        return self.requests[-1]

    def answer(self, answer: Answer) -> Request:
        """Answer, and return the next request."""
        self.requests.append(self._flow.send(answer))
        return self.request

    def finish(self, answer: Answer) -> Any:
        """Answer for the last time, and return the flow's result."""
        try:
            request = self._flow.send(answer)
        except StopIteration as done:
            return done.value
        raise AssertionError(f"The flow is not over, but asks {request}")

    def answer_all(self, answers: Iterable[Answer]) -> None:
        """Answer several times."""
        for answer in answers:
            self.answer(answer)
