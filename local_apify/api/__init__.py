"""The HTTP side of the local Apify."""
