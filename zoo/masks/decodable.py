"""A Transformer as `zoo.decoding` decodes it: the prompt is read once, then a token a step."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from zoo.decoding.cpu.inference import lean, require_untouched
from zoo.decoding.cpu.linear import PackedLinear
from zoo.decoding.engine.cache import TreeCache
from zoo.masks.attention.schemes import padding
from zoo.masks.transformer import TokenTransformer

TextTask = Literal["seq2seq", "lm", "prefix"]


class DecodableTransformer:
    """A Transformer as the engine of `zoo.decoding` wants it: the prompt, then token by token.

    Under UniLM's mask the source sees all of itself and nothing of the target, so its keys and
    values can be kept; a target token sees all that is kept, so causality needs no mask.

    Args:
        net: the network, in evaluation mode.
        task: `seq2seq`: the prompt is a source, segment 0, which sees all of itself, and what
            follows is the target, segment 1; `lm`: all is one text from left to right; `prefix`:
            likewise, but the prompt sees all of itself.
        order: the positions of all tokens in the order in which they are read, the prompt's first;
            default from left to right.
    """

    def __init__(
        self, net: TokenTransformer, task: TextTask = "seq2seq", order: Sequence[int] | None = None
    ) -> None:
        self.task = task
        self.source = task == "seq2seq"
        device = net.encoder.token_embedding.weight.device
        self.order = None if order is None else torch.tensor(order, device=device)
        self.positions = net.encoder.limit or None
        self.heads, self.layers = net.encoder.heads, len(net.encoder.blocks)
        self.channels, self.weight = net.encoder.channels, net.encoder.token_embedding.weight
        self.vocabulary = len(self.weight)
        self.encoder, self.transform, self.output = lean_parts(net)

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, TreeCache]:
        """Read the prompts; see `zoo.decoding.engine.protocol.Decodable`."""
        tokens, valid = tokens.to(self.weight.device), valid.to(self.weight.device)
        cache = TreeCache.start(valid, self.layers, self.heads, self.channels, self.weight)
        mask = cache.prompt_mask(valid) if self.task == "lm" else padding(valid)
        # a text has the same positions however much padding stands before it
        states = self.run(tokens, mask, 0, (valid.cumsum(1) - 1).clamp(min=0), cache)
        return self.logits(states[:, -1]), cache

    def step(self, tokens: Tensor, cache: TreeCache) -> tuple[Tensor, TreeCache]:
        """Read one more token of each row; see `zoo.decoding.engine.protocol.Decodable`."""
        at = cache.positions  # (prompts, beams): the beams of a prompt are a sequence to the net
        segment = 1 if self.task == "seq2seq" else 0
        states = self.run(cache.spread(tokens), cache.step_mask(), segment, at, cache)
        at += 1
        return self.logits(cache.gather(states.flatten(0, 1))), cache

    def reorder(self, cache: TreeCache, rows: Tensor) -> TreeCache:
        """Pick rows; see `zoo.decoding.engine.protocol.Decodable`."""
        return cache.reorder(rows)

    def run(self, tokens: Tensor, mask: Any, segment: int, at: Tensor, cache: TreeCache) -> Tensor:
        """Encode tokens behind what is cached, and cache them.

        Args:
            tokens: int64 (prompts, tokens).
            mask: the attention mask.
            segment: of all of them.
            at: int64 (prompts, tokens), how many were read before each.
            cache: what is cached.
        """
        slots, scale = cache.slots(tokens.shape[1]), self.channels**-0.5

        def look(layer: int, q: Tensor, k: Tensor, v: Tensor, allowed: dict[str, Any]) -> Tensor:
            seen = allowed["attn_mask"]
            if not cache.length and layer == len(slots) - 1:  # a prompt's last token goes on alone
                q, seen = q[:, :, -1:], seen[:, :, -1:]
            return slots[layer].attend(q, k, v, seen, scale)

        x = self.encoder.token_embedding(tokens)
        segment_ids = torch.full_like(at, segment)
        position_ids, target_ids = at, None
        if self.order is not None:
            position_ids, target_ids = self.order[at], self.order[at + 1]
        states = self.encoder.run(x, mask, segment_ids, position_ids, target_ids, look)
        cache.length += tokens.shape[1]
        return states

    def logits(self, states: Tensor) -> Tensor:
        """Return logits (rows, vocabulary) of states (rows, width)."""
        return self.output(self.transform(states))


def lean_parts(net: TokenTransformer) -> tuple[Any, Any, PackedLinear]:
    """Return a network's encoder, its head's layer and its output layer, to be run step by step.

    Raises:
        ValueError: if the network, its encoder or its head has a hook, or a `forward` of its own.
    """
    require_untouched(net, net.encoder, net.head)
    output = PackedLinear(net.encoder.token_embedding.weight, net.head.bias)
    return lean(net.encoder), lean(net.head.transform), output
