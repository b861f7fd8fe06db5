"""Imports single modules of a library without the rest of it, which its `__init__.py` files would import."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


@contextmanager
def bare_packages(library: str, packages: tuple[str, ...] = (), stay: bool = False) -> Iterator[None]:
    """While this context is open, the library and these packages of it, where nobody has imported them yet, are empty,
    so that of what is imported only named modules are run. Afterwards they are unknown again, or stay empty.

    library: name of an installed top package. packages: dotted names below it. stay: for one that cannot be imported
    once some of its modules have been; others then import only its modules, too.
    """
    spec = find_spec(library)
    assert spec is not None and spec.origin is not None, f"{library} is a dependency of this project"
    root = Path(spec.origin).parent
    bare = []
    for name in ("", *packages):
        dotted = f"{library}.{name}".rstrip(".")
        if dotted not in sys.modules:
            module = ModuleType(dotted)
            module.__path__ = [str(root.joinpath(*name.split(".")))]
            module.__spec__ = ModuleSpec(dotted, None, origin=str(root / "__init__.py"), is_package=True)
            sys.modules[dotted] = module
            bare.append(dotted)
    try:
        yield
    finally:
        for dotted in () if stay else bare:
            del sys.modules[dotted]
