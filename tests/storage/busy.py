"""A storage server that is busy now and then."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import requests

_SECONDS = 60
_OF_ONE_CONNECTION = {"connection", "content-length", "date", "server", "transfer-encoding"}


class BusyServer:
    """Stand in front of a storage server while the block runs, and refuse some uploads as a busy one does.

    :param upstream: address of the server.
    :param code: of the error, as the storage names it.
    :ivar url: address to use instead.
    :ivar refuse: the first so many uploads whose address has ``word`` in it are refused, after they were taken whole.
    """

    def __init__(self, upstream: str, code: str) -> None:
        self._upstream, self._code = upstream, code
        self._lock = threading.Lock()
        self.refuse, self.word = 0, ""

    def __enter__(self) -> Self:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                proxy.handle(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815 - http.server names them

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """Refuse a request, or pass it on."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if request.command == "PUT" and self.word in request.path and self._is_busy():
            text = f'<?xml version="1.0"?><Error><Code>{self._code}</Code><Message>Busy.</Message></Error>'
            _answer(request, 503, {"Content-Type": "application/xml", "x-ms-error-code": self._code}, text.encode())
            return
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        url = self._upstream + request.path
        answer = requests.request(request.command, url, data=body, headers=headers, timeout=_SECONDS)
        _answer(request, answer.status_code, answer.headers, answer.content)

    def _is_busy(self) -> bool:
        with self._lock:
            is_busy = self.refuse > 0
            self.refuse -= is_busy
            return is_busy


def _answer(request: BaseHTTPRequestHandler, status: int, headers: Any, body: bytes) -> None:
    request.send_response(status)
    for name, value in headers.items():
        if name.lower() not in _OF_ONE_CONNECTION:
            request.send_header(name, value)
    if request.command != "HEAD" or "Content-Length" not in headers:
        request.send_header("Content-Length", str(len(body)))
    else:
        request.send_header("Content-Length", headers["Content-Length"])
    request.end_headers()
    request.wfile.write(body)
