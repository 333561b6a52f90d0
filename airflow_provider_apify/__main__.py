"""Commands for authors of DAGs: ``python -m airflow_provider_apify``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

_EPILOG = """\
examples:
  python -m airflow_provider_apify new-dag apify/website-content-crawler > dags/crawl.py
  python -m airflow_provider_apify input-schema apify/website-content-crawler > dags/crawler.json
  python -m airflow_provider_apify check dags/
  python -m airflow_provider_apify webhook apify/website-content-crawler --receiver https://airflow.example.com

The token is that of the Airflow connection apify_default, or APIFY_TOKEN of the environment.
"""
_DEFAULT_PATH = "/data/{dag_id}/{{ run_id }}.jsonl"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0 if all is well, 1 for a problem, which is told on stderr or in the report."""
    options = _parser().parse_args(arguments)
    # Only the result is for stdout. Airflow, which is imported here, logs to it as well.
    out = sys.stdout
    with redirect_stdout(sys.stderr):
        # As the airflow command does, so that connections of the database count.
        os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
        text, is_good = _run(options)
    out.write(text)
    return 0 if is_good else 1


def _run(options: argparse.Namespace) -> tuple[str, bool]:
    """Return what a command prints, and whether all is well."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException  # noqa: PLC0415 - not for --help

    from airflow_provider_apify._commands.check import check  # noqa: PLC0415 - the same
    from airflow_provider_apify._commands.new_dag import input_schema, new_dag  # noqa: PLC0415 - the same
    from airflow_provider_apify._commands.webhook import webhook  # noqa: PLC0415 - the same
    from airflow_provider_apify.exceptions import ApifyError  # noqa: PLC0415 - the same

    try:
        if options.command == "check":
            return check(options)
        if options.command == "webhook":
            return webhook(options)
        if options.command == "input-schema":
            return input_schema(options), True
        text, notes = new_dag(options)
    except (ApifyError, ValueError, AirflowNotFoundException) as error:
        sys.stderr.write(f"error: {error}\n")
        return "", False
    sys.stderr.writelines(f"{note}\n" for note in notes)
    return text, True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_apify",
        description="Write and check DAGs that run Apify Actors.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_new_dag(commands.add_parser("new-dag", help="print a DAG file that runs an Actor and saves its dataset"))
    schema = commands.add_parser("input-schema", help="print the input schema of an Actor, for actor_params()")
    _add_actor(schema)
    check = commands.add_parser("check", help="tell versions, whether the connection works, and which drivers are here")
    check.add_argument("paths", nargs="*", metavar="PATH", help="DAG files or folders: tells which drivers they lack")
    webhook = commands.add_parser("webhook", help="have Apify tell this Airflow when runs end, and try whether it does")
    _add_webhook(webhook)
    for command in (schema, check, webhook):
        _add_connection(command)
    return parser


def _add_new_dag(parser: argparse.ArgumentParser) -> None:
    _add_actor(parser)
    parser.add_argument(
        "--input", metavar="FILE", help="an input as JSON, as tried in Apify Console: fills in the form"
    )
    parser.add_argument(
        "--fields", type=_names, metavar="A,B", help="which fields the form has (default: all that Apify shows)"
    )
    parser.add_argument("--dag-id", help="default: the Actor's name")
    parser.add_argument("--path", default=_DEFAULT_PATH, help="where the dataset is written (default: %(default)s)")
    parser.add_argument("--input-schema", metavar="FILE", help="read the schema from a file, and ask Apify nothing")
    _add_connection(parser)


def _add_webhook(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("actor", metavar="ACTOR", help="username/actor-name, an ID, or the address of its page")
    parser.add_argument("--task", action="store_true", help="ACTOR is a saved Apify task")
    parser.add_argument("--receiver", metavar="URL", required=True, help="Airflow's API server, as Apify reaches it")
    parser.add_argument(
        "--events",
        type=_names,
        default=["SUCCEEDED"],
        metavar="A,B",
        help="which ends: SUCCEEDED, FAILED, ABORTED, TIMED_OUT (default: SUCCEEDED)",
    )


def _add_actor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("actor", metavar="ACTOR", help="username/actor-name, an ID, or the address of its page")
    parser.add_argument("--build", help="tag or number of the Actor's build (default: the Actor's own)")


def _add_connection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--conn-id", default="apify_default", help="Airflow connection (default: %(default)s)")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


if __name__ == "__main__":
    sys.exit(main())
