"""Files in the making: how one is named, and when it counts as abandoned."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

# Where nobody can tell whether a writer lives, one that has sent nothing for so long is dead. Airflow waits as long
# before it retries a task.
ABANDONED_AFTER = timedelta(minutes=5)


def draft_prefix(name: str) -> str:
    """Return how the names of all files begin that are to become the file of this name.

    The name is hashed, so that it needs no escaping and is never too long. The dot hides it from listings and loaders.
    """
    return f".apify-{hashlib.sha256(name.encode()).hexdigest()[:12]}-"


def new_draft_name(name: str) -> str:
    """Return a name, unlike any other, for a file that is to become the one of this name."""
    return f"{draft_prefix(name)}{secrets.token_hex(4)}.part"
