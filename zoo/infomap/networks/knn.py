"""The nearest neighbours of vectors as a graph: how vectors become a network worth dividing."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from zoo.errors import require_number, require_whole
from zoo.infomap.networks.network import Network, from_edges

BLOCK = 1 << 24  # similarities held at a time


def knn_graph(vectors: ArrayLike, k: int = 50, threshold: float = 0.6) -> Network:
    """Link each vector to its nearest ones, as kexue.fm/archives/7006 does with word vectors.

    Args:
        vectors: float (nodes, dimensions); their lengths do not matter.
        k: how many neighbours each node is linked to, at most.
        threshold: the least cosine of a link, from 0 up.

    Returns:
        A directed network from each node to its neighbours, weighted by the cosines; links whose
        cosine is 0 are left out. Beside it, memory is taken for 2^24 cosines, never for all.

    Raises:
        ValueError: if the vectors are no matrix of finite numbers, one of them is 0, an argument
            is out of its range, or no two vectors are as near as the threshold.

    Example:
        >>> network = knn_graph([[1, 0], [1, 0.1], [0, 1]], k=1)
        >>> network.targets
        array([1, 0], dtype=int32)
    """
    require_whole("k", k)
    require_number("threshold", threshold)
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold}: expected a cosine from 0 to 1")
    units = _unit_vectors(vectors)
    nodes = len(units)
    k = min(k, nodes - 1)
    rows = max(1, BLOCK // nodes)
    sources, targets, cosines = [], [], []
    for start in range(0, nodes, rows):
        near = units[start : start + rows] @ units.T
        near[np.arange(len(near)), np.arange(start, start + len(near))] = -np.inf  # not to itself
        ends = np.argpartition(near, nodes - k, axis=1)[:, nodes - k :]
        cosine = np.take_along_axis(near, ends, axis=1)
        row, place = np.nonzero(cosine >= threshold)
        sources.append((start + row).astype(np.int32))
        targets.append(ends[row, place].astype(np.int32))
        cosines.append(np.minimum(cosine[row, place], 1))
    columns = [np.concatenate(pieces) for pieces in (sources, targets, cosines)]
    if not len(columns[0]):
        raise ValueError(
            f"no two vectors have a cosine of {threshold} or more: lower the threshold"
        )
    return from_edges(*columns, nodes=nodes, directed=True)


def _unit_vectors(vectors: ArrayLike) -> np.ndarray:
    """Return vectors of length 1, in single precision."""
    array = np.asarray(vectors, np.float32)
    if array.ndim != 2 or len(array) < 2:
        raise ValueError(f"the vectors have shape {array.shape}: expected (nodes, dimensions)")
    lengths = np.linalg.norm(array, axis=1)
    wrong = ~((lengths > 0) & (lengths < np.inf))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(f"vector {row} has length {lengths[row]:g}: expected a positive one")
    return array / lengths[:, None]
