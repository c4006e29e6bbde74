"""Try several gammas, each for a part of a run, before the long one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch import nn

from zoo.callbacks.ema import EMA
from zoo.gan.module import DivergenceError, GanTraining
from zoo.gan.terms import make_terms

GAMMAS = (0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True)
class Tried:
    """How a short run with one gamma ended.

    Attributes:
        gamma: of its penalties.
        values: by name, those that `GanTraining` logs in its last step and in validation; of a
            run whose loss was not finite `wins` alone, infinite.
    """

    gamma: float
    values: dict[str, float]

    @property
    def rank(self) -> float:
        """What runs are ordered by, the best first: the distance, or without features the wins."""
        return self.values.get("valid_frechet", self.values["wins"])


def sweep(
    data: LightningDataModule,
    gammas: Sequence[float] = GAMMAS,
    *,
    terms: Sequence[str] = ("r1",),
    steps: int = 4000,
    seed: int = 0,
    features: nn.Module | None = None,
    accelerator: str = "auto",
    **options: Any,
) -> list[Tried]:
    """Train for a few steps with each gamma.

    Args:
        data: pictures, as `zoo.data.images.Pictures`.
        gammas: to try; default 0.01 to 1.
        terms: penalties that get the gamma; default `r1`.
        steps: generator steps of each; default 4,000.
        seed: of the nets' first weights and of the noise, the same for all; default 0.
        features: the feature net that measures samples, such as `zoo.load("pictures_fashion")`;
            default none, and the runs are ordered by how often the critic wins.
        accelerator: Lightning's; default `auto`.
        options: of `GanTraining`.

    Returns:
        The runs, the best first; one that diverges is the last, and does not end the others.

    Raises:
        ValueError: there are no gammas, or an option has no meaning.
    """
    if not gammas:
        raise ValueError("gammas is empty: expected at least one; leave it out for 0.01 to 1")
    shape: Any = data
    penalties = [[{"name": name, "gamma": gamma} for name in terms] for gamma in gammas]
    for some in penalties:
        make_terms(some)  # a gamma without a meaning is refused before hours of others
    tried = []
    for gamma, some in zip(gammas, penalties, strict=True):
        torch.manual_seed(seed)
        known: dict[str, Any] = {"terms": some, "classes": shape.classes, "seed": seed}
        module = GanTraining(shape.shape, **known, **options)
        if features is not None:
            module.measure_with(features)
        trainer = Trainer(
            accelerator=accelerator,
            devices=1,
            max_steps=steps,
            callbacks=[EMA("net.generator", statistics="measure")],
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        try:
            trainer.fit(module, data.train_dataloader())
        except DivergenceError:
            tried.append(Tried(gamma, {"wins": math.inf}))
            continue
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        trainer.validate(module, data.val_dataloader(), verbose=False)
        values |= {name: float(value) for name, value in trainer.callback_metrics.items()}
        tried.append(Tried(gamma, values))
    return sorted(tried, key=lambda run: run.rank)
