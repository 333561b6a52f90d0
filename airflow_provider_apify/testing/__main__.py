"""Serve the local Apify from the command line, as ``python -m local_apify`` does."""

from __future__ import annotations

from local_apify.__main__ import main

if __name__ == "__main__":
    main()
