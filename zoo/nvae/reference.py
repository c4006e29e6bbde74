"""Weights under the names of NVAE's reference implementation, moved into a net of ours.

Only the names and shapes of its tensors are used; a state dict that the user has in memory is all
that is read.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from zoo.nvae.cells import Cell, DoublingSkip, HalvingSkip
from zoo.nvae.flows import AutoregressiveFlow
from zoo.nvae.groups import adaptive_groups
from zoo.nvae.net import NVAE

# what the reference's data sets decide
DATASETS: dict[str, dict[str, Any]] = {
    "mnist": {"shape": [1, 28, 28], "margin": 2},
    "cifar10": {"shape": [3, 32, 32], "likelihood": "mixture"},
    "imagenet_32": {"shape": [3, 32, 32], "likelihood": "mixture"},
    "celeba_64": {"shape": [3, 64, 64], "likelihood": "mixture"},
    "celeba_256": {"shape": [3, 256, 256], "likelihood": "mixture", "bits": 5},
    "ffhq": {"shape": [3, 256, 256], "likelihood": "mixture", "bits": 5},
}


def from_reference(
    state: Mapping[str, Tensor],
    config: Mapping[str, Any],
    dataset: str = "mnist",
    flows: int = 0,
) -> NVAE:
    """Return a net with the weights of a state dict in the reference's naming.

    Args:
        state: the tensors by name; one that is no parameter (`weight_normalized`) is left out.
        config: `scales`, `groups` (of the largest size), `ada` (half as many at each smaller
            one), `least` (groups a scale has at least; default 1), `lat`, `ch`, `blocks`,
            `pcells`, `cells`.
        dataset: `mnist`, `cifar10`, `imagenet_32`, `celeba_64`, `celeba_256` or `ffhq`: decides
            shape, margin and the distribution of pixels; default `mnist`.
        flows: pairs of autoregressive steps of a group; default 0.

    Returns:
        The net, in training mode.

    Raises:
        ValueError: if the data set is unknown, or a tensor is missing, left over or of another
            shape; the message names them.
    """
    if dataset not in DATASETS:
        raise ValueError(f"no data set {dataset!r}: expected one of {', '.join(DATASETS)}")
    groups, scales = config["groups"], config["scales"]
    net = NVAE(
        groups=adaptive_groups(groups, scales, config.get("least", 1))
        if config["ada"]
        else [groups] * scales,
        width=config["ch"],
        latents=config["lat"],
        cells=config["cells"],
        blocks=config["blocks"],
        block_cells=config["pcells"],
        flows=flows,
        **DATASETS[dataset],
    )
    _fill(net, state)
    # sums of gradients round as the reference's do: in channels-last they part after five digits
    return net.to(memory_format=torch.contiguous_format)


def _fill(net: NVAE, state: Mapping[str, Tensor]) -> None:
    names = dict(reference_names(net))
    own = net.state_dict()
    missing = [theirs for theirs in names.values() if theirs not in state]
    known = set(names.values())
    left = [n for n in state if n not in known and not n.endswith("weight_normalized")]
    if missing or left:
        raise ValueError(
            f"the state dict has no {_some(missing)} and has unknown {_some(left)}: expected the "
            "tensors of the reference for this configuration; check config, dataset and flows"
        )
    wrong = [t for ours, t in names.items() if state[t].shape != own[ours].shape]
    if wrong:
        raise ValueError(
            f"other shapes than the configuration's: {_some(wrong)}; check config, dataset and "
            "flows"
        )
    net.load_state_dict({ours: state[theirs] for ours, theirs in names.items()})


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (", ".join(names[:5]) or "nothing") + more


def reference_names(net: NVAE) -> Iterator[tuple[str, str]]:
    """Yield for each tensor of a net its name and the reference's."""
    ours = {module: name for name, module in net.named_modules()}
    for module, theirs in _modules(net):
        for name in module.state_dict(keep_vars=True):
            theirs_name = name.replace("log_norm", "log_weight_norm")
            yield f"{ours[module]}.{name}", f"{theirs}.{theirs_name}"
    yield "decoder.start", "prior_ftr0"


def _modules(net: NVAE) -> Iterator[tuple[nn.Module, str]]:
    """Yield the modules that hold tensors, and where the reference has them."""
    encoder, decoder = net.encoder, net.decoder
    yield encoder.stem, "stem"
    yield from _row(encoder.before, "pre_process")
    place = 0
    taps = [group.tap for group in reversed(decoder.groups) if group.tap is not None]
    for index, cells in enumerate(encoder.groups):
        yield from _row(cells, "enc_tower", place)
        place += len(cells)
        if index < len(taps):  # the top has none
            yield taps[index], f"enc_tower.{place}.conv"
            place += 1
    yield encoder.crown[1], "enc0.1"
    place = 0
    for index, group in enumerate(decoder.groups):
        yield from _row(group.cells, "dec_tower", place)
        place += len(group.cells)
        yield group.merge, f"dec_tower.{place}.conv"
        place += 1
        yield group.posterior, f"enc_sampler.{index}"
        if group.prior is not None:
            yield group.prior, f"dec_sampler.{index - 1}.1"
        for number, flow in enumerate(group.flows):
            yield from _flow(flow, f"nf_cells.{index * len(group.flows) + number}")
    yield from _row(decoder.after, "post_process")
    yield decoder.head[1], "image_conditional.1"


def _row(cells: nn.Sequential, theirs: str, first: int = 0) -> Iterator[tuple[nn.Module, str]]:
    for place, cell in enumerate(cells, first):
        assert isinstance(cell, Cell)
        yield from _cell(cell, f"{theirs}.{place}")


def _cell(cell: Cell, theirs: str) -> Iterator[tuple[nn.Module, str]]:
    branch: Any = cell.branch
    if hasattr(branch, "depthwise"):
        up = isinstance(cell.skip, DoublingSkip)
        at = [f"{theirs}._ops.0.conv.{i + up}" for i in range(5)]
        yield branch.norm0, f"{at[0]}.bn"
        yield branch.widen, f"{at[1]}.conv.0"
        yield branch.norm1, f"{at[1]}.conv.1"
        yield branch.depthwise, f"{at[2]}.conv.0"
        yield branch.norm2, f"{at[2]}.conv.1"
        yield branch.narrow, at[3]
        yield branch.norm3, f"{at[4]}.bn"
    else:
        for i in (0, 1):
            yield getattr(branch, f"norm{i}"), f"{theirs}._ops.{i}.bn_act"
            yield getattr(branch, f"conv{i}"), f"{theirs}._ops.{i}.conv_0"
    if isinstance(cell.skip, HalvingSkip):
        for i, conv in enumerate(cell.skip.convs, 1):
            yield conv, f"{theirs}.skip.conv_{i}"
    if isinstance(cell.skip, DoublingSkip):
        yield cell.skip.conv, f"{theirs}.skip.1"
    squeeze: Any = cell.squeeze
    yield squeeze.squeeze, f"{theirs}.se.se.0"
    yield squeeze.excite, f"{theirs}.se.se.2"


def _flow(flow: AutoregressiveFlow, theirs: str) -> Iterator[tuple[nn.Module, str]]:
    for step, cell in ((flow.there, "cell1"), (flow.back, "cell2")):
        at = f"{theirs}.{cell}"
        yield step.first, f"{at}.conv.convz.0"
        yield step.depthwise, f"{at}.conv.convz.2"
        yield step.last, f"{at}.mu.conv_0"
