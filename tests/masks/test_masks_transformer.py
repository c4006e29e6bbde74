import pytest
import torch

from zoo import masks

TIME = 8


@pytest.fixture
def ids():
    return torch.randint(1, 30, (2, TIME), generator=torch.Generator().manual_seed(5))


def network(**options):
    torch.manual_seed(0)
    net = masks.Transformer(30, 16, 2, 2, **{"positions": 16, **options}).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return net


def dependence(net, ids, logits):
    """Say for each output position which input tokens it changes with: bool (time, time)."""
    found = torch.zeros(TIME, TIME, dtype=torch.bool)
    before = logits(net, ids)
    for k in range(TIME):
        changed = ids.clone()
        changed[:, k] = (ids[:, k] + 7) % 29 + 1
        found[:, k] = (logits(net, changed) - before).abs().amax((0, 2)) > 1e-6
    return found


@pytest.mark.parametrize("options", [{}, {"positions": 0, "norm": "pre"}])
@pytest.mark.parametrize("name", ["bidirectional", "causal", "reverse", "diagonal"])
def test_an_output_depends_on_what_the_mask_shows_and_on_nothing_else(ids, name, options):
    mask = getattr(masks, name)()
    found = dependence(network(**options), ids, lambda net, x: net(x, mask=mask))
    assert torch.equal(found, mask.tensor(TIME)[0, 0])


def test_unilm_hides_the_target_from_the_source(ids):
    segments = torch.tensor([[0] * 3 + [1] * 5] * 2)
    mask = masks.unilm(segments)
    found = dependence(network(), ids, lambda net, x: net(x, segments, mask))
    assert torch.equal(found, mask.tensor()[0, 0])


def test_the_query_stream_predicts_a_token_from_what_comes_before_it(ids):
    order = torch.tensor([4, 1, 7, 0, 2, 6, 3, 5])
    found = dependence(network(two_stream=True), ids, lambda net, x: net.logits_in_order(x, order))
    assert torch.equal(found, masks.permutation(order, "query").tensor()[0, 0])


def test_in_the_order_of_writing_two_streams_are_a_causal_model_of_the_next_token(ids):
    net = network(two_stream=True)
    logits = net.logits_in_order(ids, torch.arange(TIME))
    other = ids.clone()
    other[:, 5:] = 3
    changed = net.logits_in_order(other, torch.arange(TIME))
    torch.testing.assert_close(logits[:, :6], changed[:, :6])
    assert not torch.allclose(logits[:, 6:], changed[:, 6:])


def test_padding_does_not_change_the_two_streams(ids):
    net = network(two_stream=True)
    short = net.logits_in_order(ids[:, :5], torch.tensor([2, 0, 4, 1, 3]))
    order = torch.tensor([2, 0, 4, 1, 3, 5, 6, 7])
    valid = (torch.arange(TIME) < 5).expand(2, -1)
    long = net.logits_in_order(ids, order, valid=valid)
    torch.testing.assert_close(long[:, :5], short)


def test_two_streams_are_asked_for(ids):
    with pytest.raises(ValueError, match="build it with two_stream=True"):
        network().logits_in_order(ids, torch.arange(TIME))


def test_a_target_position_changes_its_own_prediction_alone(ids):
    net = network(targets=16)
    target = torch.arange(1, TIME + 1).expand(2, -1)
    torch.testing.assert_close(
        net(ids, mask=masks.diagonal()), net(ids, None, masks.diagonal(), None, target)
    )
    other = target.clone()
    other[:, 3] = 12
    difference = net(ids, None, masks.diagonal(), None, other) - net(ids, mask=masks.diagonal())
    assert (difference.abs().amax((0, 2)) > 1e-6).nonzero().tolist() == [[3]]


@pytest.mark.parametrize("options", [{}, {"positions": 0, "norm": "pre"}])
def test_a_set_has_no_order_without_positions(ids, options):
    """The thesis of the post: without a mask, order is in the positions alone."""
    net = network(**options)
    order = torch.randperm(TIME)
    position = torch.zeros(TIME, dtype=torch.long)
    shuffled = net(ids[:, order], position_ids=position)
    torch.testing.assert_close(shuffled, net(ids, position_ids=position)[:, order])
    causal = net(ids[:, order], mask=masks.causal(), position_ids=position)
    straight = net(ids, mask=masks.causal(), position_ids=position)[:, order]
    assert not torch.allclose(causal, straight, atol=1e-3)


def test_the_head_is_tied(ids):
    net = network(head="tied")
    states = net.encode(ids)
    expected = states @ net.encoder.token_embedding.weight.T + net.head.bias
    torch.testing.assert_close(net(ids), expected)
    names = {name for name, _ in net.named_parameters()}
    assert {n for n in names if n.startswith("head")} == {"head.bias"}


def test_arguments_rebuild_the_network(ids):
    net = network(positions=0, norm="pre", two_stream=True, hidden=24)
    again = masks.Transformer(**net.arguments).eval()
    again.load_state_dict(net.state_dict())
    torch.testing.assert_close(again(ids), net(ids))


@pytest.mark.parametrize("mask", [masks.causal(), masks.sliding_window(2)])
def test_a_mask_survives_autocast(ids, mask):
    net = network()
    with torch.autocast("cpu", torch.bfloat16):
        half = net(ids, mask=mask)
    assert half.dtype == torch.bfloat16
    error = (half.float() - net(ids, mask=mask)).abs().max() / half.abs().max()
    assert error < 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: masks.Transformer(9, width=10, heads=3), "width 10 must be a multiple of the"),
        (lambda: masks.Transformer(9, width=6, heads=2, positions=0), "twice the heads, 4"),
        (
            lambda: network()(torch.ones(1, 17, dtype=torch.long)),
            "a sequence of 17 tokens is longer than the 16 positions of the network",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
