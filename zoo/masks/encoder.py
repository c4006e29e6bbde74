"""A Transformer encoder whose attention mask is an argument, in BERT's shape or a modern one."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from zoo.errors import require_number
from zoo.layers.arguments import built_with
from zoo.layers.sizes import require_sizes
from zoo.masks.attention.algebra import Mask, require_filled
from zoo.masks.attention.layer import Attention, Look, rotation

Activation = Literal["gelu", "gelu_tanh", "relu"]
FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),  # half the time of the exact form on a CPU
    "relu": nn.ReLU,
}


class EncoderLayer(nn.Module):
    """One layer: attention, then a two-layer MLP, each added to what it read.

    The norm stands behind each sum, as in BERT (`post`), or before each branch (`pre`).
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        norm: Literal["pre", "post"],
        activation: Activation,
        epsilon: float,
        dropout: float,
    ) -> None:
        super().__init__()
        self.norm = norm
        self.attention_norm = nn.LayerNorm(width, epsilon)
        self.attention = Attention(width, heads)
        self.perceptron_norm = nn.LayerNorm(width, epsilon)
        self.perceptron = nn.Sequential(
            nn.Linear(width, hidden), ACTIVATIONS[activation](), nn.Linear(hidden, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, *how: Any) -> Tensor:
        """Apply the layer to `x`; `how` is what `Attention.forward` takes beside it."""
        pre = self.norm == "pre"
        mixed = self.dropout(self.attention(self.attention_norm(x) if pre else x, *how))
        x = x[:, -mixed.shape[1] :] + mixed  # of the last tokens alone, if that is what was mixed
        if pre:
            return x + self.dropout(self.perceptron(self.perceptron_norm(x)))
        x = self.attention_norm(x)
        return self.perceptron_norm(x + self.dropout(self.perceptron(x)))


class Encoder(nn.Module):
    """Embeddings and a stack of Transformer layers.

    Args:
        vocabulary: number of token ids.
        width: channels of a token; default 256.
        depth: layers; default 4.
        heads: attention heads, which must divide `width`; default 4.
        dropout: dropout probability in training; default 0.1.
        hidden: channels inside the MLPs; default four times `width`.
        positions: learned absolute positions, the longest sequence; default 0: rotary, any length.
        segments: learned segment embeddings; default 0, none. If it is 1, all tokens get it.
        targets: learned embeddings of the position that a token is to predict, at least as many
            as `positions`, and then the longest sequence too; default 0, none.
        norm: `pre` (default) or `post`, as in BERT, which also norms the embeddings.
        activation: of the MLPs; default GELU by its tanh form.
        epsilon: of the layer norms; default 1e-5.
        padding: the token whose embedding is kept as it is; default 0.

    Attributes:
        arguments: all of these, as a dict.
        limit: tokens of the longest sequence; 0 for any.

    Raises:
        ValueError: if a size is no whole number or too small; `targets` are fewer than `positions`;
            or `heads` does not split `width` evenly, or, with rotary positions, into an even number
            of channels each.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int = 256,
        depth: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
        hidden: int | None = None,
        positions: int = 0,
        segments: int = 0,
        targets: int = 0,
        norm: Literal["pre", "post"] = "pre",
        activation: Activation = "gelu_tanh",
        epsilon: float = 1e-5,
        padding: int = 0,
    ) -> None:
        super().__init__()
        self.arguments = built_with(locals())
        require_sizes(vocabulary=vocabulary, width=width, depth=depth, heads=heads)
        hidden = 4 * width if hidden is None else hidden
        require_sizes(hidden=hidden)
        require_sizes(0, positions=positions, segments=segments, targets=targets, padding=padding)
        require_number("epsilon", epsilon)
        if not 0 <= epsilon < 1:
            raise ValueError(f"epsilon is {epsilon}: expected a number from 0 to below 1")
        if 0 < targets < positions:
            raise ValueError(f"targets is {targets}: expected 0, or one for each position")
        if positions and width % heads:
            raise ValueError(f"width {width} must be a multiple of the heads, {heads}")
        if not positions and width % (2 * heads):
            raise ValueError(f"width {width} must be a multiple of twice the heads, {2 * heads}")
        self.positions, self.width = positions, width
        self.limit = positions or targets
        self.heads, self.channels = heads, width // heads
        self.token_embedding = nn.Embedding(vocabulary, width, padding_idx=padding)
        self.position_embedding = nn.Embedding(positions, width) if positions else None
        self.segment_embedding = nn.Embedding(segments, width) if segments else None
        self.target_embedding = nn.Embedding(targets, width) if targets else None
        self.embedding_norm = nn.LayerNorm(width, epsilon) if norm == "post" else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            EncoderLayer(width, heads, hidden, norm, activation, epsilon, dropout)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, epsilon) if norm == "pre" else nn.Identity()
        self.apply(initialise)

    def forward(
        self,
        token_ids: Tensor,
        mask: Mask | Tensor | None = None,
        segment_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        target_ids: Tensor | None = None,
    ) -> Tensor:
        """Encode a batch of token sequences.

        Args:
            token_ids: int64 (batch, time).
            mask: a `Mask`; or bool, broadcastable to (batch, heads, time, time), true where a
                query (row) may attend to a key (column); or float, added to the scores. Default
                every token sees every token.
            segment_ids: int64 (batch, time); default all 0.
            position_ids: int64 (time,) or (batch, time); default 0, 1, 2 and so on.
            target_ids: int64 (batch, time), the position that each token is to predict, of an
                encoder with `targets`; default the next one.

        Returns:
            float (batch, time, width).

        Raises:
            ValueError: if a sequence is longer than the limit, the mask fits another
                number of tokens, or a query may attend to nothing.
        """
        x = self.token_embedding(token_ids)
        return self.run(x, mask, segment_ids, position_ids, target_ids)

    def run(
        self,
        x: Tensor,
        mask: Mask | Tensor | None = None,
        segment_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        target_ids: Tensor | None = None,
        look: Look | None = None,
    ) -> Tensor:
        """Encode vectors (batch, time, width) that stand where `forward` has tokens' embeddings.

        Args:
            x: float (batch, time, width).
            mask: as for `forward`.
            segment_ids: as for `forward`.
            position_ids: as for `forward`.
            target_ids: as for `forward`.
            look: attends in place of `attend`, as a cache does; default `attend`.
        """
        allowed = fused_arguments(mask, x)
        if position_ids is None:
            position_ids = self.count(x)
        x = x + self.describe(segment_ids, position_ids, target_ids)
        x = self.dropout(self.embedding_norm(x))
        turn = None if self.positions else rotation(position_ids, self.channels)
        for layer, block in enumerate(self.blocks):
            x = block(x, allowed, turn, look, layer)
        return self.norm(x)

    def longest(self) -> dict[str, int]:
        """Return the largest `time` of a signature; empty if any will do."""
        return {"time": self.limit} if self.limit else {}

    def count(self, x: Tensor) -> Tensor:
        """Return the positions 0, 1, 2 and so on of vectors (batch, time, width)."""
        time = x.shape[1]
        if self.limit and time > self.limit:
            kind = "positions" if self.positions else "targets"
            raise ValueError(
                f"a sequence of {time} tokens is longer than the {self.limit} {kind} of the "
                "network: cut it, or use a network with rotary positions and without targets"
            )
        return torch.arange(time, device=x.device)

    def describe(
        self,
        segment_ids: Tensor | None,
        position_ids: Tensor,
        target_ids: Tensor | None,
    ) -> Tensor | float:
        """Add up the embeddings of a token's segment, of its position and of its target."""
        sum_: Tensor | float = 0.0
        if self.segment_embedding is not None:
            kinds = self.segment_embedding.num_embeddings
            single = segment_ids is None or kinds == 1  # as of a BERT with one type of tokens
            segment = torch.zeros_like(position_ids) if single else segment_ids
            sum_ = sum_ + self.segment_embedding(segment)
        if self.position_embedding is not None:
            sum_ = sum_ + self.position_embedding(position_ids)
        if self.target_embedding is not None:
            if target_ids is None:  # from left to right
                last = self.target_embedding.num_embeddings - 1
                target_ids = (position_ids + 1).clamp(max=last)
            sum_ = sum_ + self.target_embedding(target_ids)
        return sum_


def fused_arguments(mask: Mask | Tensor | None, x: Tensor) -> dict[str, Any]:
    """Return a mask as arguments of torch's scaled_dot_product_attention.

    A boolean tensor would be turned into an additive one again in each layer; here it is once.

    Args:
        mask: as for `Encoder.forward`.
        x: float (batch, time, width), for its length, device and type.

    Raises:
        ValueError: if it is no mask, fits another number of tokens, or has an empty row.
    """
    if mask is None:
        return {}
    if isinstance(mask, Mask):
        if mask.is_causal:
            return {"is_causal": True}
        mask = mask.tensor(x.shape[1], x.device)
    elif not isinstance(mask, Tensor) or mask.dtype not in (torch.bool, *FLOATS):
        kind = mask.dtype if isinstance(mask, Tensor) else repr(mask)
        raise ValueError(
            f"mask is {kind}: expected a Mask, such as zoo.masks.causal(), or a tensor of booleans "
            "or of numbers to add to the scores"
        )
    elif mask.is_floating_point():
        return {"attn_mask": mask}
    else:
        require_filled(mask)
    hidden = torch.zeros(mask.shape, dtype=x.dtype, device=x.device)
    return {"attn_mask": hidden.masked_fill_(~mask, -torch.inf)}


def initialise(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02²), set biases to zero: as BERT (arXiv 1810.04805) does."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        nn.init.zeros_(module.weight[module.padding_idx])
