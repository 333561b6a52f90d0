"""What comes back for a request, and which error it is. No I/O.

Errors are told apart by Apify's ``error.type``; the HTTP status is the fallback.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_apify._api.request import NO_CONTENT, Request
from airflow_provider_apify.exceptions import (
    ApifyApiError,
    ApifyApprovalError,
    ApifyAuthError,
    ApifyCapacityError,
    ApifyConnectionError,
    ApifyError,
    ApifyInvalidInputError,
    ApifyNotFoundError,
    ApifyRateLimitError,
    ApifyServerError,
    ApifyWebFetchError,
)
from airflow_provider_apify.models.console import Console

TOKEN_SETTING = "the Airflow connection's password"  # noqa: S105 - where it is found, no token
_MESSAGE_CHARACTERS = 500
_UNAUTHORIZED = 401
_TOO_MANY_REQUESTS = 429
_SUCCESS = 200
_REDIRECT = 300
_CLIENT_ERROR = 400
_SERVER_ERROR = 500

_ERROR_BY_TYPE: Mapping[str, type[ApifyApiError]] = {
    "actor-memory-limit-exceeded": ApifyCapacityError,
    "concurrent-runs-limit-exceeded": ApifyCapacityError,
    "full-permission-actor-not-approved": ApifyApprovalError,
    "insufficient-permissions": ApifyAuthError,
    "invalid-token": ApifyAuthError,
    "user-or-token-not-found": ApifyAuthError,
    "token-not-provided": ApifyAuthError,
    "user-disabled": ApifyAuthError,
    # 403 and 404 that are no matter of the token or the ID: the account's limits, the Actor's price, its builds.
    "platform-feature-disabled": ApifyApiError,
    "actor-is-not-rented": ApifyApiError,
    "public-actor-disabled": ApifyApiError,
    "unknown-build-tag": ApifyApiError,
    "too-many-webhooks": ApifyApiError,
    "invalid-input": ApifyInvalidInputError,
    "record-not-found": ApifyNotFoundError,
    "actor-not-found": ApifyNotFoundError,
    "rate-limit-exceeded": ApifyRateLimitError,
    "concurrent-update-detected": ApifyServerError,
    "internal-server-error": ApifyServerError,
    "request-aborted-prematurely": ApifyServerError,
    # Of Web Fetch, which has tried several times itself.
    "UPSTREAM_FETCH_ERROR": ApifyWebFetchError,
    "FETCH_TIMEOUT": ApifyWebFetchError,
}
_ERROR_BY_STATUS: Mapping[int, type[ApifyApiError]] = {
    _UNAUTHORIZED: ApifyAuthError,
    403: ApifyAuthError,
    404: ApifyNotFoundError,
    408: ApifyServerError,
    _TOO_MANY_REQUESTS: ApifyRateLimitError,
}
_ADVICE: Mapping[type[ApifyApiError], str] = {
    ApifyCapacityError: "Nothing was started; wait_for_capacity of RunActorOperator waits until there is room.",
}
_STORAGES = ("/v2/datasets/", "/v2/key-value-stores/", "/v2/request-queues/")
_ADVICE_BY_TYPE: Mapping[str, str] = {
    "requested-dataset-view-does-not-exist": (
        "The views are in the dataset schema of the Actor that made the dataset: look there for their names, or leave "
        "view out."
    ),
    "public-actor-disabled": "The Actor is switched off, by its owner or by Apify: ask there, or use another.",
    "too-many-webhooks": "Delete one that is not needed any more: iterate_webhooks() of the hook yields all of them.",
}


@dataclass(frozen=True)
class Response:
    """An HTTP response read to the end. Header names are lower-case.

    :param has_body: ``False`` for the answer to a ``HEAD``, which has none by its nature.
    :param token_setting: where the token was found that the request carried, for errors.
    :param console: where people look at what it tells of.
    :param beside: the answers to :attr:`Request.beside <airflow_provider_apify._api.request.Request.beside>`.
    """

    status_code: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    has_body: bool = True
    token_setting: str = TOKEN_SETTING
    console: Console = field(default_factory=Console)
    beside: tuple[Answer, ...] = ()

    @property
    def is_success(self) -> bool:
        """Whether the request was done."""
        return _SUCCESS <= self.status_code < _REDIRECT

    @property
    def is_redirect(self) -> bool:
        """Whether the server sends us elsewhere with what must not be sent on; see ``transports``."""
        return _REDIRECT <= self.status_code < _CLIENT_ERROR

    @property
    def is_rate_limited(self) -> bool:
        """Whether the request was refused, with nothing done, because there are too many."""
        return error_class(self) is ApifyRateLimitError

    @property
    def is_passing_fault(self) -> bool:
        """Whether the server failed in a way that the same request may not meet again."""
        return error_class(self) is ApifyServerError

    @property
    def is_refusal_of_another(self) -> bool:
        """Whether something that is not Apify refuses, or redirects: a proxy, a gateway, a server at a wrong address.

        It says nothing about runs, tokens or IDs, and not whether Apify has got the request before.
        """
        if self.is_redirect:
            return True
        is_refusal = _CLIENT_ERROR <= self.status_code < _SERVER_ERROR and self.status_code != _TOO_MANY_REQUESTS
        return is_refusal and self.has_body and not isinstance(self.error.get("type"), str)

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asks to wait, where it says so: itself, or by the time at which to come back."""
        told = self.headers.get("retry-after", "").strip()
        if told.isdecimal():
            return float(told)
        until = _read_date(told)
        # By the server's own clock, where it tells the time: ours may differ.
        now = self.date or datetime.now(UTC)
        return None if until is None else max(0.0, (until - now).total_seconds())

    @property
    def date(self) -> datetime | None:
        """When it was written by the server's clock, in whole seconds; ``None`` where it does not say."""
        return _read_date(self.headers.get("date", ""))

    @property
    def error(self) -> Mapping[str, Any]:
        """Apify's ``error`` object, empty where the body holds none. Web Fetch has words and ``code`` side by side."""
        try:
            body = json.loads(self.body)
            error = body["error"]
        except (ValueError, KeyError, TypeError):
            return {}
        if isinstance(error, str) and "code" in body:
            return {"type": body["code"], "message": error}
        return error if isinstance(error, dict) else {}


@dataclass(frozen=True)
class NoResponse:
    """The transport's report that no whole response arrived.

    :param reason: what happened, without the URL's parameters.
    :param sent: whether the server may have got the request.
    :param kind: the error that it is once nothing more is tried.
    :param is_of_another: whether something that is not Apify has answered, or spoilt the answer, as far as that tells.
    :param withheld: why it was not to be sent at all, so that nothing more is tried; the error that it is then.
    :param beside: as of :class:`Response`.
    """

    reason: str
    sent: bool = True
    kind: type[ApifyError] = ApifyConnectionError
    is_of_another: bool = False
    withheld: ApifyError | None = None
    beside: tuple[Answer, ...] = ()


Answer = Response | NoResponse


def is_apifys(request: Request, answer: Response) -> bool:
    """Tell whether a good answer is Apify's: what has no result is done only where status and shape say so."""
    if request.done_status is None:
        return request.brings not in _TOLD_BY_HEADERS or _TOLD_BY_HEADERS[request.brings](answer.headers)
    is_shaped = not answer.body if request.done_status == NO_CONTENT else _is_object(answer.body)
    return answer.status_code == request.done_status and is_shaped


def is_log(headers: Mapping[str, str]) -> bool:
    """Tell whether a good answer may be a log: that is plain text."""
    return headers.get("content-type", "").startswith("text/plain")


def is_record(headers: Mapping[str, str]) -> bool:
    """Tell whether a good answer may be a record: a page that Apify has stored comes as an attachment, as was asked."""
    is_page = headers.get("content-type", "").startswith("text/html")
    return not is_page or headers.get("content-disposition", "").startswith("attachment")


_TOLD_BY_HEADERS: Mapping[str, Callable[[Mapping[str, str]], bool]] = {"log": is_log, "record": is_record}


def not_apify(request: Request, answer: Response) -> NoResponse:
    """Return what a good answer is that is none of Apify's."""
    if request.done_status is None:
        return NoResponse(f"the answer's body {_not_apify(request)}", is_of_another=True)
    given, expected = f"HTTP {answer.status_code} with {len(answer.body)} bytes", f"HTTP {request.done_status}"
    words = f"{given} is not what Apify answers ({expected}); check {request.address_setting} and any proxy in between"
    return NoResponse(words, is_of_another=True)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def is_of_another(answer: Answer) -> bool:
    """Tell whether something that is not Apify has answered."""
    return answer.is_of_another if isinstance(answer, NoResponse) else answer.is_refusal_of_another


def is_token_refused(answer: Answer) -> bool:
    """Tell whether Apify itself does not take the token, so that nothing was done."""
    return isinstance(answer, Response) and answer.status_code == _UNAUTHORIZED and not answer.is_refusal_of_another


def _not_apify(request: Request) -> str:
    return f"is not Apify's {request.brings}; check {request.address_setting} and any proxy in between"


def in_words(answer: Answer) -> str:
    """Say briefly what came back."""
    if isinstance(answer, NoResponse):
        return answer.reason
    if answer.is_redirect:
        return f"HTTP {answer.status_code}, redirected to {_place(answer) or 'elsewhere'}"
    return f"HTTP {answer.status_code}{', not of Apify' if answer.is_refusal_of_another else ''}"


def _place(redirect: Response) -> str:
    """Return where a redirect leads: scheme and host, because the rest may hold a secret; empty for the same host."""
    try:
        parts = urlsplit(redirect.headers.get("location", ""))
    except ValueError:
        return ""
    return f"{parts.scheme or 'https'}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""


def _default_message(request: Request, answer: Response) -> str:
    """Return what to say where Apify says nothing."""
    if answer.is_redirect:
        place = _place(answer)
        advice = f"if that is Apify, write {place} in" if place else "check"
        return f"redirected to {place or 'elsewhere'}, and only reads are sent on; {advice} {request.address_setting}"
    return f"the body {_not_apify(request)}" if answer.is_refusal_of_another else "no message"


def _read_date(text: str) -> datetime | None:
    """Read a date as HTTP writes it; ``None`` where it is none."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def data_of(response: Response) -> dict[str, Any] | None:
    """Return the ``data`` object of a JSON answer; ``None`` where something that is not Apify wrote the body."""
    try:
        data = json.loads(response.body)["data"]
    except (ValueError, KeyError, TypeError):
        return None
    return response.console.told_by(data) if isinstance(data, dict) else None


def error_class(response: Response) -> type[ApifyApiError]:
    """Return the class of an error answer."""
    if response.is_refusal_of_another:
        return ApifyServerError
    error_type = response.error.get("type")
    if isinstance(error_type, str) and error_type in _ERROR_BY_TYPE:
        return _ERROR_BY_TYPE[error_type]
    fallback = ApifyServerError if response.status_code >= _SERVER_ERROR else ApifyApiError
    return _ERROR_BY_STATUS.get(response.status_code, fallback)


def error_of(request: Request, answer: Answer) -> ApifyError:
    """Return the error that an answer is, with what was asked and what the server said."""
    asked = request.label or f"{request.method} {request.path}"
    if isinstance(answer, NoResponse):
        if answer.withheld is not None:
            return answer.withheld
        doubt = f" {request.if_lost}" if answer.sent and not request.retry_safe else ""
        return answer.kind(f"{asked}: {answer.reason}.{doubt}")
    error, kind = answer.error, error_class(answer)
    message = str(error.get("message") or _default_message(request, answer))[:_MESSAGE_CHARACTERS].rstrip(".")
    return kind(
        f"{asked}: HTTP {answer.status_code} {error.get('type') or ''}: {message}. {_advice(request, answer)}".replace(
            " :", ":"
        ).rstrip(),
        http_status=answer.status_code,
        error_type=error.get("type"),
        retry_after=answer.retry_after,
    )


def _advice(request: Request, answer: Response) -> str:
    """Return what to do about an error answer, where there is something to say."""
    kind, by_type = error_class(answer), _ADVICE_BY_TYPE.get(str(answer.error.get("type")))
    if by_type:
        return by_type
    if kind is ApifyApprovalError:
        return _approval_advice(answer.error)
    if kind is ApifyAuthError:
        return f"Check the API token in {answer.token_setting} and what it may do."
    if kind is ApifyNotFoundError:
        return _search_advice(request.path)
    if kind is ApifyServerError and not request.retry_safe and not answer.is_redirect:
        return request.if_lost
    return _ADVICE.get(kind, "")


def _search_advice(path: str) -> str:
    """Return where to look for what was not found."""
    what = "the key, the store's ID" if "/records/" in path else "the ID"
    fate = "; unnamed storages are deleted some days after their run" if path.startswith(_STORAGES) else ""
    return f"Check {what}, and that the token may see it{fate}."


def _approval_advice(error: Mapping[str, Any]) -> str:
    data = error.get("data")
    url = str(data.get("approvalUrl", "")) if isinstance(data, dict) else ""
    is_link = urlsplit(url).scheme in {"http", "https"}
    return f"Approve it here, then run the task again: {url}" if is_link else "Approve it in Apify Console."
