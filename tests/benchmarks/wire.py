"""A file server in the place of Apify, some way off: one dataset's items straight from a file.

``python -m tests.benchmarks.wire FILE ITEM_BYTES`` prints its address. All items are lines of the same length.
``--latency SECONDS`` passes before each answer, and ``--speed BYTES`` a second is what each connection brings. With
``--compresses``, answers are compressed for those who ask, while they are sent.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

TOKEN = "file-server"
_LINE_BREAK = 1
_QUICKLY = 1
_STEP_BYTES = 64 * 1024


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.file, self.line_bytes = options.file, options.item_bytes + _LINE_BREAK
        self.latency, self.speed, self.compresses = options.latency, options.speed, options.compresses
        self.items = self.file.stat().st_size // self.line_bytes

    def lines(self, offset: int, count: int) -> Iterator[bytes]:
        """Yield so many items' lines, a piece at a time."""
        left = count * self.line_bytes
        with self.file.open("rb") as file:
            file.seek(offset * self.line_bytes)
            while left and (piece := file.read(min(left, _STEP_BYTES))):
                left -= len(piece)
                yield piece


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    began = 0.0
    sent = 0

    def do_GET(self) -> None:
        """Answer with the dataset's description, or with some of its items."""
        time.sleep(self.server.latency)
        self.began, self.sent = time.monotonic(), 0
        url = urlsplit(self.path)
        query = dict(parse_qs(url.query))
        if url.path.endswith("/items"):
            offset = min(_number(query, "offset", 0), self.server.items)
            count = min(_number(query, "limit", self.server.items), self.server.items - offset)
            self._send_items(offset, count, as_lines=query.get("format") == ["jsonl"])
        else:
            dataset = {"id": url.path.rpartition("/")[2], "itemCount": self.server.items}
            self._send([json.dumps({"data": dataset}).encode()], {})

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _send_items(self, offset: int, count: int, *, as_lines: bool) -> None:
        headers = {
            "X-Apify-Pagination-Count": str(count),
            "X-Apify-Pagination-Total": str(self.server.items),
            "X-Apify-Pagination-Offset": str(offset),
            "X-Apify-Pagination-Limit": str(count),
            "X-Apify-Pagination-Desc": "false",
        }
        pieces = self.server.lines(offset, count)
        self._send(pieces if as_lines else [_array(pieces)], headers)

    def _send(self, pieces: Iterable[bytes], headers: dict[str, str]) -> None:
        """Send a body in chunks, as its length is not known before."""
        if self.server.compresses and "gzip" in self.headers.get("Accept-Encoding", ""):
            pieces, headers["Content-Encoding"] = _compressed(pieces), "gzip"
        self.send_response(200)
        for name, value in {"Content-Type": "application/json", "Transfer-Encoding": "chunked", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in pieces:
            for start in range(0, len(piece), _STEP_BYTES):
                self._send_chunk(piece[start : start + _STEP_BYTES])
        self.wfile.write(b"0\r\n\r\n")

    def _send_chunk(self, chunk: bytes) -> None:
        """Send, and wait until the connection's speed would have carried it, however quickly the client reads."""
        self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self.sent += len(chunk)
        time.sleep(max(0.0, self.began + self.sent / self.server.speed - time.monotonic()))


def _number(query: dict[str, list[str]], name: str, default: int) -> int:
    return int(query[name][0]) if name in query else default


def _array(pieces: Iterable[bytes]) -> bytes:
    return b"[" + b"".join(pieces).rstrip(b"\n").replace(b"\n", b",") + b"]"


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(_QUICKLY, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for piece in pieces:
        if ready := compressor.compress(piece):
            yield ready
    yield compressor.flush()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("item_bytes", type=int)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--speed", type=int, required=True, help="bytes per second of each connection")
    parser.add_argument("--compresses", action="store_true")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with _Server(parser.parse_args()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"base URL: http://127.0.0.1:{server.server_port}\ntoken: {TOKEN}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGTERM})
        server.shutdown()


if __name__ == "__main__":
    main()
