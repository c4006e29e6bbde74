"""Keys and values of attention for hypotheses and samples that share their past."""

from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

HIDDEN = -torch.inf


class Slots(NamedTuple):
    """What one layer has written, and where the tokens at hand are to be written.

    Attributes:
        new_keys: float (prompts, heads, tokens, channels).
        new_values: likewise.
        keys: float (prompts, heads, length + tokens, channels), the new ones last.
        values: likewise.
    """

    new_keys: Tensor
    new_values: Tensor
    keys: Tensor
    values: Tensor

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float
    ) -> Tensor:
        """Write new keys and values behind the others, and attend to all.

        Args:
            query: float (prompts, heads, tokens, channels).
            key: likewise.
            value: likewise.
            mask: float (prompts or 1, 1, tokens, length + tokens), added to the scores.
            scale: multiplies the scores.

        Returns:
            float (prompts, heads, tokens, channels).
        """
        self.new_keys.copy_(key)
        self.new_values.copy_(value)
        return F.scaled_dot_product_attention(query, self.keys, self.values, mask, scale=scale)


@dataclass
class TreeCache:
    """The past of each prompt's hypotheses, as one row of slots and who may see which.

    The hypotheses of a beam search are branches of a tree. Copying a branch for each of them, and
    again whenever one forks, costs more than attention itself; here every slot is written once,
    and to reorder the beams is to reorder the rows of a mask. A prompt is read and kept once,
    however many hypotheses go on from it. So are the samples of a prompt, some of which end before
    the others: to the network each prompt has as many hypotheses, those that have ended are idle.

    Attributes:
        keys: float (layers, prompts, heads, room, channels).
        values: likewise.
        visible: float (prompts, 1, beams, room), 0 where a hypothesis sees a slot, -inf elsewhere.
        positions: int64 (prompts, beams), where each hypothesis' next token stands.
        length: slots in use.
        busy: int64 (rows,), which hypotheses still run, row b of prompt p as `p * beams + b`; or
            None: all.
        latest: float (rows, tokens, width), the last layer's output for the tokens last read.
    """

    keys: Tensor
    values: Tensor
    visible: Tensor
    positions: Tensor
    length: int = 0
    busy: Tensor | None = None
    latest: Tensor | None = None

    @classmethod
    def start(
        cls, valid: Tensor, layers: int, heads: int, channels: int, like: Tensor
    ) -> "TreeCache":
        """Make room for prompts, one hypothesis each.

        Args:
            valid: bool (prompts, time), false on padding.
            layers: attention layers.
            heads: heads of keys and values.
            channels: channels of a head.
            like: a tensor of the dtype and on the device that the cache shall have.
        """
        prompts, time = valid.shape
        room = 2 * time + 32
        visible = like.new_full((prompts, 1, 1, room), HIDDEN)
        visible[:, 0, 0, :time].masked_fill_(valid, 0)
        return cls(
            like.new_empty(layers, prompts, heads, room, channels),
            like.new_empty(layers, prompts, heads, room, channels),
            visible,
            valid.sum(1, keepdim=True),
        )

    def prompt_mask(self, valid: Tensor) -> Tensor:
        """Return what the tokens of the prompts see: the earlier ones, and padding itself.

        Args:
            valid: bool (prompts, time).

        Returns:
            float (prompts, 1, time, time), 0 or -inf.
        """
        time = valid.shape[1]
        causal = torch.ones(time, time, dtype=torch.bool, device=valid.device).tril()
        itself = torch.eye(time, dtype=torch.bool, device=valid.device)  # a row of -inf is NaN
        seen = (causal & valid[:, None, None]) | itself
        return self.visible.new_full(seen.shape, HIDDEN).masked_fill_(seen, 0)

    def step_mask(self) -> Tensor:
        """Make each hypothesis see its next token's slot, and return what each of them sees.

        Returns:
            float (prompts, 1, beams, length + beams), 0 or -inf.
        """
        beams = self.positions.shape[1]
        if self.length + beams > self.visible.shape[-1]:
            self.make_room()
        end = self.length + beams
        own = self.visible[..., self.length : end]
        own.fill_(HIDDEN)
        own.diagonal(dim1=-2, dim2=-1).fill_(0)
        return self.visible[..., :end]

    def make_room(self) -> None:
        """Drop the slots that no hypothesis sees any more if they are many, else double the room.

        The hypotheses of a search have nearly all of their past in common. So once the slots of
        dropped hypotheses are gone, the cache grows with the length of the texts alone.
        """
        seen = (self.visible[..., : self.length] == 0).any(2)[:, 0]  # (prompts, length)
        needed = int(seen.sum(1).max())
        room, beams = self.visible.shape[-1], self.positions.shape[1]
        if needed > room // 2 or needed + beams > room:
            more = max(room, beams)
            self.keys = F.pad(self.keys, (0, 0, 0, more))
            self.values = F.pad(self.values, (0, 0, 0, more))
            self.visible = F.pad(self.visible, (0, more), value=HIDDEN)
            return
        order = seen.sort(dim=1, descending=True, stable=True).indices[:, :needed]
        at = order[None, :, None, :, None]  # (1, prompts, 1, needed, 1)
        self.keys[..., :needed, :] = self.keys.take_along_dim(at, -2)
        self.values[..., :needed, :] = self.values.take_along_dim(at, -2)
        self.visible[..., :needed] = self.visible.take_along_dim(order[:, None, None], -1)
        self.visible[..., needed:] = HIDDEN
        self.length = needed

    def slots(self, tokens: int) -> list[Slots]:
        """Return the slots of each layer, for so many new tokens of each prompt."""
        end = self.length + tokens
        keys, values = self.keys[..., :end, :], self.values[..., :end, :]
        parts = keys[..., self.length :, :], values[..., self.length :, :], keys, values
        return [Slots(*layer) for layer in zip(*(part.unbind() for part in parts), strict=True)]

    def spread(self, tokens: Tensor) -> Tensor:
        """Return the tokens of the rows, int64 (rows,), by prompt: int64 (prompts, beams)."""
        if self.busy is not None:
            idle = tokens.new_zeros(self.positions.numel())
            tokens = idle.index_copy_(0, self.busy, tokens)
        return tokens.view_as(self.positions)

    def gather(self, states: Tensor) -> Tensor:
        """Return those of the rows, (rows, ...), of all hypotheses, (prompts * beams, ...)."""
        return states if self.busy is None else states.index_select(0, self.busy)

    def reorder(self, rows: Tensor) -> "TreeCache":
        """Return the cache of some rows, by their numbers among those that run.

        As long as the rows of a prompt stay together, no key of it moves.

        Args:
            rows: int64 (new rows,).
        """
        prompts, beams = self.positions.shape
        cells = rows if self.busy is None else self.busy[rows]
        owners = (cells // beams).tolist()
        counts = [(owner, len(list(run))) for owner, run in groupby(owners)]
        if len({owner for owner, _ in counts}) < len(counts):  # apart: each copies its prompt
            counts = [(owner, 1) for owner in owners]
        kept, each = [owner for owner, _ in counts], max(count for _, count in counts)
        self.busy = None
        if len(owners) < each * len(kept):
            places, busy = self.filled_up([count for _, count in counts], each)
            cells = cells[torch.tensor(places, device=rows.device)]
            self.busy = torch.tensor(busy, device=rows.device)
        if kept != list(range(prompts)):
            index = torch.tensor(kept, dtype=torch.long, device=rows.device)
            self.keys = self.keys.index_select(1, index)
            self.values = self.values.index_select(1, index)
        self.visible = self.visible.flatten(0, 2)[cells].view(len(kept), 1, each, -1)
        self.positions = self.positions.flatten()[cells].view(len(kept), each)
        return self

    @staticmethod
    def filled_up(counts: list[int], each: int) -> tuple[list[int], list[int]]:
        """Give prompts as many hypotheses each; the idle ones repeat the first of their prompt.

        Args:
            counts: rows of each prompt, which follow one another.
            each: the most of them.

        Returns:
            The row of each hypothesis, and which hypotheses are not idle.

        Example:
            >>> TreeCache.filled_up([1, 2], each=2)
            ([0, 0, 1, 2], [0, 2, 3])
        """
        places, busy = [], []
        for prompt, (count, end) in enumerate(zip(counts, accumulate(counts), strict=True)):
            first = end - count
            places += [*range(first, end), *[first] * (each - count)]
            busy += range(prompt * each, prompt * each + count)
        return places, busy
