"""Contrastive search: likely tokens whose hidden states differ from those before."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.decoding.engine.processors import probabilities
from zoo.decoding.engine.protocol import Contrastable
from zoo.decoding.engine.request import Request
from zoo.decoding.engine.sampling import Steps
from zoo.errors import require_number, require_whole


@dataclass(frozen=True)
class Contrast:
    """Likely tokens that do not repeat what has been said.

    Attributes:
        top_k: candidates of a step, the likeliest tokens; default 4.
        alpha: weight of the penalty for being like a token before, from 0, which is greedy, to 1;
            default 0.6.
    """

    rows: ClassVar[int] = 1  # of a prompt, searched at a time
    reads_last: ClassVar[bool] = True  # to compare candidates, also those of the last step

    top_k: int = 4
    alpha: float = field(default=0.6, metadata={"off": 0.0})

    def __post_init__(self) -> None:
        require_whole("top_k", self.top_k)
        require_number("alpha", self.alpha)
        if not 0 <= self.alpha <= 1:
            raise ValueError(
                f"alpha is {self.alpha}: expected a number from 0, which is greedy, to 1"
            )

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

    def search(self, request: Request) -> Steps:
        """Generate; see `search`."""
        return search(request, self)


def search(request: Request, contrast: Contrast) -> Steps:
    """Generate by contrastive search.

    Args:
        request: what is to be generated.
        contrast: how candidates are weighed.

    Yields:
        As `walk`.

    Raises:
        ValueError: if the model does not show its hidden states.
    """
    model, stop = request.model, request.stop
    if not isinstance(model, Contrastable):
        raise ValueError(f"{type(model).__name__} has no `hidden`: contrastive search needs it")
    logits, state, history = request.begin()
    record = request.record(logits.device)
    past, valid = F.normalize(model.hidden(state), dim=-1), request.valid.to(logits.device)
    rows = torch.arange(len(logits), device=logits.device)
    k = min(contrast.top_k, logits.shape[-1])
    for step in range(stop.limit):
        logits = logits.float()
        log_probs = request.log_probs(logits, step, rows)
        scores = request.process(history, logits, rows)
        request.require_choice(scores, step, rows)
        likely, candidates = probabilities(scores).topk(k)
        each = torch.arange(len(rows), device=rows.device)
        state = model.reorder(state, each.repeat_interleave(k))
        following, state = model.step(candidates.flatten(), state)
        hidden = F.normalize(model.hidden(state), dim=-1).view(len(rows), k, -1)
        weights = contrast.weigh(likely, hidden, past, valid)
        best = weights.masked_fill(likely == 0, -torch.inf).argmax(-1)
        chosen = candidates[each, best]

        record.add(rows, step, chosen, log_probs[each, chosen])
        yield rows, chosen
        history.append(chosen)
        ended = stop.ends(chosen)
        if request.stopping:
            stopped = request.stopped(history, log_probs)
            record.stopped[rows[stopped]] = True
            ended |= stopped
        kept = (~ended).nonzero()[:, 0]
        if not len(kept) or step == stop.limit - 1:
            break
        picked = (each * k + best)[kept]
        state, logits = model.reorder(state, picked), following[picked]
        past = torch.cat([past, hidden[each, best, None]], 1)[kept]
        valid = F.pad(valid, (0, 1), value=True)[kept]
        rows, history = rows[kept], history.pick(kept)
    return record.generation()
