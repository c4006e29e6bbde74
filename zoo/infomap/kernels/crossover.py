"""Modules of one partition in another: those that save bits there are taken over.

A search can stop where several nodes would have to change their modules together, and another
search have found just that. So whole modules of the other partition are tried one by one, each as
a new module that its nodes leave theirs for, as in the crossovers of genetic algorithms.
"""

from __future__ import annotations

import numpy as np

from zoo.infomap.kernels.aggregation import (
    ENTER,
    FLOW,
    LANDING,
    LEAVE,
    TELEPORT,
    WITH_TELEPORT,
    Level,
    members_of,
)
from zoo.infomap.kernels.logarithm import Scalar, plogp
from zoo.infomap.kernels.visits import shuffled
from zoo.kernels import kernel

GAIN = 1e-10  # bits that a module must save
# Sums over the nodes of a module: of their rates, and what does not cross its border.
INNER, STAYS = 5, 6


@kernel
def take_over(level: Level, labels: np.ndarray, others: np.ndarray, seed: int) -> Scalar:
    """Take over modules of another partition where this saves bits.

    Args:
        level: the nodes; none of them states of physical nodes.
        labels: uint32 (nodes,), modules 0, 1, ...; changed, and numbered with gaps.
        others: uint32 (nodes,), modules 0, 1, ... of the other partition.
        seed: chooses the order in which they are tried.

    Returns:
        The bits saved.
    """
    count, candidates = np.int64(labels.max()) + 1, np.int64(others.max()) + 1
    sums = sums_of(level, labels, count, candidates)
    taken = np.zeros_like(sums)  # what a candidate takes from each module, 0 between candidates
    sizes = np.bincount(labels, minlength=sums.shape[0])
    takes = np.zeros(sums.shape[0], np.int64)
    touched = np.empty(sums.shape[0], np.int64)
    first, members = members_of(others, candidates)
    index = total = 0.0
    for m in range(count):
        index += border(sums[m], ENTER)
    for s in shuffled(candidates, seed):
        # What its nodes bring along, and what their modules lose.
        new, size, found = count + np.int64(s), 0, 0
        for x in members[first[s] : first[s + 1]]:
            m = labels[x]
            if takes[m] == 0:
                touched[found] = m
                found += 1
            takes[m] += 1
            size += 1
            add_node(level, np.int64(x), sums[new])
            add_node(level, np.int64(x), taken[m])
            for j in range(level.starts[x], level.starts[x + 1]):
                y = level.targets[j]
                together = others[y] == s
                sums[new, INNER] += level.half[j] if together else 0.0
                if labels[y] == m:
                    taken[m, INNER] += level.half[j] if together else 2.0 * level.half[j]
        # What this changes.
        change, used = codebook(sums[new]), index + border(sums[new], ENTER)
        for m in touched[:found]:
            left = sums[m] - taken[m]
            change += codebook(left) - codebook(sums[m])
            used += border(left, ENTER) - border(sums[m], ENTER)
        change += plogp(used) - plogp(index)
        there = found == 1 and sizes[touched[0]] == size
        if there or change > -GAIN:
            sums[new] = 0.0
        else:
            total -= change
            index = used
            for m in touched[:found]:
                sums[m] -= taken[m]
                sizes[m] -= takes[m]
            sizes[new] = size
            for x in members[first[s] : first[s + 1]]:
                labels[x] = new
        for m in touched[:found]:
            taken[m] = 0.0
            takes[m] = 0
    return total


@kernel
def sums_of(level: Level, labels: np.ndarray, count: int, spare: int) -> np.ndarray:
    """Return the sums of each module, float64 (count + spare, columns)."""
    sums = np.zeros((count + spare, 7))
    for x in range(labels.size):
        m = labels[x]
        add_node(level, x, sums[m])
        for j in range(level.starts[x], level.starts[x + 1]):
            sums[m, INNER] += level.half[j] if labels[level.targets[j]] == m else 0.0
    return sums


@kernel
def add_node(level: Level, x: Scalar, sums: np.ndarray) -> None:
    """Add what a node has to the sums of a module, but for its links."""
    for c in range(level.rates.shape[1]):
        sums[c] += level.rates[x, c]
    if level.rates.shape[1] == WITH_TELEPORT:
        sums[STAYS] += level.rates[x, TELEPORT] * level.rates[x, LANDING]


@kernel
def border(sums: np.ndarray, column: int) -> Scalar:
    """Return the flow that leaves, or that enters, a module; `column` is LEAVE or ENTER."""
    return sums[column] - sums[INNER] - (sums[TELEPORT] * sums[LANDING] - sums[STAYS])


@kernel
def codebook(sums: np.ndarray) -> Scalar:
    """Return plogp(q + p) - plogp(q) - plogp(q') of a module."""
    leave, enter = border(sums, LEAVE), border(sums, ENTER)
    return plogp(leave + sums[FLOW]) - plogp(leave) - plogp(enter)
