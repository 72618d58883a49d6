"""The logger `autotrack`: one line for whatever went wrong and harmed nobody."""

from __future__ import annotations


def warn(text: str, error: Exception | None = None) -> None:
    """Log one warning; the traceback of `error` is there at level DEBUG."""
    import logging  # only who has something to say pays for it

    logger = logging.getLogger("autotrack")
    logger.warning("autotrack: %s", text)
    if error is not None:
        logger.debug("autotrack: traceback of the above", exc_info=error)
