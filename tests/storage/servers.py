"""Real storage servers on loopback, each with what an Airflow connection to it looks like.

.. code-block:: python

    with S3Server(Path("s3")) as server:
        os.environ["AIRFLOW_CONN_LAKE"] = json.dumps(server.connection)
        ...  # write to f"{server.url}/items.jsonl" with target_conn_id="lake"
"""

from __future__ import annotations

import base64
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncssh
import requests

from tools.environment import clean_environment
from tools.lab.component import Component, stop_together
from tools.lab.waiting import wait_until
from tools.server_programs import azurite, sshd

_START_SECONDS = 60


class Server(ABC):
    """A server that runs while the block does.

    :param folder: takes its log and what else it writes.
    :ivar url: where files can be written: a bucket, a container, a folder.
    :ivar connection: of Airflow, as its JSON is.
    """

    url: str
    connection: dict[str, Any]

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @abstractmethod
    def _start(self) -> None:
        """Start what serves, and set where it is."""

    def _run(self, command: list[str], announcement: str, **environment: str) -> str:
        """Start a program and return the address it announces."""
        program = Component(
            type(self).__name__,
            command,
            environment=clean_environment(**environment),
            folder=self.folder,
            log=self.folder / "log",
        )
        self._stack.callback(stop_together, [program])

        def address() -> str | None:
            program.check()
            found = re.search(announcement, program.output())
            return found and found[1]

        return wait_until(address, f"{program.name} to listen", timeout=_START_SECONDS, poll=0.05)


class S3Server(Server):
    """Moto's server, which speaks S3 over HTTP."""

    bucket = "lake"

    def _start(self) -> None:
        program = "import sys; from moto.server import main; main(sys.argv[1:])"
        command = [sys.executable, "-c", program, "-H", "127.0.0.1", "-p", "0"]
        self.endpoint = self._run(command, r"Running on (http://127\.0\.0\.1:\d+)")
        self.connection = {
            "conn_type": "aws",
            "login": "tester",
            "password": secrets.token_hex(16),
            "extra": {"endpoint_url": self.endpoint, "region_name": "us-east-1"},
        }
        self.url = f"s3://{self.bucket}"
        requests.put(f"{self.endpoint}/{self.bucket}", timeout=_START_SECONDS).raise_for_status()

    def check_credentials(self, *, after: int | None) -> None:
        """From now on, look at requests' credentials after so many requests; ``None`` is never again."""
        body = str(sys.maxsize if after is None else after)
        requests.post(f"{self.endpoint}/moto-api/reset-auth", data=body, timeout=_START_SECONDS).raise_for_status()


class AzuriteServer(Server):
    """Azurite, Microsoft's own emulator of Azure Blob Storage."""

    container = "lake"

    def _start(self) -> None:
        account, key = "tester", base64.b64encode(secrets.token_bytes(64)).decode()
        options = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry"]
        # The driver may speak a newer version of the protocol than this release knows by name.
        options += ["--skipApiVersionCheck"]
        listens = r"successfully listens on (http://127\.0\.0\.1:\d+)"
        self.endpoint = self._run([*azurite(), *options], listens, AZURITE_ACCOUNTS=f"{account}:{key}")
        address = f"{self.endpoint}/{account}"
        self.connection_string = (
            f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};BlobEndpoint={address};"
        )
        self.connection = {"conn_type": "azure_data_lake", "extra": {"connection_string": self.connection_string}}
        self.url = f"abfs://{self.container}"


class SftpServer(Server):
    """OpenSSH's ``sshd``, started for each connection on a socket of ours, as inetd does; nobody but the test gets in.

    It runs as this user, or as ``nobody`` where this user is root: unprivileged, it needs none of the system's set-up.

    :param options: further lines of its configuration.
    :ivar disk: the folder behind ``url``.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self._options = options

    def _start(self) -> None:
        self.user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._home = Path(tempfile.mkdtemp(prefix="sshd-"))
        self._stack.callback(shutil.rmtree, self._home)
        self.disk = self._home / "disk"
        self.disk.mkdir()
        self._install()
        self._sessions: list[subprocess.Popen[bytes]] = []
        self._stack.callback(self._end_sessions)
        listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        # Else the thread would wait on a socket that is closed.
        self._stack.callback(listener.shutdown, socket.SHUT_RDWR)
        self.connection = {
            "conn_type": "sftp",
            "host": "127.0.0.1",
            "port": listener.getsockname()[1],
            "login": self.user,
            "extra": {"key_file": str(self.folder / "key"), "no_host_key_check": "true"},
        }
        self.url = f"sftp://{self.disk}"

    def log(self) -> str:
        """Return what the server has logged."""
        return (self.folder / "log").read_text()

    def _install(self) -> None:
        """Put the program, its keys and its settings where its user may read them."""
        program = sshd()
        for file in (program.program, *program.libraries):
            shutil.copy(file, self._home)
        for name in ("host", "key"):
            key = asyncssh.generate_private_key("ssh-ed25519")
            key.write_private_key(self.folder / name)
            key.write_public_key(self.folder / f"{name}.pub")
        shutil.copy(self.folder / "host", self._home)
        shutil.copy(self.folder / "key.pub", self._home)
        lines = (
            f"HostKey {self._home}/host",
            f"AuthorizedKeysFile {self._home}/key.pub",
            "StrictModes no",
            "UsePAM yes",  # else an account without a password counts as locked
            "PidFile none",
            *(self._options or ["Subsystem sftp internal-sftp"]),
        )
        (self._home / "sshd_config").write_text("\n".join(lines) + "\n")
        self._home.chmod(0o755)
        for file in self._home.iterdir():
            file.chmod(0o700 if file.name in {"sshd", "disk"} else 0o600)
            shutil.chown(file, self.user)

    def _accept(self, listener: socket.socket) -> None:
        command = [str(self._home / "sshd"), "-i", "-e", "-f", str(self._home / "sshd_config")]
        account = pwd.getpwnam(self.user)
        becomes = account.pw_uid != os.geteuid()
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # closed: the block is over
            with connection, (self.folder / "log").open("ab") as log:
                session = subprocess.Popen(  # noqa: S603 - our own command
                    command,
                    stdin=connection.fileno(),
                    stdout=connection.fileno(),
                    stderr=log,
                    env={"LD_LIBRARY_PATH": str(self._home)},
                    user=account.pw_uid if becomes else None,
                    group=account.pw_gid if becomes else None,
                    extra_groups=[] if becomes else None,
                )
            self._sessions.append(session)

    def _end_sessions(self) -> None:
        for session in self._sessions:
            session.terminate()
            session.wait()
