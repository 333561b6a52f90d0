"""Who may use a run or a storage: by a token, because it is open, or by a signed URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from local_apify.world.account import BY_ID, BY_NAME, FOLLOW_USER_SETTING, GENERAL_ACCESS
from local_apify.world.clock import now
from local_apify.world.datasets import Dataset
from local_apify.world.errors import ApiError, forbidden, not_found
from local_apify.world.queues import RequestQueue
from local_apify.world.realm import Identity, Realm
from local_apify.world.resources import READ, WRITE
from local_apify.world.runs import Run
from local_apify.world.stores import KeyValueStore
from local_apify.world.world import Storages, World

_FOR_RUNS = (
    "/v2/datasets",
    "/v2/key-value-stores",
    "/v2/request-queues",
    "/v2/actor-runs",
    "/v2/logs/",
    "/v2/actors/{actorId}/run",
    "/v2/actors/{actorId}/validate-input",
    "/web-fetch/",
)
"""What runs with limited permissions may use, of what is theirs: all else of a user's is the account's.

What they may do: https://docs.apify.com/platform/actors/development/permissions
"""
AnyStorage = Dataset | KeyValueStore | RequestQueue
S = TypeVar("S", Dataset, KeyValueStore, RequestQueue)


def is_open(general_access: str, *, by_name: bool = False) -> bool:
    """Tell whether everybody may read something that has this ``generalAccess``.

    :param by_name: whether it is asked for by its name, which is easier to guess than its id.
    """
    access = GENERAL_ACCESS if general_access == FOLLOW_USER_SETTING else general_access
    return access == BY_NAME or (access == BY_ID and not by_name)


def is_for_account(template: str) -> bool:
    """Tell whether an operation is about more than runs and storages, and so not for runs with limited permissions.

    :param template: its path, as in the OpenAPI document.
    """
    return not template.startswith(_FOR_RUNS)


class Access:
    """What one request may use.

    :param identity: whose token it came with; ``None`` where it came with none.
    :param is_reading: whether it changes nothing.
    :param has_signature: whether it came with a signature, good or not.
    :param lag_seconds: how young things must not be to be known to it.
    """

    def __init__(
        self, realm: Realm, identity: Identity | None, *, is_reading: bool, has_signature: bool, lag_seconds: float
    ) -> None:
        self._realm = realm
        self._world = identity.world if identity else None
        self.limited_run = identity.limited_run if identity else None
        """The run that acts for the user, and may not do all that the user may."""
        self._is_reading, self._has_signature = is_reading, has_signature
        self._lag_seconds = lag_seconds

    def knows(self, thing: Run | AnyStorage) -> bool:
        """Tell whether something is old enough to be known to this request."""
        return (now() - thing.created_at).total_seconds() >= self._lag_seconds

    def has_run(self, run: Run) -> bool:
        """Tell whether a run is the user's, and of those that the acting run may know: itself and what it started."""
        if self._world is None or run.owner.id != self._world.user.id:
            return False
        limited = self.limited_run
        return limited is None or run is limited or run.caller.run_id == limited.id

    def run(self, run_id: str, what: str) -> Run:
        """Return a run by its id.

        Somebody else's can only be read, and only where it is open; so can one that the acting run has started.

        :param what: what there is not, if there is no such run.
        """
        run = next((world.runs[run_id] for world in self._realm.worlds if run_id in world.runs), None)
        if run is None or not self.knows(run):
            raise not_found(what)
        may_change = self.has_run(run) and self.limited_run in {None, run}
        may_read = self.has_run(run) or is_open(run.general_access)
        if not (may_change or (self._is_reading and may_read)):
            raise self._refused("Actor run")
        return run

    def has_storage(self, storage: AnyStorage) -> bool:
        """Tell whether a storage is the user's, and one that the acting run, if there is one, may write to.

        A run with limited permissions has those of its own Actor, and those that its input gives it.
        """
        if self._world is None or not self._world.has(storage.id):
            return False
        limited = self.limited_run
        return limited is None or storage.actor_id == limited.actor.id or WRITE in limited.granted.get(storage.id, ())

    def check_own(self, storage: AnyStorage) -> None:
        """Check that the request may do anything with a storage.

        :raises ApiError: it may not.
        """
        if not self.has_storage(storage):
            raise self._refused(storage.kind)

    def storage(
        self, kept: Callable[[World], Storages[S]], reference: str, kind: str, opens: Callable[[S], bool] | None
    ) -> S:
        """Return a storage of the user, or one that the request may read; it counts as used now.

        :raises ApiError: there is none, or it may not be used like this.
        """
        user = self._world or self._realm.first
        for world in self._realm.seen_from(user):
            storage = kept(world).known_as(reference, to_owner=world is user)
            if storage is not None and self.knows(storage):
                if not (self.has_storage(storage) or (self._is_reading and self._reads(storage, reference, opens))):
                    raise self._refused(kind)
                storage.accessed_at = now()
                return storage
        if self._world is None and not self._has_signature:
            raise self._refused(kind)  # who shows nothing is not told what there is
        raise not_found(kind)

    def _reads(self, storage: S, reference: str, opens: Callable[[S], bool] | None) -> bool:
        if is_open(storage.general_access, by_name=reference != storage.id):
            return True
        return self._is_given(storage) or self._is_result(storage) or (opens is not None and opens(storage))

    def _is_given(self, storage: AnyStorage) -> bool:
        """Tell whether the input of the acting run gives it a storage to read."""
        return self.limited_run is not None and READ in self.limited_run.granted.get(storage.id, ())

    def _is_result(self, storage: AnyStorage) -> bool:
        """Tell whether a storage is one of a run that the acting run has started."""
        run = self._world.runs.get(storage.run_id or "") if self._world else None
        return self.limited_run is not None and run is not None and self.has_run(run)

    def _refused(self, kind: str) -> ApiError:
        """Return what somebody is told who may not use a thing."""
        if self._world is not None:
            return forbidden(kind if kind.startswith("Actor") else kind.lower())
        if self._has_signature:
            return ApiError(401, "invalid-signature", "The signature is not valid, or not any more.")
        return ApiError(401, "token-not-provided", "Authentication token was not provided, nor a valid signature.")
