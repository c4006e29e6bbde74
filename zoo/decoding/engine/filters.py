"""Filters: processors that leave the next token a smaller choice, and their consistent forms.

A filter sets the scores of what it removes to -inf and changes no other. If it may remove the end
token, a sequence may go on for ever, however likely the model finds its end at each step: Welleck
et al., "Consistency of a Recurrent Language Model With Respect to Incomplete Decoding", arXiv
2002.02492, theorem 3.4. The consistent forms always leave the end token in (section 4.1 there).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from zoo.decoding.engine.processors import NEVER, Processor, probabilities
from zoo.decoding.engine.stop import require_known, token_list
from zoo.errors import require_number, require_whole


@dataclass(frozen=True)
class TopK:
    """Keep the k highest scores, and what ties with the last of them.

    Raises:
        ValueError: if k is no whole number from 1.
    """

    k: int

    def __post_init__(self) -> None:
        require_whole("top_k", self.k)

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Remove all below the k-th score."""
        kth = scores.topk(min(self.k, scores.shape[-1])).values[:, -1:]
        return scores.masked_fill(scores < kth, NEVER)


@dataclass(frozen=True)
class TopP:
    """Keep the nucleus: the fewest tokens whose probabilities sum to at least p.

    Holtzman et al., "The Curious Case of Neural Text Degeneration", arXiv 1904.09751, section 3.1.

    Raises:
        ValueError: unless 0 < p <= 1.
    """

    p: float

    def __post_init__(self) -> None:
        require_share("top_p", self.p)

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Remove the tokens whose likelier ones already sum to p."""
        order = scores.argsort(-1, descending=True)
        return remove_tail(scores, order, self.p)


@dataclass(frozen=True)
class MinP:
    """Keep the tokens with at least p times the probability of the likeliest one.

    Nguyen et al., "Turning Up the Heat: Min-p Sampling", arXiv 2407.01082.

    Raises:
        ValueError: unless 0 < p <= 1.
    """

    p: float

    def __post_init__(self) -> None:
        require_share("min_p", self.p)

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Remove all below the best score plus log p."""
        least = scores.amax(-1, keepdim=True) + math.log(self.p)
        return scores.masked_fill(scores < least, NEVER)


@dataclass(frozen=True)
class Typical:
    """Keep the tokens whose surprise is nearest to the entropy, until they sum to `mass`.

    Meister et al., "Locally Typical Sampling", arXiv 2202.00666, equation 11.

    Raises:
        ValueError: unless 0 < mass <= 1.
    """

    mass: float

    def __post_init__(self) -> None:
        require_share("typical", self.mass)

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Remove the tokens that are least typical."""
        log_probs = scores.float().log_softmax(-1)
        entropy = -(log_probs.exp() * log_probs).nansum(-1, keepdim=True)  # 0 log 0 is 0
        order = (-log_probs - entropy).abs().argsort(-1)
        return remove_tail(scores, order, self.mass)


def remove_tail(scores: Tensor, order: Tensor, mass: float) -> Tensor:
    """Keep the first tokens of an order, as few as sum to `mass`.

    Args:
        scores: float (rows, vocabulary).
        order: int64 (rows, vocabulary), tokens from first to last.
        mass: probability to keep, from 0 to 1.
    """
    if mass == 1:  # a sum may reach 1 before its end, by rounding
        return scores
    likely = probabilities(scores).gather(-1, order)
    before = likely.cumsum(-1) - likely
    removed = torch.zeros_like(scores, dtype=torch.bool).scatter_(-1, order, before >= mass)
    return scores.masked_fill(removed, NEVER)


def require_share(name: str, share: float) -> None:
    """Refuse what is no share of a probability.

    Raises:
        ValueError: unless 0 < share <= 1.
    """
    require_number(name, share)
    if not 0 < share <= 1:
        raise ValueError(
            f"{name} is {share}: expected a number above 0 and at most 1; leave it out to keep all"
        )


@dataclass(frozen=True)
class Filters:
    """The filters that sampling can apply, an option each, in the order of `transformers`.

    Attributes:
        top_k: keep the k likeliest tokens; default None: all.
        top_p: keep the nucleus of this probability; default None: all.
        min_p: keep what has this share of the likeliest token's probability; default None: all.
        typical: keep the most typical tokens of this probability; default None: all.
    """

    KINDS: ClassVar[dict[str, Callable[..., Processor]]] = {
        "top_k": TopK,
        "top_p": TopP,
        "min_p": MinP,
        "typical": Typical,
    }
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical: float | None = None

    def chosen(self) -> list[Processor]:
        """Return the filters whose options are given."""
        values = ((kind, getattr(self, option)) for option, kind in self.KINDS.items())
        return [kind(value) for kind, value in values if value is not None]


class Consistent:
    """A filter that never removes the end token.

    Wrap each filter of a chain: once one has set the score of the end token to -inf, no later one
    can know what it was.

    Args:
        filter: what removes tokens.
        eos_id: the end token, or several; default that of `zoo.decoding.generate`, which tells the
            filter. The `generate` of `transformers` does not: name it there.
    """

    def __init__(self, filter: Processor, eos_id: int | Sequence[int] | None = None) -> None:  # noqa: A002
        self.filter = filter
        self.eos = token_list("eos_id", eos_id)

    def __repr__(self) -> str:
        return f"Consistent({self.filter}, eos_id={list(self.eos) or None})"

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Filter, and put the end tokens' scores back.

        Raises:
            ValueError: if nobody names the end, or it is not in the vocabulary.
        """
        if not self.eos:
            raise ValueError(f"{self} knows no end token to keep: name it with eos_id=")
        require_known("eos_id", self.eos, scores.shape[-1])
        filtered = self.filter(tokens, scores)
        for end in self.eos:
            filtered[:, end] = scores[:, end]
        return filtered

    def knowing(self, eos: tuple[int, ...]) -> "Consistent":
        """Return the same filter with these end tokens, unless it has its own."""
        return self if self.eos else Consistent(self.filter, eos)


class ConsistentTopK(Consistent):
    """Keep the k highest scores and the end token.

    Args:
        k: how many tokens stay.
        eos_id: see `Consistent`.

    Example:
        >>> scores = torch.tensor([[3.0, 2.0, 1.0, 0.0]])
        >>> ConsistentTopK(1, eos_id=3)(torch.tensor([[0]]), scores)
        tensor([[3., -inf, -inf, 0.]])
    """

    def __init__(self, k: int, eos_id: int | Sequence[int] | None = None) -> None:
        super().__init__(TopK(k), eos_id)


class ConsistentTopP(Consistent):
    """Keep the nucleus of mass p and the end token.

    Args:
        p: probability that stays at least.
        eos_id: see `Consistent`.
    """

    def __init__(self, p: float, eos_id: int | Sequence[int] | None = None) -> None:
        super().__init__(TopP(p), eos_id)
