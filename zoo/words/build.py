"""Builds the kernels of word discovery ahead of time: `python -m zoo.words.build`.

The first import of `zoo.words` runs this, and so may whoever installs it where its users cannot
write. It needs a C compiler and setuptools. What is built lies in `__pycache__`, for any processor
of its kind. (Numba intends to replace `numba.pycc` some day; nothing but this file needs it.)
"""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import zoo.built
from zoo.words import alphabet, counting, cutting, ngrams, statistics
from zoo.words.counts import count
from zoo.words.discovery import discover

FOLDER = Path(__file__).parent


def build() -> Path:
    """Builds the kernels, unless they are built from the sources as they are.

    Returns:
        The file.

    Raises:
        ImportError: without setuptools, or if Numba has no `pycc` any more.
        OSError: if the file cannot be written.
    """
    path = zoo.built.library(FOLDER)
    kernels = {zoo.built.name_of(kernel): kernel for kernel in called()}
    if not kernels:
        return path
    scratch = zoo.built.scratch(FOLDER)
    tempfile.tempdir = str(scratch)  # where Numba puts what it leaves if it is interrupted
    try:
        compiler = _compiler("kernels", scratch)
        for name, kernel in kernels.items():
            compiler.export(name, kernel.signatures[0])(kernel.py_func)
        compiler.compile()
        zoo.built.description(FOLDER).unlink(missing_ok=True)
        (scratch / compiler.output_file).replace(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    types = {name: [*map(_type, k.signatures[0])] for name, k in kernels.items()}
    zoo.built.describe(FOLDER, types)
    return path


def called() -> list[Any]:
    """Calls every kernel that Python calls, so that Numba knows the types, and returns them.

    There are none where they are built already.
    """
    texts = ["今天天气好，明天天气好。" * 9, "天气预报说今天不下雨。" * 9]
    discover(count(texts, chunk=30), "pmi+entropy", min_count=2)
    discover(count(texts, chunk=30, windows="padded"), "ngram", min_count=2)
    modules = (alphabet, counting, ngrams, statistics, cutting)
    return [k for module in modules for k in vars(module).values() if getattr(k, "signatures", ())]


def _compiler(name: str, folder: Path) -> Any:
    """Returns Numba's ahead-of-time compiler, for code that runs without the interpreter's lock."""
    pycc: Any = importlib.import_module("numba.pycc")
    locked = pycc.compiler.Flags

    def unlocked() -> Any:
        flags = locked()
        flags.release_gil = True  # what nogil=True sets, for which CC has no option
        return flags

    pycc.compiler.Flags = unlocked
    compiler = pycc.CC(name)
    compiler.output_dir = str(folder)
    return compiler


def _type(numba_type: Any) -> str:
    """Returns `zoo.built.type_of` of the arguments of a type of Numba."""
    from numba.np.numpy_support import as_dtype

    if not hasattr(numba_type, "ndim"):
        return zoo.built.type_of(0)
    example = np.empty((0,) * numba_type.ndim, as_dtype(numba_type.dtype))
    return zoo.built.type_of(example)


if __name__ == "__main__":
    sys.stdout.write(f"{build()}\n")
