"""Kernels built ahead of time: a library in the `__pycache__` of their package.

They run without Numba, which takes 0.7 s and 130 MB to load. `<package>.build` makes the library,
here in a process of its own. A file beside it says from what it was built, and the types of its
kernels.
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
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

logger = logging.getLogger(__name__)


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


@functools.cache
def stamp(folder: Path) -> str:
    """Returns a digest of all that the kernels of a package are built from.

    It is taken when the first of them is imported: sources may change while a library is built.
    """
    digest = hashlib.sha256(f"{sys.version} {np.__version__} {version('numba')}".encode())
    ours = Path(__file__)
    for path in (ours, ours.with_name("compiling.py"), *sorted(folder.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def loaded(folder: Path) -> dict[str, Built] | None:
    """Returns the kernels of a package, built from its sources as they are.

    They are built if they are not yet; None if that cannot be done.
    """
    described = _described(folder) or _build(folder)
    if not described.get("kernels"):
        return None
    spec = importlib.util.spec_from_file_location("kernels", library(folder))
    assert spec is not None
    assert spec.loader is not None
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except (ImportError, OSError) as error:  # a file system without execution, another libc
        logger.warning("Numba compiles, what was built does not load: %s", error)
        return None
    return {name: Built(getattr(module, name), a) for name, a in described["kernels"].items()}


def describe(folder: Path, kernels: dict[str, list[str]]) -> None:
    """Writes which kernels the library has; none says that these sources cannot be built."""
    described = {"stamp": stamp(folder), "library": _digest(folder), "kernels": kernels}
    partial = description(folder).with_suffix(f".{os.getpid()}")
    try:
        partial.write_text(json.dumps(described, indent=1))
        partial.replace(description(folder))
    finally:
        partial.unlink(missing_ok=True)


def _described(folder: Path) -> dict[str, Any]:
    """Returns what the file beside the library says; nothing if it is not of these sources.

    Nor if the library is not the one that was described.
    """
    try:
        described = dict(json.loads(description(folder).read_text()))
    except (OSError, ValueError, TypeError):
        return {}
    wanted = {"stamp": stamp(folder), "library": _digest(folder)}
    return described if wanted.items() <= described.items() else {}


def _digest(folder: Path) -> str | None:
    try:
        return hashlib.sha256(library(folder).read_bytes()).hexdigest()
    except OSError:
        return None


def _build(folder: Path) -> dict[str, Any]:
    """Builds the kernels in a process of its own, once for all that wait for them.

    A failure is remembered until something changes, or `python -m <package>.build` succeeds; a
    process that was killed is not a failure.

    Returns:
        What the file beside the library says: nothing where no file or library can be made.
    """
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    able = sys.executable and shutil.which(compiler) and importlib.util.find_spec("setuptools")
    if not able:
        return {}
    try:
        library(folder).parent.mkdir(exist_ok=True)
        with FileLock(library(folder).with_suffix(".lock")):
            if described := _described(folder):
                return described
            package = f"{folder.parent.name}.{folder.name}"
            logger.warning("building the kernels of %s, once: some 15 seconds", package)
            root = str(folder.parents[1])
            paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
            result = subprocess.run(
                [sys.executable, "-m", f"{package}.build"],
                cwd=root,
                env={**os.environ, "ZOO_KERNELS": "numba", "PYTHONPATH": os.pathsep.join(paths)},
                capture_output=True,
                text=True,
                check=False,
            )
            if not (described := _described(folder)):
                said = [line for line in result.stderr.splitlines() if "rror" in line]
                reason = said[-1].strip()[:200] if said else f"exit code {result.returncode}"
                logger.warning("not built: %s. Again: python -m %s.build", reason, package)
                if result.returncode >= 0:
                    describe(folder, {})
            return described
    except OSError:  # a folder where nothing can be written
        return {}


def scratch(folder: Path) -> Path:
    """Returns an empty folder to build in; one that was left behind is cleared."""
    path = library(folder).parent / "kernels.build"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
