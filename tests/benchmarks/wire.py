"""A file server in the place of Apify, some way off: one dataset's items straight from a file.

``python -m tests.benchmarks.wire FILE ITEM_BYTES`` prints its address. All items are lines of the same length.
``--latency SECONDS`` passes before each answer, and ``--speed BYTES`` a second is what each connection brings. With
``--compresses``, answers are compressed for those who ask; most of that is done beforehand, so that the server does not
work on the cores of the client that is measured.
"""

from __future__ import annotations

import argparse
import gzip
import json
import signal
import struct
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
_BLOCK_ITEMS = 1_000
_GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_LAST_BLOCK = b"\x03\0"
_STEP_BYTES = 64 * 1024


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.file, self.line_bytes = options.file, options.item_bytes + _LINE_BREAK
        self.latency, self.speed, self.compresses = options.latency, options.speed, options.compresses
        self.items = self.file.stat().st_size // self.line_bytes
        self._prepared = [
            _deflated(b"".join(self.lines(start, min(_BLOCK_ITEMS, self.items - start))))
            for start in (range(0, self.items, _BLOCK_ITEMS) if self.compresses else ())
        ]

    def compressed_lines(self, offset: int, count: int) -> Iterator[bytes]:
        """Yield so many items' lines as one gzip stream: whole blocks are ready, and what is beside them is not."""
        yield _GZIP_HEAD
        checksum, end = 0, offset + count
        while offset < end:
            block, skipped = divmod(offset, _BLOCK_ITEMS)
            items = min(end - offset, _BLOCK_ITEMS - skipped)
            lines = b"".join(self.lines(offset, items))
            checksum = zlib.crc32(lines, checksum)
            is_whole = not skipped and items == min(_BLOCK_ITEMS, self.items - offset)
            yield self._prepared[block] if is_whole else _deflated(lines)
            offset += items
        yield _LAST_BLOCK + struct.pack("<LL", checksum, count * self.line_bytes % 2**32)

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
        if as_lines and self._may_compress:
            self._send(self.server.compressed_lines(offset, count), {**headers, "Content-Encoding": "gzip"})
        elif as_lines:
            self._send(self.server.lines(offset, count), headers)
        else:
            self._send_array(b"".join(self.server.lines(offset, count)), headers)

    @property
    def _may_compress(self) -> bool:
        return self.server.compresses and "gzip" in self.headers.get("Accept-Encoding", "")

    def _send_array(self, lines: bytes, headers: dict[str, str]) -> None:
        array = b"[" + lines.rstrip(b"\n").replace(b"\n", b",") + b"]"
        if self._may_compress:
            array, headers["Content-Encoding"] = gzip.compress(array, _QUICKLY), "gzip"
        self._send([array], headers)

    def _send(self, pieces: Iterable[bytes], headers: dict[str, str]) -> None:
        """Send a body in chunks, as its length is not known before."""
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


def _deflated(lines: bytes) -> bytes:
    """Return a stretch of a deflate stream that may stand behind any other."""
    compressor = zlib.compressobj(_QUICKLY, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(lines) + compressor.flush(zlib.Z_FULL_FLUSH)


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
