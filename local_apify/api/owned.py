"""What only the owner of an Actor may do."""

from __future__ import annotations

from local_apify.api.call import Call
from local_apify.world.actor import Actor
from local_apify.world.errors import forbidden


def own_actor(call: Call) -> Actor:
    """Return the Actor that the path names.

    :raises ApiError: there is none, or it is somebody else's.
    """
    return own(call, call.find_actor())


def own(call: Call, actor: Actor) -> Actor:
    """Return an Actor of the user.

    :raises ApiError: it is somebody else's.
    """
    if actor.username != call.world.user.username:
        raise forbidden("Actor")
    return actor
