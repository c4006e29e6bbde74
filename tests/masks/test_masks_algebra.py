import matplotlib
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.nn.attention.flex_attention import create_block_mask, create_mask, flex_attention

from zoo import masks

BATCH, TIME = 3, 7
SEGMENTS = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 1]])
VALID = torch.arange(TIME) < torch.tensor([[7], [6], [4]])
ORDER = torch.tensor([[3, 0, 6, 1, 5, 2, 4], [0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0]])
BLOCKS = torch.tensor([0, 0, 1, 1, 1, 2, 2])
LENGTHS = torch.tensor([3, 1, 6])

RANK = [[row.index(i) for i in range(TIME)] for row in ORDER.tolist()]
# each mask, and when query q of sequence b may look at key k
KINDS = {
    "bidirectional": (masks.bidirectional(), lambda b, q, k: True),
    "causal": (masks.causal(), lambda b, q, k: k <= q),
    "reverse": (masks.reverse(), lambda b, q, k: k >= q),
    "diagonal": (masks.diagonal(), lambda b, q, k: k == q),
    "prefix": (masks.prefix(LENGTHS), lambda b, q, k: k <= q or k < LENGTHS[b]),
    "unilm": (
        masks.unilm(SEGMENTS),
        lambda b, q, k: sum(SEGMENTS[b, : k + 1]) <= sum(SEGMENTS[b, : q + 1]),
    ),
    "permutation": (masks.permutation(ORDER), lambda b, q, k: RANK[b][k] <= RANK[b][q]),
    "query": (
        masks.permutation(ORDER, "query"),
        lambda b, q, k: RANK[b][k] < RANK[b][q] or (k == q and RANK[b][q] == 0),
    ),
    "block": (masks.block(BLOCKS), lambda b, q, k: BLOCKS[q] == BLOCKS[k]),
    "window": (masks.sliding_window(2), lambda b, q, k: abs(q - k) <= 2),
    "padding": (masks.padding(VALID), lambda b, q, k: VALID[b, k]),
    "unilm & padding": (
        masks.unilm(SEGMENTS) & masks.padding(VALID),
        lambda b, q, k: sum(SEGMENTS[b, : k + 1]) <= sum(SEGMENTS[b, : q + 1]) and VALID[b, k],
    ),
    "~causal | diagonal": (~masks.causal() | masks.diagonal(), lambda b, q, k: k >= q),
}


def written_out(rule):
    return torch.tensor(
        [[[bool(rule(b, q, k)) for k in range(TIME)] for q in range(TIME)] for b in range(BATCH)]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_tensor_is_the_definition(kind):
    mask, rule = KINDS[kind]
    allowed = mask.tensor(TIME)
    assert allowed.dtype == torch.bool
    assert allowed.shape == (mask.batch, 1, TIME, TIME)
    assert torch.equal(allowed[:, 0].expand(BATCH, -1, -1), written_out(rule))


@pytest.mark.parametrize("kind", KINDS)
def test_the_rule_of_flex_attention_is_the_tensor(kind):
    mask, rule = KINDS[kind]
    theirs = create_mask(mask.mask_mod, BATCH, 2, TIME, TIME, "cpu")
    assert torch.equal(theirs, written_out(rule)[:, None].expand(-1, 2, -1, -1))


@pytest.mark.parametrize("kind", KINDS)
def test_the_kernels_agree(kind):
    mask, _ = KINDS[kind]
    torch.manual_seed(0)
    q, k, v = torch.randn(3, BATCH, 2, TIME, 16)
    by_tensor = F.scaled_dot_product_attention(q, k, v, mask.tensor(TIME))
    block = create_block_mask(mask.mask_mod, BATCH, 2, TIME, TIME, "cpu")
    torch.testing.assert_close(flex_attention(q, k, v, block_mask=block), by_tensor)
    if mask.is_causal:
        by_flag = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        torch.testing.assert_close(by_flag, by_tensor)


def test_only_the_causal_mask_has_the_flag():
    flagged = [kind for kind, (mask, _) in KINDS.items() if mask.is_causal]
    assert flagged == ["causal"]
    assert not (masks.causal() & masks.padding(VALID)).is_causal
    assert not (~masks.causal()).is_causal


names = st.sampled_from(sorted(KINDS))


@given(names, names, names)
def test_masks_are_a_boolean_algebra(one, two, three):
    a, b, c = (KINDS[name][0] for name in (one, two, three))

    def equal(left, right):
        left, right = (mask._write_out(TIME, None) for mask in (left, right))
        return torch.equal(*torch.broadcast_tensors(left, right))

    assert equal(~(a & b), ~a | ~b)
    assert equal(a & (b | c), (a & b) | (a & c))
    assert equal(~~a, a)
    assert equal(a & b, b & a)


@pytest.mark.parametrize("source", range(1, TIME))
def test_unilm_is_the_prefix_mask(source):
    segments = (torch.arange(TIME) >= source).long()[None]
    prefix = masks.prefix(torch.tensor([source])).tensor(TIME)
    assert torch.equal(masks.unilm(segments).tensor(), prefix)


def test_the_order_from_left_to_right_is_causal_and_from_right_to_left_reverse():
    order = torch.arange(TIME)
    assert torch.equal(masks.permutation(order).tensor(), masks.causal().tensor(TIME))
    assert torch.equal(masks.permutation(order.flip(0)).tensor(), masks.reverse().tensor(TIME))


def test_a_mask_for_one_sequence_fits_any_batch():
    mask = masks.unilm(SEGMENTS[:1]) & masks.padding(VALID)
    assert mask.tensor().shape == (BATCH, 1, TIME, TIME)
    theirs = create_mask(mask.mask_mod, BATCH, 1, TIME, TIME, "cpu")
    assert torch.equal(theirs, mask.tensor())


def test_an_empty_row_is_named():
    valid = VALID.clone()
    valid[1] = False
    with pytest.raises(ValueError, match="padding: row 0 of sequence 1 may attend to nothing"):
        masks.padding(valid).tensor()
    mask = masks.block(BLOCKS) & masks.padding(VALID)
    with pytest.raises(ValueError, match=r"\(block & padding\): row 5 of sequence 2 may attend"):
        mask.tensor()
    (mask | masks.diagonal()).tensor()


def test_a_network_refuses_an_empty_row_in_any_form():
    net = masks.Transformer(20, 16, 1, 2).eval()
    ids = torch.ones(2, TIME, dtype=torch.long)
    with pytest.raises(ValueError, match="row 0 of sequence 0 may attend to nothing"):
        net(ids, mask=~masks.causal() & ~masks.reverse())
    empty = masks.causal().tensor(TIME).clone()
    empty[0, 0, 4] = False
    with pytest.raises(ValueError, match="the mask: row 4 of sequence 0 may attend to nothing"):
        net(ids, mask=empty)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: masks.causal().tensor(), "causal fits any number of tokens: say how many"),
        (lambda: masks.unilm(SEGMENTS).tensor(9), "unilm is made for 7 tokens, the sequence has 9"),
        (
            lambda: masks.unilm(SEGMENTS) & masks.padding(VALID[:2]),
            "unilm is made for 3 sequences, padding for 2",
        ),
        (
            lambda: masks.unilm(SEGMENTS) | masks.padding(VALID[:, :5]),
            "unilm is made for 7 tokens, padding for 5",
        ),
        (lambda: masks.permutation(torch.tensor([0, 1, 1])), "no permutation of 0 to 2"),
        (
            lambda: masks.permutation(torch.arange(3), "both"),
            "stream is 'both': expected one of con",
        ),
        (lambda: masks.permutation(torch.rand(3)), r"order is a tensor \(3,\) of torch.float32"),
        (lambda: masks.sliding_window(-1), "radius is -1"),
        (lambda: masks.sliding_window("wide"), "radius is wide"),
        (lambda: masks.prefix(3), "lengths is 3: expected whole numbers, 1 dimensions"),
        (lambda: masks.unilm("ab"), "segment_ids is 'ab': expected whole numbers, 1 or 2"),
        (lambda: masks.block(None), "ids is None"),
        (lambda: masks.padding(VALID.float()), "valid is a tensor .* of torch.float32"),
        (lambda: masks.causal() & VALID, r"causal & a tensor \(3, 7\) of torch.bool: expected an"),
        (lambda: masks.causal().plot(3, tokens=["a"]), "1 tokens for a mask of 3"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_lists_arrays_and_attention_masks_make_masks_too():
    same = masks.padding(VALID).tensor()
    assert torch.equal(masks.padding(VALID.long()).tensor(), same)
    assert torch.equal(masks.padding(VALID.numpy()).tensor(), same)
    assert torch.equal(masks.prefix([2]).tensor(4), masks.prefix(torch.tensor([2])).tensor(4))
    assert torch.equal(masks.unilm(SEGMENTS.tolist()).tensor(), masks.unilm(SEGMENTS).tensor())


@pytest.mark.parametrize("mask", [masks.causal, VALID.long(), [[1, 0], [1, 1]], "causal"])
def test_a_network_says_what_is_no_mask(mask):
    net = masks.Transformer(20, 16, 1, 2).eval()
    with pytest.raises(ValueError, match=r"mask is .*: expected a Mask"):
        net(torch.ones(3, TIME, dtype=torch.long), mask=mask)


class Reader(torch.nn.Module):
    """A network that makes its masks while it runs."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = masks.Transformer(20, 16, 1, 2, two_stream=True).eval()

    def forward(self, ids, order):
        """Return logits under three masks, in both streams."""
        valid = ids != 0
        written_out = (masks.padding(valid) | masks.diagonal()).tensor(TIME)
        return (
            self.net(ids, mask=masks.causal() & masks.padding(valid)),
            self.net(ids, mask=written_out),
            self.net.logits_in_order(ids, order, valid=valid),
        )


def test_masks_are_part_of_a_graph():
    reader, ids = Reader(), torch.randint(1, 20, (2, TIME))
    ids[1, 5:] = 0
    order = torch.tensor([0, 2, 1, 3, 4, 5, 6])
    exported = torch.export.export(reader, (ids, order)).module()
    compiled = torch.compile(reader, fullgraph=True, backend="eager")
    for graph in (exported, compiled):
        torch.testing.assert_close(graph(ids, order), reader(ids, order))


def test_the_picture_shows_the_mask():
    matplotlib.use("Agg")
    axes = masks.unilm(SEGMENTS).plot(tokens=list("ABCDEFG"))
    (mesh,) = axes.collections
    shown = torch.as_tensor(mesh.get_array().astype(bool)).view(TIME, TIME)
    assert torch.equal(shown, masks.unilm(SEGMENTS).tensor()[0, 0])
    assert axes.yaxis_inverted()
    assert [label.get_text() for label in axes.get_xticklabels()] == list("ABCDEFG")
