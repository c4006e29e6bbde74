"""Texts in place of tokens: written whole or streamed, and ended by stop strings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.decoding.engine.rules import require_functions
from zoo.decoding.generate import BEAMS, generate, stream_tokens

Decode = Callable[[list[int]], str]
INCOMPLETE = "\N{REPLACEMENT CHARACTER}"  # what decoders give for the first bytes of a character


@dataclass(frozen=True)
class StopStrings:
    """A stopping criterion: a text ends once it contains one of some strings.

    Attributes:
        strings: the strings; none may be empty.
        decode: from the tokens of a text to the text.

    Raises:
        ValueError: if a string is empty or is none.
    """

    strings: Sequence[str]
    decode: Decode

    def __post_init__(self) -> None:
        if (
            not isinstance(self.strings, Sequence | set)
            or isinstance(self.strings, str)
            or not all(isinstance(string, str) and string for string in self.strings)
        ):
            raise ValueError(f"stop is {self.strings!r}: expected a list of strings, none empty")

    def __call__(self, tokens: Tensor, log_probs: Tensor, start: int) -> Tensor:
        """Return which rows contain a string, bool (rows,); `start` tokens are the prompt's."""
        texts = [self.decode(row) for row in tokens[:, start:].tolist()]
        return torch.tensor([any(string in text for string in self.strings) for text in texts])

    def cut(self, text: str) -> str:
        """Return a text up to the end of the string that comes to its end first."""
        ends = [text.find(string) + len(string) for string in self.strings if string in text]
        return text[: min(ends)] if ends else text


def with_stop(stop: StopStrings, options: dict[str, Any]) -> dict[str, Any]:
    """Return options of `generate` with a criterion for stop strings, if there are any.

    Raises:
        ValueError: if a beam is to be ended by them.
    """
    if not stop.strings:
        return options
    if (method := options.get("method")) in BEAMS:
        raise ValueError(f"stop does nothing for method={method!r}: leave it out")
    others = options.get("stopping") or ()
    require_functions("stopping", others)
    return {**options, "stopping": [*others, stop]}


def write(
    model: Any,
    prompts: Sequence[Sequence[int]],
    decode: Decode,
    *,
    stop: Sequence[str] | None = None,
    **options: Any,
) -> list[str]:
    """Write texts.

    Args:
        model: as for `generate`.
        prompts: lists of token ids; if there are none, no text is written.
        decode: from the new tokens to a text.
        stop: a text ends behind the first of these strings; default none.
        options: those of `generate`.

    Returns:
        A text for each prompt, or as many in turn as there are rows of each.
    """
    if not prompts:
        return []
    strings = StopStrings(stop or (), decode)
    found = generate(model, prompts, **with_stop(strings, options))
    return [strings.cut(decode(row)) for row in found.to_lists()]


def stream(
    model: Any,
    prompt: Sequence[int],
    decode: Decode,
    *,
    stop: Sequence[str] | None = None,
    **options: Any,
) -> Iterator[str]:
    """Write one text piece by piece, as it comes.

    What a later token may still change is held back: the first bytes of a character, and what
    `decode` spells anew.

    Args:
        model: as for `generate`.
        prompt: token ids.
        decode: from the new tokens to a text.
        stop: the text ends behind the first of these strings; default none.
        options: those of `generate`; not for beams.

    Yields:
        Pieces, none of them empty; together they are what `write` gives.

    Raises:
        ValueError: if several samples are asked for, besides what `generate` refuses.
    """
    if (samples := options.get("samples") or 1) != 1:
        raise ValueError(f"samples is {samples}: a stream is one text; leave it out")
    strings = StopStrings(stop or (), decode)
    steps = stream_tokens(model, [prompt], **with_stop(strings, options))
    return pieces(steps, strings)


def pieces(steps: Iterator[tuple[Tensor, Tensor]], strings: StopStrings) -> Iterator[str]:
    """Yield what each step adds to a text.

    Args:
        steps: of one row, from `stream_tokens`.
        strings: the stop strings, and how to decode.
    """
    tokens: list[int] = []
    text = told = ""
    for _, new in steps:
        tokens += new.tolist()
        text = strings.cut(strings.decode(tokens))
        if len(text) > len(told) and text.startswith(told) and not text.endswith(INCOMPLETE):
            yield text[len(told) :]
            told = text
    if len(text) > len(told):
        yield text[len(told) :]
