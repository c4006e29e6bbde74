"""The options of `generate`: which there are, what they mean, and the objects that they fill.

An option is a field of `Rules`, which every method obeys, or of the method's own class. Its
default, its check and its description stand there and nowhere else. The metadata of a field may
say `off`, the value with which it changes nothing, if that is not the default; `flag`, its name on
a command line, None if it has none; and `type`, of the values that a command line can give.
"""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

from zoo.decoding.engine.beam import Beam, DiverseBeam
from zoo.decoding.engine.contrastive import Contrast
from zoo.decoding.engine.rules import Rules
from zoo.decoding.engine.sampling import Greedy, Sampling

Method = Literal["greedy", "sample", "beam", "diverse_beam", "contrastive"]
METHODS: dict[str, type] = dict(
    zip(get_args(Method), (Greedy, Sampling, Beam, DiverseBeam, Contrast), strict=True)
)


class Option(NamedTuple):
    """An option as a command line shows it.

    Attributes:
        name: as `generate` calls it.
        flag: as the command line calls it.
        type: its type, as annotated.
        help: what it does, and its default.
        methods: the methods that have it; empty for all.
    """

    name: str
    flag: str
    type: Any
    help: str
    methods: tuple[str, ...]


def fill(method: str, options: Mapping[str, Any]) -> tuple[Any, Rules]:
    """Return a method and the rules, filled with options; None counts as not given.

    Args:
        method: one of `METHODS`.
        options: those of `generate`.

    Raises:
        ValueError: if there is no such method, or an option is out of its range, unknown, or does
            nothing for the method.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}: expected one of {', '.join(METHODS)}")
    given = {name: value for name, value in options.items() if value is not None}
    rules = {name: given.pop(name) for name in [*given] if name in names(Rules)}
    own = {name: given.pop(name) for name in [*given] if name in names(METHODS[method])}
    for name, value in given.items():
        refuse_useless(method, name, value)
    return METHODS[method](**own), Rules(**rules)


def refuse_useless(method: str, name: str, value: Any) -> None:
    """Refuse an option that is unknown, or that another method has and that is switched on.

    Raises:
        ValueError: with the methods that have it, or with names like it.
    """
    homes = [other for other, kind in METHODS.items() if name in names(kind)]
    if not homes:
        known = [*names(Rules), *(name for kind in METHODS.values() for name in names(kind))]
        near = get_close_matches(name, dict.fromkeys(known), n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
        raise ValueError(f"{name} is no option of generate: {hint}")
    if any(value != off(names(METHODS[home])[name]) for home in homes):
        raise ValueError(
            f"{name} does nothing for method={method!r}: leave it out, or take method={homes[0]!r}"
        )


def names(kind: type) -> dict[str, Field]:
    """Return the fields of a dataclass by their names."""
    return {f.name: f for f in fields(kind)}


def off(option: Field) -> Any:
    """Return the value with which an option changes nothing."""
    return option.metadata.get("off", option.default)


def method_with(options: Mapping[str, Any]) -> str:
    """Return the first method that has all of the options that are not None.

    Args:
        options: those of `generate`; such as all have do not matter.

    Raises:
        ValueError: if no method has them all.
    """
    own = {
        name
        for name, value in options.items()
        if value is not None and name not in names(Rules) and not (name == "beam" and value == 1)
    }
    for method, kind in METHODS.items():
        if own <= {*names(kind)}:
            return method
    raise ValueError(f"no method has all of {', '.join(sorted(own))}: see --method")


def options() -> Iterator[Option]:
    """Yield each option that a command line can give, once.

    Yields:
        Those of the rules first, then those of each method.
    """
    kinds = {Rules: (), **{kind: (method,) for method, kind in METHODS.items()}}
    found: dict[str, Option] = {}
    for kind, methods in kinds.items():
        descriptions, hints = describe(kind), get_type_hints(kind)
        for name, f in names(kind).items():
            flag = f.metadata.get("flag", name)
            if before := found.get(name):
                found[name] = before._replace(methods=(*before.methods, *methods))
            elif flag:
                kind_of_value = f.metadata.get("type", hints[name])
                found[name] = Option(name, flag, kind_of_value, descriptions[name], methods)
    yield from found.values()


def describe(kind: type) -> dict[str, str]:
    """Return what the docstring of a dataclass, or of its parent, says of each field."""
    from docstring_parser import parse

    found: dict[str, str] = {}
    for cls in reversed(kind.__mro__[:-1]):
        text = inspect.cleandoc(cls.__doc__ or "")
        found |= {p.arg_name: " ".join((p.description or "").split()) for p in parse(text).params}
    return found
