"""Options of `generate`: one place for a default, and no option that does nothing."""

import pytest
import torch
from table_model import TableModel

from zoo.decoding import generate
from zoo.decoding.engine.options import METHODS, Method, fill, method_with, names, options
from zoo.decoding.engine.rules import Rules


def test_every_option_of_a_method_reaches_it_and_only_it():
    for method, kind in METHODS.items():
        own = {name: f.default for name, f in names(kind).items()}
        filled, rules = fill(method, {**own, "max_new_tokens": 7})
        assert filled == kind()
        assert rules == Rules(max_new_tokens=7)


@pytest.mark.parametrize(
    ("message", "given"),
    [
        ("top_pp is no option of generate: did you mean top_p", {"top_pp": 0.5}),
        ("beams is no option of generate: did you mean beam\\?$", {"beams": 4}),
        ("xyzzy is no option of generate: there are max_new_tokens", {"xyzzy": 1}),
        ("top_p does nothing for method='greedy': .*take method='sample'", {"top_p": 0.5}),
        ("beam does nothing for method='greedy': .*take method='beam'", {"beam": 4}),
        ("groups does nothing for method='beam'", {"method": "beam", "groups": 2}),
        ("diversity does nothing for method='beam'", {"method": "beam", "diversity": 0.5}),
        ("alpha does nothing for method='greedy'", {"alpha": 0.6}),
        ("early_stopping is 1: expected True", {"method": "beam", "early_stopping": 1}),
    ],
)
def test_an_option_that_is_unknown_or_idle_says_what_was_meant(message, given):
    with pytest.raises(ValueError, match=message):
        generate(TableModel(6), [[2]], **given)


def test_what_is_off_is_no_option_and_none_is_not_given():
    model = TableModel(6)
    off = {"beam": 1, "temperature": 1.0, "top_k": None, "consistent": False, "n_best": 1}
    assert generate(model, [[2]], **off).to_lists() == generate(model, [[2]]).to_lists()
    given = {"method": "beam", "beam": None, "length_penalty": None}
    plain = generate(model, [[2]], method="beam").to_lists()
    assert generate(model, [[2]], **given).to_lists() == plain


@pytest.mark.parametrize(
    ("given", "method"),
    [
        ({}, "greedy"),
        ({"beam": 1, "max_new_tokens": 3}, "greedy"),
        ({"top_k": 3}, "sample"),
        ({"generator": 0}, "sample"),
        ({"beam": 2, "n_best": 2}, "beam"),
        ({"beam": 4, "groups": 2}, "diverse_beam"),
        ({"top_k": 3, "alpha": 0.1}, "contrastive"),
    ],
)
def test_the_method_that_has_the_options(given, method):
    assert method_with(given) == method


def test_options_of_two_methods_have_none():
    with pytest.raises(ValueError, match="no method has all of beam, top_p"):
        method_with({"beam": 4, "top_p": 0.5})


def test_a_command_line_has_each_option_once_with_its_help():
    found = {option.name: option for option in options()}
    plain = {name for kind in (Rules, *METHODS.values()) for name in names(kind)}
    assert plain - found.keys() == {"eos_id", "processors", "stopping"}
    assert all(option.help for option in found.values())
    assert found["top_k"].methods == ("sample", "contrastive")
    assert found["generator"].flag == "seed"
    assert found["generator"].type is int
    assert found["max_new_tokens"].methods == ()


def test_the_methods_are_those_that_the_type_names():
    assert set(METHODS) == set(Method.__args__)


class Ends(TableModel):
    eos_id = 1


def test_the_models_own_end_is_the_default():
    model, plain = Ends(6, seed=6), TableModel(6, seed=6)
    prompts, limit = [[2], [3], [4]], {"max_new_tokens": 20}
    own = generate(model, prompts, **limit)
    assert own.finished.any()
    assert own.to_lists() == generate(plain, prompts, eos_id=1, **limit).to_lists()
    endless = generate(model, prompts, eos_id=[], **limit)
    assert not endless.finished.any()
    assert endless.to_lists() == generate(plain, prompts, **limit).to_lists()


@pytest.mark.parametrize("method", ["greedy", "beam", "contrastive"])
def test_autograd_takes_what_was_generated(method):
    model = TableModel(6)
    model.hidden = lambda state: torch.ones(len(state), 1, 2)
    found = generate(model, [[2], [3]], method=method)
    weight = torch.randn(6, requires_grad=True)
    (weight[found.sequences] * found.log_probs).sum().backward()
    assert weight.grad is not None
    assert not any(field.is_inference() for field in vars(found).values())
