"""Command lines from the signature and the docstring of a function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, get_type_hints

import docstring_parser
from jsonargparse import ActionYesNo, ArgumentParser

SHORT = {"output": "-o", "n": "-n", "quiet": "-q"}
LISTS: dict[Any, dict[str, Any]] = {  # words repeat the option, numbers follow it
    list[str] | None: {"action": "append"},
    list[float] | None: {"nargs": "+", "type": float},
}


class OptionParser(ArgumentParser):
    """A parser that raises errors, and takes `--min_count` for `--min-count`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(exit_on_error=False, **options)

    def parse(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Return the values of all options, by the names of the parameters."""
        end = [*arguments, "--"].index("--")  # after it come words
        spelled = [
            re.sub(r"^--[^=]+", lambda m: m[0].replace("_", "-"), a) for a in arguments[:end]
        ]
        return vars(self.parse_args(self._words_together([*spelled, *arguments[end:]])))

    def _words_together(self, arguments: Sequence[str]) -> list[str]:
        """Move the words that belong to no option to one place.

        argparse gives an argument of any number of words what stands before the next option, be
        it nothing, and then refuses the words of `zoo generate MODEL --beam 4 TEXT`.
        """
        options: list[str] = []
        words: list[str] = []
        room = 0  # for values of the last option
        for place, argument in enumerate(arguments):
            if argument == "--":
                words += arguments[place:]
                break
            if argument.startswith("-") and argument != "-" and room != 1:
                action = self._option_string_actions.get(argument)
                nargs = 0 if action is None else action.nargs
                room = {None: 1, "+": len(arguments)}.get(nargs, 0)
                options.append(argument)
            else:
                (options if room else words).append(argument)
                room = max(room - 1, 0)
        return [*options, *words] if "--" in words else [*words, *options]

    def add_function(self, function: Callable[..., Any]) -> None:
        """Add all parameters of a function: positional ones as words, keywords as options.

        Args:
            function: a positional parameter that is a list takes any number of words.
        """
        kinds = get_type_hints(function)
        told = descriptions(function)
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
                continue
            kind: dict[str, Any] = {"type": kinds[name]}
            if kinds[name] == list[str]:
                kind = {"nargs": "*", "default": []}
            elif parameter.default is not parameter.empty:
                kind |= {"nargs": "?", "default": parameter.default}
            self.add_argument(name, help=told[name], **kind)
        self.add_options(function)

    def add_options(self, function: Callable[..., Any], skip: Collection[str] = ()) -> None:
        """Add an option for each keyword of a function, with its type, default and help.

        Args:
            function: its keywords that default to False become flags, those that default to True
                flags with `--no-` before their names, lists see `LISTS`.
            skip: keywords to leave out.
        """
        kinds = get_type_hints(function)
        told = descriptions(function)
        for name, parameter in inspect.signature(function).parameters.items():
            if name in skip or parameter.kind is not parameter.KEYWORD_ONLY:
                continue
            kind: dict[str, Any] = {"type": kinds[name]}
            if parameter.default is False:
                kind = {"action": "store_true"}
            elif kinds[name] in LISTS:
                kind = LISTS[kinds[name]]
            elif parameter.default is True:
                kind = {"action": ActionYesNo(yes_prefix="", no_prefix="no-")}
            spellings = [SHORT[name]] if name in SHORT else []
            spellings.append(f"--{name.replace('_', '-')}")
            self.add_argument(*spellings, default=parameter.default, help=told[name], **kind)


def descriptions(function: Callable[..., Any]) -> dict[str, str]:
    """Return what a function's docstring says of each argument, on one line."""
    found = docstring_parser.parse(inspect.getdoc(function) or "").params
    return {p.arg_name: " ".join((p.description or "").split()).rstrip(".") for p in found}
