"""How kernels are compiled: once, cached on disk where a folder can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable)


def kernel(function: Function) -> Function:
    """Compiles a function that runs without the interpreter's lock."""
    try:
        compiled = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder for the cache can be written: compile in every process
        compiled = njit(nogil=True)(function)
    return cast("Function", compiled)
