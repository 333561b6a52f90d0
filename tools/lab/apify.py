"""Run the local Apify as one more process of the lab."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from tools.environment import clean_environment
from tools.lab.component import Component
from tools.lab.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "local_apify"
START_SECONDS = 60.0


class ApifyServer(NamedTuple):
    """Where an Apify API is and the token to use there."""

    base_url: str
    token: str


def start_local_apify(log: Path, *, token: str | None = None, port: int = 0) -> Component:
    """Start the local Apify without waiting for it.

    :param log: where its output goes, which has its token.
    :param token: the one that is valid; None leaves it to the local Apify.
    :param port: 0 lets the operating system choose.
    """
    command = [sys.executable, "-m", MODULE, "--port", str(port)]
    if token:
        command += ["--token", token]
    return Component("apify", command, environment=clean_environment(), folder=log.parent, log=log)


def wait_for_announcement(component: Component) -> ApifyServer:
    """Wait until the local Apify has printed its address and its token.

    :raises LabError: it ended instead.
    """

    def announced() -> ApifyServer | None:
        component.check()
        lines = dict(re.findall(r"^(base URL|token): (\S+)$", component.output(), re.MULTILINE))
        return ApifyServer(lines["base URL"], lines["token"]) if len(lines) == len(ApifyServer._fields) else None

    return wait_until(announced, "the local Apify to start", timeout=START_SECONDS)
