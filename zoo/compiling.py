"""How kernels are compiled: ahead of time, or when first called.

A package with a module `build` has its kernels built ahead of time, when it is first imported from
sources as they are (`zoo.built`). Where nothing can be built, and in all other packages, Numba
compiles each kernel when it is first called (`zoo.machine_code`); `ZOO_KERNELS=numba` in the
environment asks for that.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from zoo.built import Built, loaded, name_of, stamp

Function = TypeVar("Function", bound=Callable)


def kernel(function: Function) -> Function:
    """Compiles a function that runs without the interpreter's lock.

    It is taken from what was built ahead of time from these same sources, or else compiled when
    first called, and cached.
    """
    built = _built(function)
    if built is not None:
        # What is not there is called by other kernels only.
        return cast("Function", built.get(name_of(function), function))
    from zoo.machine_code import compiled_when_called

    return compiled_when_called(function)


def inline(function: Function) -> Function:
    """Marks a function that is compiled into the kernels that call it."""
    if _built(function) is not None:
        return function
    from numba import njit

    return cast("Function", njit(inline="always")(function))


def _built(function: Callable) -> dict[str, Built] | None:
    file = getattr(sys.modules[function.__module__], "__file__", None)
    return None if file is None else _loaded(Path(file).parent)


@functools.cache
def _loaded(folder: Path) -> dict[str, Built] | None:
    if not (folder / "build.py").exists():
        return None
    stamp(folder)  # of the sources as they are now, also where they are to be built
    return None if os.environ.get("ZOO_KERNELS") == "numba" else loaded(folder)
