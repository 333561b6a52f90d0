"""So many runs, served as quickly as Python can: what watches them is measured, not what serves them.

It knows two operations of Apify's: a run, with ``waitForFinish``, and the list of runs that go on. Its answers are
those that the local Apify gave, with other IDs. Beside them, ``/begin`` lets the runs end, each at its time,
``/counts`` tells what was asked, and ``/stop`` ends the process.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import ProxyHandler, build_opener

from tests.benchmarks.child import answer

RUN_PATH = "/v2/actor-runs"
_LONG_BYTES = 1_000
_QUICKLY = 1


def tell(host: str, path: str) -> dict[str, int]:
    """Tell a server something; return what it was asked so far."""
    with build_opener(ProxyHandler({})).open(f"{host}{path}", timeout=60) as response:
        counts: dict[str, int] = json.load(response)
        return counts


def run_id_of(number: int) -> str:
    """Return the ID of a run, as long as Apify's."""
    return f"run{number:014d}"


@dataclass
class World:
    """The runs, and what was asked.

    :param ends: seconds after the beginning at which each run ends, by its number.
    :param run: a run that goes on, as Apify shows it.
    :param item: the same, as lists show it.
    :ivar counts: requests by what they ask for.
    :ivar finished: when each run ended, in ISO 8601.
    """

    ends: list[float]
    run: dict[str, Any]
    item: dict[str, Any]
    counts: dict[str, int] = field(default_factory=lambda: {"run": 0, "list": 0})
    connections: int = 0
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        ids = map(run_id_of, range(len(self.ends)))
        self._going = {run_id: json.dumps({**self.item, "id": run_id}).encode() for run_id in ids}
        self.finished: dict[str, str] = {}
        self._waiting: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self._ending: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Let the runs end from now on."""
        self._ending = asyncio.create_task(self._end())

    async def _end(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for seconds, number in sorted((seconds, number) for number, seconds in enumerate(self.ends)):
            await asyncio.sleep(began + seconds - loop.time())
            run_id = run_id_of(number)
            del self._going[run_id]
            self.finished[run_id] = datetime.now(UTC).isoformat()
            for reply in self._waiting.pop(run_id, []):
                reply()

    def list_of(self, offset: int, limit: int) -> bytes:
        """Answer with a page of the runs that go on."""
        self.counts["list"] += 1
        items = b",".join(list(self._going.values())[::-1][offset : offset + limit])
        head = json.dumps({"total": len(self._going), "offset": offset, "limit": limit, "desc": True})
        return b'{"data":' + head[:-1].encode() + b',"items":[' + items + b"]}}"

    def shown(self, run_id: str) -> bytes:
        """Answer with a run."""
        at = self.finished.get(run_id)
        end = {"status": "SUCCEEDED", "finishedAt": at} if at else {}
        return json.dumps({"data": {**self.run, "id": run_id, **end}}).encode()

    def ask_for(self, run_id: str, wait: float, reply: Callable[[bytes], None]) -> None:
        """Answer with a run when it has ended, or after some seconds."""
        self.counts["run"] += 1
        if wait <= 0 or run_id in self.finished:
            reply(self.shown(run_id))
            return
        is_open = True

        def close() -> None:
            nonlocal is_open
            if is_open:
                is_open = False
                timer.cancel()
                reply(self.shown(run_id))

        timer = asyncio.get_running_loop().call_later(wait, close)
        self._waiting[run_id].append(close)


class _Connection(asyncio.Protocol):
    """One connection: requests without a body, one after the other."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._world.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._world.connections -= 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            self._answer(head.split(b" ", 2)[1].decode(), may_pack=b"gzip" in head)

    def _answer(self, target: str, *, may_pack: bool) -> None:
        url, world = urlsplit(target), self._world
        query = {name: values[0] for name, values in parse_qs(url.query).items()}

        def reply(body: bytes) -> None:
            self._send(body, may_pack=may_pack)

        if url.path == RUN_PATH:
            reply(world.list_of(int(query["offset"]), int(query["limit"])))
        elif url.path.startswith(RUN_PATH):
            world.ask_for(url.path.rpartition("/")[2], float(query.get("waitForFinish", 0)), reply)
        else:
            if url.path == "/begin":
                world.begin()
            elif url.path == "/stop":
                world.stopped.set()
            reply(json.dumps(world.counts).encode())

    def _send(self, body: bytes, *, may_pack: bool) -> None:
        coding = ""
        if may_pack and len(body) > _LONG_BYTES:
            body, coding = gzip.compress(body, _QUICKLY), "Content-Encoding: gzip\r\n"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{coding}Content-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def _serve(plan: dict[str, Any]) -> dict[str, str]:
    """Serve until told to stop; return when each run ended."""
    chance = random.Random(1)
    ends = [chance.uniform(0, plan["ending"]) for _ in range(plan["count"])]
    world = World(ends, plan["run"], plan["item"])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(world), "127.0.0.1", plan["port"], backlog=20_000)
    await world.stopped.wait()
    server.close()
    return world.finished


if __name__ == "__main__":
    answer(lambda plan: asyncio.run(_serve(plan)))
