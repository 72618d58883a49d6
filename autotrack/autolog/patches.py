"""Patches: what an integration puts around a framework's functions, and how it is taken away without a trace."""

from __future__ import annotations

import itertools
import operator
import sys
import weakref
from collections.abc import Callable, Mapping
from types import MethodType, ModuleType
from typing import Any

from autotrack.autolog import hooks
from autotrack.autolog.ancestry import MISSING, defined, found, tree
from autotrack.autolog.calls import Call, Observer, Site
from autotrack.autolog.listening import Listener, ear
from autotrack.autolog.shield import guarded
from autotrack.autolog.transplants import is_decorated, transplant
from autotrack.autolog.wrappers import Exported, Observed, plain, site_of, uncounted

Door = Callable[..., Any]
"""What makes the calls of a patched place: `door(wrapped, instance, args, kwargs)`."""


class Patches:
    """What one integration changes, given to its `install(patches)`."""

    options: Mapping[str, Any]
    """The options given to `autotrack.autolog()`."""
    live: bool
    """False once it has been undone: whoever still holds a wrapper gets the plain call."""

    def __init__(self, integration: str, options: Mapping[str, Any]) -> None:
        self.integration = integration
        self.options = options
        self.live = True
        self._undo: dict[int, Callable[[], object]] = {}  # in the order in which they were put in
        self._count = itertools.count()
        self._on_stop: list[Callable[[], object]] = []
        self._again: dict[tuple[int, str], Callable[[], object]] = {}
        _all.add(self)

    def around(self, owner: type | ModuleType, name: str, observer: Observer, *, nested: bool = False) -> None:
        """Have `observer(call)`, a context manager, entered around each call of `owner.name`.

        `owner` is a class (`name` may be inherited) or a module. A decorated function stays the object that it is, and
        is observed wherever it is held (see `transplants`); any other one in every loaded module that has imported it
        under its own name. Give the module that users import it from: where another one defines it, it stays there as
        it is (see `Exported`). While an observation is open, the observed calls inside it (in
        this thread or task, and in the threads of `joblib.Parallel`) are not observed, unless the outer one is
        `nested`: then they are, and `recording` opens child runs for them. An observer that returns None instead of a
        context manager lets the call pass as if it were not patched.
        """
        site = Site(self, owner, name, observer, nested=nested)
        if isinstance(owner, type):
            import inspect

            self._wrap_method(site, inspect.getattr_static(owner, name))
        else:
            self._wrap_function(site, getattr(owner, name))

    def around_subclasses(self, base: type, name: str, observer: Observer, *, nested: bool = False) -> None:
        """`around` for `name` wherever `base` or a subclass of it defines it: the classes that exist and later ones.

        A class that has it from a mixin of somebody else's, which is no subclass of `base`, counts as defining it.
        """

        def made(cls: type) -> tuple[Site, Door | None]:
            return Site(self, cls, name, observer, nested=nested), None

        self._on_subclasses(base, name, defined, made)

    def after(self, owner: type | ModuleType, name: str, listener: Listener, *, within: bool = False) -> None:
        """Have `listener(heard)` told of each call of `owner.name` that has returned, for microseconds only.

        Not of calls inside an observed one, nor inside another one that is listened to: of these, the first few are
        part of what a listener `within` is told. See `around` for `owner` and `name`.
        """
        site = Site(self, owner, name, _unobserved)
        if isinstance(owner, type):
            import inspect

            self._wrap_method(site, inspect.getattr_static(owner, name), ear(site, listener, within=within))
        else:
            self._wrap_function(site, getattr(owner, name), ear(site, listener, within=within))

    def after_subclasses(self, base: type, name: str, listener: Listener, *, within: bool = False) -> None:
        """`after` for `name` wherever `base` or a subclass of it defines it, or a mixin that they have it from."""

        def made(cls: type) -> tuple[Site, Door]:
            site = Site(self, cls, name, _unobserved)
            return site, ear(site, listener, within=within)

        self._on_subclasses(base, name, found, made)

    def _on_subclasses(
        self,
        base: type,
        name: str,
        look: Callable[[type, str, type], tuple[type, Any]],
        made: Callable[[type], tuple[Site, Door | None]],
    ) -> None:
        """Patch `name` in every class where `look` finds it: it says whose attribute it is, and what that is."""
        hooked: weakref.WeakSet[type] = weakref.WeakSet((base,))

        def wrap(cls: type) -> None:
            if "__init_subclass__" in vars(cls) and cls not in hooked:
                hooked.add(cls)
                self._on_later_subclass(cls, wrap)  # its own may not call that of `base`
            cls, value = look(cls, name, base)
            if value is MISSING or hasattr(type(value), "__set__"):
                return
            # `fit = Base.fit` in a class body, or dataclass(slots=True), brings a wrapper of ours along.
            site = site_of(value)
            if site is not None and site.patches is self and site.owner is cls:
                return
            original = plain(value) if site is not None and site.patches is self else value
            if callable(original) or hasattr(type(original), "__get__"):
                site, door = made(cls)
                self._wrap_method(site, original, door)
                if cls.__module__ == "__main__":
                    place = id(cls), name
                    cls_ = weakref.ref(cls, lambda _: self._again.pop(place, None))
                    self._again[place] = lambda: None if (cls := cls_()) is None else wrap(cls)

        self._on_later_subclass(base, wrap)
        for cls in tree(base):
            wrap(cls)

    def through(self, owner: type, name: str, door: Door) -> None:
        """For the kernel itself: have `door(wrapped, instance, args, kwargs)` make the calls of `owner.name`."""
        self._wrap_method(Site(self, owner, name, _unobserved), vars(owner)[name], door)

    def when_imported(self, module: str, install: Callable[[], object]) -> None:
        """Call `install()` once a further module of the framework has been imported: now, if it has been already.

        For what is expensive to import and not used by everybody.
        """

        def hook() -> None:
            if self.live:
                with guarded(f"patching {module}"):
                    install()

        self.on_stop(lambda: hooks.forget(module, hook))
        hooks.when_imported(module, hook)

    def on_stop(self, callback: Callable[[], object]) -> None:
        """Call `callback()` when `autolog` is stopped."""
        self._on_stop.append(callback)

    def undo(self) -> None:
        """Take away what this integration has put in, in reverse, and tell it."""
        self.live = False
        while self._on_stop:
            with guarded(f"stopping {self.integration}"):
                self._on_stop.pop()()
        while self._undo:
            self._undo.popitem()[1]()

    def mend(self) -> None:
        """Put back what a pickle that came from another process has overwritten.

        Classes of `__main__` travel by value. When an object of such a class comes back, cloudpickle sets the class's
        attributes to what they are over there: plain functions.
        """
        if self.live:
            for again in list(self._again.values()):
                again()

    def _wrap_method(self, site: Site, original: Any, door: Door | None = None) -> None:
        owner, name = site.owner, site.name
        wrapper = Observed(original, site, door)
        inherited = name not in vars(owner)
        setattr(owner, name, wrapper)
        # Users define classes and drop them: nothing that is kept here holds on to a class (functions do, by `super`).
        entry = next(self._count)
        owner_, wrapper_ = weakref.ref(owner, lambda _: self._undo.pop(entry, None)), weakref.ref(wrapper)
        del owner, original, site, wrapper

        def undo() -> None:
            owner, wrapper = owner_(), wrapper_()
            if owner is None or wrapper is None or vars(owner).get(name) is not wrapper:
                return  # gone, or somebody else has put something in its place since: theirs stays
            if inherited:
                delattr(owner, name)
            else:
                setattr(owner, name, wrapper.__wrapped__)

        self._undo[entry] = undo

    def _wrap_function(self, site: Site, original: Any, door: Door | None = None) -> None:
        if is_decorated(original):
            self._undo[next(self._count)] = transplant(original, lambda plain: Observed(plain, site, door))
            return
        name = site.name
        home = sys.modules.get(getattr(original, "__module__", None) or "", site.owner)
        if home is site.owner:
            wrapper = Observed(original, site, door)
            _replace_everywhere(name, original, wrapper)
        else:
            wrapper = Exported(original, site, door)
            _replace_everywhere(name, original, wrapper, but=home)
        self._undo[next(self._count)] = lambda: _replace_everywhere(name, wrapper, original)

    def _on_later_subclass(self, base: type, wrap: Callable[[type], None]) -> None:
        before = vars(base).get("__init_subclass__", MISSING)

        @uncounted
        def __init_subclass__(cls: type, /, **kwargs: Any) -> None:  # noqa: N807 - it becomes one
            if before is MISSING:
                super(base, cls).__init_subclass__(**kwargs)  # type: ignore[arg-type]
            else:
                before.__get__(None, cls)(**kwargs)
            if self.live:
                with guarded(f"observing {cls.__qualname__}"):
                    wrap(cls)

        def undo() -> None:
            if vars(base).get("__init_subclass__") is not hook:
                return
            if before is MISSING:
                del base.__init_subclass__
            else:
                base.__init_subclass__ = before  # type: ignore[method-assign]

        hook = _SubclassHook(__init_subclass__, before)
        base.__init_subclass__ = hook  # type: ignore[assignment]
        self._undo[next(self._count)] = undo


def _unobserved(_: Call) -> None:
    """The observer of places that have a door of their own."""


class _SubclassHook:
    """A class method, but for pickling: where a base class is pickled by value, it is as if the hook were not there."""

    def __init__(self, function: Callable[..., None], before: Any) -> None:
        self.function = function
        self.before = before

    def __get__(self, instance: Any, owner: type) -> MethodType:
        return MethodType(self.function, owner)

    def __reduce__(self) -> Any:
        if self.before is MISSING:
            return staticmethod, (dict,)  # takes the keywords and does nothing, and is not ours
        return operator.getitem, ((self.before,), 0)


_all: weakref.WeakSet[Patches] = weakref.WeakSet()


def mend() -> None:
    """`Patches.mend` of all that there are."""
    for patches in list(_all):
        patches.mend()


def _replace_everywhere(name: str, old: Any, new: Any, but: ModuleType | None = None) -> None:
    """In the globals of all loaded modules where `name` is `old`; no module's own `__getattr__` is woken for that."""
    for module in list(sys.modules.values()):
        if issubclass(type(module), ModuleType) and module is not but:
            namespace = object.__getattribute__(module, "__dict__")
            if namespace.get(name, MISSING) is old:
                namespace[name] = new
