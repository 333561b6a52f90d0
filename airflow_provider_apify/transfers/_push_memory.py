"""Where a task begins to push a file, of which an earlier attempt may have pushed a part."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING

import pendulum
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify._airflow.attempts import is_retry, rerun_of
from airflow_provider_apify._airflow.state_store import TaskNotes
from airflow_provider_apify._api.facts import COUNT_LAG_SECONDS
from airflow_provider_apify._api.storages.counts import count_items
from airflow_provider_apify._files.loading.sameness import same_item
from airflow_provider_apify._files.loading.survey import Survey
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.storages import Dataset

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_LAG_SECONDS = COUNT_LAG_SECONDS + 1.0
# How far Apify's clock and Airflow's may differ.
_SKEW = pendulum.duration(minutes=1)


@dataclass(frozen=True)
class Pushed:
    """How far a file is pushed.

    :param before: items that the dataset had before the first of the file's.
    :param items: of the file, that are known to be there.
    :param look_first: whether an attempt may have died while it pushed those that follow.
    """

    before: int
    items: int = 0
    look_first: bool = False


class PushMemory:
    """Notes of the attempts of one task instance, where Airflow (3.3 and later) keeps them.

    :param dataset_id: what is pushed to.
    :param survey: what is pushed.
    """

    def __init__(self, context: Context, dataset_id: str, survey: Survey) -> None:
        self._state = TaskNotes(context, "apify_pushed")
        self._rerun = rerun_of(context)
        self._work = {"dataset_id": dataset_id, **asdict(survey)}

    @property
    def is_kept(self) -> bool:
        """Whether Airflow keeps notes."""
        return self._state.is_kept

    def recall(self) -> Pushed | None:
        """Return how far earlier attempts have come; ``None`` where this one is to begin.

        A retry goes on, and so does a task that was cleared before it had pushed everything.

        :raises AirflowFailException: the file is another one than that of which the attempt before has pushed a part.
        """
        noted = self._state.read()
        if not noted:
            return None
        pushed, is_retry = Pushed(noted["before"], noted["pushed"], look_first=True), noted["rerun"] == self._rerun
        if noted["work"] == self._work:
            return pushed if is_retry or pushed.items < self._work["items"] else None
        if is_retry and pushed.items:
            raise AirflowFailException(
                f"The attempt before has pushed {pushed.items} items to dataset {noted['work']['dataset_id']}, but the "
                "file or the dataset is another one now. Clear the task to push all of it as it is now.",
            )
        return None

    def note(self, pushed: Pushed) -> None:
        """Remember how far the file is pushed."""
        note = {"work": self._work, "rerun": self._rerun, "before": pushed.before, "pushed": pushed.items}
        self._state.note(note)


def begin_to_append(hook: ApifyHook, context: Context, memory: PushMemory, dataset: Dataset) -> Pushed:
    """Return how far the attempts of this task have pushed the file.

    :raises AirflowFailException: that cannot be known.
    """
    recalled = memory.recall()
    if recalled:
        return recalled
    if is_retry(context) and not memory.is_kept:
        return Pushed(_count_if_untouched(hook, context, dataset))
    return Pushed(_settled_count(hook, dataset, _LAG_SECONDS))


def begin_to_complete(
    hook: ApifyHook, context: Context, dataset: Dataset, survey: Survey, items: Iterator[bytes]
) -> Pushed:
    """Return how far the file is pushed, by whomsoever, to a dataset that is for this file alone.

    :param items: of the file.
    :raises ValueError: the dataset has more items than the file, or others.
    """
    patience = hook._connection.start_settle_seconds
    # On a retry Apify's word on when the dataset was changed may be late, too.
    is_certain = not is_retry(context)
    count = _settled_count(hook, dataset, patience) if is_certain else _count_after(hook, dataset, patience)
    if count > survey.items:
        raise ValueError(
            f"Dataset {dataset.id} has {count} items, more than the {survey.items} of the file: with mode='complete' "
            "it is to hold this file and nothing else.",
        )
    _check_beginning(hook, dataset.id, count, items)
    return Pushed(0, count)


def _check_beginning(hook: ApifyHook, dataset_id: str, count: int, items: Iterator[bytes]) -> None:
    """Compare the first and the last item that are there with those of the file.

    :param count: how many are there.
    :raises ValueError: they are others.
    """
    ends = {0, count - 1}
    for index, item in enumerate(islice(items, count)):
        if index in ends and not any(
            same_item(item, found) for found in hook.iterate_items(dataset_id, offset=index, limit=1)
        ):
            raise ValueError(
                f"Dataset {dataset_id} has {count} items, but item {index + 1} is not that of the file: with "
                "mode='complete' it is to hold this file and nothing else. Give a dataset for each file, or "
                "mode='append' to push behind what is there. Nothing was pushed.",
            )


def _settled_count(hook: ApifyHook, dataset: Dataset, patience: float) -> int:
    """Return how many items a dataset has; where it was just changed, so many seconds later."""
    is_new = dataset.item_count == 0 and dataset.raw["createdAt"] == dataset.raw["modifiedAt"]
    if is_new or time.time() - _changed(dataset).timestamp() > patience:
        return dataset.item_count
    return _count_after(hook, dataset, min(patience, hook._connection.start_settle_seconds))


def _count_after(hook: ApifyHook, dataset: Dataset, seconds: float) -> int:
    return hook._drive(count_items(dataset.id, hook.retry, delay=seconds))


def _count_if_untouched(hook: ApifyHook, context: Context, dataset: Dataset) -> int:
    """Return how many items a dataset has that the attempt before cannot have changed.

    :raises AirflowFailException: it may have; before Airflow 3.3 nothing tells how much of the file that was.
    """
    count = _count_after(hook, dataset, hook._connection.start_settle_seconds)
    began = context["dag_run"].start_date
    is_old = began is not None and _changed(hook.get_dataset(dataset.id)) < pendulum.instance(began) - _SKEW
    if count == 0 or is_old:
        return count
    raise AirflowFailException(
        f"Dataset {dataset.id} may have changed since the DAG run began, and before Airflow 3.3 a retry cannot know "
        "how many items the attempt before has pushed. Clear the task to push all of them, or use mode='complete' with "
        "a dataset for each file, which can always be repeated.",
    )


def _changed(dataset: Dataset) -> pendulum.DateTime:
    return pendulum.DateTime.fromisoformat(dataset.raw["modifiedAt"])
