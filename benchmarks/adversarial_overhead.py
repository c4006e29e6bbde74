"""Claim: a training step with FGM takes at most 2.1 times as long as a plain one.

One Trainer, one classifier; plain and adversarial steps alternate, in the order A B B A, so that
a slow phase of the machine hits both alike. Timed from the batch's arrival to the end of the
optimizer's step.
"""

import argparse
import statistics
import time

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from zoo.adversarial import FGM
from zoo.masks.classifiers import TextClassifier

LIMIT = 2.1
VOCABULARY, BATCH, TIME, WARMUP = 4000, 32, 128, 4


class Classifier(LightningModule):
    """The smallest module around the zoo's classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.net = TextClassifier(VOCABULARY, 2)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Cross-entropy."""
        tokens, labels = batch
        return F.cross_entropy(self.net(tokens), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, as the recipes have it."""
        return torch.optim.AdamW(self.parameters())


class Stopwatch(Callback):
    """Switch FGM on and off and time each step; stands after FGM in the list of callbacks."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {"plain": [], "fgm": []}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep both versions of the step."""
        adversarial = pl_module.training_step
        self.step = {"plain": adversarial.__wrapped__, "fgm": adversarial}

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        """Choose the version and start the clock."""
        self.version = "fgm" if batch_idx % 4 in (1, 2) else "plain"
        pl_module.training_step = self.step[self.version]
        self.start = time.perf_counter()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        """Stop the clock."""
        if batch_idx >= WARMUP:
            self.seconds[self.version].append(time.perf_counter() - self.start)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Hand back the step that FGM installed."""
        pl_module.training_step = self.step["fgm"]


def measure(pairs: int) -> dict[str, list[float]]:
    """Time `pairs` plain and as many adversarial steps, in seconds."""
    torch.manual_seed(0)
    steps = 2 * pairs + WARMUP
    tokens = torch.randint(2, VOCABULARY, (steps * BATCH, TIME))
    labels = torch.randint(2, (steps * BATCH,))
    stopwatch = Stopwatch()
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        devices=1,
        callbacks=[FGM(), stopwatch],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(), DataLoader(TensorDataset(tokens, labels), batch_size=BATCH))
    return stopwatch.seconds


def main() -> None:
    """Print both medians, their ratio and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40, help="pairs of steps; default 40")
    seconds = measure(parser.parse_args().steps)
    plain, fgm = (statistics.median(seconds[version]) for version in ("plain", "fgm"))
    ratios = [b / a for a, b in zip(seconds["plain"], seconds["fgm"], strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    print(f"plain {1e3 * plain:.1f} ms, FGM {1e3 * fgm:.1f} ms a step (medians of {len(ratios)})")
    print(f"ratio {fgm / plain:.2f} (quartiles of the pairs {low:.2f} to {high:.2f})")
    print(f"at most {LIMIT}: {'yes' if fgm / plain <= LIMIT else 'NO'}")


if __name__ == "__main__":
    main()
