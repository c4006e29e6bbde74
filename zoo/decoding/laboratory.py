"""Measures of whether decoding stops, and a model that does not stop."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.decoding.engine.sampling import seeded
from zoo.decoding.generate import generate
from zoo.decoding.heads import SelfTerminating
from zoo.decoding.losses import Kind
from zoo.decoding.models.decodable import ends_of

Methods = Mapping[str, Mapping[str, Any]]

METHODS: Methods = MappingProxyType(
    {
        "ancestral": {"method": "sample"},
        "greedy": {"method": "greedy"},
        "beam-2": {"method": "beam", "beam": 2},
        "beam-4": {"method": "beam", "beam": 4},
        "top-2": {"method": "sample", "top_k": 2},
        "top-4": {"method": "sample", "top_k": 4},
        "nucleus-0.2": {"method": "sample", "top_p": 0.2},
        "nucleus-0.4": {"method": "sample", "top_p": 0.4},
        "consistent top-2": {"method": "sample", "top_k": 2, "consistent": True},
        "consistent top-4": {"method": "sample", "top_k": 4, "consistent": True},
        "consistent nucleus-0.2": {"method": "sample", "top_p": 0.2, "consistent": True},
        "consistent nucleus-0.4": {"method": "sample", "top_p": 0.4, "consistent": True},
    }
)
"""The decoders of the papers' tables, as options of `generate`."""

_CHECKPOINTS = files("zoo") / "checkpoints"
BUNDLED: Mapping[Kind, str] = MappingProxyType(
    {
        "non_monotonic": str(_CHECKPOINTS / "decoding_lstm_poems"),
        "self_terminating": str(_CHECKPOINTS / "decoding_lstm_poems_self_terminating"),
        "softmax": str(_CHECKPOINTS / "decoding_lstm_poems_softmax"),
    }
)
"""The folders of `decoding_lstm_poems` with each head, for `zoo.load`."""


@dataclass(frozen=True)
class Termination:
    """How the continuations of a set of prompts ended.

    Attributes:
        limit: most tokens of a continuation.
        sequences: the tokens of each continuation, its end included.
        finished: bool (continuations,), false where the limit cut it.
    """

    limit: int
    sequences: list[list[int]]
    finished: NDArray[np.bool_]

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each continuation, int64 (continuations,)."""
        return np.array([len(sequence) for sequence in self.sequences])

    @property
    def ratio(self) -> float:
        """r_L, the share of continuations that have not ended after `limit` tokens."""
        return float(1 - self.finished.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of `ratio`: the prompts are a sample of all prompts."""
        n, share, z = len(self.finished), self.ratio, 1.959964
        centre = share + z**2 / (2 * n)
        half = z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
        low, high = (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)
        return max(low, 0.0), min(high, 1.0)  # rounding passes them by 1e-17

    def curve(self, lengths: Sequence[int]) -> NDArray[np.float64]:
        """Return r_L for each L of `lengths`, none above `limit`.

        Raises:
            ValueError: if a length is above the limit, where nothing is known.
        """
        if (longest := max(lengths, default=0)) > self.limit:
            raise ValueError(f"L = {longest} is above the limit of {self.limit} tokens")
        ended = np.where(self.finished, self.lengths, self.limit + 1)
        return (ended > np.array(lengths)[:, None]).mean(1)

    @property
    def mean_length(self) -> float:
        """Mean of min(length, limit)."""
        return float(self.lengths.mean())

    @property
    def loops(self) -> float:
        """Share of continuations that end in a loop; see `loop_period`."""
        return float(np.mean([loop_period(sequence) > 0 for sequence in self.sequences]))

    def distinct(self, n: int) -> float:
        """Mean share of different n-grams among the n-grams of a continuation that has any."""
        shares = [distinct(sequence, n) for sequence in self.sequences if len(sequence) >= n]
        return float(np.mean(shares)) if shares else 1.0


def loop_period(tokens: Sequence[int], repeats: int = 3, longest: int = 100) -> int:
    """Return the length of the block that a sequence repeats at its end, 0 if it does not.

    Args:
        tokens: a sequence.
        repeats: how many times the block must stand there; default 3.
        longest: longest block; default 100.

    Example:
        >>> loop_period([7, 1, 2, 1, 2, 1, 2])
        2
    """
    for period in range(1, min(longest, len(tokens) // repeats) + 1):
        tail = tokens[len(tokens) - repeats * period :]
        if tail[period:] == tail[:-period]:
            return period
    return 0


def distinct(tokens: Sequence[int], n: int) -> float:
    """Return the share of different n-grams (Li et al., arXiv 1510.03055).

    Example:
        >>> distinct([1, 2, 1, 2, 3], 2)
        0.75
    """
    grams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return len(set(grams)) / len(grams)


def non_termination_ratio(
    model: Any,
    prompts: Tensor | Sequence[Sequence[int]],
    *,
    limit: int = 1000,
    methods: Methods = METHODS,
    eos_id: int | Sequence[int] | None = None,
    batch_size: int = 64,
    seed: int = 0,
) -> dict[str, Termination]:
    """Continue prompts with each decoder, and return how the continuations ended.

    r_L of Welleck et al. (arXiv 2002.02492), equation 9, an estimate of the probability of an
    infinite sequence.

    Args:
        model: what `generate` takes.
        prompts: int64 (batch, time), or lists of token ids.
        limit: L, most tokens of a continuation; default 1000.
        methods: options of `generate` under the decoder's name; default those of the papers.
        eos_id: the end, or several; default the model's.
        batch_size: prompts that are continued at a time; default 64.
        seed: of the decoders that draw; default 0.

    Returns:
        How the continuations ended, under each decoder's name.

    Raises:
        ValueError: if nobody names the end, there is no prompt, or `generate` refuses an option.
    """
    seeded(seed, "cpu")  # refuses what is no seed before anything is continued
    whole = {"max_new_tokens": limit, "eos_id": ends_of(model, eos_id), "batch_size": batch_size}
    found = {}
    for name, options in methods.items():
        drawing = {"generator": seed} if options.get("method") == "sample" else {}
        out = generate(model, prompts, **{**whole, **drawing, **options})
        found[name] = Termination(limit, out.to_lists(), out.finished.numpy(force=True))
    return found


def expected_length(log_on: NDArray[np.float64] | Tensor) -> float:
    """Return the expected length of an ancestral sample that is cut at the end of `log_on`.

    E[min(length, T)] = Σ_{t≤T} P(length ≥ t) = Σ_{t≤T} Π_{i<t} (1 - p_end(i)).

    Args:
        log_on: log-probability of going on at each step, (T,).

    Example:
        >>> round(expected_length(np.full(1000, np.log(0.9))), 6)
        10.0
    """
    log_on = np.asarray(log_on, dtype=np.float64)
    return float(np.exp(np.concatenate([[0.0], np.cumsum(log_on[:-1])])).sum())


class Endless:
    """A model that ends under ancestral sampling, and never when a decoder leaves tokens out.

    The construction of Welleck et al. (arXiv 2002.02492), theorem 3.4, as a table: the end always
    has the same probability, above 0, so an infinite sequence has probability 0; but it is always
    the least probable token, so greedy and beam search, top-k with k below the vocabulary and a
    nucleus without the last token never see it. The most probable token after v is v + 1.

    Args:
        vocabulary: number of tokens; default 8.
        eos_id: the end; default 0.
        gap: logits between one token and the next less probable one; default 1.
        eos_logit: default one `gap` below all others. What keeps a head going longest may be a
            large logit: see `endless`.
    """

    def __init__(
        self,
        vocabulary: int = 8,
        eos_id: int = 0,
        gap: float = 1.0,
        eos_logit: float | None = None,
    ) -> None:
        self.eos_id = eos_id
        others = [token for token in range(vocabulary) if token != eos_id]
        self.table = torch.empty(vocabulary, vocabulary)
        self.table[:, eos_id] = -gap * len(others) if eos_logit is None else eos_logit
        for last in range(vocabulary):
            after = sorted(others, key=lambda token: (token - last - 1) % vocabulary)
            self.table[last, after] = -gap * torch.arange(len(others), dtype=torch.float32)

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, None]:
        """See `Decodable.prefill`; what has been said before the last token does not matter."""
        return self.table[tokens[:, -1]], None

    def step(self, tokens: Tensor, state: None) -> tuple[Tensor, None]:
        """See `Decodable.step`."""
        return self.table[tokens], None

    def reorder(self, state: None, rows: Tensor) -> None:
        """See `Decodable.reorder`."""


def endless(eos_head: Kind, eps: float = 1e-3, **options: Any) -> SelfTerminating:
    """Return a head over the logits that keep it going longest.

    Args:
        eos_head: `softmax`, which never stops, `self_terminating` or `non_monotonic`.
        eps: the head's; default 1e-3, so that both stop within 693 steps.
        options: those of `Endless`.
    """
    worst = {"softmax": None, "self_terminating": 100.0, "non_monotonic": -100.0}[eos_head]
    return SelfTerminating(Endless(eos_logit=worst, **options), eps, eos_head=eos_head)
