"""What datasets, key-value stores and request queues have in common."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar, TypedDict, Unpack

from local_apify.world.clock import new_id, now


class Origin(TypedDict, total=False):
    """Where a storage comes from.

    :ivar name: ``None`` for the one of a run, or one that nobody wants to find again.
    :ivar actor_id: of the Actor whose run has made it.
    :ivar run_id: of the run.
    """

    name: str | None
    actor_id: str | None
    run_id: str | None


class Storage:
    """A storage, named or not.

    :cvar kind: what the API's errors call it.
    :ivar counts: how often it was used, by what for.
    """

    kind: ClassVar[str]

    def __init__(self, **origin: Unpack[Origin]) -> None:
        self.id = new_id()
        self.name = origin.get("name")
        self.actor_id = origin.get("actor_id")
        self.run_id = origin.get("run_id")
        self.created_at = self.modified_at = self.accessed_at = now()
        self.general_access = "FOLLOW_USER_SETTING"
        self.counts: Counter[str] = Counter()
