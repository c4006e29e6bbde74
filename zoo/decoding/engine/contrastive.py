"""Contrastive search: likely tokens, but none that says what has been said."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.decoding.engine.processors import probabilities
from zoo.decoding.engine.protocol import Contrastable
from zoo.decoding.engine.record import Generation, require_number, require_whole
from zoo.decoding.engine.request import Task


@dataclass(frozen=True)
class Contrast:
    """How candidates are chosen and weighed.

    Attributes:
        k: candidates of a step, the likeliest tokens.
        alpha: weight of the degeneration penalty, from 0 (greedy) to 1.
    """

    k: int
    alpha: float

    def __post_init__(self) -> None:
        require_whole("top_k", self.k)
        require_number("alpha", self.alpha)
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha is {self.alpha}: from 0, which is greedy, to 1")

    def weigh(self, likely: Tensor, hidden: Tensor, past: Tensor, valid: Tensor) -> Tensor:
        """Return `(1 - alpha) p(v) - alpha max_j cos(h_v, h_j)`.

        Su et al., "A Contrastive Framework for Neural Text Generation", arXiv 2202.06417, eq. 5.

        Args:
            likely: float (rows, k), probabilities.
            hidden: float (rows, k, width), of unit length, of the candidates.
            past: float (rows, time, width), of unit length, of all tokens before.
            valid: bool (rows, time), false on padding.

        Returns:
            float (rows, k).
        """
        cosines = hidden @ past.transpose(1, 2)  # (rows, k, time)
        nearest = cosines.masked_fill(~valid[:, None], -1).amax(-1)
        return (1 - self.alpha) * likely - self.alpha * nearest


def search(task: Task, contrast: Contrast) -> Generation:
    """Generate by contrastive search.

    Args:
        task: what is to be generated.
        contrast: how candidates are weighed.

    Raises:
        ValueError: if the model does not show its hidden states.
    """
    model, stop = task.model, task.stop
    if not isinstance(model, Contrastable):
        raise ValueError(f"{type(model).__name__} has no `hidden`: contrastive search needs it")
    logits, state, history = task.begin()
    record = task.record(logits.device)
    past, valid = F.normalize(model.hidden(state), dim=-1), task.valid.to(logits.device)
    rows = torch.arange(len(logits), device=logits.device)
    k = min(contrast.k, logits.shape[-1])
    for step in range(stop.limit):
        logits = logits.float()
        log_probs = task.log_probs(logits, step, rows)
        likely, candidates = probabilities(task.process(history, logits, step, rows)).topk(k)
        each = torch.arange(len(rows), device=rows.device)
        state = model.reorder(state, each.repeat_interleave(k))
        following, state = model.step(candidates.flatten(), state)
        hidden = F.normalize(model.hidden(state), dim=-1).view(len(rows), k, -1)
        weights = contrast.weigh(likely, hidden, past, valid)
        best = weights.masked_fill(likely == 0, -torch.inf).argmax(-1)
        chosen = candidates[each, best]

        task.write(record, rows, step, chosen, log_probs[each, chosen])
        kept = (~stop.ends(chosen)).nonzero()[:, 0]
        if not len(kept) or step == stop.limit - 1:
            break
        picked = (each * k + best)[kept]
        state, logits = model.reorder(state, picked), following[picked]
        past = torch.cat([past, hidden[each, best, None]], 1)[kept]
        valid = F.pad(valid, (0, 1), value=True)[kept]
        rows, history = rows[kept], history.pick(kept)
        history.append(chosen[kept])
    return record.generation()
