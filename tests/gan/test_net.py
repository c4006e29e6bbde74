import pytest
import torch

from zoo.gan.net import Gan


@pytest.mark.parametrize("kind", ["dcgan", "resnet"])
@pytest.mark.parametrize("shape", [[1, 28, 28], [3, 32, 32], [3, 17, 40], [1, 5, 4]])
def test_pictures_of_any_size(kind, shape):
    net = Gan(shape, base=4, kind=kind, latent=6).eval()
    pictures = net.sample(3, seed=0)
    assert list(pictures.shape) == [3, *shape]
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert net.critic(2 * pictures - 1).shape == (3,)


def test_samples_follow_from_the_seed_whatever_their_number_at_once(monkeypatch):
    torch.manual_seed(0)
    net = Gan([1, 8, 8], base=4).eval()
    whole = net.sample(10, seed=3)
    monkeypatch.setattr("zoo.gan.net.AT_ONCE", 3)
    torch.testing.assert_close(net.sample(10, seed=3), whole)
    assert not torch.equal(net.sample(10, seed=4), whole)
    assert not torch.equal(net.sample(2), net.sample(2))
    # a convolution of another batch size may round in another way
    torch.testing.assert_close(
        net.sample(5, seed=0, temperature=0.0)[0], net.sample(1, seed=9, temperature=0.0)[0]
    )


def test_the_projection_critic_adds_the_inner_product_with_the_class():
    net = Gan([1, 8, 8], classes=3, conditional=True, base=4).eval()
    x, labels = torch.randn(4, 1, 8, 8), torch.tensor([0, 1, 2, 1])
    critic = net.critic
    torch.nn.init.normal_(critic.classes.weight)  # zero at first
    logits = critic(x, labels)
    features = torch.nn.functional.leaky_relu(critic.blocks(critic.start(x)), 0.2).flatten(1)
    weights = critic.end.weight[0] + critic.classes.weight[labels]
    torch.testing.assert_close(logits, (features * weights).sum(1))


@pytest.mark.parametrize("mode", [True, False])
def test_a_spectral_critic_of_classes_has_finite_logits(mode):
    net = Gan([1, 8, 8], classes=3, conditional=True, base=4, spectral=True).train(mode)
    logits = net.critic(torch.rand(6, 1, 8, 8), torch.arange(6) % 3)
    assert logits.isfinite().all()


def test_samples_of_an_untrained_net_vary_by_the_noise_and_hardly_by_the_class():
    """Told at full strength, a class drew one picture alone after 2,000 steps."""
    torch.manual_seed(0)
    net = Gan([1, 28, 28], classes=10, conditional=True, base=8)  # batch norms of the batch
    z, labels = torch.randn(500, 64), torch.arange(500) % 10
    made = net.generator(z, labels)
    by_class = made.unflatten(0, (-1, 10)).mean(0).var(0).sum()  # 2 % are left of the noise
    assert by_class < 0.05 * made.var(0).sum()
    torch.testing.assert_close(net.critic(made, labels), net.critic(made, labels.flip(0)))


def test_nets_without_norms_begin_with_samples_and_logits_that_differ():
    torch.manual_seed(0)
    net = Gan([3, 32, 32], kind="resnet", generator_norm="none", blocks=3).eval()
    made = net.sample(64, seed=0)
    assert made.std(0).mean() > 0.1  # of a range of 1; 0.013 with torch's own start
    assert net.critic(2 * made - 1).std() > 0.1  # 0.03


def test_labels_are_in_turn_or_as_asked():
    net = Gan([1, 8, 8], classes=3, conditional=True, base=4).eval()
    torch.testing.assert_close(net.sample(4, seed=0), net.sample(4, seed=0, labels=[0, 1, 2, 0]))
    with pytest.raises(
        ValueError, match="labels has 2 numbers from 0 to 3: expected 2 numbers from 0 to 2"
    ):
        net.sample(2, labels=[0, 3])
    for labels in ([], [0]):
        with pytest.raises(ValueError, match=r"labels has [01] numbers: expected 2, one for each"):
            net.sample(2, labels=labels)
    with pytest.raises(ValueError, match="expected none, since this net knows no classes"):
        Gan([1, 8, 8], base=4).eval().sample(2, labels=[0, 1])


@pytest.mark.parametrize("shape", [[2, 28, 28], [1, 28], [1, 3, 28]])
def test_shapes_that_the_nets_cannot_take_are_refused(shape):
    with pytest.raises(ValueError, match=r"shape is .*: expected (1 or 3 )?channels"):
        Gan(shape)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"n is 0 and temperature 1.0: expected at least 1"):
        Gan([1, 8, 8], base=4).eval().sample(0)
