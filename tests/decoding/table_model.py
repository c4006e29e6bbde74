"""A model for tests whose every probability is known: a table of next-token logits by context."""

import torch
from torch import Tensor


class TableModel:
    """The next token depends on the last two; `logits[a, b]` are those after `... a b`."""

    def __init__(self, vocabulary: int, seed: int = 0, spread: float = 2.0) -> None:
        generator = torch.Generator().manual_seed(seed)
        shape = (vocabulary, vocabulary, vocabulary)
        self.logits = spread * torch.randn(shape, generator=generator, dtype=torch.float64)

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        tokens = tokens.masked_fill(~valid, 0)
        before = tokens[:, -2] if tokens.shape[1] > 1 else torch.zeros_like(tokens[:, -1])
        return self.logits[before, tokens[:, -1]], tokens[:, -1]

    def step(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.logits[state, tokens], tokens

    def reorder(self, state: Tensor, rows: Tensor) -> Tensor:
        return state[rows]

    def log_prob(self, prompt: list[int], sequence: list[int]) -> float:
        """The log-probability of a continuation."""
        tokens = [0, *prompt, *sequence]
        total = 0.0
        for i in range(len(tokens) - len(sequence), len(tokens)):
            total += self.logits[tokens[i - 2], tokens[i - 1]].log_softmax(-1)[tokens[i]].item()
        return total
