import math

import pytest
import torch

from zoo.masks import Transformer, padding, permutation
from zoo.masks.losses import bits, token_nats
from zoo.masks.module import predict
from zoo.masks.objectives import (
    OBJECTIVES,
    TextBatch,
    draws_of_step,
    draws_of_texts,
    masked_lm,
    permutation_lm,
    prefix_lm,
    random_order,
    unilm_seq2seq,
)
from zoo.masks.tokenizer import Tokenizer
from zoo.optim.step_noise import StepNoise

START, END, MASK = 1, 2, 3


def make(rows, targets=None):
    """Make a batch: start, a row's tokens, end, and a target and its end; each token a word."""
    targets = targets or [[] for _ in rows]
    tokens, segments, words = [], [], []
    for row, target in zip(rows, targets, strict=True):
        tail = [*target, END] if target else []
        tokens.append([START, *row, END, *tail])
        segments.append([0] * (len(row) + 2) + [1] * len(tail))
        words.append([-1, *range(len(row)), -1, *([-1] * len(tail))])
    time = max(map(len, tokens))

    def pad(lists, value):
        return torch.tensor([x + [value] * (time - len(x)) for x in lists])

    valid = torch.arange(time) < torch.tensor([len(x) for x in tokens])[:, None]
    empty = [""] * len(rows)
    padded = pad(tokens, 0), pad(segments, 0)
    return TextBatch(*padded, valid, pad(words, -1), MASK, 40, empty, empty)


def by(batch, seed):
    """Return the draws of a step on one process."""
    return draws_of_step(batch, StepNoise(seed, 0, 0))


@pytest.fixture
def batch():
    return make([[10, 11, 12, 13], [20, 21]], [[14, 15], [22, 23, 24]])


def net(**options):
    torch.manual_seed(0)
    shape = {"width": 16, "depth": 2, "heads": 2, "positions": 32, "dropout": 0.0}
    return Transformer(40, **shape | options).eval()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_no_prediction_sees_its_own_label(name, batch):
    """Change one label at a time: the prediction of that label must stay as it is."""
    model = net(targets=0 if name == "two_stream" else 32, two_stream=name == "two_stream")

    def run(tokens):
        changed = batch._replace(token_ids=tokens)
        task = OBJECTIVES[name](changed, by(changed, 5))
        return predict(model, changed, task), task

    expected, task = run(batch.token_ids)
    counted = range(len(expected))
    if name == "masked":  # a chosen token may stay, and is seen then
        counted = (task.token_ids[task.rows] == MASK).nonzero().flatten().tolist()
    others_see = 0
    for prediction, (row, column) in enumerate(label_places(task)):
        if prediction in counted:
            assert batch.token_ids[row, column] == task.labels[prediction]
            tokens = batch.token_ids.clone()
            tokens[row, column] = 39
            found = run(tokens)[0]
            torch.testing.assert_close(found[prediction], expected[prediction])
            others_see += not torch.allclose(found, expected)
    assert others_see or name == "masked"


def label_places(task):
    rows = task.rows.nonzero()
    return [(row, int(task.target_ids[row, column])) for row, column in rows.tolist()]


def test_unilm_predicts_the_targets_and_their_ends(batch):
    task = unilm_seq2seq(batch)
    assert task.labels.tolist() == [14, 15, END, 22, 23, 24, END]


@pytest.mark.parametrize(("name", "missing"), [("causal", START), ("reverse", END)])
def test_a_direction_predicts_all_but_its_first_token(name, missing):
    plain = make([[10, 11, 12], [20]])
    task = OBJECTIVES[name](plain, None)
    found = sorted(task.labels.tolist())
    expected = [START, 10, 11, 12, END, START, 20, END]
    for _ in range(2):
        expected.remove(missing)
    assert found == sorted(expected)


def test_a_prefix_leaves_something_to_predict_and_is_no_label():
    plain = make([[10, 11, 12, 13, 14, 15], [20]])
    for seed in range(50):
        task = prefix_lm(plain, by(plain, seed))
        first = [int(rows.nonzero()[0]) for rows in task.rows]
        last = [int(rows.nonzero()[-1]) for rows in task.rows]
        assert last == [6, 1]
        for row, known in enumerate(first):
            seen = task.mask.tensor()[row, 0]
            assert seen[0, : known + 1].all()
            assert not seen[0, known + 1 :].any()


def test_an_order_is_a_permutation_with_start_first_and_padding_last(batch):
    order = random_order(batch, by(batch, 0))
    assert torch.equal(order.sort(-1).values, torch.arange(order.shape[1]).expand_as(order))
    assert order[:, 0].tolist() == [0, 0]
    length = int(batch.valid[1].sum())
    assert set(order[1, :length].tolist()) == set(range(length))


def test_all_orders_come_up_equally_often():
    plain = make([[10, 11]] * 6000)
    order = random_order(plain, by(plain, 0))[:, 1:]
    counts = torch.unique(order, dim=0, return_counts=True)[1]
    assert len(counts) == 6
    chi = ((counts - 1000) ** 2 / 1000).sum()
    assert chi < 20.5  # 99.9 % quantile for 5 degrees of freedom


def test_in_any_order_each_token_but_the_start_is_predicted_once():
    plain = make([[10, 11, 12], [20]])
    task = permutation_lm(plain, by(plain, 3))
    assert sorted(label_places(task)) == [(0, 1), (0, 2), (0, 3), (0, 4), (1, 1), (1, 2)]


def test_left_to_right_is_one_of_the_orders():
    """The explicit-target form in the order 0, 1, 2, ... is the causal model."""
    plain = make([[10, 11, 12, 13]])
    model = net(targets=32)
    causal = OBJECTIVES["causal"](plain, None)
    sorted_order = torch.arange(6)[None]
    mask = permutation(sorted_order) & padding(plain.valid)
    task = causal._replace(mask=mask)
    torch.testing.assert_close(predict(model, plain, task), predict(model, plain, causal))


def test_masking_chooses_whole_words_at_the_rate_and_hides_four_fifths():
    plain = make([list(range(10, 34))] * 500)
    pairs = torch.where(plain.word_ids >= 0, plain.word_ids // 2, -1)
    task = masked_lm(plain._replace(word_ids=pairs), by(plain, 0))
    words = task.rows[:, 1:25].view(500, 12, 2)
    assert torch.equal(words[..., 0], words[..., 1])
    share = words[..., 0].float().mean()
    assert abs(share - 0.15) < 4 * math.sqrt(0.15 * 0.85 / 6000)
    hidden = (task.token_ids[task.rows] == MASK).float().mean()
    assert abs(hidden - 0.8) < 4 * math.sqrt(0.8 * 0.2 / task.rows.sum())
    kept = (task.token_ids[task.rows] == task.labels).float().mean()
    assert abs(kept - 0.1) < 0.03
    assert not task.rows[plain.word_ids < 0].any()


def test_a_text_always_has_something_to_predict():
    plain = make([[10], [20, 21]])
    for seed in range(30):
        task = masked_lm(plain, by(plain, seed))
        assert task.rows.any(-1).all()


def test_a_tenth_of_the_chosen_tokens_is_replaced_by_any_of_the_vocabulary():
    plain = make([[10] * 20] * 500)
    task = masked_lm(plain, by(plain, 0))
    read = task.token_ids[task.rows]
    replaced = read[(read != MASK) & (read != 10)]
    assert abs(len(replaced) / len(read) - 0.1 * 38 / 40) < 0.03
    assert set(replaced.tolist()) == {*range(40)} - {MASK, 10}


def test_a_text_is_evaluated_on_the_same_draws_in_any_company():
    rows = [[10, 11, 12, 13], [20], [10, 11]]
    together = draws_of_texts(make(rows))(2)
    for number, row in enumerate(rows):
        alone = draws_of_texts(make([row]))(2)
        assert torch.equal(together[:, number, : len(row) + 2], alone[:, 0])
    assert not torch.equal(together[0], together[1])
    assert len(set(together[0, :, 0].tolist())) == 3


def test_an_empty_text_has_nothing_hidden_and_its_end_predicted():
    plain = make([[]])
    assert masked_lm(plain, by(plain, 0)).labels.numel() == 0
    assert OBJECTIVES["causal"](plain, None).labels.tolist() == [END]


def test_bits_of_a_uniform_guess():
    nats = token_nats(torch.zeros(3, 8), torch.tensor([0, 5, 7]))
    torch.testing.assert_close(bits(nats), torch.full((3,), 3.0))


def test_smoothing_by_its_formula():
    logits, labels = torch.randn(4, 7), torch.tensor([1, 0, 6, 3])
    logp = logits.log_softmax(-1)
    expected = -0.9 * logp[torch.arange(4), labels] - 0.1 * logp.mean(-1)
    torch.testing.assert_close(token_nats(logits, labels, 0.1), expected)


def test_a_net_with_targets_reads_from_left_to_right_unless_told_otherwise(batch):
    model = net(targets=32)
    task = OBJECTIVES["causal"](batch, None)
    told = model.encode(batch.token_ids, mask=task.mask, target_ids=task.target_ids)
    untold = model.encode(batch.token_ids, mask=task.mask)
    torch.testing.assert_close(untold[task.rows], told[task.rows])


def test_a_net_with_targets_generates():
    tokenizer = Tokenizer.from_texts(["白日依山尽黄河"], 1, 16)
    model = net(targets=32)
    model.preprocess = tokenizer
    made = model.generate(["白日", "黄"], task="lm", max_new_tokens=8)
    assert len(made) == 2
