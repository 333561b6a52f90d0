"""Two Apify accounts whose list of runs lies and whose answers get lost; it shares no code with the local Apify.

It serves a run, with ``waitForFinish``, and the list of runs that go on. A run's own answer is always true: what is
told of a run wrongly is told by the list only, as replicas, moving pages and proxies do it.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

LIST = "/v2/actor-runs"
_GHOST_SECONDS, _OLD_SECONDS = 2.0, 1.5
Body = dict[str, Any] | bytes


@dataclass
class Run:
    """A run.

    :param account: whose it is.
    :param began: Unix time.
    :param ends: Unix time.
    :param is_listed: whether the account's list ever shows it; another account's is not there.
    """

    run_id: str
    account: str
    began: float
    ends: float
    is_listed: bool = True

    def shown(self) -> dict[str, Any]:
        """Return it as Apify shows it."""
        is_over = time.time() >= self.ends
        finished = {"status": "SUCCEEDED", "finishedAt": _written(self.ends)} if is_over else {"status": "RUNNING"}
        return {"id": self.run_id, "actId": "actor1", "startedAt": _written(self.began), **finished}


@dataclass
class Accounts:
    """What is there, and what goes wrong.

    :param accounts: by the tokens that are taken.
    :param faults: how likely each is: ``lost``, ``torn``, ``slow``, ``failing``, ``proxy``, ``refused`` and
        ``refused at once`` of any request; ``list refused``, ``list hangs``, ``list unauthorized`` of the list; and of
        what it says ``old``, ``gaps``, ``ghosts`` and ``shuffled``.
    :ivar asked: how often for a run and for the list.
    :ivar busiest: the most requests within one second.
    """

    accounts: dict[str, str]
    faults: dict[str, float]
    chance: random.Random
    runs: dict[str, Run] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    base_url: str = ""
    connections: int = 0
    _seconds: Counter[int] = field(default_factory=Counter)

    @property
    def busiest(self) -> int:
        return max(self._seconds.values(), default=0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other on a connection."""
        self.connections += 1
        try:
            while await self._answer((await reader.readuntil(b"\r\n\r\n")).decode(), reader, writer):
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other end has closed it
        finally:
            self.connections -= 1
            writer.close()

    def _happens(self, fault: str) -> bool:
        return self.chance.random() < self.faults.get(fault, 0.0)

    async def _answer(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; tell whether the connection stays."""
        url, token = urlsplit(head.split(" ", 2)[1]), head.partition("Bearer ")[2].partition("\r")[0]
        is_list = url.path == LIST
        self.asked["list" if is_list else "run"] += 1
        self._seconds[int(time.time())] += 1
        if self._happens("slow"):
            await asyncio.sleep(self.chance.uniform(0.1, 1.0))
        if is_list and self._happens("list hangs"):
            await reader.read()  # until the other end gives up
            return False
        if self._happens("lost"):
            return False
        status, headers, body = self._refusal(token, is_list=is_list) or (200, "", b"<html>")
        if status == 200 and not self._happens("proxy"):
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            if is_list:
                body = self._list(self.accounts[token], int(query["offset"]), int(query["limit"]))
            else:
                status, body = await self._run(url.path.rpartition("/")[2], float(query.get("waitForFinish", 0)))
        return self._write(writer, status, headers, body, is_torn=self._happens("torn"))

    def _refusal(self, token: str, *, is_list: bool) -> tuple[int, str, Body] | None:
        if token not in self.accounts or (is_list and self._happens("list unauthorized")):
            return 401, "", _error("user-or-token-not-found")
        if self._happens("failing"):
            return 500, "", _error("internal-server-error")
        if self._happens("refused") or (is_list and self._happens("list refused")):
            return 429, "", _error("rate-limit-exceeded")
        if self._happens("refused at once"):
            return 429, "Retry-After: 0\r\n", _error("rate-limit-exceeded")
        return None

    async def _run(self, run_id: str, wait: float) -> tuple[int, Body]:
        run = self.runs.get(run_id)
        if run is None:
            return 404, _error("record-not-found")
        await asyncio.sleep(max(0.0, min(wait, run.ends - time.time())))
        return 200, {"data": run.shown()}

    def _list(self, account: str, offset: int, limit: int) -> Body:
        at = time.time() - (self.chance.uniform(0, _OLD_SECONDS) if self._happens("old") else 0.0)
        seconds = _GHOST_SECONDS if self._happens("ghosts") else 0.0
        going = [
            run
            for run in self.runs.values()
            if run.account == account and run.is_listed and run.began <= at < run.ends + seconds
        ]
        going.sort(key=lambda run: run.began, reverse=True)
        if self._happens("shuffled"):
            self.chance.shuffle(going)
        page = going[offset : offset + limit]
        if self._happens("gaps"):
            page = [run for run in page if self.chance.random() < 0.9]
        items = [{"id": run.run_id, "status": "RUNNING", "usageTotalUsd": 0.1} for run in page]
        return {"data": {"total": len(going), "offset": offset, "limit": limit, "items": items}}

    def _write(self, writer: asyncio.StreamWriter, status: int, headers: str, body: Body, *, is_torn: bool) -> bool:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = (
            f"HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
        )
        writer.write(head.encode() + (data[: len(data) // 2] if is_torn else data))
        return not is_torn


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _error(error_type: str) -> Body:
    return {"error": {"type": error_type, "message": "Sorry"}}


@contextmanager
def serving(accounts: Accounts) -> Iterator[Accounts]:
    """Serve on a free port of loopback, in a thread."""
    loop, is_over, is_ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(accounts.serve, "127.0.0.1", 0, backlog=5_000)
        accounts.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        is_ready.set()
        await is_over.wait()
        server.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    is_ready.wait()
    try:
        yield accounts
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()
