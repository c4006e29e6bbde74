"""The LightningModule of adversarial training: two players, any loss, terms and update."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics import MeanMetric

from zoo.errors import require_whole
from zoo.gan.batch import PHASES, Part, PartNoise, Scores, statistics_kept
from zoo.gan.critic_step import CriticStep, squared_gradient
from zoo.gan.losses import Form, distance, make_loss
from zoo.gan.metrics import SampleMeasures
from zoo.gan.net import Gan
from zoo.gan.spectrum import Game, singular_values, spectrum
from zoo.gan.terms import Consensus, SpectralNorm, check_critic, make_terms, penalties
from zoo.gan.updates import Mover, make_update
from zoo.optim.distributed import (
    differentiable_mean,
    means_over_processes,
    rank_and_world_size,
)
from zoo.optim.manual_optimization import OptimisesByHand
from zoo.optim.schedule import linear_fall, require_end

Batch = tuple[Tensor, Tensor]
GENERATOR, CRITIC = 0, 1  # the optimisers
STATISTICS_PASSES, STATISTICS_BATCH = 40, 64  # of an averaged generator's batch norms


class DivergenceError(ValueError):
    """A loss is not finite."""


class GanTraining(OptimisesByHand):
    """Train a generator against a critic.

    A step of the trainer is a step of the generator. Under an update with several critic steps a
    generator step each batch is one critic step, on its own real samples, and the generator moves
    after the last of them.

    In both players' steps batch norms use the statistics of their batch; those kept for later only
    change in the step of the player itself.

    Args:
        shape: channels, height and width of a picture; from the data when run by a recipe.
        loss: a name of `zoo.gan.losses.NAMES`; default `non-saturating`.
        form: `plain`, `paired` or `averaged`; default `plain`.
        terms: names of `zoo.gan.terms.TERMS`, or mappings with `name` and their attributes;
            default none.
        update: a name of `zoo.gan.updates.UPDATES`; default `alternating`.
        critic_steps: critic steps a generator step; default the update's.
        ratio: the critic's learning rate by the generator's; default the update's.
        lr: the generator's learning rate; default 2e-4.
        betas: of Adam, of both players; default (0.0, 0.99).
        fall: share of the steps, at the end, in which the learning rates fall to zero; default 0.
        clip: largest norm of a player's gradient; default none.
        accumulate: parts that a batch is cut into, to save memory; default 1.
        features: a checkpoint whose features measure samples, such as `pictures_fashion`, which
            the runner loads; default none, and no distances.
        samples: made for the distances; default 10,000.
        watch: generator steps from one look at the dynamics to the next: leading eigenvalues,
            the critic's gradient norm and its layers' singular values; default 0, never.
        seed: of the noise; that of the recipe when run by one; default 0.
        **nets: the other arguments of `Gan`, such as `base`; `classes` is from the data when run
            by a recipe, `spectral` from the terms.

    Raises:
        ValueError: if a choice has no meaning.
    """

    counted = GENERATOR

    def __init__(
        self,
        shape: list[int],
        loss: str = "non-saturating",
        form: Form = "plain",
        terms: list[str | dict[str, Any]] | None = None,
        update: str = "alternating",
        critic_steps: int | None = None,
        ratio: float | None = None,
        lr: float = 2e-4,
        betas: tuple[float, float] = (0.0, 0.99),
        fall: float = 0.0,
        clip: float | None = None,
        accumulate: int = 1,
        features: str | None = None,
        samples: int = 10_000,
        watch: int = 0,
        seed: int = 0,
        **nets: Any,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.loss, self.terms = make_loss(loss, form, mean_of_all), make_terms(terms or [])
        changes = {"critic_steps": critic_steps, "ratio": ratio}
        given = {name: value for name, value in changes.items() if value is not None}
        self.update = make_update(update, **given)
        self.lr, self.betas, self.fall = lr, (betas[0], betas[1]), fall
        self.clip, self.seed = clip, seed
        self.accumulate, self.watch = accumulate, watch
        self._require_sense()
        spectral = any(isinstance(term, SpectralNorm) for term in self.terms)
        self.net = Gan(shape=shape, spectral=spectral, **nets)
        self.arguments = self.net.arguments
        check_critic(self.terms, self.net.critic)
        self.critic_number = 0  # critic steps taken
        self.features, self.samples = features, samples
        self.measures: SampleMeasures | None = None
        self.valid_logit, self.test_logit = MeanMetric(), MeanMetric()

    def _require_sense(self) -> None:
        """Refuse options that would train nothing, or something else than they say."""
        require_whole("accumulate", self.accumulate)
        require_whole("watch", self.watch, least=0)
        if not 0 <= self.fall <= 1:
            raise ValueError(f"fall is {self.fall}: expected a share of the steps, from 0 to 1")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(
                f"clip is {self.clip}: expected a number above 0; for none leave it out"
            )
        if self.accumulate > 1 and (self.consensus or self.loss.form == "averaged"):
            cause = "consensus" if self.consensus else "form averaged"
            raise ValueError(
                f"accumulate is {self.accumulate} with {cause}: expected 1, for the loss of a "
                "batch is then not the mean of its parts'; lower data.batch_size instead"
            )

    @property
    def consensus(self) -> Consensus | None:
        """The term of both players' gradients, if there is one."""
        return next((term for term in self.terms if isinstance(term, Consensus)), None)

    @property
    def label_layers(self) -> list[str]:
        """The layers that know the classes, see `ZooCLI.label_layers`: none if none are told."""
        return ["generator.classes", "critic.classes"] if self.net.count else []

    def configure_optimizers(self) -> tuple[list[Optimizer], list[LambdaLR]]:
        """Return Adam for each player; with `fall`, both learning rates fall at the end."""
        lr, betas = self.lr, self.betas
        generator = Adam(self.net.generator.parameters(), lr, betas, fused=True)
        critic = Adam(self.net.critic.parameters(), lr * self.update.ratio, betas, fused=True)
        if not self.fall:
            return [generator, critic], []
        steps = self.generator_steps()
        falls = [
            LambdaLR(optimizer, partial(linear_fall, total=total, share=self.fall))
            for optimizer, total in (
                (generator, steps),
                (critic, steps * self.update.critic_steps),
            )
        ]
        return [generator, critic], falls

    def generator_steps(self) -> int:
        """Return how many the run has: of its epochs each batch is one critic step.

        Raises:
            ValueError: if the run has no end.
        """
        steps, epochs = self.trainer.estimated_stepping_batches, self.trainer.max_epochs
        if epochs is None or epochs < 0:
            return require_end(steps)
        batches = self.trainer.num_training_batches * epochs
        return require_end(min(steps, batches // self.update.critic_steps))

    def on_train_start(self) -> None:
        """Put the update's rule around the optimisers."""
        players = (GENERATOR, CRITIC)
        self.movers = [Mover(self.optimizer(i).optimizer, self.update.rule) for i in players]

    def training_step(self, batch: Batch, batch_index: int) -> None:
        """Let the players move.

        Args:
            batch: pictures float (n, channels, height, width) in [0, 1], labels int64 (n,).
            batch_index: in the epoch.
        """
        parts = self.parts(batch, batch_index)
        if self.update.order == "simultaneous":
            self.move_together(parts)
        else:
            self.add_losses(CRITIC, parts)
            self.move(CRITIC)
            if self.critic_number % self.update.critic_steps:
                return
            self.add_losses(GENERATOR, parts)
            self.move(GENERATOR)
        if self.watch and self.global_step % self.watch == 0:
            self.look(batch, batch_index)

    def move_together(self, parts: Sequence[Part]) -> None:
        """Move both players from the same point, or from one ahead of it."""
        ahead = self.update.rule.ahead
        if ahead == "gradient":
            with statistics_kept(self.net):
                for player in (CRITIC, GENERATOR):
                    self.add_losses(player, parts)
        if ahead != "nowhere":
            for player in (CRITIC, GENERATOR):
                self.movers[player].look_ahead(lambda at=player: self.propose(at))
        for player in (CRITIC, GENERATOR):
            self.add_losses(player, parts)
        for player in (CRITIC, GENERATOR):
            self.move(player)

    def propose(self, player: int) -> None:
        """Let an optimiser step once, not counted as a step of the run."""
        self.average_gradients(player, self.clip)
        optimizer = self.optimizer(player).optimizer
        optimizer.step()
        optimizer.zero_grad()

    def move(self, player: int) -> None:
        """Move one player by the gradients that it has."""
        self.movers[player].step(lambda: self.take_step(player, self.clip))
        if player == CRITIC:
            self.critic_number += 1
            for term in self.terms:
                term.project(self.net.critic)

    def add_losses(self, player: int, parts: Sequence[Part]) -> None:
        """Add the gradient of one player's loss over the parts of a batch, and log it."""
        total = torch.zeros((), device=self.device)
        for part in parts:
            loss = self.player_loss(player, part) * len(part.real) / part.items
            self.require_finite(player, loss)
            self.add_gradient(player, loss)
            total += loss.detach()
        name = "generator_loss" if player == GENERATOR else "critic_loss"
        self.log(name, total, prog_bar=True, batch_size=len(parts[0].real))

    def parts(self, batch: Batch, batch_index: int = 0) -> list[Part]:
        """Cut a batch into `accumulate` parts, whose gradients are added up."""
        pictures, labels = batch
        noise, count = self.noise(batch_index), len(pictures)
        pieces = list(
            zip(pictures.chunk(self.accumulate), labels.chunk(self.accumulate), strict=True)
        )
        told = self.net.count > 0
        return [
            Part(2 * real - 1, some if told else None, noise, count, place, len(pieces))
            for place, (real, some) in enumerate(pieces)
        ]

    def losses(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, batch: Batch, batch_index: int = 0
    ) -> dict[str, Tensor]:
        """Return both players' losses on a batch; see `OptimisesByHand.losses`."""
        part = self.parts(batch, batch_index)[0]
        return {
            "critic": self.player_loss(CRITIC, part),
            "generator": self.player_loss(GENERATOR, part),
        }

    def player_loss(self, player: int, part: Part) -> Tensor:
        """Return what a player minimises on a part of a batch, a scalar."""
        if self.consensus is not None:
            other = self.net.generator if player == CRITIC else self.net.critic
            with statistics_kept(other):
                return self.both_losses(part, self.critic_number)[player]
        if player == CRITIC:
            return self.critic_loss(part, self.critic_number)
        return self.generator_loss(part)

    def both_losses(self, part: Part, number: int | None) -> tuple[Tensor, Tensor]:
        """Return the generator's and the critic's loss, each with its graph to all weights.

        Args:
            part: of a batch.
            number: as of `critic_loss`.
        """
        of_generator = self.generator_loss(part)
        of_critic = self.critic_loss(part, number, follow=True)
        if self.consensus is None:
            return of_generator, of_critic
        theta, phi = self.weights_of_players()
        gradients = [
            *torch.autograd.grad(of_generator, theta, create_graph=True),
            *torch.autograd.grad(of_critic, phi, create_graph=True),
        ]
        _, world = rank_and_world_size()
        means = means_over_processes(gradients) if world > 1 else None
        pull = self.consensus.pull(gradients, means)
        return of_generator + pull, of_critic + pull

    def weights_of_players(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Return the generator's and the critic's weights."""
        return list(self.net.generator.parameters()), list(self.net.critic.parameters())

    def critic_loss(self, part: Part, number: int | None, *, follow: bool = False) -> Tensor:
        """Return the critic's loss with its penalties.

        Args:
            part: of a batch.
            number: of the critic's step; None for the mean over steps, see `penalties`.
            follow: whether its gradient goes on into the generator; default false.
        """
        noise = PartNoise(part, CRITIC * PHASES)
        with torch.set_grad_enabled(follow), statistics_kept(self.net.generator):
            fake = self.make(part, noise)
        real, fake = self.disturbed(part.real, fake, noise)
        if any(term.differentiates for term in self.terms):
            real = real.detach().requires_grad_()
            fake = fake if follow else fake.requires_grad_()
        score = Scores(self.net.critic, part.labels)
        step = CriticStep(score, real, fake, list(self.net.critic.parameters()), noise)
        with parametrize.cached():  # one spectral norm for all passes, which a penalty compares
            value = self.loss.critic(score(real), score(fake), distance(real, fake))
            applied = penalties(self.terms, step, number)
        mean = torch.stack([penalty for _, penalty in applied]).sum() if applied else None
        ahead = (score(real) > score(fake)).float()
        self.note(real_logit=score(real), fake_logit=score(fake), wins=ahead)
        self.note(critic_value=value, penalty=mean)
        return value + sum(factor * penalty for factor, penalty in applied)

    def generator_loss(self, part: Part) -> Tensor:
        """Return the generator's loss."""
        noise = PartNoise(part, GENERATOR * PHASES)
        fake = self.make(part, noise)
        real, fake = self.disturbed(part.real, fake, noise)
        score = Scores(self.net.critic, part.labels)
        with statistics_kept(self.net.critic):
            seen = score(real) if self.loss.generator_sees_real else real.new_zeros(len(real))
            return self.loss.generator(seen, score(fake))

    def make(self, part: Part, noise: PartNoise) -> Tensor:
        """Return fake samples, as many as there are real ones."""
        z = noise.normal(len(part.real), self.net.generator.latent)
        return self.net.generator(z.to(part.real), part.labels)

    def disturbed(self, real: Tensor, fake: Tensor, noise: PartNoise) -> tuple[Tensor, Tensor]:
        """Return what the critic sees of real and fake samples."""
        for term in self.terms:
            real, fake = term.disturb(real, noise), term.disturb(fake, noise)
        return real, fake

    def game(self, batch: Batch, batch_index: int = 0) -> Game:
        """Return the game that is played on a batch, in the mean over steps; for `spectrum`."""
        part = self.parts(batch, batch_index)[0]
        return Game(lambda: self.both_losses(part, None), *self.weights_of_players())

    def note(self, **values: Tensor | None) -> None:
        """Log the means of some values, while the trainer trains."""
        if self._trainer is None or not self.trainer.training:
            return
        for name, value in values.items():
            if value is not None:
                self.log(name, value.detach().mean())

    def require_finite(self, player: int, loss: Tensor) -> None:
        """Stop a run whose loss is not finite.

        Raises:
            DivergenceError: naming the step, the last checkpoint and what to try.
        """
        if torch.isfinite(loss):
            return
        saver = self.trainer.checkpoint_callback
        last = getattr(saver, "last_model_path", "") or getattr(saver, "best_model_path", "")
        raise DivergenceError(
            f"the {'critic' if player == CRITIC else 'generator'}'s loss is {float(loss)} at step "
            f"{self.global_step}: expected a number; resume from "
            f"{last or 'the start, for there is no checkpoint yet'} with a lower --model.lr, with "
            "--model.clip 1, or with another gamma"
        )

    def look(self, batch: Batch, batch_index: int) -> None:
        """Log the leading eigenvalue, and the critic's gradient norm and singular values.

        Raises:
            ValueError: on several processes, whose searches for eigenvalues would not keep step.
        """
        if self.trainer.world_size > 1:
            raise ValueError(
                f"watch is {self.watch} on {self.trainer.world_size} processes: expected 0 or one "
                "process; watch a checkpoint with zoo.gan.spectrum"
            )
        part = self.parts(batch, batch_index)[0]
        with statistics_kept(self.net):
            values = spectrum(self, batch, k=4)
            norms = squared_gradient(Scores(self.net.critic, part.labels), part.real).sqrt()
        lead = values[0]
        self.log("leading_real", float(lead.real))
        self.log("leading_imaginary", float(abs(lead.imag)))
        self.log("gradient_norm", norms.detach().mean())
        for layer, value in singular_values(self.net.critic).items():
            self.log(f"norm_{layer}", value)

    def run_for_statistics(self, generator: nn.Module) -> None:
        """Run a generator forward on noise, for its batch statistics; see `EMA`."""
        random, classes = torch.Generator().manual_seed(self.seed), self.net.count
        labels = None
        for _ in range(STATISTICS_PASSES):
            z = torch.randn(STATISTICS_BATCH, self.net.generator.latent, generator=random)
            if classes:
                drawn = torch.randint(classes, (STATISTICS_BATCH,), generator=random)
                labels = drawn.to(self.device)
            generator(z.to(self.device), labels)

    def measure_with(self, net: nn.Module) -> None:
        """Measure samples by the features of a net; see `SampleMeasures`."""
        self.measures = SampleMeasures(net)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Log the critic's logits of held-out pictures, and collect their features."""
        self.judge(batch, "valid")

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Log the critic's logits of held-out pictures, and collect their features."""
        self.judge(batch, "test")

    def on_validation_epoch_end(self) -> None:
        """Log the distances of samples from real pictures."""
        self.measure("valid")

    def on_test_epoch_end(self) -> None:
        """Log the distances of samples from real pictures."""
        self.measure("test")

    def judge(self, batch: Batch, split: Literal["valid", "test"]) -> None:
        """Log the mean logit of held-out pictures, and keep their features."""
        pictures, labels = batch
        logits = self.net.critic(2 * pictures - 1, labels if self.net.count else None)
        mean = self.valid_logit if split == "valid" else self.test_logit
        mean(logits)
        self.log(f"{split}_logit", mean, batch_size=len(logits))
        if self.measures is not None:
            self.measures.see(pictures, labels)

    def measure(self, split: Literal["valid", "test"]) -> None:
        """Log how far samples are, always the same ones, and how many classes they fill."""
        if self.measures is None:
            return
        if not self.trainer.sanity_checking:
            world = self.trainer.world_size
            made = self.net.sample(self.samples, seed=0)
            found = self.measures.of(made, slice(self.global_rank, None, world))
            data: Any = getattr(self.trainer, "datamodule", None)
            if split == "test" and data is not None:
                found |= self.measures.floors(data.train_dataloader(), self.samples // world)
            for name, value in found.items():
                self.log(f"{split}_{name}", value)
            self.log(f"{split}_real_classes", self.measures.real_classes())
        self.measures.forget()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save how many steps the critic has taken."""
        checkpoint["critic_number"] = self.critic_number

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore it."""
        self.critic_number = checkpoint["critic_number"]


def mean_of_all(x: Tensor) -> Tensor:
    """Return the mean of x over the batch of all processes, with its gradient."""
    return differentiable_mean(x.mean())
