"""Two processes train as one does, under every attack."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from bag import assert_same

SCRIPT = Path(__file__).with_name("attacks_script.py")


@pytest.mark.ddp
@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    one, two = tmp_path / "one.pt", tmp_path / "two.pt"
    subprocess.run([sys.executable, SCRIPT, one, "1"], check=True)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    subprocess.run([*launcher, "--standalone", SCRIPT, two, "2"], check=True)
    whole, halves = torch.load(one), torch.load(two)
    assert len(whole) == 12
    for name, gradients in whole.items():
        assert_same(halves[name], gradients, rtol=1e-5, atol=1e-6)
