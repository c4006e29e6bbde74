"""One Transformer over tokens: the mask decides whether it is BERT, GPT, UniLM or XLNet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.masks.algebra import Mask, padding, permutation
from zoo.masks.decodable import Steps, Task
from zoo.masks.encoder import ACTIVATIONS, Activation, Encoder, attend, initialise
from zoo.masks.generation import generate

if TYPE_CHECKING:
    from zoo.masks.tokenizer import Tokenizer


class Head(nn.Module):
    """BERT's prediction of tokens: a layer, then the token embeddings again, and a bias.

    Args:
        vocabulary: number of token ids.
        width: channels of a token.
        kind: `bert`, or `tied` without the layer before the embeddings.
        activation: of the layer.
        epsilon: of the layer norm.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int,
        kind: Literal["bert", "tied"],
        activation: Activation,
        epsilon: float,
    ) -> None:
        super().__init__()
        self.transform = nn.Sequential()
        if kind == "bert":
            self.transform = nn.Sequential(
                nn.Linear(width, width), ACTIVATIONS[activation](), nn.LayerNorm(width, epsilon)
            )
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.apply(initialise)

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Return logits (..., vocabulary) for states (..., width)."""
        return F.linear(self.transform(states), embeddings, self.bias)


class Transformer(nn.Module):
    """An encoder and a tied prediction head: BERT's shape by default, a modern one by option.

    A loaded checkpoint sets `preprocess` (its `Tokenizer`).

    Args:
        vocabulary: number of token ids.
        width: channels of a token; default 256.
        depth: layers; default 4.
        heads: attention heads, which must divide `width`; default 4.
        hidden: channels inside the perceptrons; default four times `width`.
        positions: longest sequence, of learned positions; 0 for rotary ones; default 512.
        segments: segment embeddings; default 2.
        norm: `post` (default, BERT) or `pre`.
        dropout: dropout probability in training; default 0.1. Attention weights have none.
        activation: of the perceptrons and the head; default the exact GELU, as in BERT.
        epsilon: of the layer norms; default 1e-12, as in BERT.
        head: `bert` (default), or `tied`: the embeddings alone, for an encoder without a head.
        targets: positions for the form in which each token is told which position it is to
            predict (`target_ids` of `forward`); default 0, no such form.
        two_stream: have XLNet's query stream, `logits_in_order`; default false.
        padding: the id of padding; default 0.

    Raises:
        ValueError: if `heads` does not split `width`.
    """

    preprocess: Tokenizer
    # what follows from the weights of a checkpoint, as `zoo fit --from` needs to know
    SHAPE = (
        "width",
        "depth",
        "heads",
        "hidden",
        "positions",
        "segments",
        "norm",
        "activation",
        "epsilon",
        "head",
    )

    def __init__(
        self,
        vocabulary: int,
        width: int = 256,
        depth: int = 4,
        heads: int = 4,
        hidden: int | None = None,
        positions: int = 512,
        segments: int = 2,
        norm: Literal["post", "pre"] = "post",
        dropout: float = 0.1,
        activation: Activation = "gelu",
        epsilon: float = 1e-12,
        head: Literal["bert", "tied"] = "bert",
        targets: int = 0,
        two_stream: bool = False,
        padding: int = 0,
    ) -> None:
        super().__init__()
        shape: dict[str, Any] = {
            "vocabulary": vocabulary,
            "width": width,
            "depth": depth,
            "heads": heads,
            "hidden": hidden,
            "positions": positions,
            "segments": segments,
            "norm": norm,
            "dropout": dropout,
            "activation": activation,
            "epsilon": epsilon,
            "targets": targets,
            "padding": padding,
        }
        self.arguments = {**shape, "head": head, "two_stream": two_stream}
        self.encoder = Encoder(**shape)
        self.head = Head(vocabulary, width, head, activation, epsilon)
        self.query = nn.Parameter(0.02 * torch.randn(width)) if two_stream else None

    @classmethod
    def from_foreign(cls, source: str) -> Transformer | None:
        """Load the BERT of `transformers` that `zoo fit --from` names, with the tokens of Chinese.

        Args:
            source: a folder or a Hub repository, as for `zoo.masks.from_bert`.

        Returns:
            The network; None if it is a checkpoint of the zoo.

        Raises:
            FileNotFoundError: if there is no such folder or repository.
            ValueError: if it is a model of `transformers`, but no BERT.
        """
        from zoo.masks import bert  # which builds networks of this class

        return bert.from_bert(source, keep_tokens="zh") if bert.is_foreign(source) else None

    def forward(
        self,
        token_ids: Tensor,
        segment_ids: Tensor | None = None,
        mask: Mask | Tensor | None = None,
        position_ids: Tensor | None = None,
        target_ids: Tensor | None = None,
    ) -> Tensor:
        """Return the logits of every position; arguments as for `encode`.

        Returns:
            float (batch, time, vocabulary).
        """
        return self.logits(self.encode(token_ids, segment_ids, mask, position_ids, target_ids))

    def encode(
        self,
        token_ids: Tensor,
        segment_ids: Tensor | None = None,
        mask: Mask | Tensor | None = None,
        position_ids: Tensor | None = None,
        target_ids: Tensor | None = None,
    ) -> Tensor:
        """Return the states before the head.

        Args:
            token_ids: int64 (batch, time).
            segment_ids: int64 (batch, time); default all 0.
            mask: who may look at whom; default every token at every token.
            position_ids: int64 (time,) or (batch, time); default 0, 1, 2 and so on.
            target_ids: int64 (batch, time), the position each token is to predict, of a network
                with `targets`; default the next one.

        Returns:
            float (batch, time, width).

        Raises:
            ValueError: if a sequence is longer than `positions`, the mask fits another number of
                tokens, or a token may look at nothing.
        """
        return self.encoder(token_ids, mask, segment_ids, position_ids, target_ids)

    def logits(self, states: Tensor) -> Tensor:
        """Return the logits (..., vocabulary) of some states (..., width).

        A loss over a few positions is cheaper by taking their states first.
        """
        return self.head(states, self.encoder.token_embedding.weight)

    def logits_in_order(
        self,
        token_ids: Tensor,
        order: Tensor,
        segment_ids: Tensor | None = None,
        valid: Tensor | None = None,
    ) -> Tensor:
        """Predict each token from those before it in an order: XLNet's two streams.

        The content stream reads tokens; the query stream starts from one learned vector and a
        position, and looks at the content of what comes earlier. XLNet, arXiv 1906.08237, section
        2.3. The two share all weights.

        Args:
            token_ids: int64 (batch, time).
            order: int64 (time,) or (batch, time), as for `zoo.masks.permutation`; padding last.
            segment_ids: int64 (batch, time); default all 0.
            valid: bool (batch, time), true on real tokens; default all real.

        Returns:
            float (batch, time, vocabulary): logits of the token at each position itself. Those of
            the first in the order mean nothing: nothing comes before it.

        Raises:
            ValueError: if the network was built without `two_stream`.
        """
        if self.query is None:
            raise ValueError("the network has no query stream: build it with two_stream=True")
        content, query = permutation(order), permutation(order, "query")
        if valid is not None:
            content, query = content & padding(valid), query & padding(valid)
        seen: list[tuple[Tensor, Tensor]] = []

        def keep(_: int, q: Tensor, k: Tensor, v: Tensor, allowed: dict[str, Any]) -> Tensor:
            seen.append((k, v))
            return attend(q, k, v, **allowed)

        def recall(layer: int, q: Tensor, _: Tensor, __: Tensor, allowed: dict[str, Any]) -> Tensor:
            return attend(q, *seen[layer], **allowed)

        tokens = self.encoder.token_embedding(token_ids)
        self.encoder.run(tokens, content, segment_ids, look=keep)
        states = self.encoder.run(self.query.expand_as(tokens), query, segment_ids, look=recall)
        return self.logits(states)

    @property
    def task(self) -> Task:
        """What it writes: `seq2seq` if it tells a source from a target, else `lm`."""
        return "lm" if self.encoder.segment_embedding is None else "seq2seq"

    @property
    def eos_id(self) -> int | None:
        """The id of the end, if a tokenizer is there."""
        return getattr(getattr(self, "preprocess", None), "end", None)

    def as_decodable(self) -> Steps:
        """Return the network as `zoo.decoding.generate` takes it, with ids for prompts."""
        return Steps(self, self.task)

    def generate(self, texts: list[str], **options: Any) -> list[str]:
        """Write a text for each of some texts, such as its title; see `zoo.masks.generation`.

        Args:
            texts: sources of a sequence-to-sequence model, or, with `task="lm"`, beginnings; ends
                where `order="rtl"`.
            **options: as for `zoo.masks.generation.generate`, such as `beam=4`.
        """
        return generate(self, texts, **options)
