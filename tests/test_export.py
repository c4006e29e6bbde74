"""What leaves the zoo computes what the zoo does, for any batch and length."""

import subprocess
import sys

import pytest
import torch

from zoo import checkpoint, cli, hub, registry
from zoo.checkpoint.export import signature
from zoo.nvae.noise import noise_by_place

BUNDLED = [n for n in registry.list_models() if registry.describe(n).checkpoint.is_dir()]
# Networks without a signature, by technique, and why
WITHOUT = {
    "linking": "it reads a knowledge base beside its weights, as many candidates as a name has",
}
EXPORTED = [n for n in BUNDLED if registry.describe(n).technique not in WITHOUT]
MADE = {  # of networks whose checkpoints may not be bundled: small ones
    "gan_r1_digits": {"shape": [1, 10, 8], "latent": 4, "base": 2},
    "gan_r3_colour": {"shape": [3, 8, 8], "latent": 4, "base": 2, "classes": 3, "conditional": True}
    | {"kind": "resnet", "generator_norm": "none", "spectral": True},
    "nvae_tiny_stacked": {"shape": [3, 6, 6], "groups": [1, 1], "width": 4, "latents": 2}
    | {"margin": 1, "likelihood": "mixture", "mixtures": 2, "cells": 1, "block_cells": 1},
}


def load(name):
    """Return a bundled network, or a small one, whose running statistics are not 0 and 1."""
    if name not in MADE:
        return hub.load(name)
    torch.manual_seed(0)
    net = registry.describe(name).builder()(**MADE[name])
    for key, tensor in net.state_dict().items():
        if key.endswith(("running_mean", "running_var")):
            tensor.add_(torch.rand_like(tensor))
    return net.eval()


def inputs(described, seed, **sizes):
    """Draw inputs of other sizes than the signature's own."""
    random = torch.Generator().manual_seed(seed)
    drawn = {}
    for name, example in described.inputs.items():
        free = described.axes[name]
        shape = [sizes.get(free[i], n) if i < len(free) else n for i, n in enumerate(example.shape)]
        if name == "labels":
            drawn[name] = torch.randint(3, shape, generator=random)
        elif name == "segment_ids":
            drawn[name] = torch.randint(2, shape, generator=random)
        elif example.dtype == torch.int64:
            drawn[name] = torch.randint(4, 3000, shape, generator=random)
        elif example.dtype == torch.bool:
            lower = torch.ones(shape, dtype=torch.bool).tril()
            drawn[name] = lower | (torch.rand(shape, generator=random) < 0.3)
        else:
            drawn[name] = torch.rand(shape, generator=random)
    if "tokens" in drawn and drawn["tokens"].dim() == 2 and sizes["time"] > 2:
        drawn["tokens"][0, -2:] = getattr(described.net, "padding", 0)
    return drawn


SIZES = [{"batch": 1, "time": 1}, {"batch": 1, "time": 9}, {"batch": 3, "time": 1}]
SIZES += [{"batch": 4, "time": 23}, {"batch": 2, "time": 128}]


@torch.inference_mode()
def expected(described, given):
    found = described.net(**given)
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("name", [*EXPORTED, *MADE])
def test_torch_export_agrees_at_every_size(name, tmp_path):
    described = checkpoint.export(load(name), tmp_path / "model.pt2")
    program = torch.export.load(tmp_path / "model.pt2").module()
    for seed, sizes in enumerate(SIZES):
        given = inputs(described, seed, **sizes)
        found = program(**given)
        found = found if isinstance(found, tuple) else (found,)
        torch.testing.assert_close(found, expected(described, given), rtol=1e-4, atol=1e-4)


# torch.compile makes no graph of recurrent networks of torch.nn, whatever is around them
@pytest.mark.parametrize("name", [n for n in EXPORTED if not n.startswith("decoding_")])
def test_nothing_breaks_the_graph(name):
    described = signature(hub.load(name))
    given = inputs(described, 0, batch=3, time=8)
    compiled = torch.compile(described.net, fullgraph=True, backend="eager")
    with torch.no_grad():
        found = compiled(**given)
    found = found if isinstance(found, tuple) else (found,)
    torch.testing.assert_close(found, expected(described, given), rtol=1e-4, atol=1e-4)


def test_a_classifier_with_positions_is_exported_up_to_its_longest_text(tmp_path):
    build = registry.describe("masks_classifier_sentiment").builder()
    net = build(vocabulary=3000, classes=3, width=16, heads=2, positions=40, segments=2).eval()
    described = checkpoint.export(net, tmp_path / "model.pt2")
    program = torch.export.load(tmp_path / "model.pt2").module()
    for seed, sizes in enumerate([{"batch": 1, "time": 40}, {"batch": 5, "time": 3}]):
        given = inputs(described, seed, **sizes)
        torch.testing.assert_close((program(**given),), expected(described, given))
    with pytest.raises((ValueError, RuntimeError, AssertionError)):
        program(**inputs(described, 0, batch=1, time=41))


def test_exported_samplers_give_what_sample_does():
    net = load("gan_r3_colour")
    z = torch.randn(4, 4, generator=torch.Generator().manual_seed(5))
    made = signature(net).net(z, torch.arange(4) % 3)
    torch.testing.assert_close(made, net.sample(4, seed=5))
    net = load("nvae_tiny_stacked")
    parts = noise_by_place(net.plan.latent_shapes, 5, range(3))
    made = signature(net).net(torch.cat([part.flatten(1) for part in parts], dim=1))
    torch.testing.assert_close(made, net.sample(3, seed=5))


def test_every_network_is_exported_or_its_test_says_why_not():
    entries = [registry.describe(name) for name in registry.list_models()]
    exported = {registry.describe(name).technique for name in (*EXPORTED, *MADE)}
    assert {entry.technique for entry in entries} == exported | {*WITHOUT}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EXPORTED, *MADE])
def test_onnx_runtime_agrees_at_every_size(name, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    if name in MADE:
        checkpoint.export(load(name), tmp_path / "model.onnx")
    else:
        cli.run(["export", name, "-o", str(tmp_path / "model.onnx")])
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    described = signature(load(name))
    assert [given.name for given in session.get_inputs()] == list(described.inputs)
    assert [made.name for made in session.get_outputs()] == list(described.outputs)
    for seed, sizes in enumerate(SIZES):
        given = inputs(described, seed, **sizes)
        found = session.run(None, {key: value.numpy() for key, value in given.items()})
        found = tuple(map(torch.from_numpy, found))
        torch.testing.assert_close(found, expected(described, given), rtol=1e-4, atol=1e-4)


def test_steps_of_a_language_model_give_what_the_whole_text_does():
    net = hub.load("decoding_lstm_poems")
    described = signature(net)
    program = torch.export.export(described.net, (), described.inputs).module()
    tokens = torch.randint(4, 3000, (2, 12))
    state = (described.inputs["cells"], described.inputs["carried"])
    steps = []
    with torch.inference_mode():
        for column in tokens.T:
            log_p, *state = program(tokens=column, cells=state[0], carried=state[1])
            steps.append(log_p)
        torch.testing.assert_close(torch.stack(steps, 1), net(tokens), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", sorted(set(BUNDLED) - set(EXPORTED)))
def test_what_cannot_be_exported_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match="cannot be exported: it has no signature"):
        checkpoint.export(hub.load(name), tmp_path / "model.pt2")


@pytest.mark.parametrize(
    ("file", "message"),
    [("model.tflite", "expected torch or onnx, or a file"), ("nowhere/model.pt2", "no folder for")],
)
def test_a_bad_file_is_refused_and_nothing_is_written(file, message, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        checkpoint.export(hub.load("pictures_digits"), tmp_path / file)
    assert not list(tmp_path.iterdir())


def test_a_file_is_what_its_name_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"format is onnx and the file model\.pt2: leave one"):
        cli.run(["export", "pictures_digits", "-o", "model.pt2", "--format", "onnx"])
    assert not list(tmp_path.iterdir())
    cli.run(["export", "pictures_digits"])
    assert capsys.readouterr().out.splitlines()[-1] == "model.pt2"
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]


@pytest.mark.slow
def test_the_onnx_file_has_a_name_of_its_own(tmp_path, monkeypatch):
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    cli.run(["export", "pictures_digits", "--format", "onnx"])
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_a_network_goes_on_in_the_mode_that_it_had(tmp_path):
    net = hub.load("pictures_digits", trainable=True)
    net.dropout.eval()
    before = [module.training for module in net.modules()]
    checkpoint.export(net, tmp_path / "model.pt2")
    assert [module.training for module in net.modules()] == before
    assert (net.training, net.dropout.training) == (True, False)


def test_without_onnx_the_error_says_what_to_install(tmp_path):
    program = (
        "import sys; sys.modules['onnx'] = None; from zoo.cli import main; "
        f"main(['export', 'pictures_digits', '-o', {str(tmp_path / 'model.onnx')!r}])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("pip install 'kexue-zoo[onnx]', or --format torch")
