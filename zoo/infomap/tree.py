"""What a search returns: modules within modules, and the codelength."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tree:
    """A partition of the nodes, flat or hierarchical.

    A branch that ends early is continued: a module without modules of its own stands alone in its
    parent's place on every deeper level, so that a module of one level that holds exactly the
    nodes of its parent means that there was nothing to divide.

    Attributes:
        levels: labels of the nodes on each level from the top, each int64 (nodes,), numbered
            0, 1, ... by decreasing flow; each level is nested in the one before it.
        codelength: bits per step of the random walk.
        one_level: bits per step with all nodes in one module.
    """

    levels: list[np.ndarray]
    codelength: float
    one_level: float

    @property
    def modules(self) -> int:
        """Number of top modules."""
        return int(self.levels[0].max()) + 1

    def level(self, depth: int) -> int:
        """Return the number of a level from the top, 1 and on; -1 asks for the lowest.

        Raises:
            ValueError: if there is no such level.
        """
        count = len(self.levels)
        depths = [*range(1, count + 1), *range(-count, 0)]
        if depth not in depths:
            raise ValueError(f"depth is {depth}: expected 1 to {count}, or -1 for the lowest level")
        return depths.index(depth) % count + 1
