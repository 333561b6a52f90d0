"""Write the home folder of a lab's Airflow: configuration, secrets, user, and an initialised database."""

from __future__ import annotations

import base64
import configparser
import importlib.metadata
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tools.environment import clean_environment, free_port
from tools.lab.component import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CLI_SECONDS = 120.0
USER = "admin"
LOCAL_SETTINGS = Path(__file__).with_name("airflow_local_settings.py")
AIRFLOW_VERSION = importlib.metadata.version("apache-airflow")

Settings = dict[str, dict[str, object]]
"""Airflow's configuration: section, option, value."""


class AirflowHome:
    """A folder that an Airflow process can run from once ``AIRFLOW_HOME`` names it.

    Passwords and keys are made on first use and stay in the folder, so that a restarted lab can read its own database.

    :param folder: created when missing, for its owner's eyes only.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.logs = self.folder / "logs"
        self.logs.mkdir(exist_ok=True)
        self._secrets = _secrets(self.folder / "secrets.json")
        self._passwords = self.folder / "passwords.json"
        _write_private(self._passwords, json.dumps({USER: self.password}))

    @property
    def password(self) -> str:
        """The password of the one user, ``admin``."""
        return self._secrets["password"]

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "airflow.db"

    def environment(self, **variables: str) -> dict[str, str]:
        """Build the environment for a process of this Airflow; everything else is in its ``airflow.cfg``.

        :param variables: what the DAGs want to find there.
        """
        return clean_environment(AIRFLOW_HOME=str(self.folder), **variables)

    def cli(self, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
        """Run the ``airflow`` command and return what it printed.

        :raises LabError: it failed; the message ends with its output.
        """
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=dict(environment),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=CLI_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise LabError(f"airflow {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}")
        return done.stdout

    def configure(
        self,
        *,
        port: int,
        task_port: int,
        dag_folders: Sequence[Path],
        overrides: Mapping[str, Mapping[str, str]],
        database_url: str | None = None,
    ) -> None:
        """Write ``airflow.cfg``.

        :param port: where the API server will listen.
        :param task_port: where the API server of the workers will listen; the same, unless it is one of its own.
        :param overrides: settings that win over the lab's own.
        :param database_url: of a database server, as SQLAlchemy writes it; None takes the SQLite file.
        """
        settings = self._settings(port, task_port, dag_folders)
        settings["database"] = {"sql_alchemy_conn": database_url} if database_url else self._sqlite_settings()
        for section, options in overrides.items():
            settings.setdefault(section, {}).update(options)
        self._write_config(settings)

    def create_database(self) -> None:
        """Put an initialised database in place, unless there is one.

        Initialising takes Airflow many seconds, so it is done once per virtual environment and copied from there.
        """
        if self.database.exists():
            return
        template = Path(sys.prefix) / f"airflow-{AIRFLOW_VERSION}.db"
        if not template.exists():
            _create_template(template)
        shutil.copyfile(template, self.database)

    def _settings(self, port: int, task_port: int, dag_folders: Sequence[Path]) -> Settings:
        """Choose for a quick start, small load and a slow machine: four task slots, short intervals, long time-outs."""
        url = f"http://127.0.0.1:{port}"
        return {
            "core": {
                "executor": "LocalExecutor",
                "parallelism": 4,
                "load_examples": False,
                "fernet_key": self._secrets["fernet_key"],
                "execution_api_server_url": f"http://127.0.0.1:{task_port}/execution/",
                "simple_auth_manager_users": f"{USER}:admin",
                "simple_auth_manager_passwords_file": self._passwords,
                "test_connection": "Enabled",
            },
            "api": {"host": "127.0.0.1", "port": port, "base_url": url, "secret_key": self._secrets["api_key"]},
            "api_auth": {"jwt_secret": self._secrets["jwt_key"]},
            "dag_processor": {
                "dag_bundle_config_list": json.dumps([_bundle(folder) for folder in dag_folders]),
                "refresh_interval": 10,
                "min_file_process_interval": 15,
            },
            "scheduler": {"scheduler_idle_sleep_time": 0.2},
            # By default a worker may notice only after 5 seconds that its task has deferred. When the task has been
            # resumed by then, the scheduler takes the late news for a lost task and fails it.
            "workers": {"min_heartbeat_interval": 1, "execution_api_timeout": 60},
            "logging": {"base_log_folder": self.logs, "colored_console_log": False} | _log_server_ports(),
            "usage_data_collection": {"enabled": False},
        }

    def _sqlite_settings(self) -> dict[str, object]:
        return {
            "sql_alchemy_conn": f"sqlite:///{self.database}",
            "sql_alchemy_connect_args": f"{LOCAL_SETTINGS.stem}.CONNECT_ARGS",
        }

    def _write_config(self, settings: Settings) -> None:
        (self.folder / "config").mkdir(exist_ok=True)
        shutil.copy(LOCAL_SETTINGS, self.folder / "config")
        config = configparser.ConfigParser(interpolation=None)
        for section, options in settings.items():
            config[section] = {name: str(value).replace("%", "%%") for name, value in options.items()}
        temporary = self.folder / "airflow.cfg.new"
        _write_private(temporary, "")
        with temporary.open("w") as file:
            config.write(file)
        temporary.replace(self.folder / "airflow.cfg")


def _log_server_ports() -> dict[str, object]:
    """Choose ports nobody serves logs on, so that the UI never asks another Airflow of this machine."""
    return {f"{kind}_log_server_port": free_port() for kind in ("worker", "trigger")}


def _bundle(folder: Path) -> dict[str, object]:
    """Describe a folder of DAG files as Airflow's configuration wants it."""
    return {
        "name": folder.name,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder.absolute())},
    }


def _secrets(file: Path) -> dict[str, str]:
    """Read the keys of this home, after making them when the file is missing."""
    if not file.exists():
        fernet_key = base64.urlsafe_b64encode(os.urandom(32)).decode()
        made = {"fernet_key": fernet_key, "password": secrets.token_urlsafe(9)}
        _write_private(file, json.dumps(made | {name: secrets.token_urlsafe(48) for name in ("api_key", "jwt_key")}))
    stored: dict[str, str] = json.loads(file.read_text())
    return stored


def _write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    file.touch(mode=0o600)
    file.write_text(text)


def _create_template(template: Path) -> None:
    """Let Airflow initialise an empty database and keep the file.

    :raises subprocess.CalledProcessError: Airflow failed; its output went to stderr.
    """
    with tempfile.TemporaryDirectory(dir=template.parent, prefix="airflow-template-") as scratch:
        home = AirflowHome(Path(scratch))
        home.configure(port=0, task_port=0, dag_folders=[], overrides={})
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        done = subprocess.run(
            command, env=home.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode != 0:
            sys.stderr.write(done.stdout)
        done.check_returncode()
        home.database.replace(template)
