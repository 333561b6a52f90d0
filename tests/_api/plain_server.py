"""A tiny real HTTP server and proxy in a thread, for what the local Apify does not do."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

Reply = tuple[int, dict[str, str], bytes]
ME = b'{"data": {"username": "plain"}}'


@dataclass
class PlainServer:
    """A server that notes what it is asked.

    :ivar targets: the target of each request line, as it came.
    :ivar headers: of each request.
    """

    base_url: str
    targets: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


def _say_me(_handler: BaseHTTPRequestHandler) -> Reply:
    return 200, {}, ME


@contextmanager
def plain_server(
    reply: Callable[[BaseHTTPRequestHandler], Reply] = _say_me,
    *,
    certificate: Path | None = None,
) -> Iterator[PlainServer]:
    """Serve on a free port of loopback.

    :param reply: makes the answer to each request.
    :param certificate: a PEM file with key and certificate, to speak TLS.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.targets.append(self.path)
            server.headers.append(dict(self.headers.items()))
            status, headers, body = reply(self)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815 - the standard library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        server = PlainServer(f"{'https' if certificate else 'http'}://127.0.0.1:{http_server.server_port}")
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            http_server.socket = context.wrap_socket(http_server.socket, server_side=True)
        thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            http_server.shutdown()
            thread.join()


def forward(handler: BaseHTTPRequestHandler) -> Reply:
    """Do what a proxy does: fetch the URL of the request line and hand on the answer."""
    url = urlsplit(handler.path)
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=10)
    try:
        connection.request(handler.command, url.path, headers={"Authorization": handler.headers["Authorization"]})
        answer = connection.getresponse()
        return answer.status, {}, answer.read()
    finally:
        connection.close()
