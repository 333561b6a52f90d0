"""What there is to run: Actors, their builds and inputs, saved tasks, Apify Store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from airflow_provider_apify._api import actors, actors as endpoints, flows
from airflow_provider_apify._api.actors import get_target
from airflow_provider_apify._api.answers import Response, read_json
from airflow_provider_apify._api.facts import MAX_PAGE
from airflow_provider_apify._api.pages import Entry, by_offset, read_limit
from airflow_provider_apify._api.runs.input import encode_input
from airflow_provider_apify.hooks._client import ApifyClient
from airflow_provider_apify.models.actors import Actor, Build, SavedTask, StoreActor
from airflow_provider_apify.options import Target


class Actors(ApifyClient):
    """The methods of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` for what is known before a run.

    Where an ``actor_id`` or ``actor_task_id`` is taken, ``username/name`` and the address of its page do as well.
    """

    def validate_input(self, target: Target | str, run_input: Any = None, *, build: str | None = None) -> None:
        """Check an input before anything is spent on a run with it.

        See https://docs.apify.com/api/v2/act-validate-input-post. A build without an input schema takes any input.

        :param target: an Actor's ID or ``username/name``, or a :class:`~airflow_provider_apify.options.Target`. Of a
            saved task, what is checked is its input with ``run_input`` merged over it, as a run would get it.
        :param run_input: a JSON object, or its text; ``None`` for the saved input, or the Actor's defaults.
        :param build: tag or number of the build; ``None`` for that which a run of the task or Actor takes.
        :raises ApifyInvalidInputError: the input is wrong; the message names the field.
        :raises ApifyNotFoundError: no such Actor or task, or the token may not see it.
        :raises ValueError: the input is no JSON, or above 9 MiB.
        """
        self._drive(actors.validate_for_run(Target.of(target), encode_input(run_input), build, self.retry))

    def get_actor(self, actor_id: str) -> Actor:
        """Return an Actor (https://docs.apify.com/api/v2/act-get).

        :raises ApifyNotFoundError: there is none, or the token may not see it.
        """
        return Actor.from_api(self._call(get_target(Target("actor", actor_id))))

    def get_build(self, actor_id: str, build: str | None = None) -> Build:
        """Return a build of an Actor.

        See https://docs.apify.com/api/v2/actor-build-get and https://docs.apify.com/api/v2/act-build-default-get.

        :param build: its tag or number; ``None`` for the Actor's default.
        :raises ValueError: the Actor has no such build; the message names its tags.
        :raises ApifyNotFoundError: no such Actor, or the token may not see it.
        """
        if build is None:
            return Build.from_api(self._call(endpoints.get_default_build(Target("actor", actor_id))))
        return Build.from_api(self._call(endpoints.get_build(self._build_id(actor_id, build))))

    def get_input_schema(self, actor_id: str, build: str | None = None) -> Mapping[str, Any] | None:
        """Return the schema that a build's input has to fit; ``None`` where any does.

        :param build: and the errors: as in :meth:`get_build`.
        """
        return self.get_build(actor_id, build).input_schema

    def iterate_builds(self, actor_id: str, *, desc: bool = False) -> Iterator[Build]:
        """Yield the builds of an Actor, in short (https://docs.apify.com/api/v2/act-builds-get).

        :param desc: newest first.
        """
        actor = Target("actor", actor_id)

        def page(offset: int) -> list[Entry]:
            items: list[Entry] = self._call(endpoints.list_builds(actor, desc=desc, offset=offset))["items"]
            return items

        return map(Build.from_api, by_offset(page))

    def get_task(self, actor_task_id: str) -> SavedTask:
        """Return a saved task (https://docs.apify.com/api/v2/actor-task-get).

        :raises ApifyNotFoundError: there is none, or the token may not see it.
        """
        return SavedTask.from_api(self._call(get_target(Target("task", actor_task_id))))

    def get_task_input(self, actor_task_id: str) -> Any:
        """Return the input of a saved task (https://docs.apify.com/api/v2/actor-task-input-get)."""
        request = endpoints.get_task_input(Target("task", actor_task_id))
        return self._drive(flows.call_reading(request, self.retry, _json_object))

    def search_store(
        self,
        search: str | None = None,
        *,
        category: str | None = None,
        username: str | None = None,
        pricing_model: str | None = None,
        sort_by: str | None = None,
        allows_agentic_users: bool | None = None,
        include_unrunnable: bool | None = None,
        limit: int | None = None,
    ) -> Iterator[StoreActor]:
        """Yield the Actors of Apify Store that fit, page by page as they are needed.

        See https://docs.apify.com/api/v2/store-get.

        :param search: words in title, name, description, username or readme.
        :param category: for example ``"ECOMMERCE"``.
        :param username: whose Actors.
        :param pricing_model: ``"FREE"``, ``"FLAT_PRICE_PER_MONTH"``, ``"PRICE_PER_DATASET_ITEM"`` or
            ``"PAY_PER_EVENT"``.
        :param sort_by: ``"relevance"`` (Apify's default), ``"popularity"``, ``"newest"`` or ``"lastUpdate"``.
        :param allows_agentic_users: only Actors that let agents pay for them, or only others.
        :param include_unrunnable: also Actors that Apify does not call safe to run automatically.
        :param limit: how many at most.
        """
        most = read_limit(limit)
        filters = {
            "search": search,
            "category": category,
            "username": username,
            "pricingModel": pricing_model,
            "sortBy": sort_by,
            "allowsAgenticUsers": allows_agentic_users,
            "includeUnrunnableActors": include_unrunnable,
        }

        def page(offset: int) -> list[Entry]:
            request = endpoints.search_store(filters, offset=offset, limit=min(most or MAX_PAGE, MAX_PAGE))
            items: list[Entry] = self._call(request)["items"]
            return items

        return islice(map(StoreActor.from_api, by_offset(page)), most)

    def _build_id(self, actor_id: str, build: str) -> str:
        tags = self.get_actor(actor_id).tags
        if build in tags:
            return tags[build].build_id
        tagged = (tag.build_id for tag in tags.values() if tag.number == build)
        found = next(tagged, None) or self._untagged_build_id(actor_id, build)
        if found is None:
            raise ValueError(
                f"Actor {actor_id} has no build {build!r}; its tags are {', '.join(sorted(tags)) or 'none'}."
            )
        return found

    def _untagged_build_id(self, actor_id: str, number: str) -> str | None:
        builds = self.iterate_builds(actor_id, desc=True)
        return next((found.id for found in builds if found.number == number), None)


def _json_object(response: Response) -> dict[str, Any] | None:
    """Read an answer without Apify's envelope; ``None`` where something that is not Apify wrote it."""
    try:
        value = read_json(response.body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
