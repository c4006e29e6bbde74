"""Bootstrap intervals for means over a test set."""

import torch
from torch import Generator, Tensor


def bootstrap_interval(
    values: Tensor,
    weights: Tensor | None = None,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Tensor:
    """Return the interval between two quantiles of the means of resampled sets.

    The percentile interval of Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13.
    Means of differences between two systems on the same examples give a paired comparison.

    Args:
        values: float (n, k), k numbers of each of n examples.
        weights: float (n,), for `sum(weights * values) / sum(weights)`, such as each example's
            number of characters; default all the same.
        level: the probability between the two ends; default 0.95.
        resamples: sets of n examples that are drawn, with replacement; default 1,000.
        seed: of the draws.

    Returns:
        float64 (2, k), lower and upper ends, on the CPU.

    Raises:
        ValueError: if there is no example, or `level` is not between 0 and 1.

    Example:
        >>> bootstrap_interval(torch.tensor([[0.0], [1.0]]))  # a mean of two: 0, 0.5, 0.5 or 1
        tensor([[0.],
                [1.]], dtype=torch.float64)
    """
    if not len(values) or not 0 < level < 1:
        raise ValueError(
            f"values has {len(values)} examples and level is {level}: expected at least one, and a "
            "level between 0 and 1"
        )
    values = values.cpu().double()  # Apple's devices have no float64
    share = torch.ones_like(values[:, 0]) if weights is None else weights.to(values)
    generator = Generator().manual_seed(seed)
    size = len(values)
    means = []
    for _ in range(resamples):
        drawn = torch.randint(size, (size,), generator=generator)
        chosen = share[drawn, None]
        means.append((chosen * values[drawn]).sum(0) / chosen.sum(0))
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2]).to(values)
    return torch.stack(means).quantile(ends, dim=0)
