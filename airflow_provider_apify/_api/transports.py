"""The two ways to put a :class:`Request` on the wire.

``requests`` and ``aiohttp`` are imported where they are used: a DAG file that imports an operator needs neither.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from traceback import walk_tb
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow_provider_apify._api.addresses import certificates, proxy_for
from airflow_provider_apify._api.answers import TOKEN_SETTING, Answer, NoResponse, Response
from airflow_provider_apify.models.console import Console

if TYPE_CHECKING:
    import aiohttp
    import requests

    from airflow_provider_apify._api.request import Request

_CONNECT_SECONDS = 10.0
# How many requests are sent side by side at most; a smaller pool would tell of each connection that it drops.
_MOST_AT_A_TIME = 16
_LEAST_BODY_SECONDS = 10.0
_PIECE_BYTES = 2**16
# Decompressed at once; at most about a thousand times as many come out.
_PACKED_BYTES = 2**14
_ANSWERS_WITHOUT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST"}
_HANDSHAKE_FAILURES = {*_ANSWERS_WITHOUT_TLS, "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"}


@dataclass(frozen=True)
class Access:
    """Where to send and who is asking. The token never shows in a ``repr``.

    :param token_setting: where the token was found, for errors.
    :param console: where people look at what is there.
    """

    base_url: str
    token: str = field(repr=False)
    user_agent: str
    token_setting: str = TOKEN_SETTING
    console: Console = field(default_factory=Console)

    @property
    def host(self) -> str:
        """Host and port, without any login."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    def response(self, status: int, headers: Mapping[str, str], body: bytes, *, has_body: bool = True) -> Response:
        """Return what came back, with lower-case names of headers."""
        return Response(status, _lower(headers), body, has_body, self.token_setting, self.console)

    def url(self, request: Request) -> str:
        """Return the full URL, without parameters."""
        return f"{self.base_url}{request.path}"

    def headers(self, request: Request) -> dict[str, str]:
        """Return the headers that every request carries, and those its body and marker need."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "User-Agent": f"{self.user_agent} {request.user_agent}".rstrip(),
            "x-apify-integration-platform": "airflow",
        }
        if not request.compressed:
            headers["Accept-Encoding"] = "identity"
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        return headers


class _SecretsMasked(logging.Filter):
    """Hides what travels in a URL and may hold a secret, the webhooks of a start, in what urllib3 logs of requests."""

    _SECRET = re.compile(r"(?<=[?&]webhooks=)[^&\s]+")

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without its secrets."""
        if isinstance(record.args, tuple):
            record.args = tuple(self._SECRET.sub("***", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


_SECRETS_MASKED = _SecretsMasked()


def new_session() -> requests.Session:
    """Return a session whose requests show no secret in the log, at any level."""
    import requests  # noqa: PLC0415 - see the module's docstring

    for name in ("urllib3.connectionpool", "urllib3.connection"):
        logging.getLogger(name).addFilter(_SECRETS_MASKED)
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=_MOST_AT_A_TIME))
    return session


def send_with_requests(session: requests.Session, access: Access, request: Request) -> Answer:
    """Send over ``requests`` and read the whole body.

    :raises ApifyAddressError: the proxy that the environment names cannot be used; nothing was sent.
    """
    import requests  # noqa: PLC0415 - see the module's docstring

    sent = time.monotonic()
    try:
        with open_with_requests(session, access, request) as response:
            body = read_with_requests(response, request, sent)
            return access.response(response.status_code, response.headers, body, has_body=request.has_answer_body)
    except requests.RequestException as error:
        return no_response(error, access)


def open_with_requests(session: requests.Session, access: Access, request: Request) -> requests.Response:
    """Send over ``requests`` and return when the headers are there; the caller reads and closes the body.

    :raises requests.RequestException: no headers arrived.
    :raises ApifyAddressError: the proxy that the environment names cannot be used; nothing was sent.
    """
    proxy = proxy_for(access.base_url, takes_socks=True)
    # To requests itself SSL_CERT_FILE is nothing, and a bundle that is missing an error that is none of its own.
    trusted = certificates() if access.base_url.startswith("https://") else None
    return session.request(
        request.method,
        access.url(request),
        params=request.params,
        data=request.body,
        headers=access.headers(request),
        auth=_keep_headers,
        allow_redirects=_may_be_redirected(request),
        proxies={urlsplit(access.base_url).scheme: proxy} if proxy else None,
        timeout=(_CONNECT_SECONDS, request.timeout),
        verify=str(trusted) if trusted else None,
        stream=True,
    )


def read_with_requests(response: requests.Response, request: Request, sent: float, *, most: float = math.inf) -> bytes:
    """Read the whole body of an answer, which has to end in time unless it may be long.

    :param sent: when the request was sent, by ``time.monotonic``.
    :param most: bytes after which the rest of one that may not be long does not matter.
    :raises requests.RequestException: the body broke off, did not end in time, or is longer than any answer.
    """
    if request.is_long:
        return response.content
    import requests  # noqa: PLC0415 - see the module's docstring
    import urllib3  # noqa: PLC0415 - the same

    until = _last_moment(request, sent, time.monotonic())
    pieces, size = [], 0
    try:
        # Not decoded: a decoder would wait for more bytes until it has something to give.
        while size < most and (piece := response.raw.read1(_PIECE_BYTES, decode_content=False)):
            pieces.append(piece)
            size += len(piece)
            if time.monotonic() > until:
                raise requests.ReadTimeout(_unfinished())
            if size > request.most:
                raise requests.ConnectionError(_too_long())
        return _decompressed(b"".join(pieces), response, request)
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error


def _decompressed(body: bytes, response: requests.Response, request: Request) -> bytes:
    """Return what a body says, piece by piece, so that a small one does not become a huge one at once."""
    import requests  # noqa: PLC0415 - see the module's docstring
    import urllib3  # noqa: PLC0415 - the same

    packed = urllib3.HTTPResponse(
        BytesIO(body),
        response.raw.headers,
        preload_content=False,
        request_method=request.method,
        enforce_content_length=False,
    )
    pieces, size = [], 0
    for piece in packed.stream(_PACKED_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > request.most:
            raise requests.ConnectionError(_too_long())
    return b"".join(pieces)


def _last_moment(request: Request, sent: float, answered: float) -> float:
    """Return when the body of an answer that is not long has to be whole: when silence would have been given up.

    So what lets the server wait may take as long as the server is let wait, and 30 seconds more. An answer whose
    headers came late still has some seconds.

    :param answered: when the headers were there.
    """
    return max(sent + request.timeout, answered + _LEAST_BODY_SECONDS)


def _unfinished() -> TimeoutError:
    return TimeoutError(errno.ETIMEDOUT, "the answer had begun, but did not end in time")


def _too_long() -> OSError:
    return OSError(errno.EMSGSIZE, "the answer is longer than any of Apify's")


def _may_be_redirected(request: Request) -> bool:
    """Tell whether following keeps the meaning: a redirected ``POST`` is sent on as a ``GET``, or starts elsewhere."""
    return request.method in {"GET", "HEAD"}


def _keep_headers(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand in for authentication: without it, ``requests`` lets a ~/.netrc replace the token."""
    return prepared


@cache
def _proxy(base_url: str) -> str | None:
    """Return the proxy on the way to the host; the triggerer, with thousands of requests, looks for it once."""
    return proxy_for(base_url, takes_socks=False)


async def send_with_aiohttp(session: aiohttp.ClientSession, access: Access, request: Request) -> Answer:
    """Do what :func:`send_with_requests` does, over ``aiohttp``."""
    import aiohttp  # noqa: PLC0415 - see the module's docstring

    sent = time.monotonic()
    try:
        async with session.request(
            request.method,
            access.url(request),
            params=request.params,
            data=request.body,
            headers=access.headers(request),
            skip_auto_headers=["Content-Type"],
            allow_redirects=_may_be_redirected(request),
            proxy=_proxy(access.base_url),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=request.timeout),
        ) as response:
            body = await _read_with_aiohttp(response, request, sent)
            return access.response(response.status, response.headers, body, has_body=request.has_answer_body)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return no_response(error, access)


async def _read_with_aiohttp(response: aiohttp.ClientResponse, request: Request, sent: float) -> bytes:
    """Do what :func:`read_with_requests` does, on the event loop."""
    now = time.monotonic()
    try:
        async with asyncio.timeout(None if request.is_long else _last_moment(request, sent, now) - now) as limit:
            if request.is_long:
                return await response.read()
            pieces, size = [], 0
            async for piece in response.content.iter_any():
                pieces.append(piece)
                size += len(piece)
                if size > request.most:
                    raise _too_long()
            return b"".join(pieces)
    except TimeoutError:
        if limit.expired():
            raise _unfinished() from None
        raise


def no_response(error: Exception, access: Access) -> NoResponse:
    """Report a failed request by its cause, without the URL: its parameters may hold a webhook's secret."""
    causes = _causes(error)
    reasons = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    words = ": ".join([type(error).__name__, *reasons[:1]])
    speaks_no_tls = any(getattr(cause, "reason", None) in _ANSWERS_WITHOUT_TLS for cause in causes)
    advice = f"; it seems to speak no TLS: {_plain_address(access)}" if speaks_no_tls else ""
    return NoResponse(f"no answer from {access.host} ({words}){advice}", sent=not any(map(_is_before_sending, causes)))


def _plain_address(access: Access) -> str:
    address = f"http://{access.host}"
    return f"begin its address with http:// ({address}; in the URI of a connection @{quote(address, safe='')})"


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error and what it was raised from, or wraps, outermost first.

    Not what was being handled when it was raised (``__context__``): that may be the caller's own error, older than the
    request, and tells nothing about it.
    """
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        cause = todo.pop(0)
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            # urllib3 and requests wrap as an argument or as the reason, aiohttp as an argument.
            todo += [getattr(cause, "reason", None), *cause.args, cause.__cause__]
    return found


def _is_before_sending(cause: BaseException) -> bool:
    """Tell whether an error proves that no byte of the request left: refused, no route, no such host, no TLS."""
    if isinstance(cause, ConnectionRefusedError | socket.gaierror | ssl.SSLCertVerificationError):
        return True
    if isinstance(cause, ssl.SSLError) and getattr(cause, "reason", None) in _HANDSHAKE_FAILURES:
        # What speaks no TLS may also break into a connection whose request has left.
        return any(frame.f_code.co_name == "do_handshake" for frame, _ in walk_tb(cause.__traceback__))
    return type(cause).__name__ in {
        "NewConnectionError",
        "NameResolutionError",
        "ConnectTimeoutError",
        "ClientConnectorError",
        "ClientConnectorDNSError",
        "ClientConnectorSSLError",
        "ConnectionTimeoutError",
    }


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
