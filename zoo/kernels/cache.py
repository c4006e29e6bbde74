"""How kernels are compiled when first called, and cached on disk where a folder can be written.

Numba stamps the cache of a function with the one file that holds it: after a change of a kernel
or a constant in another file it goes on with the old machine code. It also numbers the files of
a function by an index that each process reads and writes alone: two processes that compile one
function for different types at the same time can come to swap their machine code. Here each piece
of machine code is a file of its own, named by all that it was made from.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import hashlib
import logging
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import njit
from numba.core.serialize import dumps

from zoo.files import replacing

Function = TypeVar("Function", bound=Callable)
COMPILING = "compiling, at the first call on this machine only: takes up to half a minute"
VERSION = f"py{sys.version_info[0]}{sys.version_info[1]}-numba{numba.__version__}"


def compiled_when_called(function: Function) -> Function:
    """Compile a function that runs without the interpreter's lock.

    Machine code is kept in `NUMBA_CACHE_DIR`, else in the `__pycache__` beside the source, else
    in the user's cache folder. Where none can be written, or where this version of Numba has no
    place to put `MachineCode`, every process compiles anew, and a warning says so.
    """
    compiled: Any
    try:
        compiled = njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return _kept_nowhere(function, "no folder for them can be written: set NUMBA_CACHE_DIR")
    # The one private place: what Numba asks to `load` and `save`.
    if not hasattr(getattr(compiled, "_cache", None), "_cache_file"):
        return _kept_nowhere(function, f"numba {numba.__version__} keeps them in another way")
    compiled._cache._cache_file = MachineCode(function, Path(compiled.stats.cache_path))
    return compiled


class MachineCode:
    """The files of one kernel, in place of Numba's index and numbered files.

    A file appears whole or not at all, and its name tells the kernel, the versions of Python and
    Numba, the fingerprint and the types: processes may start together, and none ever reads code
    that was made from anything else. Writing the first file of a new fingerprint deletes those of
    old ones.

    Args:
        function: the kernel's Python function.
        folder: where the files go.
    """

    def __init__(self, function: Callable, folder: Path) -> None:
        self.function = function
        self.folder = folder
        self.name = f"{function.__module__}.{function.__qualname__}.{VERSION}."

    @functools.cached_property
    def stamp(self) -> str:
        """The kernel's fingerprint, taken when all modules are loaded: at the first call."""
        return fingerprint(self.function)

    def load(self, key: tuple) -> Any:
        """Return what was saved under a key (types and processor), or None."""
        with contextlib.suppress(OSError):
            return pickle.loads(self._path(key).read_bytes())
        while _listeners:
            _listeners.pop()()
        return None

    def save(self, key: tuple, data: Any) -> None:
        """Write machine code; on a full disk the next process has to compile again."""
        with contextlib.suppress(OSError):
            with replacing(self._path(key)) as partial:
                partial.write_bytes(dumps(data))
            self._delete(keep=f"{self.name}{self.stamp}.")

    def flush(self) -> None:
        """Delete all files of the kernel."""
        self._delete()

    def _path(self, key: tuple) -> Path:
        return self.folder / f"{self.name}{self.stamp}.{_digest(repr(key))}.nbc"

    def _delete(self, keep: str | None = None) -> None:
        for path in self.folder.iterdir():
            if path.name.startswith(self.name) and not (keep and path.name.startswith(keep)):
                path.unlink(missing_ok=True)


def fingerprint(function: Callable) -> str:
    """Return a digest of all that a kernel is compiled from.

    That is the code of the function and of the functions and kernels it calls, wherever they
    stand, and the values of the global names they read: Numba makes constants of them.
    """
    return _digest("\n".join(_ingredients(function, set())))


def _ingredients(value: Any, seen: set[Callable]) -> Iterator[str]:
    if hasattr(value, "py_func"):  # another kernel
        yield repr(value.targetoptions)
        value = value.py_func
    if isinstance(value, FunctionType):
        yield f"{value.__module__}.{value.__qualname__}"
        if value not in seen:
            seen.add(value)
            yield from _ingredients_of_code(value.__code__, value.__globals__, seen)
            cells = tuple(cell.cell_contents for cell in value.__closure__ or ())
            yield from _ingredients((value.__defaults__, cells), seen)
    elif isinstance(value, tuple):
        for item in value:
            yield from _ingredients(item, seen)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    elif isinstance(value, ModuleType):
        yield value.__name__
    else:
        yield repr(value)


def _ingredients_of_code(
    code: CodeType, names: dict[str, Any], seen: set[Callable]
) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _ingredients_of_code(constant, names, seen)
        else:
            yield repr(constant)
    for name in {i.argval: None for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}:
        if name not in names:
            continue
        yield name
        yield from _ingredients(names[name], seen)
        if isinstance(names[name], ModuleType) and _ours(names[name]):
            attributes = vars(names[name])
            for attribute in code.co_names:
                yield from _ingredients(attributes.get(attribute), seen)


def _ours(module: ModuleType) -> bool:
    """Tell whether a module changes with this package, not with the version of a library."""
    return Path(getattr(module, "__file__", None) or "/").is_relative_to(Path(__file__).parent)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _kept_nowhere(function: Function, reason: str) -> Function:
    _warn(reason)
    return cast("Function", njit(nogil=True)(function))


@contextlib.contextmanager
def announced(shown: bool) -> Iterator[None]:
    """Say on standard error, once, that kernels are compiled, if any has to be.

    Args:
        shown: False says nothing.
    """
    if shown:
        _listeners.append(lambda: print(COMPILING, file=sys.stderr))
    try:
        yield
    finally:
        _listeners.clear()


_listeners: list[Callable[[], None]] = []


@functools.cache
def _warn(reason: str) -> None:
    logging.getLogger(__name__).warning("kernels are compiled in every process: %s", reason)
