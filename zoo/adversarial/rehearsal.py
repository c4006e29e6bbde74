"""Passes of a training step of which nothing remains."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

from lightning.pytorch import LightningModule
from torch import Tensor, nn

from zoo.callbacks.random_state import get_random_state, set_random_state

# What every module has: hooks, parameters and submodules, which no training step changes.
INTERNALS = vars(nn.Module()).keys() - {"_buffers"}


@contextmanager
def rehearsal(
    module: LightningModule, *, start: dict[str, Any] | None = None, rewind: bool = True
) -> Iterator[None]:
    """Let `module` run a step of which nothing remains but what the caller keeps of its result.

    Inside, every submodule works on copies of its buffers and attributes (BatchNorm statistics,
    torchmetrics states, lists to which a step appends) and `log` is silent. Parameters and their
    gradients are not copied. Side effects elsewhere (printing, files, plain Python objects) are
    not undone. The graph of the result may be kept.

    Args:
        module: the module.
        start: random states to start from, of `get_random_state`; default the present ones.
        rewind: put the random states back afterwards, so that the next pass draws the same
            dropout masks; default true.
    """
    own = [(vars(part), dict(vars(part))) for part in module.modules()]
    random = get_random_state()
    try:
        for state, before in own:
            state.update((k, duplicate(v)) for k, v in before.items() if k not in INTERNALS)
        for part in module.modules():
            if isinstance(part, LightningModule):
                vars(part)["log"] = silent
        if start is not None:
            set_random_state(start)
        yield
    finally:
        for state, before in own:
            for name in state.keys() - before.keys():
                del state[name]
            state.update(before)
        if rewind:
            set_random_state(random)


def duplicate(value: Any) -> Any:
    """Copy a tensor or a container, and the tensors and containers in a dictionary."""
    if isinstance(value, Tensor):
        return value.clone()
    if not isinstance(value, (list, dict, set, deque)):
        return value
    twin = copy(value)
    if isinstance(twin, dict):
        nested = (Tensor, list, dict, set, deque)
        twin.update((key, duplicate(v)) for key, v in twin.items() if isinstance(v, nested))
    return twin


def silent(*args: Any, **kwargs: Any) -> None:
    """Stand in for `LightningModule.log`."""
