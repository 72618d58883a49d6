"""Everything that an integration may import from autotrack.

>>> def install(patches):                    # the entry point's value: "package:install"
...     import framework                     # import it here; take what you need from it
...     patches.around(framework.Model, "fit", observe_fit)

>>> @contextmanager                          # doctest: +SKIP
... def observe_fit(call):                   # a context manager around the user's call
...     with recording(call) as run:
...         run.log_params({"epochs": call.kwargs.get("epochs", 1)})
...         yield
...         run.log_metric("fit_time", call.duration)

Register it in the group `autotrack.integrations` under the name of the module to wait for, and list the versions it
needs in an extra of the same name. `autotrack.testing.IntegrationContract` tests it.
"""

from __future__ import annotations

from autotrack.additions import adding
from autotrack.autolog.calls import Call, Observer
from autotrack.autolog.listening import Heard, Listener
from autotrack.autolog.patches import Patches
from autotrack.autolog.recording import recording
from autotrack.autolog.rng import alone
from autotrack.autolog.session import OPTIONS
from autotrack.autolog.shield import guarded, note
from autotrack.capture.secrets import holds_secrets

__all__ = [
    "OPTIONS",
    "Call",
    "Heard",
    "Listener",
    "Observer",
    "Patches",
    "adding",
    "alone",
    "guarded",
    "holds_secrets",
    "note",
    "recording",
]
