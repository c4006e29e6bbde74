"""Recurrent language models: cached equals uncached, likelihood equals the sum of its steps."""

import pytest
import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, TensorDataset

from zoo.decoding.engine.prompts import pad_prompts
from zoo.decoding.generate import generate
from zoo.decoding.module import RecurrentModel
from zoo.decoding.net import LanguageModel, Recurrent
from zoo.decoding.tokenizer import BEGIN, END, Tokenizer

CELLS = ["lstm", "rnn"]
HEADS = ["softmax", "self_terminating", "non_monotonic"]
VOCABULARY = 12


def model(cell="lstm", head="softmax", layers=2):
    torch.manual_seed(0)
    net = LanguageModel(VOCABULARY, 8, layers, cell, eos_head=head, eps=0.02)
    torch.nn.init.normal_(net.model.embedding.weight)
    return net.eval().requires_grad_(False)


@pytest.mark.parametrize("cell", CELLS)
def test_steps_from_ragged_prompts_equal_the_whole_sequence(cell):
    net = model(cell).model
    rows = [[2, 5, 7, 4, 9], [2, 6], [2, 11, 4]]
    logits, state = net.prefill(*pad_prompts(rows))
    for token in (4, 8, 10):
        for i, row in enumerate(rows):
            torch.testing.assert_close(logits[i], net(torch.tensor([row]))[0, -1])
        logits, state = net.step(torch.full((3,), token), state)
        rows = [[*row, token] for row in rows]


@pytest.mark.parametrize("cell", CELLS)
def test_reordered_rows_go_on_as_the_rows_they_came_from(cell):
    net = model(cell, "self_terminating")
    _, state = net.prefill(*pad_prompts([[2, 5], [2, 7]]))
    rows, tokens = torch.tensor([1, 1, 0]), torch.tensor([4, 5, 6])
    found, _ = net.step(tokens, net.reorder(state, rows))
    for i, prompt in enumerate([[2, 7], [2, 7], [2, 5]]):
        _, alone = net.prefill(*pad_prompts([prompt]))
        expected, _ = net.step(tokens[i : i + 1], alone)
        torch.testing.assert_close(found[i], expected[0])


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_decodes_as_its_rows_alone(cell, head):
    net = model(cell, head)
    prompts = [[2, 5, 7, 4, 9], [2, 6], [2, 11, 4]]
    together = generate(net, prompts, eos_id=END, max_new_tokens=40).to_lists()
    alone = [generate(net, [p], eos_id=END, max_new_tokens=40).to_lists()[0] for p in prompts]
    assert together == alone


@pytest.mark.parametrize("head", HEADS)
def test_the_likelihood_of_a_continuation_is_that_of_its_steps(head):
    net = model(head=head)
    prompt, rest = [BEGIN, 5, 7], [4, 9, 4, END]
    tokens = torch.tensor([[*prompt, *rest, 0, 0], [BEGIN, *[6] * 7, END]])
    nats, counted = net.nats(tokens, torch.tensor([3, 1]))
    assert counted.tolist()[0] == [False, False, True, True, True, True, False, False]
    assert (nats[0, -2:] == 0).all()

    logits, state = net.prefill(*pad_prompts([prompt]))
    for t, token in enumerate(rest):
        expected = -logits.log_softmax(-1)[0, token].item()
        assert nats[0, 2 + t].item() == pytest.approx(expected, rel=1e-4, abs=1e-6)
        logits, state = net.step(torch.tensor([token]), state)


@pytest.mark.parametrize("head", HEADS)
def test_an_untrained_model_does_not_end_at_once(head):
    torch.manual_seed(0)
    net = LanguageModel(3000, 32, eos_head=head)
    p_end = net(torch.randint(4, 3000, (16, 10)))[..., END].exp()
    assert p_end.max() < 0.3


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_texts_are_continued_without_their_beginning(method):
    net = model(head="non_monotonic")
    net.preprocess = Tokenizer("abcdefgh")
    first, second, empty = net.generate(["abc", "h", ""], method=method, max_new_tokens=500)
    assert net.generate(["h"], method=method, max_new_tokens=500) == [second]
    assert set(first + second + empty) <= set("abcdefgh□")
    assert net.generate([]) == []


def test_an_unknown_cell_is_refused():
    with pytest.raises(ValueError, match="cell is 'gru': expected lstm or rnn"):
        Recurrent(10, cell="gru")


def test_one_string_is_no_list_of_texts():
    with pytest.raises(TypeError, match=r"got one string: write \[text\]"):
        model().generate("白日依山尽")


@pytest.mark.parametrize("steps", [1, 2, 10])
def test_a_short_training_has_a_schedule_too(steps):
    texts = torch.tensor([[BEGIN, 5, 7, 4, END]] * 8)
    batches = DataLoader(TensorDataset(texts, torch.ones(8, dtype=torch.long)), batch_size=2)
    module = RecurrentModel(VOCABULARY, width=8)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(max_steps=steps, accelerator="cpu", enable_model_summary=False, **quiet)
    trainer.fit(module, batches)
    assert trainer.global_step == steps
    assert all(parameter.isfinite().all() for parameter in module.parameters())
