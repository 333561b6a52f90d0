"""Runs: what they are and what they have done so far."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from local_apify.world.account import User
from local_apify.world.clock import Clock, Pulse, iso, new_id, now
from local_apify.world.datasets import Dataset, utf8
from local_apify.world.queues import RequestQueue
from local_apify.world.storage import Origin
from local_apify.world.stores import KeyValueStore, Record

if TYPE_CHECKING:
    from local_apify.world.actor import Actor

ENDINGS = ("SUCCEEDED", "FAILED", "TIMED-OUT", "ABORTED")
TERMINAL = frozenset(ENDINGS)
STATUSES = TERMINAL | {"READY", "RUNNING", "TIMING-OUT", "ABORTING"}
LOG_BYTES_KEPT = 10 * 1024 * 1024
USD_PER_COMPUTE_UNIT = 0.4
PRELIMINARY_SHARE = 0.8


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of a run, as the API names them but for the units in Python's spelling."""

    build: str
    timeout_secs: int
    memory_mbytes: int
    max_items: int | None = None
    max_total_charge_usd: float | None = None
    restart_on_error: bool = False


@dataclass(frozen=True, kw_only=True)
class Task:
    """A saved task: an Actor with input and options.

    :param actor: as it was when the task was saved; :meth:`World.as_it_is` has it as it is now.
    """

    id: str
    name: str
    actor: Actor
    input: dict[str, Any] | None
    options: Mapping[str, Any]
    created_at: datetime
    modified_at: datetime
    title: str | None = None
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who sent the request that started a run.

    :param run_id: of the run whose token the request had.
    """

    user_agent: str | None
    client_ip: str | None
    headers: Mapping[str, str]
    origin: str = "API"
    run_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Metamorph:
    """A run turned into one of another Actor.

    :param input_key: of the record that is the other Actor's input; ``None`` for no input.
    """

    created_at: datetime
    actor: Actor
    build_number: str
    input_key: str | None


class RunLog:
    """The lines of a run's log; at most 10 MiB are kept, the newest."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = 0
        self.pulse = Pulse()

    def write(self, line: str) -> None:
        """Add a line, with the time in front."""
        encoded = utf8(f"{iso(now())} {line}\n")
        self._lines.append(encoded)
        self._bytes += len(encoded)
        while self._bytes > LOG_BYTES_KEPT:
            self._bytes -= len(self._lines.popleft())
            self._dropped += 1
        self.pulse.beat()

    def read(self, start: int = 0) -> tuple[bytes, int]:
        """Return what was written from a line on, and the number of the next line."""
        end = self._dropped + len(self._lines)
        newest_first = islice(reversed(self._lines), max(end - start, 0))
        return b"".join([*newest_first][::-1]), end


class Run:
    """One run of an Actor.

    :param actor: as it was when the run started: a run keeps its build and prices, whatever becomes of the Actor.
    """

    def __init__(
        self,
        actor: Actor,
        *,
        task: Task | None,
        options: RunOptions,
        build_number: str,
        caller: Caller,
        clock: Clock,
        owner: User,
        has_full_permission: bool = True,
    ) -> None:
        self.id = new_id()
        self.actor = actor
        self.task = task
        self.options = options
        self.build_number = build_number
        self.caller = caller
        self.clock = clock
        self.owner = owner
        self.token = f"apify_run_{secrets.token_hex(16)}"
        """What its Actor may use the API with, while it goes on."""
        self.has_full_permission = has_full_permission
        self.granted: Mapping[str, Collection[str]] = {}
        """What its Actor may do with storages that its input names, by their ids: ``READ``, ``WRITE``."""
        self.created_at = self.started_at = now()
        self.finished_at: datetime | None = None
        self.status = "READY"
        self.status_message: str | None = None
        self.is_status_message_terminal: bool | None = None
        self.exit_code: int | None = None
        self.general_access = "FOLLOW_USER_SETTING"
        origin: Origin = {"actor_id": actor.id, "run_id": self.id}
        self.dataset = Dataset(actor.dataset_schema, **origin)
        self.store = KeyValueStore(**origin)
        self.queue = RequestQueue(**origin)
        self.log = RunLog()
        self.charged: Counter[str] = Counter()
        self._charge_keys: set[str] = set()
        self.resurrect_count = self.reboot_count = self.restart_count = 0
        self.metamorphs: list[Metamorph] = []
        self.aborting = asyncio.Event()
        self.finished = asyncio.Event()
        self.aborted_by_request = False

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended."""
        return self.status in TERMINAL

    @property
    def working_actor(self) -> Actor:
        """The Actor that does the work now: the run's own, or the last that it was turned into."""
        return self.metamorphs[-1].actor if self.metamorphs else self.actor

    @property
    def working_build_number(self) -> str:
        """The build of the Actor that does the work now."""
        return self.metamorphs[-1].build_number if self.metamorphs else self.build_number

    @property
    def input_key(self) -> str | None:
        """The key of the input of the Actor that does the work now."""
        return self.metamorphs[-1].input_key if self.metamorphs else "INPUT"

    def set_status_message(self, text: str, *, is_terminal: bool = False) -> None:
        """Say how the work is going; a terminal message is the last word, until the run has ended."""
        if self.is_terminal or not self.is_status_message_terminal:
            self.status_message = text
            self.is_status_message_terminal = is_terminal

    def finish(self, status: str, message: str | None, exit_code: int | None) -> None:
        """End the run, and wake everyone who waits for that."""
        if message is not None:
            self.set_status_message(message, is_terminal=True)
        self.status = status
        self.finished_at = now()
        self.dataset.accessed_at = self.store.accessed_at = self.queue.accessed_at = self.finished_at
        self.exit_code = exit_code
        self.finished.set()
        self.log.pulse.beat()

    def revive(self) -> None:
        """Make a finished run one that is going."""
        self.status = "RUNNING"
        self.finished_at = self.exit_code = self.status_message = self.is_status_message_terminal = None
        self.aborting = asyncio.Event()
        self.finished = asyncio.Event()

    def turn_into(self, actor: Actor, build_number: str, record: Record | None) -> None:
        """Make it another Actor's work, with an input of its own."""
        key = f"INPUT-METAMORPH-{len(self.metamorphs) + 1}" if record else None
        if record and key:
            self.store.put(key, record)
        self.metamorphs.append(Metamorph(created_at=now(), actor=actor, build_number=build_number, input_key=key))

    def charge(self, event: str, count: int, *, idempotency_key: str | None = None) -> None:
        """Charge for events, as many as the run's budget allows.

        :param idempotency_key: with a key that was used before, nothing is charged.
        :raises ValueError: the Actor has no price for this event.
        """
        if event not in self.actor.event_prices:
            raise ValueError(f"Actor {self.actor.name} has no event {event!r}.")
        budget = self.options.max_total_charge_usd
        price = self.actor.event_prices[event]
        if budget is not None and price > 0:
            # The tiny surplus lets 3 events of 0.1 fit into a budget of 0.3 in spite of binary fractions.
            count = min(count, max(math.floor((budget - self.charged_usd(self.charged)) / price + 1e-9), 0))
        if idempotency_key not in self._charge_keys:
            self.charged[event] += count
        if idempotency_key is not None:
            self._charge_keys.add(idempotency_key)

    def charged_usd(self, charged: Mapping[str, int]) -> float:
        """Return what events cost."""
        return sum(self.actor.event_prices[event] * count for event, count in charged.items())

    def run_seconds(self) -> float:
        """Return how long the run has been going, or was."""
        return ((self.finished_at or now()) - self.started_at).total_seconds()

    def compute_units(self) -> float:
        """Return the compute units used so far: gigabytes of memory times hours."""
        return self.options.memory_mbytes / 1024 * self.run_seconds() / 3600

    def is_settled(self, settle_seconds: float) -> bool:
        """Tell whether the run's usage and charges are final."""
        return self.finished_at is not None and now() - self.finished_at >= timedelta(seconds=settle_seconds)

    def charges(self, settle_seconds: float) -> dict[str, int]:
        """Return the charged events as they are known now: a part of them until they have settled."""
        share = 1 if self.is_settled(settle_seconds) else PRELIMINARY_SHARE
        return {event: math.floor(count * share) for event, count in self.charged.items()}

    def cost_usd(self, settle_seconds: float) -> float:
        """Return the cost as it is known now: a part of it until it has settled."""
        share = 1 if self.is_settled(settle_seconds) else PRELIMINARY_SHARE
        return round(share * (self.compute_units() * USD_PER_COMPUTE_UNIT + self.charged_usd(self.charged)), 9)
