"""Lets another library's import pass over modules that it imports whole and seldom uses, until it does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class _Late(ModuleType):
    """Stands for a module that is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            if name.startswith("__") and name != "__path__":  # what an import looks at
                raise AttributeError(name)
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def _spec(name: str) -> ModuleSpec | None:
    with suppress(ModuleNotFoundError):  # of the package that it belongs to
        return find_spec(name)
    return None


@contextmanager
def late(*modules: str) -> Iterator[None]:
    """Within it, `import` of these modules gives stand-ins; afterwards it gives the modules, and the stand-ins work on.

    Python's own `importlib.util.LazyLoader` does not serve here: in 3.11 the second import of its module loads it. A
    module that is imported already, or not installed, is left as it is.
    """
    stand_ins: dict[str, _Late] = {}
    for name in modules:
        if name in sys.modules or (spec := _spec(name)) is None:
            continue
        stand_ins[name] = _Late(name)
        stand_ins[name].__spec__ = spec
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]
