"""Batch norm over the batches of all processes, and its statistics measured anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm


class _SumOverProcesses(torch.autograd.Function):
    """Sum a tensor over processes; its gradient is the sum of theirs, to any order."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return sum_over_processes(gradients[0].contiguous())


def sum_over_processes(tensor: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, differentiable to any order.

    All processes must call it, and go backward through it, in the same order.

    Args:
        tensor: of the same shape on every process; not changed.
    """
    return _SumOverProcesses.apply(tensor)  # pyright: ignore[reportReturnType]


class BatchNormOverProcesses(_BatchNorm):
    """Batch norm whose mean and variance are those of the batches of all processes together.

    It equals `torch.nn.BatchNorm1d/2d/3d` on the joined batch, its gradients too, to any order,
    once gradients are averaged over processes. `torch.nn.SyncBatchNorm` does not run on CPU and
    has no second derivative. The processes may have batches of different sizes. With one process
    it is torch's own; names of parameters and buffers are torch's.

    Args:
        num_features, eps, momentum, affine, track_running_stats: as for `torch.nn.BatchNorm2d`.

    Shape:
        input and output: float (batch, num_features, ...).
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        if input.dim() < 2:
            raise ValueError(
                f"input has shape {tuple(input.shape)}: expected (batch, channels, ...)"
            )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Normalise with the statistics of all processes in training, with the kept ones else."""
        alone = not (distributed.is_available() and distributed.is_initialized())
        batch_statistics = self.training or self.running_mean is None
        if alone or not batch_statistics or distributed.get_world_size() == 1:
            return super().forward(input)
        self._check_input_dim(input)
        values = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        count, mean, variance = _moments(values)
        if self.training and self.running_mean is not None:
            self._keep(count, mean.detach(), variance.detach())
        scale = torch.rsqrt(variance + self.eps)
        shape = (1, -1, *[1] * (input.dim() - 2))
        shift = -mean * scale
        if self.affine:
            scale, shift = scale * self.weight, shift * self.weight + self.bias
        return (values * scale.view(shape) + shift.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _keep(self, count: Tensor, mean: Tensor, variance: Tensor) -> None:
        """Move the kept statistics towards a batch's, its variance without bias."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:  # the plain mean of all batches so far
            share = 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        unbiased = variance * count / (count - 1).clamp(min=1)
        self.running_var.lerp_(unbiased.to(self.running_var), share)


def _moments(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the count () of values a channel, their mean and variance (channels,), over processes.

    The variance in a second pass, since a difference of large sums would lose its digits.
    """
    over = [d for d in range(values.dim()) if d != 1]
    count = values.new_tensor(values.numel() // values.shape[1])
    with torch.no_grad():
        count = sum_over_processes(count)
    mean = sum_over_processes(values.sum(over)) / count
    centred = values - mean.view(1, -1, *[1] * (values.dim() - 2))
    return count, mean, sum_over_processes(centred.square().sum(over)) / count


def normalise_over_processes(net: nn.Module) -> nn.Module:
    """Replace every torch batch norm inside a network by one over all processes.

    Args:
        net: changed in place; parameters and buffers are kept, as the same objects.

    Returns:
        The network; a new layer if `net` itself is a batch norm.
    """
    for name, child in net.named_children():
        setattr(net, name, normalise_over_processes(child))
    if not isinstance(net, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
        return net
    layer = BatchNormOverProcesses(
        net.num_features, net.eps, net.momentum, net.affine, net.track_running_stats
    )
    layer._parameters, layer._buffers = net._parameters, net._buffers
    return layer.train(net.training)


@contextmanager
def measuring_statistics(net: nn.Module) -> Iterator[None]:
    """Measure the statistics of a network's batch norms anew, from what runs inside the block.

    They start from nothing and become the plain mean over the passes, in float32 whatever the
    autocast, as in SWA (arXiv 1803.05407, section 3.2). All other layers keep their mode. On
    several processes the mean of theirs is taken.

    Args:
        net: its batch norms are changed; run it forward inside the block, without gradients.

    Raises:
        ValueError: if nothing was run, or a statistic is not finite; the old ones are then back.
    """
    layers = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    before = [
        (m.training, m.momentum, {k: b.clone() for k, b in m.named_buffers()}) for m in layers
    ]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    try:
        device = next((p.device.type for p in net.parameters()), "cpu")
        with torch.no_grad(), torch.autocast(device, enabled=False):
            yield
        _require_measured(net, layers)
        _average_over_processes(layers)
    except BaseException:
        for layer, (_, _, buffers) in zip(layers, before, strict=True):
            layer.load_state_dict(buffers, strict=False)
        raise
    finally:
        for layer, (training, momentum, _) in zip(layers, before, strict=True):
            layer.momentum = momentum
            layer.train(training)


def _copied(layer: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in layer.named_buffers()}


def _require_measured(net: nn.Module, layers: list[_BatchNorm]) -> None:
    names = {module: name for name, module in net.named_modules()}
    for layer in layers:
        if not layer.num_batches_tracked:
            raise ValueError(
                f"{names[layer]} saw no batch: run the network inside the block at least once"
            )
        for statistic in (layer.running_mean, layer.running_var):
            if statistic is not None and not statistic.isfinite().all():
                raise ValueError(
                    f"{names[layer]}: a statistic measured anew is not finite; "
                    "look for inputs or weights that are not"
                )


def _average_over_processes(layers: list[_BatchNorm]) -> None:
    if not (distributed.is_available() and distributed.is_initialized()):
        return
    for layer in layers:
        for statistic in (layer.running_mean, layer.running_var):
            if statistic is not None:
                distributed.all_reduce(statistic)
                statistic /= distributed.get_world_size()
