"""Save the gradients of a model's first step on a number of processes; see test_models.py.

python tests/ddp_gradients.py NAME PROCESSES FILE
"""

import sys

import torch
from lightning.pytorch import Callback

GLOBAL_BATCH = 8


class SaveGradients(Callback):
    def __init__(self, file):
        self.file = file

    def on_before_optimizer_step(self, trainer, module, optimizer):
        if trainer.is_global_zero:
            gradients = {n: p.grad.clone() for n, p in module.named_parameters()}
            torch.save(gradients, self.file)


def main():
    from conftest import assemble

    name, processes, file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    parallel = ["--trainer.strategy", "ddp"] if processes > 1 else []
    options = ["--trainer.devices", str(processes), "--trainer.max_steps", "1", *parallel]
    batch = ["--data.batch_size", str(GLOBAL_BATCH // processes)]
    quiet = ["--trainer.enable_progress_bar", "false", "--trainer.limit_val_batches", "0"]
    # dropout draws differ between one process and two
    parts = assemble(name, *options, *batch, *quiet, "--model.dropout", "0")
    parts.trainer.callbacks.append(SaveGradients(file))
    parts.trainer.fit(parts.model, parts.datamodule)


if __name__ == "__main__":
    main()
