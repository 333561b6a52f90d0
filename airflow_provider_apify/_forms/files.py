"""JSON files that DAG authors write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_json_object(path: Path, words: str) -> Mapping[str, Any]:
    """Read a file that holds a JSON object.

    :param words: what the object is, for errors.
    :raises ValueError: there is no such file, or it holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(
            f"There is no file {path}. For a file beside the DAG, write Path(__file__).with_name({path.name!r})."
        ) from None
    except ValueError as error:
        raise ValueError(f"{path} holds no JSON: {error}.") from None
    if not isinstance(found, Mapping):
        raise ValueError(f"{path} does not hold {words}: that is a JSON object.")  # noqa: TRY004 - wrong arguments are ValueError
    return found
