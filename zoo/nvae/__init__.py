"""NVAE: a deep hierarchical VAE of convolutions."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.nvae.architecture import Architecture as Architecture
    from zoo.nvae.net import NVAE as NVAE
    from zoo.nvae.reference import from_reference as from_reference
    from zoo.nvae.statistics import recalibrate as recalibrate
    from zoo.nvae.statistics import reestimate as reestimate

attach(__name__, __file__)
