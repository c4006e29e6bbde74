import pytest
import torch
import yaml
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from zoo.nvae.architecture import Architecture
from zoo.nvae.groups import adaptive_groups
from zoo.nvae.net import NVAE

RECIPES = ROOT / "recipes" / "nvae"

# NVAE's own counts of parameters, from its reference implementation
PUBLISHED = {
    None: 33_363_134,
    "cifar10": 130_852_480,
    "celeba_64": 153_281_364,
    "imagenet_32": 268_509_444,
    "celeba_hq_256": 330_798_664,
    "ffhq_256": 330_798_664,
}


def init_args(part, *files):
    """The arguments of a part of a recipe, with others laid over it."""
    merged = {}
    for file in files:
        merged |= yaml.safe_load(file.read_text("utf-8"))[part]["init_args"]
    return merged


def parameters(shape, *files):
    """How many parameters the net of a recipe has."""
    fields = Architecture.__dataclass_fields__
    model = {k: v for k, v in init_args("model", *files).items() if k in fields}
    with torch.device("meta"):
        net = NVAE(shape=shape, **model)
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(("overlay", "count"), PUBLISHED.items())
def test_the_recipes_of_the_paper_have_its_parameters(overlay, count):
    files = [RECIPES / "paper_digits.yaml"]
    files += [RECIPES / "paper" / f"{overlay}.yaml"] if overlay else []
    data = init_args("data", *files)
    shape = [data[name] for name in ("channels", "height", "width")]
    assert parameters(shape, *files) == count


def test_the_baseline_has_as_many_parameters_as_the_tiny_net():
    tiny = RECIPES / "tiny_digits.yaml"
    expected = parameters([1, 28, 28], tiny)
    assert parameters([1, 28, 28], tiny, RECIPES / "flat.yaml") == pytest.approx(expected, rel=0.05)
    assert 2e6 < parameters([1, 28, 28], tiny, RECIPES / "small.yaml") < 7e6


def test_every_overlay_of_the_paper_is_tested():
    assert {p.stem for p in (RECIPES / "paper").glob("*.yaml")} == set(PUBLISHED) - {None}


def test_adaptive_groups_halve_down_to_the_least():
    assert adaptive_groups(10, 2) == [5, 10]
    assert adaptive_groups(20, 3) == [5, 10, 20]
    assert adaptive_groups(16, 5, least=4) == [4, 4, 4, 8, 16]


def test_a_size_that_does_not_halve_is_refused_with_the_margin_that_would_do():
    with pytest.raises(
        ValueError, match=r"30 by 28 .* multiples of 4, .* margin to \[0, 0, 1, 1\]"
    ):
        Architecture(shape=[1, 30, 28])
    with pytest.raises(ValueError, match="margin to 2"):
        Architecture(shape=[1, 28, 28], blocks=2)


@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    blocks=st.integers(0, 3),
    groups=st.lists(st.integers(1, 3), min_size=1, max_size=3),
)
def test_the_margin_that_an_error_names_does(size, blocks, groups):
    shape = {"shape": [1, *size], "blocks": blocks, "groups": groups}
    try:
        plan = Architecture(**shape)
    except ValueError as error:
        margin = yaml.safe_load(str(error).rpartition("margin to ")[2])
        plan = Architecture(**shape, margin=margin)
    top = plan.latent_shapes[0]
    assert [side * 2**plan.halvings for side in top[1:]] == list(plan.padded)
    assert len(plan.latent_shapes) == sum(groups)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": []}, "groups is"),
        ({"groups": [2, 0]}, "groups is"),
        ({"bits": 16}, "bits is 16: expected 1 to 8"),
        ({"shape": [28, 28]}, "shape is"),
    ],
)
def test_impossible_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Architecture(**{"shape": [1, 28, 28], **options})
