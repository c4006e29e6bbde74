import pytest
import torch
from nvae_nets import tiny

from zoo.layers.batch_norm import BatchNormOverProcesses
from zoo.nvae.groups import given
from zoo.nvae.net import NVAE
from zoo.nvae.noise import noise_by_place
from zoo.nvae.statistics import recalibrate, reestimate


@pytest.fixture
def net():
    net = tiny().eval()
    with torch.no_grad():  # priors and posteriors that say something
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net


@pytest.fixture
def pictures():
    return torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(3))


def test_samples_do_not_depend_on_how_many_are_drawn_together(net, monkeypatch):
    whole = net.sample(9, seed=4)
    assert whole.shape == (9, 1, 8, 8)
    assert 0 <= whole.min() <= whole.max() <= 1
    torch.testing.assert_close(net.sample(2, seed=4), whole[:2])
    monkeypatch.setattr("zoo.nvae.net.CHUNK", 2)
    torch.testing.assert_close(net.sample(9, seed=4), whole)
    assert not torch.allclose(net.sample(9, seed=5), whole)


def test_temperature_is_one_number_or_one_a_group(net):
    torch.testing.assert_close(
        net.sample(3, seed=0, temperature=0.7), net.sample(3, seed=0, temperature=[0.7] * 3)
    )
    cold = net.sample(3, seed=0, temperature=0)
    torch.testing.assert_close(cold, cold[:1].expand(3, -1, -1, -1))
    with pytest.raises(ValueError, match="2 temperatures for 3 groups"):
        net.sample(1, temperature=[1.0, 0.5])
    with pytest.raises(ValueError, match="labels"):
        net.sample(1, labels=torch.zeros(1))


def test_what_is_encoded_is_reconstructed(net, pictures):
    z = net.encode(pictures)
    assert [tuple(part.shape) for part in z] == [(5, 2, 2, 2), (5, 2, 4, 4), (5, 2, 4, 4)]
    torch.testing.assert_close(net.decode(z), net.reconstruct(pictures))


def test_all_latents_are_kept_by_a_share_of_one_and_none_by_zero(net, pictures):
    torch.testing.assert_close(net.encode(pictures, keep=1.0), net.encode(pictures))
    prior = net.decode(net.encode(pictures, keep=0.0))
    torch.testing.assert_close(prior, net.sample(5, temperature=0))


def test_a_share_keeps_that_many_latents_of_each_picture(net, pictures):
    means = torch.cat([z.flatten(1) for z in net.encode(pictures)], dim=1)
    kept = torch.cat([z.flatten(1) for z in net.encode(pictures, keep=0.25)], dim=1)
    assert means.shape[1] == 72
    z = net.encode(pictures, keep=0.25)
    priors = [latent.prior.mean for latent in net.decoder(len(pictures), given(z))[1]]
    differ = torch.cat([(a != b).flatten(1) for a, b in zip(z, priors, strict=True)], dim=1)
    assert differ.sum(1).tolist() == [18] * 5
    top = kept[:, :8][differ[:, :8]]  # of the first group, which none comes before
    torch.testing.assert_close(top, means[:, :8][differ[:, :8]])
    with pytest.raises(ValueError, match=r"keep is 1\.5"):
        net.encode(pictures, keep=1.5)


def test_an_interpolation_goes_from_one_reconstruction_to_the_other(net, pictures):
    way = net.interpolate(pictures[:2], pictures[2:4], steps=5)
    assert way.shape == (2, 5, 1, 8, 8)
    torch.testing.assert_close(way[:, 0], net.reconstruct(pictures[:2]), rtol=1e-3, atol=1e-4)
    one = net.interpolate(pictures[0], pictures[2], steps=5)
    assert one.shape == (5, 1, 8, 8)


def test_a_traversal_begins_at_the_picture_and_moves_one_group(net, pictures):
    for group in range(3):
        way = net.traverse(pictures, group=group, steps=4)
        torch.testing.assert_close(way[:, 0], net.reconstruct(pictures), rtol=1e-3, atol=1e-4)
        assert (way[:, 0] - way[:, -1]).abs().max() > 1e-4
    with pytest.raises(ValueError, match="group is 3: expected 0"):
        net.traverse(pictures, group=3)


def test_a_completion_keeps_what_is_known(net, pictures):
    known = torch.zeros_like(pictures, dtype=torch.bool)
    known[..., :4] = True
    filled = net.complete(pictures, known, rounds=3)
    assert torch.equal(filled[known], pictures[known])
    torch.testing.assert_close(filled, net.complete(pictures, known, rounds=3))
    torch.testing.assert_close(filled[:2], net.complete(pictures[:2], known[:2], rounds=3))
    with pytest.raises(ValueError, match=r"known is torch\.float32"):
        net.complete(pictures, known.float())


@pytest.mark.parametrize("likelihood", ["bernoulli", "mixture", "normal"])
def test_the_unknown_pixels_of_a_chain_are_drawn(likelihood, pictures, monkeypatch):
    net, seen = tiny(likelihood=likelihood, mixtures=2).eval(), []
    monkeypatch.setattr(net, "features", lambda x: seen.append(x) or NVAE.features(net, x))
    known = torch.zeros_like(pictures, dtype=torch.bool)
    net.complete(pictures, known, rounds=1)
    white = noise_by_place(net.plan.latent_shapes, 0, range(5))
    assert (seen[0] - net.decode_white(white)).abs().mean() > 0.05  # deviations, not rounding
    if likelihood == "bernoulli":
        assert ((seen[0] == 0) | (seen[0] == 1)).all()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda net, x: net.sample(0), "n is 0: expected a whole number, at least 1"),
        (lambda net, x: net.interpolate(x, x, steps=0), "steps is 0: expected a whole number"),
        (lambda net, x: net.traverse(x, 0, steps=0), "steps is 0: expected a whole number"),
        (lambda net, x: net.nelbo(x, places=[0]), "1 places for 5 pictures: expected one for each"),
        (lambda net, x: net.log_likelihood(x, places=[0]), "1 places for 5 pictures"),
    ],
)
def test_numbers_without_a_meaning_are_refused(net, pictures, ask, message):
    with pytest.raises(ValueError, match=message):
        ask(net, pictures)


def test_a_score_adds_up_and_does_not_depend_on_the_batch(net, pictures):
    score = net.score(pictures)
    torch.testing.assert_close(score.nelbo, net.nelbo(pictures))
    assert score.kl.shape == (5, 3)
    assert score.active_units[0] <= 8
    torch.testing.assert_close(score.bits_per_dim * 64 * torch.log(torch.tensor(2.0)), score.nelbo)
    parts = [net.nelbo(pictures[i : i + 1], places=[i]) for i in range(5)]
    torch.testing.assert_close(torch.cat(parts), score.nelbo)


@pytest.mark.parametrize("likelihood", ["bernoulli", "mixture", "normal"])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_and_channels_and_likelihood(likelihood, channels):
    shape = {"shape": [channels, 10, 14], "margin": [1, 1, 1, 1], "mixtures": 2}
    net = tiny(**shape, likelihood=likelihood, flows=1, scale="softplus").eval()
    x = torch.rand(3, channels, 10, 14)
    assert net.sample(2, seed=0).shape == (2, channels, 10, 14)
    assert net.reconstruct(x).shape == x.shape
    output = net.bound(x)
    assert output.nll.shape == (3,)
    assert output.kl.shape == (3, 3)
    assert torch.isfinite(net.log_likelihood(x, samples=3)).all()


def test_the_margin_is_black_and_not_measured():
    net = tiny(shape=[1, 6, 6], margin=1).eval()
    x = torch.rand(2, 1, 6, 6).round()
    padded = torch.nn.functional.pad(x, [1] * 4)
    noise = [torch.randn(2, *shape) for shape in net.plan.latent_shapes]
    torch.testing.assert_close(net(x, noise).nelbo, net(padded, noise).nelbo)
    assert net(x, noise).logits.shape == (2, 1, 8, 8)


def test_recomputing_activations_changes_neither_gradients_nor_statistics():
    found = []
    for recompute in (False, True):
        net = tiny(recompute=recompute).train()
        generator = torch.Generator().manual_seed(0)
        x = torch.rand(4, 1, 8, 8, generator=generator).round()
        net(x, generator=generator).nelbo.mean().backward()
        found.append(([p.grad for p in net.parameters()], list(net.buffers())))
    for plain, again in zip(*found, strict=True):
        torch.testing.assert_close(plain, again)


def test_without_batch_norm_a_picture_does_not_see_the_others():
    net = tiny(norm="none").train()
    assert not [m for m in net.modules() if isinstance(m, BatchNormOverProcesses)]
    x = torch.rand(4, 1, 8, 8).round()
    noise = [torch.randn(4, *shape) for shape in net.plan.latent_shapes]
    alone = net(x[:1], [n[:1] for n in noise]).nelbo
    torch.testing.assert_close(alone, net(x, noise).nelbo[:1])


def test_a_deep_net_without_batch_norm_begins_tame():
    net = NVAE(shape=[1, 16, 16], groups=[8, 8], width=8, latents=4, norm="none")
    output = net(torch.rand(4, 1, 16, 16).round())
    assert output.nelbo.isfinite().all()
    assert output.logits.abs().max() < 100


def test_statistics_are_estimated_from_training_pictures(net, pictures):
    before = {name: b.clone() for name, b in net.named_buffers()}
    reestimate(net, [pictures, 1 - pictures])
    moved = [n for n, b in net.named_buffers() if not torch.equal(b, before[n])]
    assert any("encoder" in name for name in moved)
    assert any("decoder" in name for name in moved)
    assert not net.training
    norm = net.encoder.before[0].branch.norm0
    assert norm.num_batches_tracked == 2
    assert norm.momentum == 0.05
    with pytest.raises(ValueError, match="no batch"):
        reestimate(net, [])


@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0, 2.0])
def test_recalibration_leaves_finite_statistics_at_any_temperature(net, temperature):
    encoder = {name: b.clone() for name, b in net.encoder.named_buffers()}
    recalibrate(net, temperature, passes=4)
    assert all(b.isfinite().all() for b in net.buffers())
    assert all(torch.equal(b, encoder[n]) for n, b in net.encoder.named_buffers())
    assert net.sample(4, seed=0, temperature=temperature).isfinite().all()


def test_recalibration_of_weights_that_explode_is_refused_and_changes_nothing(net):
    with torch.no_grad():
        net.decoder.groups[1].merge.bias.fill_(float("inf"))
    before = {name: b.clone() for name, b in net.named_buffers()}
    with pytest.raises(ValueError, match="not finite"):
        recalibrate(net, 1.0, passes=2)
    assert all(torch.equal(b, before[n]) for n, b in net.named_buffers())


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.full((2, 1, 8, 8), 1.5), r"reach from 1\.5 to 1\.5: expected values in \[0, 1\]"),
        (torch.full((2, 1, 8, 8), -0.1), r"expected values in \[0, 1\]"),
        (torch.full((2, 1, 8, 8), float("nan")), r"expected values in \[0, 1\]"),
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), "divide bytes by 255"),
        (torch.zeros(2, 3, 8, 8), "of 1 channels"),
        (torch.zeros(1, 8, 8), "expected .batch, 1, 8, 8"),
        (torch.zeros(2, 1, 9, 8), "9 by 8: expected 8 by 8"),
    ],
)
def test_bad_pictures_are_refused_with_what_was_expected(net, x, message):
    with pytest.raises(ValueError, match=message):
        net.nelbo(x)


def test_latents_of_another_net_are_refused(net):
    with pytest.raises(ValueError, match="latents of shapes"):
        net.decode([torch.zeros(1, 2, 2, 2)])
