"""What decides the shape of a net."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from zoo.layers.sizes import require_shape, require_sizes
from zoo.nvae.cells import Norm
from zoo.nvae.distributions import Likelihood, Scale

_FROM_1 = ("width", "latents", "expansion", "block_expansion", "mixtures", "bits")
_FROM_0 = ("cells", "blocks", "block_cells", "flows")
MOST_HALVINGS = 64  # that are told apart: no picture has so long a side


@dataclass(frozen=True)
class Architecture:
    """The arguments of a net: plain types only.

    Attributes:
        shape: channels, height and width of a picture.
        groups: groups of latents of each scale, from the top, the smallest; default 2 and 4.
        width: channels at the full size, which double at each halving; default 16.
        latents: latent channels of a group; default 20.
        cells: cells between two groups, in each tower; default 2.
        blocks: halvings before the first scale, and doublings after the last; default 1.
        block_cells: cells of each of these; default 2.
        expansion: how much wider the depthwise convolutions between groups are; default 6.
        block_expansion: the same in the doublings after the last scale; default 3.
        flows: pairs of autoregressive steps on each posterior; default 0.
        margin: black pixels around the picture, which the net sees and the likelihood does not:
            one number, or those at the left, the right, the top and the bottom; default 0.
        likelihood: `bernoulli` (default) of black and white pixels, `mixture` of logistics over
            2^bits values, or `normal`, a density.
        mixtures: logistics of a mixture; default 10.
        bits: of a pixel of a mixture; default 8.
        norm: `batch` (default), or `none`: no statistics of a batch at all.
        squeeze: squeeze and excitation in each cell; default true.
        residual: posteriors relative to their priors; default true.
        scale: how scales of normals are made positive, `exp` (default) or `softplus`.
        recompute: keep no activations inside the cells of the groups for the backward pass, but
            compute them again: more time, a fraction of the memory; default false.

    Raises:
        ValueError: if the scales do not divide the size with its margin, or a value is impossible,
            such as a width below 1.
    """

    shape: list[int]
    groups: list[int] = field(default_factory=lambda: [2, 4])
    width: int = 16
    latents: int = 20
    cells: int = 2
    blocks: int = 1
    block_cells: int = 2
    expansion: int = 6
    block_expansion: int = 3
    flows: int = 0
    margin: int | list[int] = 0
    likelihood: Likelihood = "bernoulli"
    mixtures: int = 10
    bits: int = 8
    norm: Norm = "batch"
    squeeze: bool = True
    residual: bool = True
    scale: Scale = "exp"
    recompute: bool = False

    def __post_init__(self) -> None:
        require_shape(self.shape)
        require_sizes(**{name: getattr(self, name) for name in _FROM_1})
        require_sizes(0, **{name: getattr(self, name) for name in _FROM_0})
        margin = self.margin if isinstance(self.margin, list | tuple) else [self.margin]
        for side in margin:
            require_sizes(0, margin=side)
        if len(margin) not in (1, 4):
            raise ValueError(f"margin is {margin}: expected one number, or four, one a side")
        if not self.groups or not all(type(n) is int and n > 0 for n in self.groups):
            raise ValueError(
                f"groups is {self.groups}: expected the number of groups of each scale, from the "
                "smallest, each at least 1, such as [5, 10]"
            )
        if self.bits > 8:
            raise ValueError(
                f"bits is {self.bits}: expected 1 to 8; pictures of more bits a channel are read "
                "as 8"
            )
        halvings = min(self.halvings, MOST_HALVINGS)  # lest 2 to it fill the memory
        require_divisible(self.size, self.sides, 2**halvings)

    @property
    def channels(self) -> int:
        """Channels of a picture."""
        return self.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a picture."""
        return self.shape[1], self.shape[2]

    @property
    def halvings(self) -> int:
        """How often the size is halved from the picture to the top."""
        return self.blocks + len(self.groups) - 1

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """The margin at the left, the right, the top and the bottom."""
        margin = self.margin
        left, right, top, bottom = [margin] * 4 if isinstance(margin, int) else margin
        return left, right, top, bottom

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width with the margin."""
        left, right, top, bottom = self.sides
        return self.size[0] + top + bottom, self.size[1] + left + right

    @property
    def top_width(self) -> int:
        """Channels at the smallest size."""
        return self.width * 2**self.halvings

    @property
    def cell_count(self) -> int:
        """Cells in both towers."""
        between = (2 * sum(self.groups) - 1) * self.cells + 2 * (len(self.groups) - 1)
        return between + 2 * self.blocks * self.block_cells

    @property
    def latent_shapes(self) -> list[tuple[int, int, int]]:
        """Channels, height and width of each group's latents, from the top."""
        height, width = self.padded
        scales = [2**i for i in range(self.halvings, self.blocks - 1, -1)]
        return [
            (self.latents, height // factor, width // factor)
            for factor, number in zip(scales, self.groups, strict=True)
            for _ in range(number)
        ]

    @property
    def dimensions(self) -> int:
        """Numbers in a picture."""
        return prod(self.shape)


def require_divisible(size: Sequence[int], sides: Sequence[int], factor: int) -> None:
    """Refuse a size with its margin that cannot be halved as often as the net does.

    Raises:
        ValueError: with the margin that would do.
    """
    left, right, top, bottom = sides
    height, width = size[0] + top + bottom, size[1] + left + right
    if height % factor == 0 and width % factor == 0:
        return
    down, across = -size[0] % factor, -size[1] % factor
    mend = [across // 2, across - across // 2, down // 2, down - down // 2]
    margin = mend[0] if len(set(mend)) == 1 else mend
    raise ValueError(
        f"pictures of {height} by {width} with their margin: expected multiples of {factor}, "
        f"which the scales and blocks halve; set margin to {margin}"
    )
