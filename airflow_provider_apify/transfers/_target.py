"""Where a transfer writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_apify._templating import is_template

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

IfExists = Literal["overwrite", "fail", "skip"]
PART = "{part}"
"""Stands in a path for the number of a file."""


def check_path(path: str) -> None:
    """Check a path as far as it is known when the DAG is parsed.

    :raises ValueError: it is neither absolute nor a URL, or that of a folder.
    """
    if isinstance(path, str) and path.endswith("/"):
        raise ValueError(f"path is {path!r}, a folder. Give that of a file.")
    if not is_template(path) and "://" not in path and not path.startswith("/"):
        raise ValueError(
            f"path is {path!r}. Give a local path that begins with '/', or a URL such as 's3://bucket/items.jsonl'.",
        )


class Target:
    """A path, or a pattern of paths, of a storage and its connection.

    :param pattern: a local path or URL, with :data:`PART` where it stands for several.
    """

    def __init__(self, pattern: str, conn_id: str | None, *, is_split: bool = False) -> None:
        self._pattern, self._conn_id, self._is_split = pattern, conn_id, is_split

    def path(self, number: int = 0) -> ObjectStoragePath:
        """Return the path of a part, counted from 0.

        :raises AirflowFailException: the storage cannot be used.
        :raises OSError: it cannot be reached.
        """
        from airflow_provider_apify.export.target import storage_path  # noqa: PLC0415 - a DAG file needs no storage

        url = self._pattern.replace(PART, f"{number:05d}") if self._is_split else self._pattern
        try:
            return storage_path(url, self._conn_id)
        except (ImportError, ValueError) as error:
            raise AirflowFailException(
                f"Cannot write {url}: {error}. Files can be written to local disks, S3, Google Cloud Storage, Azure "
                "Blob and SFTP; drivers come with the extras s3, gcs, azure and sftp, for example: "
                "pip install 'airflow-provider-apify[s3]'.",
            ) from error

    def check(self, if_exists: IfExists = "overwrite", *, is_ours: bool = False) -> None:
        """Look whether there is a file already.

        :param is_ours: whether an earlier attempt of this task has written what is there.
        :raises AirflowFailException: the storage cannot be used, or there is a file although there must not be.
        :raises AirflowSkipException: there is a file, and then nothing is to be done.
        """
        path = self.path()
        if if_exists == "overwrite" or is_ours or not path.exists():
            return
        if if_exists == "skip":
            raise AirflowSkipException(f"{path} is there already: skipped, as if_exists says.")
        raise AirflowFailException(f"{path} is there already, and if_exists is 'fail'. Remove it, or overwrite it.")
