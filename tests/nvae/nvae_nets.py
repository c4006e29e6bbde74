import os
from pathlib import Path

import pytest
import torch

from zoo.nvae.net import NVAE


def tiny(**options):
    """A net of two scales and three groups that runs in milliseconds."""
    torch.manual_seed(0)
    shape = {"shape": [1, 8, 8], "groups": [1, 2], "width": 4, "latents": 2, "cells": 1}
    return NVAE(**{**shape, **options})


@pytest.fixture
def net():
    return tiny().eval()


@pytest.fixture
def pictures():
    return torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(3))


@pytest.fixture(params=["nvae_micro", "nvae_micro_flow"])
def recorded(request):
    """Numbers of the reference implementation; ZOO_FIXTURES names the folder that has them."""
    folder = os.environ.get("ZOO_FIXTURES")
    if not folder:
        pytest.skip("ZOO_FIXTURES names no folder with numbers of the reference")
    path = Path(folder) / f"{request.param}.pt"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return torch.load(path, weights_only=True)
