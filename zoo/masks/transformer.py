"""One Transformer over tokens: the mask decides whether it is BERT, GPT, UniLM or XLNet."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.layers.signature import Signature
from zoo.masks.attention.algebra import Mask
from zoo.masks.attention.layer import attend
from zoo.masks.attention.schemes import padding, permutation
from zoo.masks.encoder import ACTIVATIONS, Activation, Encoder, initialise


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


class TokenTransformer(nn.Module):
    """An encoder and a tied prediction head: BERT's shape by default, a modern one by option.

    Args:
        sizes: the vocabulary, the width, the depth and the heads, in this order, or by name.
        head: `bert` (default), or `tied`: the embeddings alone, for an encoder without a head.
        two_stream: have XLNet's query stream, `logits_in_order`; default false.
        positions: longest sequence, of learned positions; 0 for rotary ones; default 512.
        segments: segment embeddings; default 2.
        norm: `post` (default, BERT) or `pre`.
        activation: of the MLPs and the head; default the exact GELU, as in BERT.
        epsilon: of the layer norms; default 1e-12, as in BERT.
        shape: the other arguments of `Encoder`.

    Attributes:
        arguments: what it was built with, defaults included, as a dict.

    Raises:
        ValueError: if `heads` does not divide `width`.
    """

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
        *sizes: int,
        head: Literal["bert", "tied"] = "bert",
        two_stream: bool = False,
        positions: int = 512,
        segments: int = 2,
        norm: Literal["post", "pre"] = "post",
        activation: Activation = "gelu",
        epsilon: float = 1e-12,
        **shape: Any,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            *sizes,
            positions=positions,
            segments=segments,
            norm=norm,
            activation=activation,
            epsilon=epsilon,
            **shape,
        )
        self.arguments = {**self.encoder.arguments, "head": head, "two_stream": two_stream}
        vocabulary, width = self.encoder.token_embedding.weight.shape
        self.head = Head(vocabulary, width, head, activation, epsilon)
        self.query = nn.Parameter(0.02 * torch.randn(width)) if two_stream else None

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
            mask: the attention mask; default every token at every token.
            position_ids: int64 (time,) or (batch, time); default 0, 1, 2 and so on.
            target_ids: int64 (batch, time), the position each token is to predict, of a network
                with `targets`; default the next one.

        Returns:
            float (batch, time, width).

        Raises:
            ValueError: if a sequence is longer than `positions`, the mask fits another number of
                tokens, or a token may attend to nothing.
        """
        return self.encoder(token_ids, mask, segment_ids, position_ids, target_ids)

    def signature(self) -> Signature:
        """Return what it takes and gives when it is exported: tokens, segments and the mask.

        The mask is bool (batch, 1, time, time), as `Mask.tensor` writes it out, and decides what
        the exported network is, as it does here.
        """
        ids = ["token_ids", "segment_ids"] if self.arguments["segments"] > 1 else ["token_ids"]
        return Signature(
            self,
            inputs={
                **{name: torch.ones(2, 5, dtype=torch.int64) for name in ids},
                "mask": torch.ones(2, 1, 5, 5, dtype=torch.bool),
            },
            axes={
                **dict.fromkeys(ids, ("batch", "time")),
                "mask": ("batch", "", "time", "time"),
            },
            outputs=("logits",),
            longest=self.encoder.longest(),
        )

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
