"""The moving average of a network's weights, which is what a run validates, saves and hands out."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.spectral_norm import SpectralNorm

from zoo.layers.batch_norm import measuring_statistics

POWER_ITERATIONS = 50  # the vectors start from those of nearby weights


class EMA(Callback):
    """Average the weights of one network of a module, exponentially.

    The averaged weights are what validation and test see, what the checkpoints and the checkpoint
    folder hold, and what remains in the module when training ends; the raw ones train on, and a
    resumed run has both. Only parameters are averaged. Statistics of batch norms are those of the
    raw network or measured anew, other buffers the raw network's, and the vectors of spectral
    norms are re-estimated for the averaged weights: an average of vectors of length 1 is shorter,
    and the layer's norm then not 1 (Lightning's own average ends at 1.65).

    The average is avg <- d avg + (1 - d) w with d = min(decay, (1 + n) / (10 + n)) after n
    updates, so that the first weights do not weigh on it. List it before callbacks that look at
    the network, such as `SampleGrid`.

    Args:
        network: which of the module's networks, by its dotted name, such as `net.generator`;
            default `net`.
        decay: at least 0 and below 1; default 0.999.
        statistics: of batch norms: `copy` (default) takes the raw network's; `measure` measures
            them whenever the averaged network is used or saved, by what the module's
            `run_for_statistics(network)` runs forward, from random numbers of its own.

    Raises:
        ValueError: if the decay is out of range, or, when the fit starts, the module has no such
            network, no `run_for_statistics`, or a spectral norm of torch's old kind.

    Example:
        >>> EMA(network="net.generator", decay=0.9999).decay
        0.9999
    """

    def __init__(
        self,
        network: str = "net",
        decay: float = 0.999,
        statistics: Literal["copy", "measure"] = "copy",
    ) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay is {decay}: expected at least 0 and below 1, such as 0.999")
        if statistics not in ("copy", "measure"):
            raise ValueError(f"statistics is {statistics!r}: expected copy or measure")
        self.network, self.decay, self.statistics = network, decay, statistics
        self.updates = 0
        self._average: dict[str, Tensor] = {}
        self._raw: dict[str, Tensor] | None = None  # while the network holds the average
        self._restored: dict[str, Any] | None = None
        self._step = 0

    def of(self, module: LightningModule) -> nn.Module:
        """Return the network that is averaged.

        Raises:
            ValueError: if the module has none of that name.
        """
        try:
            return module.get_submodule(self.network)
        except AttributeError as error:
            has = ", ".join(name for name, _ in module.named_children())
            raise ValueError(
                f"EMA's network is {self.network!r}: expected one of {type(module).__name__}, "
                f"which has {has}"
            ) from error

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start from the weights there are, or from a checkpoint's."""
        network = self.of(pl_module)
        self._require_usable(network, pl_module)
        self._average = {name: p.detach().clone() for name, p in network.named_parameters()}
        self._raw, self.updates, self._step = None, 0, trainer.global_step
        if self._restored is not None:
            network.load_state_dict(self._restored["raw"])
            self.updates, self._step = self._restored["updates"], self._restored["step"]
            self._restored = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **options: Any
    ) -> None:
        """Average after a step of the optimiser."""
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        raw = dict(self.of(pl_module).named_parameters())
        averages = list(self._average.values())
        with torch.no_grad():
            torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
                averages, [raw[name] for name in self._average], 1 - decay
            )
        self.updates += 1

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the average into the network."""
        if self._average and self._raw is None:
            self._enter(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the raw weights back."""
        if self._raw is not None and trainer.state.fn == "fit":
            self._leave(pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the average in the network."""
        if self._raw is None:
            self._enter(pl_module)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the raw weights."""
        self._average, self._raw = {}, None

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Save the averaged network in the module's place, the raw one beside it."""
        if not self._average:
            return
        with self.averaged(pl_module):
            prefix = f"{self.network}."
            for name, tensor in self.of(pl_module).state_dict().items():
                checkpoint["state_dict"][prefix + name] = tensor.detach().clone()
            raw = {name: tensor.clone() for name, tensor in (self._raw or {}).items()}
        checkpoint["ema"] = {"raw": raw, "updates": self.updates, "step": self._step}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the raw weights until the fit starts; a checkpoint without them starts both."""
        if trainer.state.fn == "fit":
            self._restored = checkpoint.get("ema")

    @contextmanager
    def averaged(self, module: LightningModule) -> Iterator[nn.Module]:
        """Let the network hold the average inside the block, if it does not already."""
        if self._raw is not None:
            yield self.of(module)
            return
        self._enter(module)
        try:
            yield self.of(module)
        finally:
            self._leave(module)

    def _enter(self, module: LightningModule) -> None:
        network = self.of(module)
        self._raw = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        parameters = dict(network.named_parameters())
        with torch.no_grad():
            for name, average in self._average.items():
                parameters[name].copy_(average)
        reestimate_spectral_norms(network)
        with self._measuring(network):
            if self.statistics == "measure":
                run: Any = module.run_for_statistics
                run(network)

    def _leave(self, module: LightningModule) -> None:
        assert self._raw is not None
        self.of(module).load_state_dict(self._raw)
        self._raw = None

    def _measuring(self, network: nn.Module) -> AbstractContextManager[None]:
        return measuring_statistics(network) if self.statistics == "measure" else nullcontext()

    def _require_usable(self, network: nn.Module, module: LightningModule) -> None:
        if self.statistics == "measure" and not hasattr(module, "run_for_statistics"):
            raise ValueError(
                f"EMA's statistics is 'measure': expected {type(module).__name__} to have "
                "run_for_statistics(network); write it, or choose copy"
            )
        for name, layer in network.named_modules():
            hooks = layer._forward_pre_hooks.values()
            if any(isinstance(hook, SpectralNorm) for hook in hooks):
                raise ValueError(
                    f"{self.network}.{name} has torch.nn.utils.spectral_norm: expected "
                    "torch.nn.utils.parametrizations.spectral_norm; use that instead"
                )


def reestimate_spectral_norms(network: nn.Module) -> None:
    """Bring the vectors of all spectral norms up to the weights, by power iterations.

    Args:
        network: layers with `torch.nn.utils.parametrizations.spectral_norm`; changed in place.
    """
    for layer in network.modules():
        for name, chain in getattr(layer, "parametrizations", {}).items():
            weight = getattr(layer.parametrizations, name).original
            for norm in chain:
                if isinstance(norm, _SpectralNorm) and weight.ndim > 1:
                    norm._power_method(norm._reshape_weight_to_matrix(weight), POWER_ITERATIONS)
