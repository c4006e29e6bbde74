"""Runs with everything that has a state: dropout, AdamW, a schedule, EMA, batch statistics."""

import logging
import multiprocessing
import os
import signal
import time
import warnings
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from torch import nn
from torch.nn import functional as F

from zoo.callbacks.random_state import RandomState
from zoo.data.resumable import ResumableLoader

ITEMS, BATCH, EPOCHS = 44, 8, 3  # 6 batches an epoch, the last of four items
BATCHES = -(-ITEMS // BATCH)


class Data:
    """Points to regress; with `augment` they draw from the global state, as torchvision does."""

    def __init__(self, *, augment: bool):
        self.augment = augment
        self.x = torch.randn(ITEMS, 8, generator=torch.Generator().manual_seed(0))
        self.y = self.x.sum(1, keepdim=True).sin()

    def __len__(self):
        return ITEMS

    def __getitem__(self, index):
        noise = 0.1 * torch.randn(8) if self.augment else 0
        return self.x[index] + noise, self.y[index]


class Net(LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.Linear(16, 1)
        )

    def on_after_batch_transfer(self, batch, dataloader_idx):
        x, y = batch
        return (x * (1 + 0.1 * torch.randn_like(x)), y) if self.training else batch

    def training_step(self, batch, batch_idx):
        x, y = batch
        torch.rand(self.global_rank)  # no two ranks in the same state
        return F.mse_loss(self.net(x), y)

    def validation_step(self, batch, batch_idx):
        x, y = batch
        noisy = x + 0.1 * torch.randn_like(x)  # a validation that draws, as sampling does
        self.log("validation_loss", F.mse_loss(self.net(noisy), y), sync_dist=True)

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


class Progress(Callback):
    """Write how many batches are done; die by our own hand before batch number `dies_at`."""

    def __init__(self, path: Path, pause: float, dies_at: int | None):
        self.path, self.pause, self.dies_at = path, pause, dies_at

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.fit_loop.total_batch_idx == self.dies_at:
            os.killpg(0, signal.SIGKILL)
        time.sleep(self.pause)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.path.write_text(str(trainer.fit_loop.total_batch_idx + 1))


def train(
    folder: Path,
    *,
    workers: int = 0,
    batch: int = BATCH,
    bucket: bool = False,
    validate: bool = True,
    checkpoints: dict | None = None,
    resume: Path | None = None,
    callbacks: tuple[Callback, ...] = (),
    **trainer_options,
) -> None:
    """Train to the end and leave `final.ckpt`; `checkpoints` are ModelCheckpoint's options."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings(
        "ignore", ".*(heckpoint directory|dirpath has changed|logging interval)"
    )
    torch.set_num_threads(1)
    # another seed, for what is not restored must show
    seed_everything(99 if resume else 7, verbose=False)
    defaults = {"max_steps": -1} if "max_steps" in trainer_options else {"max_epochs": EPOCHS}
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[
            RandomState(),
            EMAWeightAveraging(decay=0.9),
            ModelCheckpoint(folder, **(checkpoints or {"every_n_train_steps": 1})),
            *callbacks,
        ],
        **defaults | trainer_options,
    )
    # in workers, what augmentation draws is the dataset's own affair
    loader = ResumableLoader(
        Data(augment=workers == 0),
        batch,
        shuffle=True,
        seed=3,
        workers=workers,
        bucket=(lambda item: int(4 * item[1].abs())) if bucket else None,
    )
    validation = ResumableLoader(Data(augment=False), batch) if validate else None
    trainer.fit(Net(), loader, validation, ckpt_path=resume)
    trainer.save_checkpoint(folder / "final.ckpt")


def train_until_killed(
    folder: Path, workers: int, every: int, pause: float = 0.0, dies_at: int | None = None
) -> None:
    """Train on from the last checkpoint in `folder`, if there is one."""
    os.setsid()  # so that the workers can be killed with us
    multiprocessing.set_start_method("fork", force=True)  # of the workers
    folder.mkdir(exist_ok=True)
    last = folder / "last.ckpt"
    train(
        folder,
        workers=workers,
        checkpoints={"every_n_train_steps": every, "save_last": True},
        resume=last if last.exists() else None,
        callbacks=(Progress(folder / "progress", pause, dies_at),),
        accumulate_grad_batches=2,
        val_check_interval=4,
    )
