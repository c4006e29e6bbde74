"""`--optimizer` and `--lr_scheduler` of LightningCLI, for every module."""

from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import ReduceLROnPlateau, instantiate_class
from torch.optim import Optimizer


def require_one_optimizer(module: LightningModule) -> None:
    """Refuse `--optimizer` for a module that has several: which one it is would not be said.

    Raises:
        ValueError: if the module optimises by hand.
    """
    if not module.automatic_optimization:
        raise ValueError(
            f"--optimizer is one optimiser and {type(module).__name__} steps several by hand: "
            "leave it out, and give the model's own options"
        )


def reschedule(module: LightningModule, schedule: Namespace) -> None:
    """Let a module keep its optimisers and take another schedule of the learning rate.

    LightningCLI takes a schedule only together with an optimiser.

    Args:
        module: changed in place.
        schedule: `class_path` and `init_args` of a class of `torch.optim.lr_scheduler`; what it
            counts says `counting`.

    Raises:
        ValueError: if it waits for a metric, and the module optimises by hand.
    """
    if not module.automatic_optimization and "Plateau" in schedule.class_path:
        raise ValueError(
            f"--lr_scheduler is ReduceLROnPlateau and {type(module).__name__} steps its schedules "
            "by hand, without a metric: choose another"
        )
    configure = module.configure_optimizers

    def configure_optimizers() -> Any:
        optimizers = optimizers_of(configure())
        return optimizers, [
            counting(module, _attach(optimizer, schedule)) for optimizer in optimizers
        ]

    vars(module)["configure_optimizers"] = configure_optimizers


def counting(module: LightningModule, schedule: Any) -> dict[str, Any]:
    """Return a schedule with what it counts: steps in a run with `max_steps`, else epochs.

    One that waits for a metric always counts epochs, and in modules that optimise by hand the
    others always count the steps of their optimiser.

    Args:
        module: with its trainer.
        schedule: of the learning rate.
    """
    if isinstance(schedule, ReduceLROnPlateau):
        return {"scheduler": schedule, "monitor": schedule.monitor}
    return {"scheduler": schedule, "interval": "epoch" if module.trainer.max_steps < 0 else "step"}


def optimizers_of(configured: Any) -> list[Optimizer]:
    """Return the optimisers in what a module's `configure_optimizers` gives, in order."""
    if isinstance(configured, Optimizer):
        return [configured]
    if isinstance(configured, dict):
        return [configured["optimizer"]]
    first = configured[0]
    parts = first if isinstance(first, list | tuple) else configured
    return [optimizer for part in parts for optimizer in optimizers_of(part)]


def _attach(optimizer: Optimizer, schedule: Namespace) -> Any:
    """Put a schedule on an optimiser that had another one."""
    for group in optimizer.param_groups:  # the other has set it to that of the first step
        group["lr"] = group.pop("initial_lr", group["lr"])
    return instantiate_class(optimizer, schedule.as_dict())
