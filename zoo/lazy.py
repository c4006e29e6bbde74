"""Packages whose names are imported when first used."""

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


class _Face(ModuleType):
    """A package that imports its public names when they are first used."""

    _homes: dict[str, tuple[str, str]]

    def __getattr__(self, name: str) -> Any:
        if name not in self._homes:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        module, attribute = self._homes[name]
        if module == self.__name__:
            return importlib.import_module(f"{module}.{attribute}")
        value = getattr(importlib.import_module(module), attribute)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep a submodule from taking the place of a function of the same name.

        Python sets each submodule as an attribute of its package, as it is imported.
        """
        taken = name in self._homes and self._homes[name] != (self.__name__, name)
        if not (taken and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *self._homes})


def attach(package: str, file: str) -> None:
    """Let a package import each of its public names when it is first used.

    The names are those that the package's source imports under `if TYPE_CHECKING:`. So they stand
    in one place, which type checkers read too.

    Args:
        package: `__name__` of the package.
        file: its `__file__`.

    Example:
        In `zoo/words/__init__.py`::

            if TYPE_CHECKING:
                from zoo.words.lexicon import Lexicon as Lexicon

            attach(__name__, __file__)
    """
    module: Any = sys.modules[package]
    homes = read_homes(ast.parse(Path(file).read_text(encoding="utf-8")))
    vars(module).update(_homes=homes, __all__=sorted(homes))
    module.__class__ = _Face


def read_homes(source: ast.Module) -> dict[str, tuple[str, str]]:
    """Return for each name imported under `if TYPE_CHECKING:` its module and its name there."""
    return {
        alias.asname or alias.name: (line.module or "", alias.name)
        for block in source.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
