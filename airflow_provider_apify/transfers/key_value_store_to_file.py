"""The operator that writes records of a key-value store to files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify._airflow.arguments import Reference
from airflow_provider_apify._api.storages.endpoints import get_record, get_records
from airflow_provider_apify._arguments.references import check_id, read_id
from airflow_provider_apify._arguments.templates import check_exactly_one, check_not_empty
from airflow_provider_apify._arguments.values import parse_text
from airflow_provider_apify._files.bodies import RecordCheck, SavedBody, save_body
from airflow_provider_apify._files.checks import EndCheck
from airflow_provider_apify._files.names import file_name
from airflow_provider_apify.exceptions import ApifyNotFoundError
from airflow_provider_apify.links import ApifyKeyValueStoreLink, ApifyRunLink, links_of, store_links
from airflow_provider_apify.models.storages import RecordKey
from airflow_provider_apify.transfers._to_file import BodyToFileOperator, finished_run

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

KEY = "{key}"
"""Stands in a path for the name of a record's file."""
_KEY_ADVICE = {
    False: f"Each record becomes a file of its own, so write {KEY} in the path, once: for example '/folder/{KEY}'.",
    True: f"With key or as_zip there is one file: write its whole path, without {KEY}.",
}
# Most records are small, so that the time goes into waiting for answers.
_CONNECTIONS = 4
# A record that trickles in must not hold up an error for longer.
_LAST_SECONDS = 5.0
_KEYS_AT_ONCE = 200
_FILES_IN_MANIFEST = 1_000
_FEW_KEYS = 5


@dataclass(frozen=True)
class _SavedRecord(SavedBody):
    key: str


class _NotWanted(Exception):
    """Another record has failed, or the task was stopped."""


class KeyValueStoreToFileOperator(BodyToFileOperator):
    """Write records of a key-value store to files, byte for byte: one record, all, those with a prefix, or a ZIP file.

    Each file appears whole or not at all, and replaces what was there, so a rerun is safe; a file whose record is gone
    stays. A body that breaks is read again, and its size compared with what the list of keys says; a page in HTML that
    Apify has not stored is no record.

    The name of a file is its record's key. Of keys that Apify allows, only two kinds are changed: a dot in front
    becomes ``%2E``, so that no name is ``..`` or hidden, and after 150 characters the rest becomes a digest. So no file
    gets outside of ``path``, and no two keys share a file, on storages that tell ``a`` from ``A``.

    Reference: https://docs.apify.com/api/v2/key-value-store-record-get

    :param store_id: the key-value store. Give this or ``run_id``. (templated)
    :param run_id: a finished run, whose default key-value store is read. (templated)
    :param key: write this record, for example ``"OUTPUT"``. (templated)
    :param prefix: only records whose keys begin like this. (templated)
    :param as_zip: write one ZIP file, made by Apify, in which names are keys.
    :param path: where to write: an absolute local path or a URL, as of
        :class:`~airflow_provider_apify.transfers.dataset_to_file.DatasetToFileOperator`. With neither ``key`` nor
        ``as_zip`` it needs ``{key}`` in it, once, for example ``"s3://bucket/{{ run_id }}/{key}"``. (templated)
    :param if_exists: ``"overwrite"``; for ``key`` and ``as_zip`` also ``"fail"``, or ``"skip"``, which skips the task.
    :param target_conn_id: Airflow connection of the storage; ``None`` takes the one in the path or the storage's
        default. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) the manifest: ``store_id``, ``run_id``, ``records`` (how many; ``None`` for a ZIP file), ``bytes``,
        and ``files`` (the first 1,000, so that XCom stays small), each with ``path``, ``key``, ``content_type``,
        ``bytes``, ``sha256`` and ``body_bytes`` (here the same as ``bytes``). The events of outlet assets carry it as
        ``extra``.
    :raises ValueError: at parse time, wrong arguments.
    :raises AirflowFailException: no such store, run or record; a run that still goes on; a storage whose driver is
        missing; a file that is there although ``if_exists="fail"``.
    :raises ApifyDataError: bodies kept breaking.
    :raises ApifyError: a target could not be written. Files that were finished before stay.
    """

    operator_extra_links = (ApifyRunLink(), ApifyKeyValueStoreLink())
    template_fields: Sequence[str] = (*BodyToFileOperator.template_fields, "store_id", "key", "prefix")

    def __init__(
        self,
        *,
        store_id: Reference | None = None,
        key: str | None = None,
        prefix: str | None = None,
        as_zip: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.store_id = cast("str | None", store_id)
        self.key = key
        self.prefix = prefix
        self.as_zip = as_zip
        self._check_arguments()

    def _write(self, context: Context) -> dict[str, Any]:
        store_id, run_id = self._store()
        store_links(self, context, links_of(self.hook.console, run_id, storages={"key_value_store": store_id}))
        files: list[SavedBody] = []
        count = size = 0
        for file in self._files(store_id):
            count, size = count + 1, size + file.bytes
            if count <= _FILES_IN_MANIFEST:
                files.append(file)
        self.log.info("Wrote %d %s (%d bytes) to %s", count, "file" if count == 1 else "files", size, self.path)
        return {
            "store_id": store_id,
            "run_id": run_id,
            "records": None if self.as_zip else count,
            "bytes": size,
            "files": [asdict(file) for file in files],
        }

    def _source(self, manifest: dict[str, Any]) -> tuple[str, str]:
        return "key-value-store", manifest["store_id"]

    def _store(self) -> tuple[str, str | None]:
        """Return the IDs of the store and of its run, if that is given."""
        if self.store_id is not None:
            return read_id("key_value_store", self.store_id), None
        run = finished_run(self.hook, self.run_id or "", "key-value store")
        if run.key_value_store_id is None:
            raise AirflowFailException(f"Run {run.id} has no default key-value store.")
        return run.key_value_store_id, run.id

    def _files(self, store_id: str) -> Iterable[SavedBody]:
        if self.as_zip:
            return [self._write_zip(store_id)]
        return self._write_many(store_id) if self.key is None else [self._write_one(store_id, self.key)]

    def _write_zip(self, store_id: str) -> SavedBody:
        self._destination().check(self.if_exists)
        read = partial(self.hook._read_body, get_records(store_id, prefix=self.prefix))
        # Its last record has 22 bytes.
        return save_body(self._destination().path(), read, lambda _headers: EndCheck(b"PK\x05\x06", behind=18))

    def _write_one(self, store_id: str, key: str) -> _SavedRecord:
        self._destination().check(self.if_exists)
        return self._save(store_id, self._find(store_id, key), self._destination().path())

    def _write_many(self, store_id: str) -> Iterator[_SavedRecord]:
        """Write the records over several connections, and yield them in the order of the keys."""
        keys = self.hook.iterate_keys(store_id, prefix=self.prefix)
        pool, is_over = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="apify-records"), Event()
        saving: list[Future[_SavedRecord]] = []

        def go_on() -> None:
            if is_over.is_set():
                raise _NotWanted

        save = partial(self._save, store_id, go_on=go_on)
        try:
            while some := list(islice(keys, _KEYS_AT_ONCE)):
                # Made here, because Airflow looks connections up for one thread only.
                paths = [self._destination(self.path.replace(KEY, file_name(each.key))).path() for each in some]
                saving = [pool.submit(save, *each) for each in zip(some, paths, strict=True)]
                yield from (future.result() for future in saving)
        finally:
            is_over.set()
            pool.shutdown(wait=False, cancel_futures=True)
            wait(saving, _LAST_SECONDS)

    def _save(
        self, store_id: str, record: RecordKey, path: ObjectStoragePath, go_on: Callable[[], object] = lambda: None
    ) -> _SavedRecord:
        read = partial(self.hook._read_body, get_record(store_id, record.key))
        saved = save_body(path, read, partial(RecordCheck, record.size), go_on=go_on)
        return _SavedRecord(**asdict(saved), key=record.key)

    def _find(self, store_id: str, key: str) -> RecordKey:
        for record in self.hook.iterate_keys(store_id, prefix=key):
            if record.key == key:
                return record
        others = [record.key for record in islice(self.hook.iterate_keys(store_id), _FEW_KEYS)]
        has = f"It has {', '.join(others)}{' and maybe more' if len(others) == _FEW_KEYS else ''}." if others else ""
        raise ApifyNotFoundError(
            f"Key-value store {store_id} has no record {key!r}. {has or 'It is empty.'}",
            http_status=404,
            error_type="record-not-found",
        )

    def _check_arguments(self) -> None:
        super()._check_arguments()
        given = {"store_id": self.store_id, "run_id": self.run_id}
        check_exactly_one("whose default key-value store is read", **given)
        check_not_empty(key=self.key)
        check_id("key_value_store", self.store_id)
        check_id("run", self.run_id)
        if self.key is not None and not parse_text("key", self.key):
            raise ValueError(
                "key is empty. Name a record, for example 'OUTPUT', or leave it out and give prefix or as_zip."
            )
        if self.key is not None and (self.as_zip or self.prefix is not None):
            raise ValueError("key chooses one record: prefix and as_zip are for several.")
        is_one_file = self.as_zip or self.key is not None
        if self.path.count(KEY) != int(not is_one_file):
            raise ValueError(
                f"path is {self.path!r}. {_KEY_ADVICE[is_one_file]}",
            )
        if not is_one_file and self.if_exists != "overwrite":
            raise ValueError("if_exists is for one file: with key or as_zip.")
