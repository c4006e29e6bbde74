"""A penalty on the gradient in place of a perturbation: the second derivative, not two passes."""

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from zoo.adversarial.attack import AttackedStep, is_compiled, loss_of, with_loss
from zoo.adversarial.methods import PlacedAttack
from zoo.adversarial.places import Shifts
from zoo.optim.distributed import differentiable_mean


class GradientPenalty(PlacedAttack):
    """Add a penalty on the gradient at the embeddings: L + epsilon / 2 * ||dL/dE||^2 (Su 7234).

    What training on L(E + epsilon * g) is to first order, with one half as in the post's code. In
    `sequence` space it is the mean over samples of each one's own squared gradient. Needs second
    derivatives, which fused attention does not have: the forward takes the mathematical attention
    kernel. A step takes about 3.4 times as long.

    Args:
        epsilon: weight of the penalty; default 1.
        **options: of `PlacedAttack` and `Attack`.

    Raises:
        ValueError: if the module is compiled, since compiled backward has no derivative.
    """

    backward_share = None  # its backward goes through two graphs, of which no clock tells

    def __init__(self, epsilon: float = 1.0, **options: Any) -> None:
        super().__init__(epsilon, **options)

    def check(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse compiled modules too."""
        super().check(trainer, pl_module)
        if is_compiled(pl_module):
            raise ValueError(
                f"{type(pl_module).__name__} is compiled: expected one that is not, since "
                "GradientPenalty differentiates its backward; leave out torch.compile"
            )

    def attack(self, step: AttackedStep) -> Any:
        """One pass, whose gradient keeps its graph."""
        self.place.begin()
        with sdpa_kernel(SDPBackend.MATH):
            output = step.perform()
        loss, leaves = loss_of(output), self.place.shifts or {}
        if loss is None or not leaves:
            return output
        penalty = self._penalty(step, loss, leaves)
        step.log(clean_loss=loss.detach(), penalty=penalty.detach())
        epsilon = self.strength(step.trainer, self.epsilon)
        return with_loss(output, lambda loss: loss + 0.5 * epsilon * penalty)

    def _penalty(self, step: AttackedStep, loss: Tensor, leaves: Shifts) -> Tensor:
        factor = step.scale(torch.ones_like(loss))
        with torch.autocast(loss.device.type, enabled=False):
            gradients = torch.autograd.grad(
                step.scale(loss), list(leaves.values()), create_graph=True, materialize_grads=True
            )
        squares = []
        for gradient in gradients:
            gradient = gradient / factor
            if not self.place.samples:
                squares.append(differentiable_mean(gradient).square().sum())
            else:  # a mean over samples has 1 / samples of each one's own gradient
                squares.append(len(gradient) * gradient.square().sum())
        return torch.stack(squares).sum()
