import math

import pytest
import torch
from torch import nn

from zoo.masks.attention.layer import Attention, rotate, rotation
from zoo.masks.attention.schemes import causal, padding
from zoo.masks.classifiers import TextClassifier
from zoo.masks.encoder import Encoder


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return Encoder(50, width=16, depth=2, heads=2).eval()


def test_rotation_by_position_times_speed():
    x = torch.tensor([1.0, 0.0]).expand(1, 1, 3, 2)
    expected = [[math.cos(t), math.sin(t)] for t in range(3)]
    torch.testing.assert_close(
        rotate(x, *rotation(torch.arange(3), 2))[0, 0], torch.tensor(expected)
    )


def test_rotated_products_depend_on_the_distance_only():
    q, k = torch.randn(2, 1, 1, 1, 8).expand(2, 1, 1, 9, 8)
    turn = rotation(torch.arange(9), 8)
    scores = (rotate(q, *turn) @ rotate(k, *turn).mT)[0, 0]
    for distance in range(-8, 9):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))


def test_padding_changes_nothing(encoder):
    tokens = torch.randint(1, 50, (3, 7))
    padded = nn.functional.pad(tokens, (0, 5))
    short = encoder(tokens, padding(tokens != 0))
    long = encoder(padded, padding(padded != 0))
    torch.testing.assert_close(long[:, :7], short, rtol=1e-4, atol=1e-5)


def test_a_causal_mask_hides_the_future(encoder):
    tokens = torch.randint(1, 50, (1, 6))
    changed = tokens.clone()
    changed[0, 4:] = 7
    before, after = encoder(tokens, causal()), encoder(changed, causal())
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_attention_equals_torchs_own_layer_without_positions():
    torch.manual_seed(0)
    ours = Attention(8, 2)
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.query_key_value.weight)
        theirs.in_proj_bias.copy_(ours.query_key_value.bias)
        theirs.out_proj.weight.copy_(ours.output.weight)
        theirs.out_proj.bias.copy_(ours.output.bias)
    x = torch.randn(2, 1, 8)  # one token, at position 0: no rotation
    torch.testing.assert_close(ours(x, {}), theirs(x, x, x, need_weights=False)[0])


def test_the_classifier_means_over_real_tokens():
    torch.manual_seed(0)
    model = TextClassifier(50, classes=3, width=16, depth=1, heads=2).eval()
    tokens = torch.tensor([[5, 9, 4, 0, 0]])
    states = model.encoder(tokens[:, :3], padding(tokens[:, :3] != 0))
    torch.testing.assert_close(model(tokens), model.head(states.mean(1)), rtol=1e-4, atol=1e-5)


def test_heads_must_split_the_width_evenly():
    with pytest.raises(ValueError, match="width 10 must be a multiple of twice the heads, 4"):
        Encoder(50, width=10, heads=2)
