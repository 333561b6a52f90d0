"""Faults on demand: which requests go wrong, and how."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field as made_by
from fnmatch import fnmatchcase
from typing import Any

from local_apify.checked import LONGEST_SECONDS, check_fields, check_range
from local_apify.world.clock import new_id

ACTIONS = {
    "answer": "answer with an error and do nothing",
    "answer-after-commit": "do what was asked, then answer with an error",
    "cut-before-commit": "close the connection without a byte and do nothing",
    "cut-after-commit": "do what was asked, then close the connection without a byte",
    "cut-body": "close the connection after some bytes of the body",
    "end-body-early": "answer well-formed, but with only some bytes of the body",
    "delay": "wait before handling the request, which is handled then whether or not the client is still there",
    "delay-after-commit": "do what was asked, then wait before answering",
    "lag": "know nothing of runs younger than some seconds",
    "garbage": "do what was asked, then answer 200 with bytes that are no JSON",
    "end-between-lines": "answer well-formed, but only with the lines that end within some bytes of the body",
    "end-of-connection": "send some bytes of the body without saying how many there are, then close the connection",
    "foreign-lines": "put lines into the body that do not belong there, in the place of as many others",
    "other-page": "answer with items of another offset than asked for, and say so in the header, as stale caches do",
    "empty-page": "answer with no items, though the header says how many there are, as replicas do that lag",
    "doubled-headers": "send each header of Apify's twice, as some proxies do",
    "change-field": "change a field of the JSON object that is answered, or of each object in a list, or leave it out",
    "throttle": "send the body slowly",
    "expire-token": "refuse the token from now on, until the faults are cleared",
}

_RANGES: Mapping[str, tuple[float, float | None]] = {
    "times": (0, None),
    "skip": (0, None),
    "probability": (0, 1),
    "status": (200, 599),
    "seconds": (0, LONGEST_SECONDS),
    "after_bytes": (0, None),
    "offset": (0, None),
    "bytes_per_second": (1, None),
}
_BODILESS = frozenset({204, 304})
_HEADER_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A rule: what goes wrong with which requests.

    :param method: an HTTP method, or ``*``.
    :param path: a pattern for the path as in fnmatch, where ``*`` also stands for slashes; ``/v2/acts/`` counts as
        ``/v2/actors/``.
    :param action: one of ``ACTIONS``.
    :param times: to how many requests it happens; ``None`` is always.
    :param skip: how many matching requests pass before it begins.
    :param probability: the chance that it happens to a request that it could happen to, with ``seed`` for the dice.
    :param status: and ``error_type``, ``message``, ``headers``: the error answered.
    :param text: answered in place of Apify's error, as proxies do; or the foreign lines, which end in a line break.
    :param seconds: the delay, or the age below which runs are unknown.
    :param after_bytes: where the body is cut or ends; where foreign lines come: before the line of this byte.
    :param offset: of the page that is answered in the place of another.
    :param field: the name of the field that is changed, such as ``itemCount``.
    :param value: what it becomes; ``None`` leaves it out.
    :param bytes_per_second: how fast the body is sent.
    """

    action: str
    method: str = "*"
    path: str = "*"
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    status: int = 500
    error_type: str = "internal-server-error"
    message: str = "Internal server error"
    headers: dict[str, str] = made_by(default_factory=dict)
    text: str | None = None
    seconds: float = 1.0
    after_bytes: int = 0
    offset: int = 0
    field: str = ""
    value: Any = None
    bytes_per_second: int = 1_000_000
    id: str = made_by(default_factory=new_id)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Fault:
        """Build a rule from JSON.

        :raises ValueError: the action or a field is not known, or a value is wrong.
        """
        check_fields(cls, body, "field of a fault")
        if body.get("action") not in ACTIONS:
            raise ValueError(f"A fault's action is one of {', '.join(ACTIONS)}, not {body.get('action')!r}.")
        for name, (low, high) in _RANGES.items():
            check_range("field of a fault", name, body.get(name), low, high)
        if body.get("status") in _BODILESS or not all(map(_is_header, body.get("headers", {}).items())):
            raise ValueError("A fault answers with a status that has a body, and headers of one line each.")
        return cls(**body)

    def to_json(self) -> dict[str, Any]:
        """Return the rule as JSON."""
        return asdict(self)


def _is_header(header: tuple[str, str]) -> bool:
    name, value = header
    return _HEADER_NAME.fullmatch(name) is not None and _HEADER_VALUE.fullmatch(value) is not None


class _Count:
    """How often a rule matched and happened."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.matched = 0
        self.happened = 0
        self.dice = random.Random(fault.seed)

    def is_due(self, method: str, path: str) -> bool:
        fault = self.fault
        if fault.method not in {"*", method} or not fnmatchcase(path, fault.path):
            return False
        self.matched += 1
        if self.matched <= fault.skip or (fault.times is not None and self.happened >= fault.times):
            return False
        if self.dice.random() >= fault.probability:
            return False
        self.happened += 1
        return True


class Faults:
    """The rules that are in force."""

    def __init__(self) -> None:
        self._counts: list[_Count] = []
        self.token_is_expired = False

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        self._counts.append(_Count(fault))

    def clear(self) -> None:
        """Drop all rules, and let the token be valid again."""
        self._counts.clear()
        self.token_is_expired = False

    def due(self, method: str, path: str) -> Fault | None:
        """Return the first rule that happens to this request, if any."""
        return next((count.fault for count in self._counts if count.is_due(method, path)), None)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the rules with how often each happened."""
        return [count.fault.to_json() | {"happened": count.happened} for count in self._counts]
