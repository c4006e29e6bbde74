"""Parity with numbers that were recorded from the reference implementation."""

import os
from pathlib import Path

import pytest
import torch
from two_processes import on_two_processes

from zoo.checkpoint import weights
from zoo.nvae import from_reference
from zoo.nvae.losses import SpectralPenalty, batch_norm_penalty
from zoo.nvae.net import NVAE
from zoo.nvae.reference import reference_names


@pytest.fixture(params=["nvae_micro", "nvae_micro_flow"])
def recorded(request):
    """Numbers of the reference implementation; ZOO_FIXTURES names the folder that has them."""
    folder = os.environ.get("ZOO_FIXTURES")
    if not folder:
        pytest.skip("ZOO_FIXTURES names no folder with numbers of the reference")
    path = Path(folder) / f"{request.param}.pt"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return torch.load(path, weights_only=True)


def moved(recorded, mode="train"):
    state, config = recorded["state"], recorded["config"]
    net = from_reference(state, config, recorded["dataset"], recorded["flows"])
    return net.train(mode == "train")


def close(found, expected, **tolerance):
    torch.testing.assert_close(found, expected, check_dtype=False, **tolerance)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_forward_pass_has_the_numbers_of_the_reference(recorded, mode):
    expected = recorded[mode]
    output = moved(recorded, mode)(recorded["x"], noise=expected["eps"])
    close(output.logits, expected["logits"], rtol=0, atol=1e-5)
    close(output.kl, expected["kl"], rtol=0, atol=1e-4)
    close(output.nll, expected["rec"], rtol=0, atol=1e-3)
    close(output.log_q, expected["log_q"], rtol=0, atol=5e-3)
    close(output.log_p, expected["log_p"], rtol=0, atol=5e-3)
    assert output.nelbo.mean().item() == pytest.approx(expected["nelbo"], abs=1e-3)


def test_gradients_have_the_norms_of_the_reference(recorded):
    net = moved(recorded)
    net(recorded["x"], noise=recorded["train"]["eps"]).nelbo.mean().backward()
    theirs = dict(reference_names(net))
    norms = recorded["train"]["grad_norm"]
    assert {theirs[name] for name, _ in net.named_parameters()} == set(norms)
    for name, parameter in net.named_parameters():
        expected = float(norms[theirs[name]])
        if expected > 1e-2:
            assert parameter.grad.norm().item() == pytest.approx(expected, rel=1e-5), name


def test_the_regularisers_have_the_values_of_the_reference(recorded):
    net, expected = moved(recorded), recorded["train"]
    assert batch_norm_penalty(net).item() == pytest.approx(expected["bn_penalty"], rel=1e-6)
    assert SpectralPenalty(net)(net).item() == pytest.approx(expected["spectral"], rel=5e-3)


def test_the_numbers_survive_save_and_load(recorded, tmp_path):
    net = moved(recorded, "eval")
    weights.write(tmp_path / "model.safetensors", net)
    loaded = NVAE(**vars(net.plan)).eval()
    weights.fill(loaded, tmp_path / "model.safetensors", mend="")
    output = loaded(recorded["x"], noise=recorded["eval"]["eps"])
    close(output.logits, recorded["eval"]["logits"], rtol=0, atol=1e-5)
    close(output.kl, recorded["eval"]["kl"], rtol=0, atol=1e-4)


def half(rank, recorded):
    expected = recorded["train"]
    noise = [part[rank::2] for part in expected["eps"]]
    output = moved(recorded)(recorded["x"][rank::2], noise=noise)
    return output.logits.detach(), output.kl.detach()


@pytest.mark.ddp
def test_two_processes_have_the_numbers_of_one(recorded):
    expected = recorded["train"]
    for rank, (logits, kl) in enumerate(on_two_processes(half, recorded)):
        close(logits, expected["logits"][rank::2], rtol=0, atol=1e-5)
        close(kl, expected["kl"][rank::2], rtol=0, atol=1e-4)


def test_a_missing_tensor_is_named(recorded):
    state = dict(recorded["state"])
    del state["enc_sampler.1.bias"]
    with pytest.raises(ValueError, match=r"enc_sampler\.1\.bias"):
        from_reference(state, recorded["config"], "mnist", recorded["flows"])


def test_an_unknown_tensor_and_another_shape_are_named(recorded):
    state = {**recorded["state"], "extra": torch.zeros(1)}
    with pytest.raises(ValueError, match="extra"):
        from_reference(state, recorded["config"], "mnist", recorded["flows"])
    state = {**recorded["state"], "stem.weight": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"stem\.weight"):
        from_reference(state, recorded["config"], "mnist", recorded["flows"])


def test_aliases_of_weights_are_left_out(recorded):
    state = {**recorded["state"], "stem.weight_normalized": torch.zeros(1)}
    from_reference(state, recorded["config"], "mnist", recorded["flows"])


def test_colour_takes_a_mixture_of_logistics():
    config = {"scales": 1, "groups": 2, "ada": False, "lat": 2, "ch": 4}
    config |= {"blocks": 1, "pcells": 2, "cells": 1}
    net = NVAE(
        shape=[3, 32, 32],
        likelihood="mixture",
        groups=[2],
        width=4,
        latents=2,
        cells=1,
        flows=1,
    )
    own = net.state_dict()
    state = {theirs: own[ours] for ours, theirs in reference_names(net)}
    again = from_reference(state, config, dataset="cifar10", flows=1)
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, own[name])
    with pytest.raises(ValueError, match="no data set 'svhn'"):
        from_reference(state, config, dataset="svhn")
