"""Google Cloud Storage's resumable upload on loopback, as strict as its documentation, and with its faults.

Only what gcsfs asks for: https://cloud.google.com/storage/docs/performing-resumable-uploads,
https://cloud.google.com/storage/docs/resumable-uploads and https://cloud.google.com/storage/docs/json_api/v1/objects.
What the documentation forbids is refused with 400, and noted, so that a test can tell.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

BUCKET = "lake"
# All parts but the last are a multiple of so many bytes.
_STEP = 256 * 2**10
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_CREATED, _INCOMPLETE, _REFUSED, _MISSING, _CANCELLED = 200, 308, 400, 404, 499


@dataclass
class Upload:
    """A resumable upload.

    :ivar state: ``open``, ``finished`` or ``cancelled``.
    """

    name: str
    content_type: str
    kept: bytearray = field(default_factory=bytearray)
    state: str = "open"


@dataclass
class Fault:
    """What goes wrong with the next request that uploads bytes, after some that go well.

    :param kind: ``busy`` (503, nothing is kept), ``lost`` (all is kept, and the connection closed), ``partial`` (only
        some is kept) or ``forgotten`` (nothing is, and 308 says so).
    """

    kind: str
    skip: int = 0


@dataclass
class Google:
    """The server's state.

    :ivar objects: what readers see.
    :ivar refusals: what was asked and is forbidden.
    """

    base_url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: list[Upload] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def fault(self) -> str | None:
        """Return what goes wrong with a request that uploads bytes."""
        for fault in self.faults:
            if fault.skip == 0:
                self.faults.remove(fault)
                return fault.kind
            fault.skip -= 1
        return None

    def described(self, name: str) -> dict[str, Any]:
        """Return an object's resource."""
        body = self.objects[name]
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        return {"name": name, "bucket": BUCKET, "size": str(len(body)), "md5Hash": digest, "generation": "1"}


@contextmanager
def google_storage() -> Iterator[Google]:
    """Serve on a free port of loopback."""
    google = Google()

    class Handler(_Handler):
        state = google

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        google.base_url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield google
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Google

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "upload_id" in query:
            self._take(self.state.uploads[int(query["upload_id"])], body)
        elif url.path == f"/upload/storage/v1/b/{BUCKET}/o" and query.get("uploadType") == "resumable":
            self._begin(query, body)
        elif url.path.startswith("/upload/storage/v1/b/"):
            self._answer(_MISSING, _error("The specified bucket does not exist.", _MISSING))
        else:
            self._refuse(f"POST {url.path}")

    do_PUT = do_POST  # noqa: N815 - the standard library's names

    def do_DELETE(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if "upload_id" not in query or self.headers.get("Content-Length", "0") != "0":
            self._refuse(f"DELETE {self.path}")
            return
        self.state.uploads[int(query["upload_id"][0])].state = "cancelled"
        self._answer(_CANCELLED, b"")

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        name = unquote(url.path.partition(f"/b/{BUCKET}/o/")[2])
        if name in self.state.objects:
            self._answer(200, json.dumps(self.state.described(name)).encode())
        elif name:
            self._answer(_MISSING, _error(f"No such object: {BUCKET}/{name}", _MISSING))
        else:
            self._answer(200, b'{"kind": "storage#objects"}')

    def _begin(self, query: dict[str, str], body: bytes) -> None:
        name = json.loads(body).get("name") or query.get("name")
        if not name or "X-Upload-Content-Type" not in self.headers:
            self._refuse("an upload without a name or a type")
            return
        self.state.uploads.append(Upload(name, self.headers["X-Upload-Content-Type"]))
        place = f"{self.state.base_url}/upload/storage/v1/b/{BUCKET}/o?uploadType=resumable&upload_id="
        self._answer(200, b"", Location=f"{place}{len(self.state.uploads) - 1}")

    def _take(self, upload: Upload, body: bytes) -> None:
        """Take bytes as the header ``Content-Range`` says."""
        if upload.state == "finished":
            self._answer(_CREATED, json.dumps(self.state.described(upload.name)).encode())
            return
        if upload.state == "cancelled":
            self._answer(_CANCELLED, b"")
            return
        found = _RANGE.fullmatch(self.headers.get("Content-Range", ""))
        wrong = _wrong(upload, found, body)
        if found is None or wrong:
            self._refuse(wrong)
            return
        self._keep(upload, found, body)

    def _keep(self, upload: Upload, found: re.Match[str], body: bytes) -> None:
        fault = self.state.fault() if body else None
        if fault == "busy":
            self._answer(503, _error("We encountered an internal error. Please try again.", 503))
            return
        new = body[len(upload.kept) - int(found[1] or len(upload.kept)) :]
        some = {"partial": len(new) // 2 // _STEP * _STEP, "forgotten": 0}.get(fault or "", len(new))
        upload.kept += new[:some]
        is_whole = found[3] != "*" and len(upload.kept) == int(found[3])
        if is_whole:
            upload.state = "finished"
            self.state.objects[upload.name] = bytes(upload.kept)
        if fault == "lost":
            self.close_connection = True
            return
        if is_whole:
            self._answer(_CREATED, json.dumps(self.state.described(upload.name)).encode())
            return
        self._answer(_INCOMPLETE, b"", **({"Range": f"bytes=0-{len(upload.kept) - 1}"} if upload.kept else {}))

    def _refuse(self, words: str) -> None:
        self.state.refusals.append(words)
        self._answer(_REFUSED, _error(words))

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _wrong(upload: Upload, found: re.Match[str] | None, body: bytes) -> str:
    """Say what Google forbids of a request that uploads bytes; nothing, where it does not."""
    if found is None:
        return "no Content-Range"
    if found[1] is None:
        return "bytes, but no range of them" if body else ""
    start, end = int(found[1]), int(found[2])
    wrong = {
        f"bytes {start} to {end} are not the {len(body)} that came": end - start + 1 != len(body),
        f"bytes from {start} on, but only {len(upload.kept)} are there": start > len(upload.kept),
        f"a part of {len(body)} bytes is no multiple of 256 KiB": found[3] == "*" and len(body) % _STEP,
        f"bytes up to {end} of {found[3]}": found[3] != "*" and end + 1 > int(found[3]),
    }
    return "; ".join(words for words, is_so in wrong.items() if is_so)


def _error(words: str, code: int = 400) -> bytes:
    return json.dumps({"error": {"code": code, "message": words, "errors": [{"message": words}]}}).encode()
