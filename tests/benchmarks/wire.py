"""A file server in the place of Apify: one dataset's pages straight from a file, so that only the client is measured.

``python -m tests.benchmarks.wire FILE ITEM_BYTES`` prints its address. All items are lines of the same length.
``--latency SECONDS --speed BYTES`` puts it far away: each answer begins late, each connection is limited, and answers
are compressed for those who ask.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

TOKEN = "file-server"
_LINE_BREAK = 1
_QUICKLY = 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, file: Path, line_bytes: int, latency: float, speed: int | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.file, self.line_bytes = file, line_bytes
        self.latency, self.speed = latency, speed
        self.items = file.stat().st_size // line_bytes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    as_lines = True

    def do_GET(self) -> None:
        """Answer with the dataset's description, or with some of its items."""
        time.sleep(self.server.latency)
        url = urlsplit(self.path)
        if url.path.endswith("/items"):
            query = {
                name: int(values[0]) for name, values in parse_qs(url.query).items() if name in {"offset", "limit"}
            }
            self.as_lines = "format=jsonl" in url.query
            offset = min(query.get("offset", 0), self.server.items)
            self._send_items(offset, min(query.get("limit", self.server.items), self.server.items - offset))
        else:
            dataset = {"id": url.path.rpartition("/")[2], "itemCount": self.server.items}
            self._send_body(json.dumps({"data": dataset}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _send_items(self, offset: int, count: int) -> None:
        position, left = offset * self.server.line_bytes, count * self.server.line_bytes
        headers = {
            "X-Apify-Pagination-Count": str(count),
            "X-Apify-Pagination-Total": str(self.server.items),
            "X-Apify-Pagination-Offset": str(offset),
            "X-Apify-Pagination-Limit": str(count),
            "X-Apify-Pagination-Desc": "false",
        }
        with self.server.file.open("rb") as file:
            if self.server.speed is None and self.as_lines:
                self._send_head(left, headers)
                while left:
                    sent = os.sendfile(self.connection.fileno(), file.fileno(), position, left)
                    position, left = position + sent, left - sent
                return
            file.seek(position)
            lines = file.read(left)
        body = lines if self.as_lines else b"[" + lines.rstrip(b"\n").replace(b"\n", b",") + b"]"
        if self.server.speed and "gzip" in self.headers.get("Accept-Encoding", ""):
            compressor = zlib.compressobj(_QUICKLY, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
            body, headers["Content-Encoding"] = compressor.compress(body) + compressor.flush(), "gzip"
        self._send_head(len(body), headers)
        self._send_slowly(body)

    def _send_slowly(self, body: bytes) -> None:
        """Send at the speed that the connection has, however quickly the client reads."""
        began, step = time.monotonic(), 64 * 1024
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            if self.server.speed:
                time.sleep(max(0.0, began + (start + step) / self.server.speed - time.monotonic()))

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
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("item_bytes", type=int)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--speed", type=int, help="bytes per second of each connection")
    chosen = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with _Server(chosen.file, chosen.item_bytes + _LINE_BREAK, chosen.latency, chosen.speed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"base URL: http://127.0.0.1:{server.server_port}\ntoken: {TOKEN}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGTERM})
        server.shutdown()


if __name__ == "__main__":
    main()
