"""End-of-sequence heads: softmax, self-terminating and non-monotonic self-terminating.

A head turns logits into log-probabilities. The last two give the end a probability that tends to
1 whatever the logits are, so that any decoder that keeps the most probable token stops. Everything
is in log space, exact at any logit, parallel over time in training; in decoding one number a row
is carried from step to step.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.decoding import losses
from zoo.decoding.engine.protocol import Contrastable, Decodable
from zoo.decoding.engine.stop import require_known
from zoo.decoding.losses import KINDS, Kind, log1mexp
from zoo.decoding.models.decodable import as_decodable, ends_of
from zoo.errors import require_number

State = TypeVar("State")
SMALLEST = 1e-7  # a sum near ln ½ in float32 stands still if less is added


# logits, carried, id of the end, log(1 - eps), whether monotonic: see `zoo.decoding.cpu.heads.step`
Step = Callable[[Tensor, Tensor, int, float, bool], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class EosHead:
    """From logits to probabilities with one of the three treatments of the end.

    Attributes:
        kind: `softmax`, `self_terminating` or `non_monotonic`.
        eos_id: id of the end.
        eps: lower bound of a step's share of the end; without effect on `softmax`.

    Raises:
        ValueError: if the kind is unknown, the id is negative, or eps is not below 1 or so small
            that float32 loses it.
    """

    kind: Kind
    eos_id: int
    eps: float = 1e-4

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"eos_head is {self.kind!r}: expected one of {', '.join(KINDS)}")
        require_number("eps", self.eps)
        if not SMALLEST <= self.eps < 1:
            raise ValueError(f"eps is {self.eps}: expected a number from {SMALLEST} to below 1")
        if self.eos_id < 0:
            raise ValueError(f"eos_id is {self.eos_id}: token ids begin at 0")

    @property
    def bound(self) -> float:
        """Steps that a greedy decoder takes at most, whatever the logits: ln ½ / ln(1 - eps).

        Example:
            >>> EosHead("self_terminating", eos_id=0, eps=1e-3).bound
            693
        """
        if self.kind == "softmax":
            return math.inf
        return math.ceil(math.log(0.5) / math.log1p(-self.eps))

    def bias(self, length: float) -> float:
        """Return the logit of the end of a model that expects about `length` steps to it."""
        sign = {"softmax": 0, "self_terminating": 1, "non_monotonic": -1}[self.kind]
        return sign * math.log(length)

    def log_probabilities(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of a whole output.

        Args:
            logits: float (batch, time, vocabulary), of any precision, from the first token on that
                the model gives.

        Returns:
            float32 (batch, time, vocabulary).
        """
        return losses.log_probabilities(self.kind, logits, self.eos_id, self.eps)

    def nats(self, logits: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
        """Return -log p(target) at every position of whole sequences, for training.

        The probabilities are those of `log_probabilities`, at the price of a cross-entropy.

        Args:
            logits: float (batch, time, vocabulary); overwritten.
            targets: int64 (batch, time), the token that follows each position.
            counted: bool (batch, time), false where the target belongs to a given context.

        Returns:
            float32 (batch, time).
        """
        return losses.nats(self.kind, logits, targets, counted, self.eos_id, self.eps)

    def step(self, logits: Tensor, carried: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-probabilities of the next token.

        Those of `log_probabilities`. On a CPU two kernels compute them, if Numba is installed,
        which compiles them when first called; else operations of torch.

        Args:
            logits: float (batch, vocabulary).
            carried: float32 (batch, 1): zeros at the first step; may be overwritten.

        Returns:
            float32 (batch, vocabulary), and what the next step is to be given. With `softmax` both
            as they came.

        Raises:
            IndexError: if the end is not in the vocabulary.
        """
        if self.kind == "softmax":
            return logits, carried
        by_torch = logits.requires_grad or torch.compiler.is_compiling()
        step = self._kernels if logits.is_cpu and not by_torch else torch_step
        monotonic = self.kind == "self_terminating"
        return step(logits.float(), carried, self.eos_id, self._log_kept, monotonic)

    @cached_property
    def _kernels(self) -> Step:
        try:
            from zoo.decoding.cpu.heads import step  # loads Numba
        except ImportError:  # from torch.hub, without installing anything
            return torch_step
        return step

    @cached_property
    def _log_kept(self) -> float:
        return math.log1p(-self.eps)


def torch_step(
    logits: Tensor, carried: Tensor, eos_id: int, log_kept: float, monotonic: bool
) -> tuple[Tensor, Tensor]:
    """Return what `EosHead.step` does, on any device: see `zoo.decoding.cpu.heads.step`."""
    z = logits[:, eos_id, None]
    if monotonic:
        log_on = carried = carried + (F.logsigmoid(z) + log_kept)
    else:
        carried = carried + 1
        log_on = carried * log_kept + F.logsigmoid(-z)
    others = logits.clone()
    others[:, eos_id] = -math.inf
    log_p = others.log_softmax(-1) + log_on
    log_p[:, eos_id] = log1mexp(log_on[:, 0])
    return log_p, carried


class SelfTerminating(nn.Module, Generic[State]):
    """A model whose end of sequence gets one of the three heads; a `Decodable` like the model.

    Also a `Contrastable`, if the model is one.

    The head begins with the first token that is generated: what the prompt holds does not count.

    Args:
        model: a `Decodable` that gives logits, or a causal language model of transformers.
        eps: lower bound of a step's share of the end; default 1e-4, with which a greedy decoder
            stops within 6,932 steps.
        eos_head: `softmax` changes nothing, `self_terminating` (default) or `non_monotonic`.
        eos_id: id of the end; default the model's.

    Raises:
        ValueError: if the head is unknown, eps is not between 0 and 1, nobody names the end or it
            is not in the vocabulary, or the model gives log-probabilities.
    """

    def __init__(
        self,
        model: Decodable[State] | Any,
        eps: float = 1e-4,
        *,
        eos_head: Kind = "self_terminating",
        eos_id: int | None = None,
    ) -> None:
        super().__init__()
        self.model: Any = model
        decodable = model if isinstance(model, Decodable) else as_decodable(model)
        eos = ends_of(model, eos_id)
        if len(eos) != 1:
            raise ValueError(f"a head has one end, not {len(eos)}: name it with eos_id=")
        (self.eos_id,) = eos
        self.eos_head = EosHead(eos_head, self.eos_id, eps)
        self.normalised = self.softmaxed = eos_head != "softmax"
        if getattr(decodable, "normalised", False):
            raise ValueError(f"{type(model).__name__} gives log-probabilities: a head wants logits")
        for name in ("positions", "vocabulary", "source", "start"):
            if (value := getattr(decodable, name, None)) is not None:
                setattr(self, name, value)
        require_known("eos_id", eos, getattr(self, "vocabulary", self.eos_id + 1))
        if isinstance(decodable, Contrastable):
            self.hidden = self._hidden
        self.train(getattr(model, "training", False))

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, "Headed"]:
        """See `Decodable.prefill`."""
        model = as_decodable(self.model)  # of the weights as they are now
        logits, inner = model.prefill(tokens, valid)
        require_known("eos_id", (self.eos_id,), logits.shape[-1])
        carried = torch.zeros(len(logits), 1, device=logits.device)
        log_p, carried = self.eos_head.step(logits, carried)
        return log_p, Headed(model, inner, carried)

    def step(self, tokens: Tensor, state: "Headed") -> tuple[Tensor, "Headed"]:
        """See `Decodable.step`."""
        model, inner, carried = state
        logits, inner = model.step(tokens, inner)
        log_p, carried = self.eos_head.step(logits, carried)
        return log_p, Headed(model, inner, carried)

    def reorder(self, state: "Headed", rows: Tensor) -> "Headed":
        """See `Decodable.reorder`."""
        model, inner, carried = state
        return Headed(model, model.reorder(inner, rows), carried.index_select(0, rows))

    def _hidden(self, state: "Headed") -> Tensor:
        return state.model.hidden(state.inner)


class Headed(NamedTuple):
    """The state of a `SelfTerminating`.

    Attributes:
        model: what is decoded, as the engine wants it.
        inner: its state.
        carried: of the head, float32 (batch, 1).
    """

    model: Any
    inner: Any
    carried: Tensor
