"""Run a function on two gloo processes, for tests of what should equal one process."""

import os
import tempfile
from pathlib import Path

import torch
from torch import distributed, multiprocessing


def on_two_processes(function, *arguments):
    """Return what a function, importable by its module, returns on each of two processes."""
    with tempfile.TemporaryDirectory() as folder:
        spawned = (function, arguments, folder)
        multiprocessing.spawn(_run, spawned, nprocs=2)  # pyright: ignore[reportPrivateImportUsage]
        return [torch.load(Path(folder) / f"{rank}.pt", weights_only=False) for rank in (0, 1)]


def as_launched(rank):
    """Set what a launcher sets, so that a trainer takes the group that is there."""
    os.environ |= {"LOCAL_RANK": str(rank), "RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0", "GROUP_RANK": "0"}
    os.environ |= {"LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "test"}


def _run(rank, function, arguments, folder):
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    torch.save(function(rank, *arguments), Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()
