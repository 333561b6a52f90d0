"""The users of a local Apify."""

from __future__ import annotations

from dataclasses import dataclass, field

from local_apify.world.clock import stable_id

USERNAME = "local"
OTHER_USERNAME = "other"
BY_NAME = "ANYONE_WITH_NAME_CAN_READ"
BY_ID = "ANYONE_WITH_ID_CAN_READ"
FOLLOW_USER_SETTING = "FOLLOW_USER_SETTING"
RESTRICTED = "RESTRICTED"
ACCESS_LEVELS = frozenset({BY_NAME, BY_ID, FOLLOW_USER_SETTING, RESTRICTED})
GENERAL_ACCESS = RESTRICTED
"""The setting of every account that runs and storages follow which have no ``generalAccess`` of their own."""


def user_id(username: str) -> str:
    """Return the ID of a user, the same on every start of the server."""
    return stable_id(f"user {username}")


@dataclass(frozen=True)
class User:
    """Somebody with an account and a token."""

    username: str
    token: str = field(repr=False)

    @property
    def id(self) -> str:
        """The user's ID."""
        return user_id(self.username)
