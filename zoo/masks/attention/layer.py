"""Multi-head attention with rotary positions, whose mask is an argument."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# How a layer attends: its number, the queries, keys and values of the tokens at hand, each (batch,
# heads, time, channels), and the mask as arguments of `attend`, to what `attend` returns; of the
# last tokens alone, if the others are not needed.
Look = Callable[[int, Tensor, Tensor, Tensor, dict[str, Any]], Tensor]
Rotation = tuple[Tensor, Tensor]


def rotation(position: Tensor, channels: int) -> Rotation:
    """Return the sines and cosines by which pairs of channels (i, i + half) turn.

    Rotary position embedding: Su et al., "RoFormer", arXiv 2104.09864, equation 34, base 10,000.

    Args:
        position: int64 (time,) or (batch, time).
        channels: of a head, even.

    Returns:
        Two tensors, float32 (time, channels) or (batch, 1, time, channels): for each channel the
        factor of the other one of its pair, and its own.
    """
    half = channels // 2
    speed = 10_000 ** (-torch.arange(half, device=position.device, dtype=torch.float32) / half)
    angle = position[..., None] * speed
    if position.dim() == 2:
        angle = angle[:, None]  # the same for all heads
    sin, cos = angle.sin(), angle.cos()
    return torch.cat([-sin, sin], dim=-1), torch.cat([cos, cos], dim=-1)


def rotate(x: Tensor, sin: Tensor, cos: Tensor) -> Tensor:
    """Turn each pair of channels (i, i + half) by an angle.

    Args:
        x: float (batch, heads, time, channels).
        sin: as `rotation` returns them.
        cos: likewise.

    Returns:
        float (batch, heads, time, channels).
    """
    a, b = x.chunk(2, dim=-1)
    return torch.addcmul(x * cos.to(x.dtype), torch.cat([b, a], dim=-1), sin.to(x.dtype))


def attend(
    q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False
) -> Tensor:
    """Return softmax(q k' / sqrt(channels) + mask) v, without dropout: the CPU's kernels have none.

    By torch's fused kernel, but for training on a CPU in bfloat16: the fused backward pass takes
    three times as long there as that of the two products (torch 2.14, 180 tokens).

    Args:
        q: float (batch, heads, queries, channels).
        k: float (batch, heads, keys, channels).
        v: likewise.
        attn_mask: float, added to the scores, broadcastable to (batch, heads, queries, keys).
        is_causal: look at what is before alone, in place of a mask.
    """
    slow = q.dtype == torch.bfloat16 and q.device.type == "cpu" and q.requires_grad
    if not slow or attn_mask is None:
        return F.scaled_dot_product_attention(q, k, v, attn_mask, is_causal=is_causal)
    scores = (q * q.shape[-1] ** -0.5) @ k.mT + attn_mask.to(q.dtype)
    return scores.softmax(-1) @ v


class Attention(nn.Module):
    """Multi-head self-attention.

    Args:
        width: channels of a token.
        heads: attention heads; must divide `width`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(
        self,
        x: Tensor,
        allowed: dict[str, Any],
        turn: Rotation | None = None,
        look: Look | None = None,
        layer: int = 0,
    ) -> Tensor:
        """Mix the tokens that the mask lets attend to each other.

        Args:
            x: float (batch, time, width).
            allowed: the mask, as arguments of torch's scaled_dot_product_attention.
            turn: rotary positions, from `rotation`; default none.
            look: attends in place of `attend`, as a cache does; default `attend`.
            layer: the number that `look` knows this layer by.

        Returns:
            float (batch, time, width); fewer tokens if `look` returns fewer.
        """
        batch, time, width = x.shape
        qkv = self.query_key_value(x).view(batch, time, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, width / heads)
        if turn is not None:
            q, k = rotate(q, *turn), rotate(k, *turn)
        mixed = look(layer, q, k, v, allowed) if look else attend(q, k, v, **allowed)
        return self.output(mixed.transpose(1, 2).reshape(batch, -1, width))
