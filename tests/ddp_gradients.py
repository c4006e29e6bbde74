"""Save the gradients of each optimiser in a model's first step; see test_models.py.

python tests/ddp_gradients.py NAME PROCESSES FILE
"""

import sys

import torch
from lightning.pytorch import Callback

GLOBAL_BATCH = 8


class SaveGradients(Callback):
    def __init__(self, file):
        self.file, self.gradients = file, {}

    def on_before_optimizer_step(self, trainer, module, optimizer):
        moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
        for name, parameter in module.named_parameters():
            if id(parameter) in moved and parameter.grad is not None:
                self.gradients[name] = parameter.grad.clone()

    def on_train_end(self, trainer, module):
        if trainer.is_global_zero:
            torch.save(self.gradients, self.file)


def drop_nothing(module):
    """Set every dropout to 0: torch draws it on each process by itself."""
    for part in module.modules():
        for name in ("p", "dropout"):
            if isinstance(getattr(part, name, None), float):
                setattr(part, name, 0.0)


def main():
    from conftest import assemble

    name, processes, file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    parallel = ["--trainer.strategy", "ddp"] if processes > 1 else []
    options = ["--trainer.devices", str(processes), "--trainer.max_steps", "1", *parallel]
    batch = ["--data.batch_size", str(GLOBAL_BATCH // processes)]
    quiet = ["--trainer.enable_progress_bar", "false", "--trainer.limit_val_batches", "0"]
    parts = assemble(name, *options, *batch, *quiet)
    drop_nothing(parts.model)
    parts.trainer.callbacks.append(SaveGradients(file))
    parts.trainer.fit(parts.model, parts.datamodule)


if __name__ == "__main__":
    main()
