"""A Transformer encoder whose attention mask is an argument, and a classifier on top of it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.data.text import CharacterTokenizer


def padding_mask(valid: Tensor) -> Tensor:
    """Let every position look at every real token.

    Args:
        valid: bool (batch, time), true on real tokens and false on padding.

    Returns:
        bool (batch, 1, 1, time), true where a query may attend to a key.
    """
    return valid[:, None, None, :]


def rotate(x: Tensor) -> Tensor:
    """Turn each pair of channels by an angle proportional to its position.

    Rotary position embedding: Su et al., "RoFormer", arXiv 2104.09864, equation 34, with the
    channels paired as (i, i + half) and base 10,000.

    Args:
        x: float (batch, heads, time, channels), channels even.

    Returns:
        float (batch, heads, time, channels).
    """
    half = x.shape[-1] // 2
    position = torch.arange(x.shape[-2], device=x.device, dtype=torch.float32)
    speed = 10_000 ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = torch.outer(position, speed)  # (time, half)
    sin, cos = angle.sin().to(x.dtype), angle.cos().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Attention(nn.Module):
    """Multi-head self-attention with rotary positions.

    Args:
        width: channels of a token.
        heads: attention heads; must divide `width`.
        dropout: share of attention weights dropped in training.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Mix the tokens that `mask` lets see each other; shapes as in `Encoder.forward`."""
        batch, time, width = x.shape
        qkv = self.query_key_value(x).view(batch, time, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, width / heads)
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(rotate(q), rotate(k), v, mask, dropout)
        return self.output(mixed.transpose(1, 2).reshape(batch, time, width))


class Block(nn.Module):
    """One pre-norm layer: attention, then a two-layer perceptron four times as wide."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.perceptron_norm = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Shapes as in `Encoder.forward`."""
        x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        return x + self.dropout(self.perceptron(self.perceptron_norm(x)))


class Encoder(nn.Module):
    """Token embeddings and a stack of Transformer layers.

    Args:
        vocabulary: number of token ids.
        width: channels of a token; default 256.
        depth: layers; default 4.
        heads: attention heads, which must divide `width`; default 4.
        dropout: dropout probability in training; default 0.1.

    Raises:
        ValueError: if `heads` does not split `width` into an even number of channels each.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int = 256,
        depth: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if width % (2 * heads):
            raise ValueError(f"width {width} must be a multiple of twice the heads, {2 * heads}")
        self.token_embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.apply(initialise)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Encode a batch of token sequences.

        Args:
            tokens: int64 (batch, time).
            mask: bool, broadcastable to (batch, heads, time, time); true where a query (row)
                may attend to a key (column).

        Returns:
            float (batch, time, width).
        """
        x = self.dropout(self.token_embedding(tokens))
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)
