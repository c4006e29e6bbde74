"""Gradients that are left out, so that a bad batch does not end a run, nor stop it for good."""

import torch
from torch import Tensor, nn

WINDOW = 100  # norms that the median is of
ENOUGH = 20  # norms before there is a median to compare with


class Guard(nn.Module):
    """Say of each gradient whether to take the step.

    Left out is a gradient that is not finite, and one whose norm is above a multiple of the median
    of the last hundred, these counted too. A fixed threshold, as of VDVAE, can stop a run for
    good (its issue 25); here the eleventh in a row is taken, if it is finite. The state is in
    buffers, and goes with a training checkpoint.

    Args:
        multiple: of the median; default 10.
        in_a_row: most gradients left out one after the other; default 10.
    """

    norms: Tensor
    seen: Tensor
    row: Tensor
    skipped: Tensor

    def __init__(self, multiple: float = 10.0, in_a_row: int = 10) -> None:
        super().__init__()
        self.multiple, self.in_a_row = multiple, in_a_row
        self.register_buffer("norms", torch.zeros(WINDOW))
        for name in ("seen", "row", "skipped"):  # finite norms; left out in a row, and in all
            self.register_buffer(name, torch.zeros((), dtype=torch.int64))

    def forward(self, norm: Tensor) -> bool:
        """Return whether to take a step whose gradient has this norm ().

        Raises:
            ValueError: if more gradients in a row than may be left out are not finite.
        """
        finite = bool(norm.isfinite())
        taken = finite and (int(self.row) >= self.in_a_row or not self._is_large(norm))
        if finite:
            self.norms[int(self.seen) % WINDOW] = norm
            self.seen += 1
        if taken:
            self.row.zero_()
            return True
        self.row += 1
        self.skipped += 1
        if not finite and int(self.row) > self.in_a_row:
            raise ValueError(
                f"{int(self.row)} gradients in a row that are not finite or too large: expected a "
                "few at most; the weights are still finite, go on from the last checkpoint with a "
                "lower model.lr or a larger model.regularisation"
            )
        return False

    def _is_large(self, norm: Tensor) -> bool:
        known = int(self.seen)
        if known < ENOUGH:
            return False
        return bool(norm > self.multiple * self.norms[:known].median())
