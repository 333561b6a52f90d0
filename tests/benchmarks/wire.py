"""A file server in the place of Apify: one dataset's pages straight from a file, so that only the client is measured.

``python -m tests.benchmarks.wire FILE ITEM_BYTES`` prints its address. All items are lines of the same length.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

TOKEN = "file-server"
_LINE_BREAK = 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, file: Path, line_bytes: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.file, self.line_bytes = file, line_bytes
        self.items = file.stat().st_size // line_bytes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Answer with the dataset's description, or with some of its items."""
        url = urlsplit(self.path)
        if url.path.endswith("/items"):
            query = {name: int(values[0]) for name, values in parse_qs(url.query).items() if name != "format"}
            offset = min(query.get("offset", 0), self.server.items)
            self._send_items(offset, min(query.get("limit", self.server.items), self.server.items - offset))
        else:
            dataset = {"id": url.path.rpartition("/")[2], "itemCount": self.server.items}
            self._send_body(json.dumps({"data": dataset}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _send_items(self, offset: int, count: int) -> None:
        position, left = offset * self.server.line_bytes, count * self.server.line_bytes
        self._send_head(left, {"X-Apify-Pagination-Count": str(count)})
        with self.server.file.open("rb") as file:
            while left:
                sent = os.sendfile(self.connection.fileno(), file.fileno(), position, left)
                position, left = position + sent, left - sent

    def _send_body(self, body: bytes) -> None:
        self._send_head(len(body), {})
        self.wfile.write(body)

    def _send_head(self, length: int, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()


def main() -> None:
    """Serve until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with _Server(Path(sys.argv[1]), int(sys.argv[2]) + _LINE_BREAK) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"base URL: http://127.0.0.1:{server.server_port}\ntoken: {TOKEN}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGTERM})
        server.shutdown()


if __name__ == "__main__":
    main()
