"""The command line: ``autotrack demo``, ``runs``, ``show``, ``plot``, ``doctor``, ``gc``, ``rebuild``."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Errors of autotrack are one line on standard error and exit status 1."""
    from autotrack.cli.app import app
    from autotrack.cli.output import complain
    from autotrack.errors import AutotrackError

    try:
        app(args=None if arguments is None else list(arguments), prog_name="autotrack")
    except AutotrackError as error:
        complain(error)
        sys.exit(1)
    except BrokenPipeError:  # `autotrack runs | head`
        sys.stderr.close()
        sys.exit(141)
