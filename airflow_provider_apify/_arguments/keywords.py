"""Keywords that people write and that nothing takes. No I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

RUN = {"run": "Give run_id what the task returns: run_id=crawl.output."}
# Not called timeout and mode, as the API and most libraries do: these are of Airflow's sensors, and default_args hands
# them to whatever takes such a keyword.
TIMEOUT = {"timeout": "Write run_timeout: the seconds after which Apify stops the run."}
MODE = {"mode": "Write push_mode."}


def refuse(taker: object, keywords: Mapping[str, object], instead: Mapping[str, str]) -> None:
    """Check that none of some keywords is given.

    :param taker: who takes none of them.
    :param instead: what to do in place of each.
    :raises TypeError: one is given.
    """
    for name, advice in instead.items():
        if name in keywords:
            raise TypeError(f"{type(taker).__name__} takes no {name}. {advice}")


def misspelt(given: Collection[str], known: Collection[str]) -> str:
    """Say which names there are not, and which may be meant; nothing where there are all."""
    unknown = sorted(set(given) - set(known))
    if not unknown:
        return ""
    names = {_letters(name): name for name in known}
    meant = [(name, get_close_matches(_letters(name), names, n=1)) for name in unknown]
    said = [f"{name} (did you mean {names[close[0]]}?)" if close else name for name, close in meant]
    return f"no {', '.join(said)}; there are {', '.join(known) or 'none'}"


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()
