"""The machine that carries runs from READY to their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from local_apify.settings import Settings
from local_apify.world.actor import Actor
from local_apify.world.context import ActorContext, RunEnd
from local_apify.world.errors import ApiError
from local_apify.world.runs import TERMINAL, Run
from local_apify.world.stores import Record

RESTARTS_ON_ERROR = 3
_FINAL_MESSAGES = {
    "SUCCEEDED": "Actor succeeded with exit code 0.",
    "FAILED": "Actor failed with exit code 1.",
    "TIMED-OUT": "Actor timed out.",
    "ABORTED": "Actor was aborted.",
}
_EXIT_CODES = {"SUCCEEDED": 0, "FAILED": 1}


class Engine:
    """Run Actors as tasks of the event loop.

    :param settings: returns the settings of this moment.
    :param announce: is told each run that was created, ended or resurrected, and the webhook event that this is.
    """

    def __init__(self, settings: Callable[[], Settings], announce: Callable[[Run, str], None]) -> None:
        self._settings = settings
        self._announce = announce
        self._work: dict[str, asyncio.Task[None]] = {}
        self._aborts: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop whatever is running."""
        for task in [*self._aborts, *self._work.values()]:
            await _cancelled(task)

    def start(self, run: Run) -> None:
        """Start a new run."""
        self._announce(run, "CREATED")
        self._launch(run)

    def _launch(self, run: Run) -> None:
        self._work[run.id] = asyncio.create_task(self._carry_out(run))

    async def _carry_out(self, run: Run) -> None:
        if run.status == "READY":
            await run.clock.sleep(self._settings().ready_seconds)
            if run.status == "ABORTING":
                return
            run.status = "RUNNING"
        run.log.write(f"ACTOR: Starting build {run.working_build_number} of {run.working_actor.name}.")
        ending = await self._ending(run)
        if run.status != "ABORTING":
            self._finish(run, ending)

    async def _ending(self, run: Run) -> RunEnd:
        """Do the Actor's work, and say how it ended."""
        try:
            async with asyncio.timeout(run.options.timeout_secs or None) as limit:
                return await self._worked(run)
        except TimeoutError:
            if not limit.expired():
                raise
        if run.status == "ABORTING":
            return RunEnd("ABORTED")
        run.status = "TIMING-OUT"
        run.log.write(f"ACTOR: Timed out after {run.options.timeout_secs} seconds.")
        await run.clock.sleep(self._settings().ready_seconds)
        return RunEnd("TIMED-OUT")

    async def _worked(self, run: Run) -> RunEnd:
        for _ in range(RESTARTS_ON_ERROR):
            ending = await _life(run)
            if ending.status != "FAILED" or not run.options.restart_on_error:
                return ending
            run.restart_count += 1
            run.log.write("ACTOR: Restarting after an error.")
        return await _life(run)

    def _finish(self, run: Run, ending: RunEnd) -> None:
        run.log.write(f"ACTOR: {_FINAL_MESSAGES[ending.status]}")
        has_own_words = ending.status == "SUCCEEDED" and run.status_message is not None
        default = None if has_own_words else _FINAL_MESSAGES[ending.status]
        run.finish(ending.status, ending.message or default, _EXIT_CODES.get(ending.status))
        self._work.pop(run.id, None)
        self._announce(run, ending.status.replace("-", "_"))

    def abort(self, run: Run, *, gracefully: bool) -> None:
        """Begin to abort a run; nothing happens to one that has ended or is ending."""
        if run.status not in {"READY", "RUNNING"}:
            return
        run.status = "ABORTING"
        run.aborted_by_request = True
        run.aborting.set()
        grace = self._settings().graceful_abort_seconds if gracefully else 0.0
        task = asyncio.create_task(self._abort(run, grace))
        self._aborts.add(task)
        task.add_done_callback(self._aborts.discard)

    async def _abort(self, run: Run, grace_seconds: float) -> None:
        work = self._work[run.id]
        if grace_seconds:
            await asyncio.wait([work], timeout=grace_seconds)
        await _cancelled(work)
        self._finish(run, RunEnd("ABORTED"))

    def resurrect(self, run: Run) -> None:
        """Let a finished run go on, with the storages it has.

        :raises ApiError: the run has not finished.
        """
        if run.status not in TERMINAL:
            raise ApiError(400, "operation-not-allowed", "Only finished runs can be resurrected.")
        run.revive()
        run.resurrect_count += 1
        self._announce(run, "RESURRECTED")
        self._launch(run)

    async def reboot(self, run: Run) -> None:
        """Start the Actor's work again from its beginning.

        :raises ApiError: the run is not running.
        """
        await self._interrupt(run, "rebooted")
        run.reboot_count += 1
        self._launch(run)

    async def metamorph(self, run: Run, actor: Actor, build_number: str, record: Record | None) -> None:
        """Let another Actor go on with a run, with the storages it has and an input of its own.

        :raises ApiError: the run is not running.
        """
        await self._interrupt(run, "metamorphed")
        run.turn_into(actor, build_number, record)
        self._launch(run)

    async def _interrupt(self, run: Run, what: str) -> None:
        if run.is_terminal:
            raise ApiError(400, "job-finished", f"The run has already finished, and cannot be {what} any more.")
        if run.status != "RUNNING":
            raise ApiError(400, "job-finished", f"Only running runs can be {what}.")
        work = self._work[run.id]
        await _cancelled(work)
        if run.status != "RUNNING" or self._work.get(run.id) is not work:
            raise ApiError(400, "job-finished", f"The run was ended or started again, and cannot be {what} now.")


async def _life(run: Run) -> RunEnd:
    try:
        await run.working_actor.main(ActorContext(run))
    except RunEnd as ending:
        if ending.message:
            run.log.write(ending.message)
        return ending
    except Exception as error:  # noqa: BLE001 - whatever an Actor raises ends its run, not the server
        run.log.write(f"{type(error).__name__}: {error}")
        return RunEnd("FAILED", str(error) or type(error).__name__)
    return RunEnd("SUCCEEDED")


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
