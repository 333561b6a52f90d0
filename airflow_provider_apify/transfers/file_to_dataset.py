"""The operator that pushes the items of a file to a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify._airflow.arguments import Reference
from airflow_provider_apify._airflow.failing import failing_fast
from airflow_provider_apify._airflow.observing import pushing
from airflow_provider_apify._airflow.outlets import Data, Lineage, file_uri
from airflow_provider_apify._api.storages.counts import count_pushed
from airflow_provider_apify._api.storages.items import Pusher, cut
from airflow_provider_apify._arguments.keywords import MODE, refuse
from airflow_provider_apify._arguments.templates import check_exactly_one, is_template
from airflow_provider_apify._arguments.values import check_storage_name
from airflow_provider_apify._files.loading.items import READERS, Read, reader_of
from airflow_provider_apify._files.loading.stored import pieces
from airflow_provider_apify._files.loading.survey import FileHasChangedError, Survey, survey, unchanged
from airflow_provider_apify._files.sinks.output import bare, compression_of
from airflow_provider_apify._files.sinks.storages import advice
from airflow_provider_apify.exceptions import ApifyDataError, ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.links import ApifyDatasetLink, links_of, store_links
from airflow_provider_apify.models.storages import Dataset
from airflow_provider_apify.operators._lineage import LineageTask
from airflow_provider_apify.transfers._destination import check_path
from airflow_provider_apify.transfers._push_memory import Pushed, PushMemory, begin_to_append, begin_to_complete

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

PushMode = Literal["append", "complete"]


class FileToDatasetOperator(LineageTask):
    """Push the items of a jsonl, json or csv file to a dataset.

    The whole file is read and checked first, so that a bad line shows before anything is pushed. Then its items follow
    one another in pieces of up to 5 MB, each in one request. A file that is another one when it is read again fails the
    task: before anything is pushed where it is one piece, else before the last piece.

    Apify has no way to say that a request is the repetition of another. What is done instead, with only this task
    writing to the dataset at the time:

    - An answer that is lost: the dataset's count of items is watched for the connection's ``start_settle_seconds``
      (it lags up to 5 seconds, and the request may be under way), and the piece is sent again only where the count
      stands still. A count that fits neither case fails the task.
    - A retry, with ``push_mode="append"`` on Airflow 3.3 or later: the task remembers how many items were pushed, and
      goes on behind them, after a look whether the piece that was under way has arrived. So does a clear of a task that
      did not come to its end. A clear of one that did pushes everything again.
    - A retry, with ``push_mode="append"`` on older Airflow: nothing is remembered. If the dataset may have changed
      since the DAG run began, the retry fails for good rather than push items twice; otherwise it pushes all. A clear
      always pushes all.
    - ``push_mode="complete"``, on any Airflow: the dataset is for this file alone. The items that it counts already are
      taken for the first ones of the file, and only the others are pushed. So it may be repeated at will. The first and
      the last of those that are there are compared with the file's; others are an error.

    Items are doubled where a request arrives later than all that, or somebody else pushes as many items meanwhile.

    Reference: https://docs.apify.com/api/v2/dataset-items-post

    :param path: the file: an absolute local path or a URL of any storage that Airflow knows. ``.gz`` and ``.zst`` are
        decompressed. (templated)
    :param dataset_id: push to this dataset. (templated)
    :param dataset_name: push to the dataset of this name, which is made where there is none. (templated)
    :param file_format: ``"jsonl"``, ``"json"`` (one array) or ``"csv"`` (all values become text); ``None`` takes the
        path's ending. (templated)
    :param delimiter: CSV: one character between cells; default what a first line such as ``sep=;`` says, else a comma.
        A file whose header looks as if another one stood between its cells is refused. (templated)
    :param encoding: of the file, by its name in Python, such as ``"cp1252"``; default UTF-8, with or without a byte
        order mark. (templated)
    :param push_mode: ``"append"`` or ``"complete"``, see above.
    :param source_conn_id: Airflow connection of the storage; ``None`` takes the one in the path or the storage's
        default. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) ``dataset_id``, ``dataset_name``, ``path``, ``items`` (of the file), ``pushed`` (of these, by this
        attempt), ``item_count`` (of the dataset then, as Apify counts it) and ``sha256`` (of the items). The events of
        outlet assets carry it as ``extra``.
    :raises ValueError: at parse time, wrong arguments.
    :raises AirflowFailException: no such dataset; a line that is no item, or an item above 5 MB, with its place; a
        retry that cannot tell what was pushed; a file that changes meanwhile.
    :raises ApifyDataError: a count of the dataset that this task does not explain, or that is short of what was pushed.
    :raises ApifyError: the file could not be read.
    """

    operator_extra_links = (ApifyDatasetLink(),)
    template_fields: Sequence[str] = (
        "path",
        "dataset_id",
        "dataset_name",
        "file_format",
        "delimiter",
        "encoding",
        "source_conn_id",
        "apify_conn_id",
    )

    def __init__(
        self,
        *,
        path: str,
        dataset_id: Reference | None = None,
        dataset_name: str | None = None,
        file_format: str | None = None,
        delimiter: str | None = None,
        encoding: str | None = None,
        push_mode: PushMode = "append",
        source_conn_id: str | None = None,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        refuse(self, kwargs, MODE)
        super().__init__(**kwargs)
        self.path = path
        self.dataset_id = cast("str | None", dataset_id)
        self.dataset_name = dataset_name
        self.file_format = file_format
        self.delimiter = delimiter
        self.encoding = encoding
        self.push_mode = push_mode
        self.source_conn_id = source_conn_id
        self.apify_conn_id = apify_conn_id
        self._check_arguments()

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the file, then push what is not there yet."""
        with failing_fast():
            self._check_arguments()  # again, with the templates rendered
            found = self._survey()
            dataset = self._find_dataset()
            store_links(self, context, links_of(self.hook.console, storages={"dataset": dataset.id}))
            memory = PushMemory(context, dataset.id, found)
            begun = self._begin(context, memory, dataset, found)
            with pushing(context.get("ti")) as told:
                pushed = self._push(memory, dataset, begun, found)
                told(pushed.items - begun.items)
            count = self._count(dataset, pushed)
        words = "Pushed %d of the file's %d items to dataset %s."
        self.log.info(words, pushed.items - begun.items, found.items, dataset.id)
        result = {
            "dataset_id": dataset.id,
            "dataset_name": dataset.name,
            "path": self.path,
            "items": found.items,
            "pushed": pushed.items - begun.items,
            "item_count": count,
            "sha256": found.sha256,
        }
        written = Data.of_dataset(dataset, pushed.items - begun.items)
        return self._tell(context, result, Lineage([Data(file_uri(self.path))], [written]))

    def _survey(self) -> Survey:
        items = self._items()
        try:
            return survey(items)
        except ValueError as error:
            raise ValueError(f"{self.path}, {error} Nothing was pushed.") from None

    def _push(self, memory: PushMemory, dataset: Dataset, begun: Pushed, found: Survey) -> Pushed:
        pushed, settle = begun, self.hook._connection.start_settle_seconds
        pusher = Pusher(dataset.id, self.hook.retry, self.log.warning, settle=settle)
        try:
            for piece in cut(islice(unchanged(self._items(), found), begun.items, None)):
                memory.note(pushed)
                before = pushed.before + pushed.items
                self.hook._drive(pusher.push(piece, before, look_first=pushed.look_first))
                pushed = Pushed(pushed.before, pushed.items + piece.items)
        except FileHasChangedError as error:
            raise self._has_changed(dataset, pushed.items - begun.items) from error
        memory.note(pushed)
        return pushed

    def _has_changed(self, dataset: Dataset, pushed: int) -> AirflowFailException:
        return AirflowFailException(
            f"{self.path} has changed since this attempt began to read it. Of what it has become, {pushed} items were "
            f"pushed to dataset {dataset.id}; nobody can take them back.",
        )

    def _count(self, dataset: Dataset, pushed: Pushed) -> int:
        """Return how many items Apify counts in the end.

        :raises ApifyDataError: that is not what there must be.
        """
        expected = pushed.before + pushed.items
        settle = self.hook._connection.start_settle_seconds
        counted = self.hook._drive(count_pushed(expected, dataset.id, self.hook.retry, settle=settle))
        if counted > expected:
            words = f"Dataset {dataset.id} counts {counted} items, {counted - expected} more than were there and pushed"
            if self.push_mode == "complete":
                raise ApifyDataError(f"{words}: with push_mode='complete' it is to hold this file and nothing else.")
            self.log.warning("%s: something else writes to it as well.", words)
        return counted

    def _begin(self, context: Context, memory: PushMemory, dataset: Dataset, found: Survey) -> Pushed:
        """Return how far the file is pushed already."""
        if self.push_mode == "complete":
            pushed = self._begin_to_complete(context, dataset, found)
        else:
            pushed = begin_to_append(self.hook, context, memory, dataset)
        if pushed.items:
            self.log.info("%d items of the file are there already: going on behind them.", pushed.items)
        return pushed

    def _begin_to_complete(self, context: Context, dataset: Dataset, found: Survey) -> Pushed:
        try:
            return begin_to_complete(self.hook, context, dataset, found, unchanged(self._items(), found))
        except FileHasChangedError as error:
            raise self._has_changed(dataset, 0) from error

    def _find_dataset(self) -> Dataset:
        if self.dataset_name is None:
            return self.hook.get_dataset(self.dataset_id or "")
        return self.hook.create_dataset(self.dataset_name)

    def _items(self) -> Iterator[bytes]:
        return self._read(self._reader())

    def _reader(self) -> Read:
        return reader_of(_format_of(self.path, self.file_format), self.delimiter, self.encoding)

    def _read(self, read: Read) -> Iterator[bytes]:
        from airflow.providers.common.compat.sdk import ObjectStoragePath  # noqa: PLC0415 - a DAG file needs no storage

        try:
            path = ObjectStoragePath(self.path, conn_id=self.source_conn_id)
            yield from read(pieces(path, compression_of(self.path, None)))
        except OSError as error:
            hint = (
                "" if isinstance(error, FileNotFoundError) else advice(self.path, error)
            )  # the file itself is missing
            said = f"Cannot read {self.path}: {type(error).__name__}: {error}.{hint}"
            raise ApifyError(said) from error
        except ImportError as error:
            raise AirflowFailException(f"Cannot read {self.path}: {error}.") from error

    def _check_arguments(self) -> None:
        """Check what is known before templates are rendered, so that a mistake shows when the DAG is parsed."""
        given = {"dataset_id": self.dataset_id, "dataset_name": self.dataset_name}
        check_exactly_one("made where there is none", **given)
        check_path(self.path)
        if self.push_mode not in get_args(PushMode):
            raise ValueError(f"push_mode is {self.push_mode!r}. Give one of {', '.join(get_args(PushMode))}.")
        if self.dataset_name is not None and not is_template(self.dataset_name):
            check_storage_name("dataset_name", self.dataset_name)
        if not is_template((self.file_format, self.delimiter, self.encoding, self.path.rpartition("/")[2])):
            self._reader()


def _format_of(path: str, file_format: str | None) -> str:
    """Return the format that is named, else that of the path's ending.

    :raises ValueError: there is none.
    """
    name = (file_format or bare(path).rpartition(".")[2]).lower()
    if name not in READERS:
        raise ValueError(
            f"{name!r} is no format that items are read from. Give file_format as one of {', '.join(READERS)}."
        )
    return name
