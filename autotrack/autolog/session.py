"""Autologging, on and off: one per process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from autotrack.autolog import hooks, plugins
from autotrack.autolog.shield import report
from autotrack.log import warn

if TYPE_CHECKING:
    from autotrack.autolog.patches import Patches

OPTIONS = ("models", "metrics", "data", "plots", "preprocessing", "children")
"""What every integration understands, besides `only` and `disable`."""

_ALWAYS = ("always",)
_WORDS = {"models": ("copy", "reference", "always"), "metrics": _ALWAYS, "data": _ALWAYS, "plots": _ALWAYS}
"""What an option may be besides True and False."""

KERNEL = "joblib"  # what the kernel itself patches, see parallel.py

_lock = threading.RLock()


class Integration(NamedTuple):
    """How one integration is doing, for `autotrack doctor`."""

    name: str
    """The module that it waits for."""
    distribution: str
    """The distribution that brings it."""
    state: str
    """`waiting` (not imported yet), `patched`, `refused` (too old), `disabled`, `failed`, or `off` (autolog is)."""
    version: str | None
    """Of the framework, once it is patched or refused."""
    reason: str | None
    """Why it was refused or has failed."""


class Autolog:
    """Autologging that is on (or was: `stop()` undoes everything). After a `with` block it is as it was before."""

    def __init__(self) -> None:
        self._plugs: list[_Plug] = []
        self._given: dict[str, Any] = {}
        self._running = False
        self._former: dict[str, Any] | None = None  # the options before the last call; None: it was off
        self._entered: list[dict[str, Any] | None] = []

    @property
    def running(self) -> bool:
        """Whether trainings are being recorded."""
        return self._running

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that were given."""
        return dict(self._given)

    def start(self, given: dict[str, Any]) -> None:
        """Turn autologging on; if it is on already, go on with the options `given`, if there are any."""
        self._former = self._given if self._running else None
        if not self._running:
            self._start(given)
            return
        if given and given != self._given:
            _check(given, dict.fromkeys(plug.entry.module for plug in self._plugs if plug.entry.distribution))
            self.stop()
            self._start(given)

    def stop(self) -> None:
        """Take every patch away again: classes and modules are what they were before. Open runs go on."""
        with _lock:
            self._running = False
            plugs = self._plugs
            for plug in plugs:
                plug.cancel()
        for plug in sorted(plugs, key=lambda plug: plug.order, reverse=True):
            plug.undo()

    def status(self) -> list[Integration]:
        """Every integration that is installed, and how it is doing."""
        with _lock:
            plugs = self._plugs if self._running else [_Plug(self, entry, {}) for entry in plugins.discover()]
            return [plug.status() for plug in plugs if plug.entry.distribution]

    def __enter__(self) -> Self:
        self._entered.append(self._former)
        self._former = self._given
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        former = self._entered.pop()
        if former is None or not self._running:
            self.stop()
        elif former != self._given:  # it was on already before the block, with other options
            self.stop()
            self._start(former)

    def __repr__(self) -> str:
        states = ", ".join(f"{one.name} {one.state}" for one in self.status())
        return f"<autolog {'on' if self._running else 'off'}: {states or 'no integration is installed'}>"

    def _start(self, given: dict[str, Any]) -> None:
        entries = plugins.discover()
        known = dict.fromkeys(entry.module for entry in entries)
        names, options = _check(given, known)
        kernel = plugins.Entry(KERNEL, "autotrack.autolog.parallel:install", "", "")
        with _lock:
            self._given = given
            self._running = True
            self._plugs = [
                _Plug(self, entry, _options_for(entry.module, options, known)) for entry in [kernel, *entries]
            ]
            for plug in self._plugs:
                if plug.entry is not kernel and plug.entry.module not in names:
                    plug.state = "disabled"
            waiting = [plug for plug in self._plugs if plug.state == "waiting"]
        for plug in waiting:
            hooks.when_imported(plug.entry.module, plug.install)


def autolog(*, only: str | Iterable[str] | None = None, disable: str | Iterable[str] = (), **options: Any) -> Autolog:
    """Record every training of the supported frameworks from here on, whether they have been imported already or not.

    Starts no thread and writes no file. Called again, it changes nothing; with options, those hold from then on.

    Args:
        only: Names of the integrations to use, such as ``"sklearn"``; the others are left alone.
        disable: Names of integrations not to use.
        **options: For all integrations: ``models`` ("copy", "reference" or False: whether trained models are kept,
            described, or left out), ``metrics`` (bool: whether metrics are computed after a training that reports none
            itself), ``data`` (bool: whether the data of a training is fingerprinted), ``plots`` (bool: whether the
            numbers of plots are recorded); each of these four may be "always": also where that takes long, compared
            with the training; ``preprocessing`` (bool: whether preparation that is fitted alone, such as a scaler, is
            recorded too), ``children`` (bool: whether each candidate of a search becomes a child run as well, once the
            search has ended). For one integration: ``sklearn={"models": False}``.

    Raises TypeError for an option that does not exist, ValueError for an integration that does not, or a wrong value.
    """
    given = dict(options)
    if only is not None:
        given["only"] = (only,) if isinstance(only, str) else tuple(only)
    if disable:
        given["disable"] = (disable,) if isinstance(disable, str) else tuple(disable)
    _session.start(given)
    return _session


def is_on() -> bool:
    """Whether autologging is on in this process."""
    return _session.running


def _check(given: Mapping[str, Any], known: Mapping[str, None]) -> tuple[set[str], dict[str, Any]]:
    """The names of the integrations to use, and the options without `only` and `disable`."""
    options = {name: value for name, value in given.items() if name not in ("only", "disable")}
    keywords = {name.replace(".", "_") for name in known}
    for name, value in options.items():
        if name not in keywords and name not in OPTIONS:
            choices = ", ".join(["only", "disable", *OPTIONS, *sorted(keywords)])
            raise TypeError(f"autolog() has no option {name!r}; the options are {choices}")
        if name in keywords and not isinstance(value, Mapping):
            raise TypeError(f"autolog({name}=...) takes a dict of options, such as {{'models': False}}, not {value!r}")
        for option, choice in value.items() if name in keywords else [(name, value)]:
            words = _WORDS.get(option, ())
            if option in OPTIONS and not isinstance(choice, bool) and choice not in words:
                raise ValueError(
                    f"autolog({option}={choice!r}): it may be {', '.join(map(repr, (True, False, *words)))}"
                )
    for name in (*given.get("only", ()), *given.get("disable", ())):
        if name not in known:
            raise ValueError(f"autolog() knows no integration {name!r}; installed are {', '.join(known) or 'none'}")
    return set(given.get("only", known)) - set(given.get("disable", ())), options


def _options_for(module: str, options: Mapping[str, Any], known: Mapping[str, None]) -> dict[str, Any]:
    keywords = {name.replace(".", "_") for name in known}
    common = {name: value for name, value in options.items() if name not in keywords}
    return {**common, **options.get(module.replace(".", "_"), {})}


class _Plug:
    """One integration in one session. Its import hook does nothing any more once the session has been stopped."""

    def __init__(self, session: Autolog, entry: plugins.Entry, options: Mapping[str, Any]) -> None:
        self.session = session
        self.entry = entry
        self.options = options
        self.state = "waiting"
        self.version: str | None = None
        self.reason: str | None = None
        self.order = 0
        self.patches: Patches | None = None

    def install(self) -> None:
        """Called when the framework has been imported. Never raises but in strict mode; patches all or nothing."""
        global _installed  # noqa: PLW0603 - a counter
        with _lock:  # not held during the import below, which takes the locks of modules
            if self.state != "waiting":
                return
            self.state = "installing"
            _installed += 1
            self.order = _installed
        try:
            self._install()
        except Exception as error:  # noqa: BLE001 - the shield
            self._drop("failed", f"{type(error).__name__}: {error}")
            report(f"patching {self.entry.module} with {self.entry.value}", error)
        except BaseException:
            self._drop("failed", "interrupted")
            raise

    def _install(self) -> None:
        from autotrack.autolog.patches import Patches

        verdict = plugins.gate(self.entry) if self.entry.folder else plugins.Verdict(None, None)
        self.version = verdict.version
        if verdict.refusal is not None:
            self.state, self.reason = "refused", verdict.refusal
            warn(f"{self.entry.module} is not recorded: {verdict.refusal}")
            return
        patches = self.patches = Patches(self.entry.module, self.options)
        self.entry.load()(patches)
        with _lock:
            stopped = self.state != "installing"
            if not stopped:
                self.state = "patched"
        if stopped:  # by another thread meanwhile
            patches.undo()

    def _drop(self, state: str, reason: str) -> None:
        self.state, self.reason = state, reason
        if self.patches is not None:
            self.patches.undo()

    def cancel(self) -> None:
        hooks.forget(self.entry.module, self.install)
        self.state = "off"

    def undo(self) -> None:
        if self.patches is not None:
            self.patches.undo()

    def status(self) -> Integration:
        state = self.state if self.session.running else "off"
        return Integration(self.entry.module, self.entry.distribution, state, self.version, self.reason)


_installed = 0
_session = Autolog()


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_after_fork_in_child)
