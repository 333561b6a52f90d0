"""What only the owner of an Actor may do."""

from __future__ import annotations

from airflow_provider_apify.testing.account import USERNAME
from airflow_provider_apify.testing.actor import Actor
from airflow_provider_apify.testing.api.call import Call
from airflow_provider_apify.testing.errors import ApiError


def own_actor(call: Call) -> Actor:
    """Return the Actor that the path names.

    :raises ApiError: there is none, or it is somebody else's.
    """
    return own(call.find_actor())


def own(actor: Actor) -> Actor:
    """Return an Actor of the user.

    :raises ApiError: it is somebody else's.
    """
    if actor.username != USERNAME:
        message = f"Actor {actor.name} belongs to somebody else: Actors of the user {USERNAME} can be changed."
        raise ApiError(403, "insufficient-permissions", message)
    return actor
