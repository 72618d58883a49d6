"""Every error that autotrack raises in user code: one line that says what is wrong and what to do."""


class AutotrackError(Exception):
    """Base of all errors that autotrack raises by itself."""


class NoActiveRun(AutotrackError):
    """Something was logged while no run is active in this thread or task."""

    def __init__(self, call: str) -> None:
        super().__init__(
            f"{call} needs an active run: write `with autotrack.start_run(): ...` around it, "
            "or call it on the run that `autotrack.start_run()` returned"
        )


class RunFinished(AutotrackError):
    """Something was logged to a run that has ended."""


class StoreError(AutotrackError):
    """The store cannot be written or read (full, read-only, vanished, not a store)."""

    trouble = ""
    """What is wrong, the same for everything that was to be written: the log says it once."""


class RunNotFound(AutotrackError, LookupError):
    """No run, or more than one, answers to a reference."""


class QueryError(AutotrackError, ValueError):
    """A filter or sort expression that cannot be understood. `str()` points at the column."""


class ModelError(AutotrackError):
    """A recorded model cannot be loaded as asked."""
