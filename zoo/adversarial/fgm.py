"""Adversarial training as a Lightning callback: the fast gradient method on embeddings (Su 7234).

Everything happens inside `training_step`, so that Lightning sees one loss and runs one backward:
gradient accumulation, clipping, mixed precision and DDP need no special care from the user.
"""

import inspect
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import copy
from fnmatch import fnmatchcase
from functools import wraps
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn
from lightning.pytorch.utilities.seed import isolate_rng
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.adversarial.losses import fgm_perturbation

GradientsAt = Callable[[list[Tensor]], list[Tensor]]

# What every module has: hooks, parameters and submodules, which no training step changes.
INTERNALS = vars(nn.Module()).keys() - {"_buffers"}


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


@contextmanager
def rehearsal(module: LightningModule) -> Iterator[None]:
    """Let `module` run a step of which nothing remains.

    Inside, every submodule works on copies of its buffers and attributes (BatchNorm statistics,
    torchmetrics states, lists to which a step appends), `log` is silent, and afterwards the
    random states are put back, so that the next pass draws the same dropout masks. Parameters
    and their gradients are not copied. Side effects elsewhere (printing, files, plain Python
    objects) are not undone.
    """
    own = [(vars(part), dict(vars(part))) for part in module.modules()]
    try:
        for state, before in own:
            state.update((k, duplicate(v)) for k, v in before.items() if k not in INTERNALS)
        for part in module.modules():
            if isinstance(part, LightningModule):
                vars(part)["log"] = silent
        with isolate_rng(include_cuda=module.device.type == "cuda"):
            yield
    finally:
        for state, before in own:
            for name in state.keys() - before.keys():
                del state[name]
            state.update(before)


class ShiftedMatrix:
    """A forward hook that acts as if the embedding matrix were moved by `shift`.

    E[i] + shift[i] is what a lookup of i would find in E + shift. The weight itself is never
    written, so it cannot be left perturbed, and an output layer tied to it stays clean.

    Args:
        layers: the embedding layers that share this matrix.
    """

    def __init__(self, layers: list[nn.Embedding]) -> None:
        self.layers = layers
        self.shift: Tensor | None = None

    def still(self) -> Tensor:
        """Return the zero shift: float (tokens, channels), at least single precision."""
        layer = self.layers[0]
        return torch.zeros(
            layer.num_embeddings,
            layer.embedding_dim,
            device=layer.weight.device,
            dtype=torch.promote_types(layer.weight.dtype, torch.float32),
        )

    def __call__(self, layer: nn.Embedding, args: tuple, kwargs: dict, output: Tensor) -> Tensor:
        """Add the shift of each token: (..., channels)."""
        if self.shift is None:
            return output
        tokens = args[0] if args else kwargs["input"]
        return output + F.embedding(tokens, self.shift, layer.padding_idx).to(output.dtype)


def matching_embeddings(module: nn.Module, pattern: str) -> list[ShiftedMatrix]:
    """Find the embedding matrices of the layers whose name matches a pattern.

    Args:
        module: where to look.
        pattern: a glob such as `*token*`, matched against module names.

    Returns:
        One `ShiftedMatrix` for each matrix, with all matched layers that share it.

    Raises:
        ValueError: if nothing matches, or if a matched layer looks up something other than its
            argument.
    """
    found = {
        name: layer
        for name, layer in module.named_modules(remove_duplicate=False)
        if isinstance(layer, nn.Embedding)
    }
    matched = {name: layer for name, layer in found.items() if fnmatchcase(name, pattern)}
    if not matched:
        raise ValueError(
            f"embeddings={pattern!r} matches no nn.Embedding of {type(module).__name__}; "
            f"it has {', '.join(found) or 'none'}"
        )
    for name, layer in matched.items():
        if type(layer).forward is not nn.Embedding.forward:
            raise ValueError(
                f"embeddings={pattern!r} matches {name}, a {type(layer).__name__} with a forward "
                "of its own; choose a pattern that leaves it out"
            )
    by_matrix: dict[int, dict[nn.Embedding, None]] = {}
    for layer in matched.values():
        by_matrix.setdefault(id(layer.weight), {})[layer] = None
    return [ShiftedMatrix(list(layers)) for layers in by_matrix.values()]


class EmbeddingAttack(Callback):
    """Base of the callbacks that train on shifted embeddings.

    A training step becomes one or more rehearsals, which measure the gradient of the loss with
    respect to the embedding matrices and leave no trace, and one pass of the module's
    `training_step` at shifted embeddings, whose result is returned. The shift stays in place
    until backward is over, because gradient checkpointing repeats the forward there.

    Args:
        embeddings: glob pattern on the names of the `nn.Embedding` layers to shift.
    """

    def __init__(self, embeddings: str) -> None:
        self.embeddings = embeddings
        self._matrices: list[ShiftedMatrix] = []
        self._installed = ExitStack()

    def choose_shifts(self, gradients_at: GradientsAt, still: list[Tensor]) -> list[Tensor]:
        """Choose how far to move each matrix.

        Args:
            gradients_at: runs a rehearsal at the given shifts and returns the gradients of its
                loss, averaged over processes, up to one positive factor: the scale of the loss
                under fp16.
            still: the zero shifts.

        Returns:
            The shifts, float (tokens, channels) for each matrix.
        """
        raise NotImplementedError

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the attack around `training_step`.

        Raises:
            ValueError: if the module or the other callbacks do not allow it, or no layer matches.
        """
        self._check(trainer, pl_module)
        self._matrices = matching_embeddings(pl_module, self.embeddings)
        for matrix in self._matrices:
            for layer in matrix.layers:
                # first, since the user's own hooks expect what the lookup found
                hook = layer.register_forward_hook(matrix, prepend=True, with_kwargs=True)
                self._installed.callback(hook.remove)

        own = vars(pl_module).get("training_step")  # a compiled module carries its own
        pl_module.training_step = self._attacked(pl_module.training_step, trainer, pl_module)
        if own is None:
            self._installed.callback(delattr, pl_module, "training_step")
        else:
            self._installed.callback(setattr, pl_module, "training_step", own)

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look up plain embeddings again, now that no checkpoint will repeat the forward."""
        self._move([None] * len(self._matrices))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the module as it was before."""
        self._uninstall()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Leave the module as it was before."""
        self._uninstall()

    def _uninstall(self) -> None:
        self._installed.close()
        self._matrices = []

    def _check(self, trainer: Trainer, pl_module: LightningModule) -> None:
        name = type(self).__name__
        if not pl_module.automatic_optimization:
            raise ValueError(
                f"{name} needs automatic optimization, but {type(pl_module).__name__} sets "
                "automatic_optimization = False; return the loss from training_step instead"
            )
        if "dataloader_iter" in inspect.signature(pl_module.training_step).parameters:
            raise ValueError(
                f"{name} runs training_step twice on a batch, but {type(pl_module).__name__} "
                "fetches its batches itself; take batch instead of dataloader_iter"
            )
        callbacks = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
        attacks = [type(c).__name__ for c in callbacks if isinstance(c, EmbeddingAttack)]
        if len(attacks) > 1:
            raise ValueError(
                f"one callback may shift embeddings, got {', '.join(attacks)}; "
                "choose one, and name several layers by its pattern"
            )

    def _attacked(
        self, step: Callable[..., Any], trainer: Trainer, pl_module: LightningModule
    ) -> Callable[..., Any]:
        """Wrap `training_step`: rehearse, choose the shifts, perform."""

        @wraps(step)
        def attacked_step(*args: Any, **kwargs: Any) -> Any:
            def gradients_at(shifts: list[Tensor]) -> list[Tensor]:
                leaves = [shift.detach().requires_grad_() for shift in shifts]
                self._move(leaves)
                batch, options = apply_to_collection(
                    (args, kwargs), Tensor, torch.clone, allow_frozen=True
                )
                with rehearsal(pl_module):
                    return self._gradients(trainer, step(*batch, **options), leaves)

            still = [matrix.still() for matrix in self._matrices]
            self._move(self.choose_shifts(gradients_at, still))
            return step(*args, **kwargs)

        return attacked_step

    def _move(self, shifts: list[Tensor] | list[None]) -> None:
        for matrix, shift in zip(self._matrices, shifts, strict=True):
            matrix.shift = shift

    def _gradients(self, trainer: Trainer, output: Any, shifts: list[Tensor]) -> list[Tensor]:
        """Differentiate the loss that a rehearsal returned, without touching any `.grad`."""
        loss = output.get("loss") if isinstance(output, Mapping) else output
        if loss is None:  # training_step skips this batch
            return [torch.zeros_like(shift) for shift in shifts]
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        scaled = loss if scaler is None else scaler.scale(loss)  # or fp16 gradients underflow
        try:
            with torch.autocast(loss.device.type, enabled=False):  # as Lightning's own backward
                gradients = torch.autograd.grad(scaled, shifts, allow_unused=True)
        except RuntimeError as error:
            if ".grad()" not in str(error):
                raise
            raise ValueError(
                f"{type(self).__name__} cannot work with reentrant gradient checkpointing; "
                "checkpoint with use_reentrant=False"
            ) from error
        if all(gradient is None for gradient in gradients):
            rank_zero_warn(
                f"the loss does not depend on the layers that embeddings={self.embeddings!r} "
                f"matches, so {type(self).__name__} changes nothing in this step"
            )
        return [
            trainer.strategy.reduce(torch.zeros_like(s) if g is None else g, reduce_op="mean")
            for g, s in zip(gradients, shifts, strict=True)
        ]


class FGM(EmbeddingAttack):
    """Train on embeddings moved by `epsilon` in the direction that raises the loss most.

    The fast gradient method as in Su 7234: with g = dL/dE for the embedding matrix E and the
    whole batch, over all processes under DDP, the loss of the step is

        L(E + epsilon * g / ||g||),

    where each matched matrix is moved by its own Frobenius norm. Only this adversarial loss is
    trained on and logged. A step takes about twice as long. Both passes see the same dropout
    masks. Where Su and Miyato differ, this is Su: one norm for the matrix, and one shift for all
    occurrences of a token. An output layer tied to E is not moved, which differs from Su.

    Works on any LightningModule with automatic optimization whose `training_step` returns a loss
    (a tensor or a dictionary with `loss`), under gradient accumulation, clipping, mixed
    precision, DDP and gradient checkpointing without reentry. Validation, test and prediction
    are not touched.

    Args:
        epsilon: L2 norm of the shift of a whole matrix; default 0.5, Su's value for BERT-base.
        embeddings: glob pattern on the names of the `nn.Embedding` layers to shift; default all.
            Su moves the token embeddings only: `*word_embeddings` in a BERT of `transformers`.

    Raises:
        ValueError: if `epsilon` is not positive and finite; when training starts, if no layer
            matches, a matched layer overrides `nn.Embedding.forward`, or the module optimises
            manually.

    Example:
        >>> from lightning.pytorch import Trainer
        >>> from zoo.adversarial import FGM
        >>> trainer = Trainer(callbacks=[FGM(epsilon=0.5)], logger=False, accelerator="cpu")
    """

    def __init__(self, epsilon: float = 0.5, embeddings: str = "*") -> None:
        super().__init__(embeddings)
        if not 0 < epsilon < math.inf:
            raise ValueError(f"epsilon must be a positive finite number, got {epsilon}")
        self.epsilon = epsilon

    def choose_shifts(self, gradients_at: GradientsAt, still: list[Tensor]) -> list[Tensor]:
        """One rehearsal at the clean embeddings, one step along its gradient."""
        return [fgm_perturbation(gradient, self.epsilon) for gradient in gradients_at(still)]
