"""The flow that crosses the borders of modules."""

from __future__ import annotations

import numpy as np

from zoo.kernels import kernel


@kernel
def add_crossings(
    starts: np.ndarray,
    targets: np.ndarray,
    link: np.ndarray,
    modules: np.ndarray,
    entered: np.ndarray,
    left: np.ndarray,
) -> None:
    """Add the flow of links between modules to what enters and leaves them."""
    for node in range(len(starts) - 1):
        module = modules[node]
        for entry in range(starts[node], starts[node + 1]):
            other = modules[targets[entry]]
            if other != module:
                left[module] += link[entry]
                entered[other] += link[entry]
