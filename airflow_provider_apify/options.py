"""What a run is started from and with which options: read, checked, and named as the API names them. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Literal, get_args

from airflow_provider_apify._arguments.references import WORDS, read_reference
from airflow_provider_apify._arguments.templates import NOT_THERE, is_given, is_template
from airflow_provider_apify._arguments.values import (
    parse_dollars,
    parse_flag,
    parse_seconds,
    parse_text,
    parse_whole_number,
)
from airflow_provider_apify.models.webhooks import check_event_types

_PERMISSION_LEVELS = ("LIMITED_PERMISSIONS", "FULL_PERMISSIONS")
_MEMORY_MEGABYTES = tuple(2**power for power in range(7, 16))


TargetKind = Literal["actor", "task"]


@dataclass(frozen=True)
class Target:
    """What a run is started from: an Actor, or a saved task (an Actor with its input).

    :param kind: ``"actor"`` or ``"task"``.
    :param id: its ID, ``username/name``, ``username~name``, or the address of its page in Apify Console or Store, of
        which the ID is kept.
    """

    kind: TargetKind
    id: str

    def __post_init__(self) -> None:
        """Read an address; reject what can be no ID, so that it never becomes part of another URL."""
        if self.kind not in get_args(TargetKind):
            raise ValueError(f"The kind of a target is 'actor' or 'task', not {self.kind!r}.")
        object.__setattr__(self, "id", read_reference(self.kind, self.id))
        owner, separator, name = self.id.replace("/", "~").rpartition("~")
        if not _is_plain(name) or (separator and not _is_plain(owner)):
            raise ValueError(
                f"{self.id!r} is no {self.word} ID. Write the ID from Apify Console, for example 'HG7ML7M8z78YcAPEB', "
                "or 'username/name', or paste the address of its page.",
            )

    @classmethod
    def of(cls, target: Target | str) -> Target:
        """Return a target as it is; a string names an Actor.

        :raises ValueError: neither a target nor a string.
        """
        if isinstance(target, cls):
            return target
        if isinstance(target, str):
            return cls("actor", target)
        raise ValueError(f'Name an Actor by a string, or write Target("task", "username/name"), not {target!r}.')

    @classmethod
    def choose(cls, actor_id: str | None, actor_task_id: str | None) -> Target:
        """Return the target that is given, of the two that an operator or sensor takes.

        :raises ValueError: both or neither.
        """
        if (actor_id is None) == (actor_task_id is None):
            raise ValueError(
                "Give exactly one of actor_id (an Actor) and actor_task_id (a saved Apify task). "
                f"task_id is the name of the Airflow task.{'' if actor_id else f' {NOT_THERE}'}",
            )
        return cls("task", actor_task_id or "") if actor_id is None else cls("actor", actor_id)

    def __str__(self) -> str:
        """Return what it is, by Apify's word, and which."""
        return f"{self.word} {self.id}"

    @property
    def word(self) -> str:
        """What Apify calls the kind."""
        return WORDS[self.kind]


def _is_plain(part: str) -> bool:
    return part.isascii() and part.replace("-", "").replace("_", "").replace(".", "").isalnum()


def _timeout(name: str, value: Any) -> int:
    """Read whole seconds; of a ``timedelta`` a part of a second counts as one."""
    if isinstance(value, timedelta):
        return math.ceil(parse_seconds(name, value))
    return parse_whole_number(name, value, minimum=0, unit="seconds")


def _memory(name: str, value: Any) -> int:
    memory = parse_whole_number(name, value, minimum=1)
    if memory not in _MEMORY_MEGABYTES:
        raise ValueError(f"{name} must be one of {', '.join(map(str, _MEMORY_MEGABYTES))} megabytes, not {value!r}.")
    return memory


def _webhooks(name: str, value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list | tuple) or not all(
        isinstance(webhook, Mapping) and "eventTypes" in webhook and "requestUrl" in webhook for webhook in value
    ):
        raise ValueError(f"{name} must be a list of dictionaries, each with 'eventTypes' and 'requestUrl'.")
    for webhook in value:
        check_event_types(f"'eventTypes' of {name}", webhook["eventTypes"])
    return tuple(value)


def _permission_level(name: str, value: Any) -> str:
    if value not in _PERMISSION_LEVELS:
        raise ValueError(f"{name} must be one of {', '.join(_PERMISSION_LEVELS)}, not {value!r}.")
    return str(value)


_Reader = Callable[[str, Any], Any]


OptionTaker = Literal["start", "run in one request", "resurrection", "notifier"]
_ALL_TAKERS = frozenset(get_args(OptionTaker))


def _declared(api_name: str, read: _Reader, *not_taken_by: OptionTaker) -> Mapping[str, Any]:
    """Declare an option: what the API calls it, what reads and checks it, and what does without it."""
    return {"api_name": api_name, "read": read, "taken_by": _ALL_TAKERS - {*not_taken_by}}


@dataclass(frozen=True)
class RunOptions:
    """Options of a start. ``None`` leaves the choice to the Actor or task.

    Numbers may be strings, as templates write them; ``""`` and ``"None"`` are unset. What Apify would refuse is
    a ``ValueError``, with what to write instead.

    See https://docs.apify.com/api/v2/act-runs-post.

    :param build: tag or number of the build to run, for example ``"latest"`` or ``"0.1.2"``.
    :param memory: megabytes: a power of 2 from 128 to 32768.
    :param run_timeout: seconds, or a ``timedelta``, until Apify stops the run as ``TIMED-OUT``; ``0`` is no limit.
    :param max_items: for Actors paid per result: how many results may be charged at most.
    :param max_total_charge_usd: for Actors paid per event: US dollars that may be charged at most.
    :param restart_on_error: whether Apify restarts the run when its process fails.
    :param webhooks: ad-hoc webhooks of this run, each as the API takes it (``eventTypes``, ``requestUrl``, ...).
    :param force_permission_level: ``"LIMITED_PERMISSIONS"`` or ``"FULL_PERMISSIONS"``; Actors only.
    """

    build: str | None = field(default=None, metadata=_declared("build", parse_text))
    memory: int | None = field(default=None, metadata=_declared("memory", _memory))
    run_timeout: int | None = field(default=None, metadata=_declared("timeout", _timeout))
    max_items: int | None = field(
        default=None,
        metadata=_declared("maxItems", partial(parse_whole_number, minimum=1)),
    )
    max_total_charge_usd: Decimal | None = field(
        default=None,
        metadata=_declared("maxTotalChargeUsd", parse_dollars),
    )
    restart_on_error: bool | None = field(
        default=None,
        metadata=_declared("restartOnError", parse_flag, "notifier"),
    )
    webhooks: tuple[Mapping[str, Any], ...] = field(
        default=(), metadata=_declared("webhooks", _webhooks, "resurrection", "notifier")
    )
    force_permission_level: str | None = field(
        default=None,
        metadata=_declared("forcePermissionLevel", _permission_level, "run in one request", "resurrection", "notifier"),
    )

    def __post_init__(self) -> None:
        """Read each option, whoever wrote it: an amount of 0 must not pass for no limit."""
        for option in fields(self):
            value = getattr(self, option.name)
            parsed = option.metadata["read"](option.name, value) if is_given(value) else option.default
            object.__setattr__(self, option.name, parsed)

    @classmethod
    def names(cls, taken_by: OptionTaker = "start") -> tuple[str, ...]:
        """Return the names of the options that a start, or something like it, takes."""
        return tuple(option.name for option in fields(cls) if taken_by in option.metadata["taken_by"])

    def check_taken_by(self, taker: OptionTaker) -> None:
        """Check that only such options are set as something takes.

        :raises ValueError: others are set.
        """
        taken = self.names(taker)
        others = [
            each.name for each in fields(self) if each.name not in taken and getattr(self, each.name) != each.default
        ]
        if others:
            raise ValueError(f"A {taker} does not take {', '.join(others)}, which only a start does: leave it out.")

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> RunOptions:
        """Read options by their names.

        :raises ValueError: there is no such option, or a wrong value.
        """
        known = {option.name for option in fields(cls)}
        unknown = {name for name, value in values.items() if is_given(value)} - known
        if unknown:
            raise ValueError(
                f"Unknown run options: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}."
            )
        return cls(**{name: value for name, value in values.items() if name in known})

    @classmethod
    def of(cls, options: RunOptions | Mapping[str, Any] | None) -> RunOptions:
        """Return options as they are, or read a dictionary of them; ``None`` sets none.

        :raises ValueError: neither, or as of :meth:`parse`.
        """
        if options is None or isinstance(options, Mapping):
            return cls.parse(options or {})
        if isinstance(options, cls):
            return options
        raise ValueError(f"options must be RunOptions(...) or a dictionary, not {options!r}.")

    def to_params(self) -> dict[str, Any]:
        """Return the set options by the names of the API."""
        values = {option.metadata["api_name"]: getattr(self, option.name) for option in fields(self)}
        params = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return {name: value for name, value in params.items() if value is not None and value != []}


@dataclass(frozen=True)
class RunLimits:
    """What a connection says about the cost of the runs that are started through it. All amounts are US dollars.

    :param default_max_total_charge_usd: what a run may charge, where the start names no limit.
    :param limit_max_total_charge_usd: what no start may exceed; also the default where there is no other. Neither stops
        runs that are paid by usage.
    :param default_abort_above_usd: of how much usage a run that is watched is aborted, where its task does not say.
    :param limit_abort_above_usd: what no task may exceed; also the default where there is no other. A run that nobody
        watches is not started then, because nobody would abort it.
    :param monthly_budget_usd: once the account has used so much in its billing cycle, nothing more is started.
    :param source: who says so, for an error message.
    """

    default_max_total_charge_usd: Decimal | None = None
    limit_max_total_charge_usd: Decimal | None = None
    default_abort_above_usd: Decimal | None = None
    limit_abort_above_usd: Decimal | None = None
    monthly_budget_usd: Decimal | None = None
    source: str = field(default="the Airflow connection", compare=False)

    def __post_init__(self) -> None:
        """Refuse a default that no start may have."""
        for name in ("max_total_charge_usd", "abort_above_usd"):
            default, limit = self._of(name)
            if default is not None and limit is not None and default > limit:
                raise ValueError(f"default_{name} is {default}, above limit_{name} of {limit}.")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the amounts."""
        return tuple(each.name for each in fields(cls) if each.name != "source")

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, source: str) -> RunLimits:
        """Read the amounts by their names; what else there is does not matter.

        :raises ValueError: one is no amount above 0, or a default is above its limit.
        """
        given = {name: parse_dollars(name, values[name]) for name in cls.names() if name in values}
        return cls(**given, source=source)

    def apply(self, options: RunOptions, *, is_watched: bool = False) -> RunOptions:
        """Return the options with the defaults filled in.

        :param is_watched: whether somebody waits for the run, and aborts it above :meth:`abort_above`.
        :raises ValueError: as of :meth:`check`.
        """
        self.check(options, is_watched=is_watched)
        charge = self._within("max_total_charge_usd", options.max_total_charge_usd)
        return replace(options, max_total_charge_usd=charge)

    def check(self, options: RunOptions, *, is_watched: bool = False) -> None:
        """Refuse a run that may cost more than the limits.

        :raises ValueError: the options ask for more, or nobody would keep the limit on usage.
        """
        self._within("max_total_charge_usd", options.max_total_charge_usd)
        if self.limit_abort_above_usd is not None and not is_watched:
            raise ValueError(
                f"{self.source} has each run aborted above {self.limit_abort_above_usd} US dollars of usage "
                "(limit_abort_above_usd), and nobody watches this one. Run it with RunActorOperator or "
                "@task.apify_actor and wait_for_completion=True, or through a connection without this limit.",
            )

    def abort_above(self, asked: Decimal | None) -> Decimal | None:
        """Return the usage above which a watched run is aborted; ``None`` for no limit.

        :param asked: what its task says, if anything.
        :raises ValueError: it is more than the limit.
        """
        return self._within("abort_above_usd", asked)

    def _within(self, name: str, asked: Decimal | None) -> Decimal | None:
        default, limit = self._of(name)
        if asked is not None and limit is not None and asked > limit:
            raise ValueError(
                f"{name} is {asked}, but {self.source} allows a run at most {limit} US dollars (limit_{name})."
            )
        return asked or default or limit

    def _of(self, name: str) -> tuple[Decimal | None, Decimal | None]:
        return getattr(self, f"default_{name}"), getattr(self, f"limit_{name}")


def check_target(actor_id: str | None, actor_task_id: str | None) -> None:
    """Raise :class:`ValueError` unless exactly one is given, and names one, or is a template."""
    given = [target for target in (actor_id, actor_task_id) if target is not None]
    if len(given) != 1 or not is_template(given):
        Target.choose(actor_id, actor_task_id)


def check_options(values: Mapping[str, Any]) -> None:
    """Raise :class:`ValueError` for an option that Apify would refuse, of those that are no templates."""
    RunOptions.parse({name: value for name, value in values.items() if not is_template(value)})


@dataclass(frozen=True)
class RetryPolicy:
    """How often to try, and how long to wait in between: a random time in [D, 2D], D doubling from ``first_delay``.

    :param attempts: how often a request is sent at most.
    :param first_delay: seconds.
    :param max_delay: seconds between two attempts at most.
    :param attempts_with_others: how often where something answers that is not Apify; ``None`` as often as otherwise.
    :param patient_attempts: how often, at least, where money is at stake; about half an hour.
    """

    attempts: int = 6
    first_delay: float = 0.5
    max_delay: float = 60.0
    attempts_with_others: int | None = None
    patient_attempts: int = 40

    def patient(self) -> RetryPolicy:
        """Return the policy for waiting and downloads: an outage of half an hour must not lose what goes on."""
        return replace(self, attempts=max(self.attempts, self.patient_attempts), attempts_with_others=None)

    def patient_with_apify(self) -> RetryPolicy:
        """Return the policy for waiting where nothing tells yet that this is Apify's host: a wrong one stays wrong."""
        return replace(self.patient(), attempts_with_others=self.attempts)
