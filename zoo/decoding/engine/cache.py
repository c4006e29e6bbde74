"""Keys and values of attention for beams that share their past."""

from dataclasses import dataclass
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
    however many hypotheses go on from it.

    Attributes:
        keys: float (layers, prompts, heads, room, channels).
        values: likewise.
        visible: float (prompts, 1, beams, room), 0 where a hypothesis sees a slot, -inf elsewhere.
        positions: int64 (prompts, beams), where each hypothesis' next token stands.
        length: slots in use.
        latest: float (rows, tokens, width), the last layer's output for the tokens last read.
    """

    keys: Tensor
    values: Tensor
    visible: Tensor
    positions: Tensor
    length: int = 0
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

    def reorder(self, rows: Tensor) -> "TreeCache":
        """Return the cache of some rows; row b of prompt p is number `p * beams + b`.

        As long as the rows of a prompt stay together, and each prompt has as many, no key moves.

        Args:
            rows: int64 (new rows,).
        """
        prompts, beams = self.positions.shape
        owners = (rows // beams).tolist()
        kept = list(dict.fromkeys(owners))
        each = len(owners) // max(len(kept), 1)
        if owners != [owner for owner in kept for _ in range(each)]:
            kept, each = owners, 1
        if kept != list(range(prompts)):
            index = torch.tensor(kept, dtype=torch.long, device=rows.device)
            self.keys = self.keys.index_select(1, index)
            self.values = self.values.index_select(1, index)
        self.visible = self.visible.flatten(0, 2)[rows].view(len(kept), 1, each, -1)
        self.positions = self.positions.flatten()[rows].view(len(kept), each)
        return self
