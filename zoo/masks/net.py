"""The network that users hold: a Transformer over tokens with its tokenizer, which writes texts."""

from collections.abc import Iterator
from typing import Any

from zoo.masks.decodable import DecodableTransformer, TextTask
from zoo.masks.generation import generate, stream
from zoo.masks.tokenizer import Tokenizer
from zoo.masks.transformer import TokenTransformer


class Transformer(TokenTransformer):
    """An encoder and a tied prediction head that reads and writes texts.

    The arguments are those of `TokenTransformer`. A loaded checkpoint sets `preprocess`, its
    `Tokenizer`.
    """

    preprocess: Tokenizer

    @property
    def task(self) -> TextTask:
        """What it writes: `seq2seq` if it tells a source from a target, else `lm`."""
        return "seq2seq" if self.arguments["segments"] > 1 else "lm"

    @property
    def eos_id(self) -> int | None:
        """The id of the end, if a tokenizer is there."""
        return getattr(getattr(self, "preprocess", None), "end", None)

    def as_decodable(self) -> DecodableTransformer:
        """Return the network as `zoo.decoding.generate` takes it, with ids for prompts."""
        return DecodableTransformer(self, self.task)

    def generate(self, texts: list[str], **options: Any) -> list[str]:
        """Write a text for each of some texts, such as its title; see `zoo.masks.generation`.

        Args:
            texts: sources of a sequence-to-sequence model, or, with `task="lm"`, beginnings; ends
                where `order="rtl"`.
            **options: as for `zoo.masks.generation.generate`, such as `beam=4`.
        """
        tokenizer = getattr(self, "preprocess", None)
        return generate(self, tokenizer, texts, **{"task": self.task, **options})

    def stream(self, text: str, **options: Any) -> Iterator[str]:
        """Write a text for another one, piece by piece; see `generate`.

        Args:
            text: as for `generate`.
            **options: as for `zoo.masks.generation.stream`.
        """
        tokenizer = getattr(self, "preprocess", None)
        return stream(self, tokenizer, text, **{"task": self.task, **options})
