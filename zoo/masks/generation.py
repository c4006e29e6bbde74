"""Generation with a cache: the source is read once, both ways; then a row a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from zoo import decoding
from zoo.decoding.cache import TreeCache
from zoo.decoding.lean import lean, prepared
from zoo.decoding.onednn import PackedLinear
from zoo.masks.algebra import padding

if TYPE_CHECKING:
    from zoo.masks.transformer import Transformer

Task = Literal["seq2seq", "lm"]


class Steps:
    """A `Transformer` as the engine of `zoo.decoding` wants it: the prompt, then token by token.

    Under UniLM's mask the source sees all of itself and nothing of the target, so its keys and
    values can be kept; a target token sees all that is kept, so causality needs no mask.

    Args:
        net: the network, in evaluation mode.
        task: `seq2seq`: the prompt is a source, segment 0, which sees all of itself, and what
            follows is the target, segment 1; or `lm`: all is one text from left to right.
    """

    def __init__(self, net: Transformer, task: Task = "seq2seq") -> None:
        self.task = task
        self.positions = net.encoder.positions or None
        self.heads, self.layers = net.encoder.heads, len(net.encoder.blocks)
        self.channels, self.weight = net.encoder.channels, net.encoder.token_embedding.weight
        self.encoder, self.transform, self.output = prepared(net, lean_parts)

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, TreeCache]:
        """Read the prompts; see `zoo.decoding.protocol.Decodable`."""
        tokens, valid = tokens.to(self.weight.device), valid.to(self.weight.device)
        cache = TreeCache.start(valid, self.layers, self.heads, self.channels, self.weight)
        mask = cache.prompt_mask(valid) if self.task == "lm" else padding(valid)
        # a text has the same positions however much padding stands before it
        states = self.run(tokens, mask, 0, (valid.cumsum(1) - 1).clamp(min=0), cache)
        return self.logits(states[:, -1]), cache

    def step(self, tokens: Tensor, cache: TreeCache) -> tuple[Tensor, TreeCache]:
        """Read one more token of each row; see `zoo.decoding.protocol.Decodable`."""
        at = cache.positions  # (prompts, beams): the beams of a prompt are a sequence to the net
        segment = 1 if self.task == "seq2seq" else 0
        states = self.run(tokens.view_as(at), cache.step_mask(), segment, at, cache)
        at += 1
        return self.logits(states.flatten(0, 1)), cache

    def reorder(self, cache: TreeCache, rows: Tensor) -> TreeCache:
        """Pick rows; see `zoo.decoding.protocol.Decodable`."""
        return cache.reorder(rows)

    def run(
        self, tokens: Tensor, mask: Any, segment: int, position_ids: Tensor, cache: TreeCache
    ) -> Tensor:
        """Encode tokens int64 (prompts, tokens) behind what is cached, and cache them."""
        slots, scale = cache.slots(tokens.shape[1]), self.channels**-0.5

        def look(layer: int, q: Tensor, k: Tensor, v: Tensor, allowed: dict[str, Any]) -> Tensor:
            seen = allowed["attn_mask"]
            if not cache.length and layer == len(slots) - 1:  # a prompt's last token goes on alone
                q, seen = q[:, :, -1:], seen[:, :, -1:]
            return slots[layer].attend(q, k, v, seen, scale)

        x = self.encoder.token_embedding(tokens)
        segment_ids = torch.full_like(position_ids, segment)
        states = self.encoder.run(x, mask, segment_ids, position_ids, look=look)
        cache.length += tokens.shape[1]
        return states

    def logits(self, states: Tensor) -> Tensor:
        """Return logits (rows, vocabulary) of states (rows, width)."""
        return self.output(self.transform(states))


def lean_parts(net: Transformer) -> tuple[Any, Any, PackedLinear]:
    """Return a network's encoder, its head's layer and its output layer, to be run step by step."""
    output = PackedLinear(net.encoder.token_embedding.weight, net.head.bias)
    return lean(net.encoder), lean(net.head.transform), output


def generate(
    net: Transformer,
    texts: list[str],
    *,
    task: Task = "seq2seq",
    beam: int = 1,
    max_new_tokens: int = 64,
    batch_size: int = 16,
    **options: Any,
) -> list[str]:
    """Write a text for each of some texts.

    Args:
        net: a network with a tokenizer (`preprocess`), in evaluation mode.
        texts: any number; of what is longer than the network's positions allow, the beginning.
        task: `seq2seq` (default): write what the text is the source of; `lm`: continue it.
        beam: width of the beam search; default 1, greedy.
        max_new_tokens: most tokens of a result, its end included; default 64.
        batch_size: texts at a time, those of similar lengths together; default 16.
        **options: further ones of `zoo.decoding.generate`, such as `method="sample"`, `top_p`.

    Returns:
        A text for each, in order.

    Raises:
        TypeError: if `texts` is a single string.
        ValueError: if the network has no tokenizer, or no room for `max_new_tokens`.
    """
    if isinstance(texts, str):
        raise TypeError("expected a list of texts, got one string: write [text]")
    tokenizer = getattr(net, "preprocess", None)
    if tokenizer is None:
        raise ValueError("the network has no tokenizer: set net.preprocess, as zoo.load does")
    room = (net.encoder.positions or tokenizer.max_length + max_new_tokens) - max_new_tokens
    if room < 3:
        raise ValueError(
            f"max_new_tokens is {max_new_tokens}: of {net.encoder.positions} positions at least 3 "
            "are the source's"
        )
    prompts = [tokenizer.encode(text, min(room, tokenizer.max_length)) for text in texts]
    if task == "lm":
        prompts = [prompt[:-1] for prompt in prompts]
    options = {"method": "beam" if beam > 1 else "greedy", "beam": beam, **options}
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    written = [""] * len(texts)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        made = decoding.generate(
            Steps(net, task),
            [prompts[i] for i in chosen],
            max_new_tokens=max_new_tokens,
            eos_id=tokenizer.end,
            **options,
        )
        for i, ids in zip(chosen, made.to_lists(), strict=True):
            written[i] = tokenizer.decode(ids)
    return written
