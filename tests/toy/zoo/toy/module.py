"""The LightningModule of the duel."""

import torch
from torch import Tensor
from zoo.toy.losses import critic_loss, generator_loss, r1
from zoo.toy.net import Duel

from zoo.optim.manual_optimization import OptimisesByHand
from zoo.optim.step_noise import StepNoise


class DuelTraining(OptimisesByHand):
    """Two critic steps with R1, then a generator step.

    Args:
        width: hidden channels; default 16.
        lr: learning rate; default 1e-2.
        seed: of the noise; default 0.
    """

    def __init__(self, width: int = 16, lr: float = 1e-2, seed: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.lr, self.seed = lr, seed
        self.arguments = {"width": width}
        self.net = Duel(**self.arguments)

    def losses(self, batch: Tensor, batch_index: int = 0) -> dict[str, Tensor]:
        """Return the loss of each network."""
        noise = self.noise(batch_index)
        return {"critic": self.critic(batch, noise, 0), "generator": self.generator(batch, noise)}

    def critic(self, batch: Tensor, noise: StepNoise, phase: int) -> Tensor:
        """Return the critic's loss in one of its steps."""
        points = batch.detach().requires_grad_()
        real = self.net.critic(points)
        made = self.net.generator(noise.normal(len(batch), 4, phase=phase)).detach()
        return critic_loss(real, self.net.critic(made)) + r1(real, points)

    def generator(self, batch: Tensor, noise: StepNoise) -> Tensor:
        """Return the generator's loss."""
        made = self.net.generator(noise.normal(len(batch), 4, phase=2))
        return generator_loss(self.net.critic(made))

    def training_step(self, batch: Tensor, batch_index: int) -> None:
        """Step the critic twice and the generator once."""
        noise = self.noise(batch_index)
        for phase in (0, 1):
            self.add_gradient(1, self.critic(batch, noise, phase))
            self.take_step(1, clip=10.0)
        self.add_gradient(0, self.generator(batch, noise))
        self.take_step(0)

    def validation_step(self, batch: Tensor, batch_index: int) -> None:
        """How far the mean of what is made is from that of the points."""
        self.log("valid_apart", self.apart(batch), sync_dist=True)

    def test_step(self, batch: Tensor, batch_index: int) -> None:
        """See `validation_step`."""
        self.log("test_apart", self.apart(batch), sync_dist=True)

    def apart(self, batch: Tensor) -> Tensor:
        """Return the distance of the means."""
        return torch.linalg.vector_norm(self.net.draw(100).mean(0) - batch.mean(0))

    def configure_optimizers(self) -> tuple[torch.optim.Adam, torch.optim.Adam]:
        """Return one optimiser a network, the generator's first."""
        return tuple(
            torch.optim.Adam(net.parameters(), self.lr, betas=(0.0, 0.99))
            for net in (self.net.generator, self.net.critic)
        )
