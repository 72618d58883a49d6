"""The logger `autotrack`: one line for whatever went wrong and harmed nobody."""

from __future__ import annotations

_said: set[str] = set()  # troubles of stores


def warn(text: str, error: Exception | None = None) -> None:
    """Log one warning; the traceback of `error` is there at level DEBUG.

    A store that cannot be written is one trouble, whatever was to be written: what follows the first line about it is
    there at level DEBUG too.
    """
    import logging  # only who has something to say pays for it

    logger = logging.getLogger("autotrack")
    trouble = getattr(error, "trouble", "")
    logger.log(logging.DEBUG if trouble in _said else logging.WARNING, "autotrack: %s", text)
    if trouble:
        _said.add(trouble)
    if error is not None:
        logger.debug("autotrack: traceback of the above", exc_info=error)
