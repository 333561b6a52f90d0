"""Names of files for keys that anybody may have chosen."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

# Names of files have at most 255 bytes nearly everywhere, and a part of a file in the making has a longer one.
_LONGEST = 150


def file_name(key: str) -> str:
    """Return a name for a key, another one for each key, that stays in its folder and is not hidden.

    Letters, digits and ``-_.~!'()`` are kept, which is all that Apify allows in keys but for dots in front: these, and
    anything else, become ``%`` and two hexadecimal digits for each byte of UTF-8. Of a name that is longer than 150
    characters then, so many are kept, and ``%-`` and a digest of the key follow.
    """
    quoted = quote(key, safe="!'()", errors="surrogatepass")
    if quoted.startswith("."):
        quoted = f"%2E{quoted[1:]}"
    if len(quoted) <= _LONGEST:
        return quoted
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    return f"{quoted[:_LONGEST]}%-{digest[:40]}"
