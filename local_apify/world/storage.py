"""What datasets, key-value stores and request queues have in common."""

from __future__ import annotations

from typing import ClassVar

from local_apify.world.clock import new_id, now


class Storage:
    """A storage, named or not.

    :cvar kind: what the API's errors call it.
    """

    kind: ClassVar[str]

    def __init__(self, *, name: str | None = None, actor_id: str | None = None, run_id: str | None = None) -> None:
        self.id = new_id()
        self.name = name
        self.actor_id = actor_id
        self.run_id = run_id
        self.created_at = self.modified_at = self.accessed_at = now()
        self.general_access = "FOLLOW_USER_SETTING"
