"""How kernels are compiled: when first called, or ahead of time (`zoo.words.build`).

What was built ahead of time runs without Numba, which takes 0.7 s and 130 MB to load.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.machinery
import importlib.util
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

Function = TypeVar("Function", bound=Callable)


def kernel(function: Function) -> Function:
    """Compiles a function that runs without the interpreter's lock.

    It is taken from what was built ahead of time from these same sources, or else compiled when
    first called, and cached (`zoo.machine_code`).
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


class Built:
    """A kernel built ahead of time: it takes arguments of one type only, and reads no others.

    Args:
        function: what Numba built; it does not look at the types.
        arguments: the type of each argument, see `type_of`.
    """

    def __init__(self, function: Callable, arguments: list[str]) -> None:
        self.function = function
        self.arguments = arguments

    def __call__(self, *arguments: Any) -> Any:
        """Calls the kernel.

        Raises:
            TypeError: if an argument is not what the kernel was built for.
        """
        types = [type_of(argument) for argument in arguments]
        if types != self.arguments:
            raise TypeError(f"{self.function}: built for {self.arguments}, called with {types}")
        return self.function(*arguments)


def type_of(argument: Any) -> str:
    """Returns the type of an argument as kernels see it: of an array, or a number."""
    if not isinstance(argument, np.ndarray):
        return "number" if isinstance(argument, (int, float, np.number)) else "nothing"
    layout = "contiguous" if argument.flags.c_contiguous else "strided"
    return f"{layout} {argument.dtype} {argument.ndim}"


def name_of(function: Callable) -> str:
    """Returns the name of a kernel within what is built of its package."""
    return f"{function.__module__.rpartition('.')[2]}_{function.__name__}"


def library(folder: Path) -> Path:
    """Returns the file for the kernels of a package; the one with the types has suffix `.json`."""
    return folder / "__pycache__" / f"kernels{importlib.machinery.EXTENSION_SUFFIXES[0]}"


def stamp(folder: Path) -> str:
    """Returns a digest of all that the kernels of a package are built from."""
    digest = hashlib.sha256(f"{sys.version} {np.__version__}".encode())
    for path in (Path(__file__), *sorted(folder.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _built(function: Callable) -> dict[str, Built] | None:
    file = getattr(sys.modules[function.__module__], "__file__", None)
    return None if file is None else _loaded(Path(file).parent)


@functools.cache
def _loaded(folder: Path) -> dict[str, Built] | None:
    """Returns the kernels of a package that were built from its sources as they are."""
    path = library(folder)
    if not path.with_suffix(".json").exists():
        return None
    described = json.loads(path.with_suffix(".json").read_text())
    if described["stamp"] != stamp(folder):
        logging.getLogger(__name__).warning("%s is older than the sources: build it again", path)
        return None
    spec = importlib.util.spec_from_file_location("kernels", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: Built(getattr(module, name), a) for name, a in described["kernels"].items()}
