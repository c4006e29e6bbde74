"""A step of the end-of-sequence heads on a CPU: two kernels for ten operations of torch.

A step of a small model takes less than a millisecond, and each operation of torch more than a
microsecond, even on one number a row. Ten of them would be felt. Importing this file loads Numba,
so only decoding imports it.
"""

import math

import numpy as np
from torch import Tensor

from zoo.kernels import kernel


def step(
    logits: Tensor, carried: Tensor, eos_id: int, log_kept: float, monotonic: bool
) -> tuple[Tensor, Tensor]:
    """Return what `EosHead.step` does.

    Args:
        logits: float32 (batch, vocabulary) on a CPU; changed while this runs, and restored.
        carried: float32 (batch, 1); overwritten.
        eos_id: id of the end.
        log_kept: log(1 - eps).
        monotonic: whether the head is the self-terminating one, not the non-monotonic.

    Returns:
        Log-probabilities, float32 (batch, vocabulary), and `carried`.

    Raises:
        IndexError: if the end is not in the vocabulary.
    """
    kept = np.empty((2, len(logits)), np.float32)
    table = logits.numpy()
    _take_out(table, carried.numpy(), kept, eos_id, log_kept, monotonic)
    log_p = logits.log_softmax(-1)
    _put_in(log_p.numpy(), table, kept, eos_id)
    return log_p, carried


@kernel
def _take_out(
    logits: np.ndarray,
    carried: np.ndarray,
    kept: np.ndarray,
    eos_id: int,
    log_kept: float,
    monotonic: bool,
) -> None:
    """Copy the end's logits and set them to -inf; compute the log-probabilities of going on."""
    if eos_id >= logits.shape[1]:
        raise IndexError("the end is not in the vocabulary")
    end, log_on = kept
    end[:] = logits[:, eos_id]
    logits[:, eos_id] = -np.inf  # when all are read: rows may be one and the same memory
    for row in range(len(logits)):
        z = np.float64(end[row])
        softplus = math.log1p(math.exp(-abs(z)))  # of -|z|
        if monotonic:  # log σ(z) = -softplus(-z)
            carried[row, 0] += log_kept - max(-z, 0.0) - softplus
            log_on[row] = carried[row, 0]
        else:
            carried[row, 0] += 1
            log_on[row] = carried[row, 0] * log_kept - max(z, 0.0) - softplus


@kernel
def _put_in(log_p: np.ndarray, logits: np.ndarray, kept: np.ndarray, eos_id: int) -> None:
    """Add log_on to the other tokens, set the end's probability, and restore its logits."""
    end, log_on = kept
    logits[:, eos_id] = end
    for row in range(len(log_p)):
        on = log_on[row]
        for token in range(log_p.shape[1]):
            log_p[row, token] += on
        log_p[row, eos_id] = math.log(-math.expm1(np.float64(on)))
