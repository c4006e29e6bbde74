"""Nets that run in milliseconds."""

import torch

from zoo.nvae.net import NVAE


def tiny(**options):
    """A net of two scales and three groups, the same each time."""
    torch.manual_seed(0)
    shape = {"shape": [1, 8, 8], "groups": [1, 2], "width": 4, "latents": 2, "cells": 1}
    return NVAE(**{**shape, **options})
