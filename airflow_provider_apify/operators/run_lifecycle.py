"""Operators for a run that was started elsewhere: by another task, a schedule of Apify, or a person."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_apify._airflow.arguments import Name, Reference
from airflow_provider_apify._airflow.failing import failing_fast
from airflow_provider_apify._airflow.run_progress import ProgressLog
from airflow_provider_apify._api.request import JSON
from airflow_provider_apify._api.runs.input import check_input
from airflow_provider_apify._arguments.keywords import TIMEOUT, refuse
from airflow_provider_apify._arguments.references import check_id, read_reference
from airflow_provider_apify._arguments.templates import is_template
from airflow_provider_apify.exceptions import ApifyNotFoundError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.links import RUN_LINKS, links_of_run, store_links
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.operators._base import ApifyTask
from airflow_provider_apify.operators._seen_run import history_before, was_seen
from airflow_provider_apify.options import RunOptions, Target, check_options

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

_RESURRECT_OPTIONS = RunOptions.names("resurrection")


class _RunOperator(ApifyTask):
    """What the operators of this module share: one run, changed, and returned as it is then."""

    template_fields: Sequence[str] = ("run_id", "apify_conn_id")
    operator_extra_links: Sequence[BaseOperatorLink] = RUN_LINKS

    def __init__(self, *, run_id: Reference, apify_conn_id: str = ApifyHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_id = cast("str", run_id)
        self.apify_conn_id = apify_conn_id
        check_id("run", run_id)

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Change the run, and return it (XCom) as :meth:`ActorRun.to_dict`."""
        with failing_fast():
            run = self._change(context)
        if run is None:
            return None
        self.log.info("Run %s is %s.", run.id, run.status)
        if self.operator_extra_links:
            store_links(self, context, links_of_run(run))
        return run.to_dict()

    @abstractmethod
    def _change(self, context: Context) -> ActorRun | None:
        """Do what the operator is for; ``None`` where there is no run any more to speak of."""

    def _history(self, context: Context) -> dict[str, int]:
        """Return what tells whether an earlier attempt of this task has changed the run already."""
        return history_before(context, self.hook.get_run(self.run_id))


class AbortRunOperator(_RunOperator):
    """Abort a run, and wait until it has ended.

    A run that has ended already stays as it is, and that is a success: so it may be repeated. A missing run is an
    error. What the run has stored until then is kept.

    Reference: https://docs.apify.com/api/v2/actor-run-abort-post

    :param run_id: the run. (templated)
    :param gracefully: give the Actor 30 seconds to save its work; for a run that is to be resurrected later.
    :param wait_for_completion: ``False`` returns at once, while the run is ``ABORTING``. The wait takes seconds, or
        half a minute where it is graceful; ``execution_timeout`` bounds it.
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) the run, as :meth:`ActorRun.to_dict() <airflow_provider_apify.models.ActorRun.to_dict>`.
    """

    def __init__(self, *, gracefully: bool = False, wait_for_completion: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gracefully = gracefully
        self.wait_for_completion = wait_for_completion

    def _change(self, context: Context) -> ActorRun:  # noqa: ARG002 - of the family
        run = self.hook.abort_run(self.run_id, gracefully=self.gracefully)
        if run.is_finished or not self.wait_for_completion:
            return run
        return self.hook.wait_for_run(run.id, on_update=ProgressLog(self.log)).run


class ResurrectRunOperator(_RunOperator):
    """Let a finished run go on, with its storages, and return at once.

    To wait for its end, put an :class:`~airflow_provider_apify.sensors.run.ApifyRunSensor` behind it. A run that goes
    on already is left as it is, options included, and that is a success; one that is being stopped is resurrected when
    it has ended. A retry does not resurrect a second time what the attempt before has resurrected. (Airflow before 3.3
    remembers nothing between attempts: there it does if the run has ended again by then.) Storages that Apify has
    deleted with age do not come back.

    Reference: https://docs.apify.com/api/v2/post-resurrect-run

    :param run_id: the run. (templated)
    :param build: tag or number of the Actor's build; ``None`` for the one it had. (templated)
    :param memory: megabytes, a power of 2 from 128 to 32768; ``None``, here and below: as before. (templated)
    :param run_timeout: seconds after which Apify stops the run; 0 is no limit. (templated)
    :param max_items: for Actors paid per result, how many may be charged at most; it can only rise. (templated)
    :param max_total_charge_usd: for Actors paid per event, US dollars that may be charged at most; it can only rise,
        and not above the connection's limit. A connection with ``limit_abort_above_usd`` resurrects nothing here,
        because nobody would keep that limit. (templated)
    :param restart_on_error: whether Apify restarts the run when its process fails. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) the run, as :meth:`ActorRun.to_dict() <airflow_provider_apify.models.ActorRun.to_dict>`.
    :raises ValueError: at parse time, wrong arguments.
    :raises ApifyCapacityError: the account's memory or run slots are taken; nothing was done.
    """

    template_fields: Sequence[str] = (*_RunOperator.template_fields, *_RESURRECT_OPTIONS)

    def __init__(
        self,
        *,
        build: str | None = None,
        memory: int | str | None = None,
        run_timeout: int | str | None = None,
        max_items: int | str | None = None,
        max_total_charge_usd: float | str | None = None,
        restart_on_error: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        refuse(self, kwargs, TIMEOUT)
        super().__init__(**kwargs)
        self.build = build
        self.memory = memory
        self.run_timeout = run_timeout
        self.max_items = max_items
        self.max_total_charge_usd = max_total_charge_usd
        self.restart_on_error = restart_on_error
        check_options(self._options)

    def _change(self, context: Context) -> ActorRun:
        options = RunOptions.parse(self._options)
        return self.hook.resurrect_run(self.run_id, options=options, history=self._history(context))

    @property
    def _options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _RESURRECT_OPTIONS}


class RebootRunOperator(_RunOperator):
    """Start the work of a ``RUNNING`` run again from its beginning; what is not in its storages is lost.

    Rebooting twice loses work twice. So a request whose answer is lost is looked up at the run, and a retry does not
    reboot again what the attempt before has rebooted. (Airflow before 3.3 remembers nothing between attempts: there, a
    worker that dies right after the reboot makes the retry reboot again.) Apify counts reboots and does not tell who
    asked for them: what somebody else, or the Actor itself, reboots in the meantime is taken for this task's reboot. A
    run that is not ``RUNNING`` is an error.

    Reference: https://docs.apify.com/api/v2/actor-run-reboot-post

    :param run_id: the run. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) the run, as :meth:`ActorRun.to_dict() <airflow_provider_apify.models.ActorRun.to_dict>`.
    """

    def _change(self, context: Context) -> ActorRun:
        return self.hook.reboot_run(self.run_id, history=self._history(context))


class MetamorphRunOperator(_RunOperator):
    """Let another Actor go on with a ``RUNNING`` run: same run, same storages, another program and input.

    Like a reboot, it throws away what is not in the storages, and is not done twice: a request whose answer is lost is
    looked up at the run, and so is what the attempt before a retry did. (Airflow before 3.3 remembers nothing between
    attempts: there, a worker that dies right after the metamorph makes the retry start the other Actor again.) What
    somebody else turns the run into in the meantime does not count, unless it is the same Actor. A run that is not
    ``RUNNING`` is an error.

    Reference: https://docs.apify.com/api/v2/actor-run-metamorph-post

    :param run_id: the run. (templated)
    :param target_actor_id: ID of the other Actor, or ``username/actor-name``. (templated)
    :param run_input: the other Actor's input: any JSON value, JSON text, or the path of a ``.json`` template file; with
        another ``content_type``, a string or bytes. Apify stores it beside the first input. (templated)
    :param build: tag or number of the other Actor's build. (templated)
    :param content_type: of the input.
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) the run, as :meth:`ActorRun.to_dict() <airflow_provider_apify.models.ActorRun.to_dict>`.
    :raises ValueError: at parse time, wrong arguments.
    """

    template_fields: Sequence[str] = (*_RunOperator.template_fields, "target_actor_id", "run_input", "build")
    template_fields_renderers = {"run_input": "json"}  # noqa: RUF012 - as Airflow declares it

    def __init__(
        self,
        *,
        target_actor_id: Name,
        run_input: Any = None,
        build: str | None = None,
        content_type: str = JSON,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target_actor_id = cast("str", target_actor_id)
        self.run_input = run_input
        self.build = build
        self.content_type = content_type
        # Only a whole input is a file: inside of one, URLs may end like this.
        self.template_ext = (".json",) if isinstance(run_input, str) else ()
        check_input(run_input, content_type)
        if not is_template(target_actor_id):
            Target("actor", self.target_actor_id)

    def _change(self, context: Context) -> ActorRun:
        return self.hook.metamorph_run(
            self.run_id,
            self.target_actor_id,
            self.run_input,
            build=self.build,
            content_type=self.content_type,
            history=self._history(context),
        )


class SetRunStatusMessageOperator(_RunOperator):
    """Show a message on a run in Apify Console, in the place of what the Actor said last.

    It may be repeated; only a message that the Actor has set in between is replaced once more then.

    Reference: https://docs.apify.com/api/v2/actor-run-put

    :param run_id: the run. (templated)
    :param message: the words. (templated)
    :param is_terminal: whether it is the last one: the Actor's later messages do not replace it.
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) the run, as :meth:`ActorRun.to_dict() <airflow_provider_apify.models.ActorRun.to_dict>`.
    """

    template_fields: Sequence[str] = (*_RunOperator.template_fields, "message")

    def __init__(self, *, message: str, is_terminal: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.message = message
        self.is_terminal = is_terminal

    def _change(self, context: Context) -> ActorRun:  # noqa: ARG002 - of the family
        return self.hook.set_run_status_message(self.run_id, self.message, is_terminal=self.is_terminal)


class DeleteRunOperator(_RunOperator):
    """Delete a finished run, its log and its unnamed storages, for good. Storages with a name stay.

    A run that does not exist is an error, because it may be another one that was meant. A run that still goes on is an
    error, too: abort it first.

    On Airflow 3.3 the task notes that it has found the run before it deletes it, so that a retry takes the run for
    deleted when it is gone then. Older Airflows remember nothing between attempts: where a worker dies right after the
    deletion, the retry fails, though the run is gone, unless ``ignore_if_missing`` is given.

    Reference: https://docs.apify.com/api/v2/actor-run-delete

    :param run_id: the run. (templated)
    :param ignore_if_missing: take a run that does not exist for deleted, even one that this task has never found: a
        wrong ID, or the token of another account, is not noticed then.
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) the run as it was, as :meth:`ActorRun.to_dict() <airflow_provider_apify.models.ActorRun.to_dict>`;
        ``None`` where it was gone already.
    """

    operator_extra_links: Sequence[BaseOperatorLink] = ()

    def __init__(self, *, ignore_if_missing: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_if_missing = ignore_if_missing

    def _change(self, context: Context) -> ActorRun | None:
        try:
            self._history(context)  # noted, so that a retry knows that there was such a run
            return self.hook.delete_run(self.run_id)
        except ApifyNotFoundError as error:
            may_be_missing = self.ignore_if_missing or was_seen(context, read_reference("run", self.run_id))
            if not (error.is_certain and may_be_missing):
                raise
            self.log.warning("Taken for deleted: %s", error)
            return None
