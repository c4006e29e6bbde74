"""How kernels are compiled: by Numba, when first called, and kept on disk (`zoo.kernels.cache`)."""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

from zoo.kernels.cache import compiled_when_called

Function = TypeVar("Function", bound=Callable)


def kernel(function: Function) -> Function:
    """Return a function that is compiled when first called and runs without the interpreter's lock.

    Its machine code is kept on disk; see `zoo.kernels.cache`.
    """
    return compiled_when_called(function)


def inline(function: Function) -> Function:
    """Return a function that is compiled into the kernels that call it."""
    return cast("Function", njit(inline="always")(function))
