"""How kernels are compiled: ahead of time, or when first called.

A package with a module `build` has its kernels built ahead of time, when it is first imported from
sources as they are: what was built runs without Numba, which takes 0.7 s and 130 MB to load. Where
nothing can be built, and in all other packages, Numba compiles each kernel when it is first called
(`zoo.machine_code`). `ZOO_KERNELS=numba` in the environment asks for that.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.machinery
import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from filelock import FileLock

Function = TypeVar("Function", bound=Callable)
logger = logging.getLogger(__name__)


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
    """Returns the file for the kernels of a package."""
    return folder / "__pycache__" / f"kernels{importlib.machinery.EXTENSION_SUFFIXES[0]}"


def description(folder: Path) -> Path:
    """Returns the file that says from what the library is built, and the types of its kernels."""
    return library(folder).with_suffix(".json")


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
    if os.environ.get("ZOO_KERNELS") == "numba" or not (folder / "build.py").exists():
        return None
    described = _described(folder) or _build(folder)
    if not described.get("kernels"):
        return None
    spec = importlib.util.spec_from_file_location("kernels", library(folder))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: Built(getattr(module, name), a) for name, a in described["kernels"].items()}


def _described(folder: Path) -> dict[str, Any]:
    """Returns what the file beside the library says, or nothing if it is of other sources."""
    try:
        described = json.loads(description(folder).read_text())
    except (OSError, ValueError):
        return {}
    return described if described.get("stamp") == stamp(folder) else {}


def describe(folder: Path, kernels: dict[str, list[str]]) -> None:
    """Writes which kernels a library has; none says that it cannot be built from these sources."""
    partial = description(folder).with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps({"stamp": stamp(folder), "kernels": kernels}, indent=1))
    partial.replace(description(folder))


def _build(folder: Path) -> dict[str, Any]:
    """Builds the kernels in a process of its own, once for all that wait for them.

    Returns:
        What the file beside the library says: nothing where no file or library can be made.
    """
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if not (shutil.which(compiler) and importlib.util.find_spec("setuptools")):
        return {}
    try:
        library(folder).parent.mkdir(exist_ok=True)
        with FileLock(library(folder).with_suffix(".lock")):
            if described := _described(folder):
                return described
            package = f"{folder.parent.name}.{folder.name}"
            logger.warning("building the kernels of %s, once: some 15 seconds", package)
            result = subprocess.run(
                [sys.executable, "-m", f"{package}.build"],
                cwd=folder.parents[1],
                env={**os.environ, "ZOO_KERNELS": "numba"},
                capture_output=True,
                text=True,
                check=False,
            )
            if result.returncode:
                logger.warning("not built: %s", result.stderr.strip().rpartition("\n")[2])
                describe(folder, {})
    except OSError:  # a folder where nothing can be written
        return {}
    return _described(folder)
