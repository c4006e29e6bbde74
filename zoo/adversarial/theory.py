"""The theory of Su 7234 in numbers: attacks are penalties on the gradient, which flatten pits.

    L(x + epsilon g) = L(x) + epsilon ||g||^2 + O(epsilon^2), g = dL/dx,

and with the shift epsilon g / ||g|| of FGM, L(x) + epsilon ||g|| + O(epsilon^2).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.adversarial.losses import ascend


@dataclass(frozen=True)
class FirstOrder:
    """A loss along its gradient, beside its first-order expansion.

    Attributes:
        epsilons: float (n,).
        losses: float (n,), L at the shifted input.
        penalised: float (n,), L and the penalty on its gradient.
    """

    epsilons: Tensor
    losses: Tensor
    penalised: Tensor

    @property
    def gaps(self) -> Tensor:
        """What the expansion leaves out, float (n,)."""
        return (self.losses - self.penalised).abs()

    def slope(self) -> float:
        """Return the power of epsilon with which the gaps fall, by least squares of logarithms."""
        x, y = self.epsilons.log(), self.gaps.log()
        x = x - x.mean()
        return float((x * y).sum() / x.square().sum())


def first_order(
    loss: Callable[[Tensor], Tensor], x: Tensor, epsilons: Tensor, normalised: bool = False
) -> FirstOrder:
    """Compare a loss at x + epsilon g with L + epsilon ||g||^2.

    Args:
        loss: from an input to float ().
        x: the input, of any shape; in double precision the gaps of small epsilons can be seen.
        epsilons: float (n,), positive.
        normalised: shift by epsilon g / ||g||, as FGM does, and compare with L + epsilon ||g||.
    """
    leaf = x.detach().requires_grad_()
    clean = loss(leaf)
    (g,) = torch.autograd.grad(clean, leaf)
    step, rise = (ascend(g, 1.0), g.norm()) if normalised else (g, g.square().sum())
    with torch.no_grad():
        losses = torch.stack([loss(x + epsilon * step) for epsilon in epsilons])
        return FirstOrder(epsilons, losses, clean + epsilons * rise)


@dataclass(frozen=True)
class Pit:
    """The loss of a trained network in the plane, for the label of the first of two classes.

    Attributes:
        samples: float (n, 2), those of the first class.
        others: float (n, 2), those of the second.
        axis: float (m,), the coordinates of the grid in both directions.
        loss: float (m, m), rows along the second coordinate.
        gradient: the mean norm of the loss's gradient at the samples of both classes.
        rise: of their mean loss when each moves by 0.1 along its gradient.
    """

    samples: Tensor
    others: Tensor
    axis: Tensor
    loss: Tensor
    gradient: float
    rise: float


def dig(penalty: float, steps: int = 300, seed: int = 0) -> Pit:
    """Train a small network on two overlapping clouds of points, and return the pit of its loss.

    Args:
        penalty: epsilon of L + epsilon / 2 ||dL/dx||^2, the mean over samples; 0 for none.
        steps: of Adam on all samples; default 300.
        seed: of the points and of the network's first weights.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
        net.append(nn.Linear(32, 2))
        samples, others = 0.7 * torch.randn(2, 20, 2) + torch.tensor([[[-0.5, 0]], [[0.5, 0]]])
    x = torch.cat([samples, others]).requires_grad_()
    labels = torch.arange(2).repeat_interleave(20)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(steps):
        each, g = _loss_and_gradient(net, x, labels)
        optimizer.zero_grad()
        (each + 0.5 * penalty * g.square().sum(1)).mean().backward()
        optimizer.step()
    each, g = _loss_and_gradient(net, x, labels)
    axis = torch.linspace(-2, 2, 61)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
    with torch.no_grad():
        moved = F.cross_entropy(net(x + ascend(g, 0.1, samples=1)), labels)
        loss = -net(grid).log_softmax(-1)[..., 0]
    rise = (moved - each.mean()).item()
    return Pit(samples, others, axis, loss, g.norm(dim=1).mean().item(), rise)


def _loss_and_gradient(net: nn.Module, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of each sample and its gradient, with their graphs."""
    each = F.cross_entropy(net(x), labels, reduction="none")
    (g,) = torch.autograd.grad(each.sum(), x, create_graph=True)
    return each, g
