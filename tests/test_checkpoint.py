"""Checkpoint folders: what is saved comes back bit for bit, and nothing damaged comes back."""

import json
import os
import stat
import subprocess
import sys

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import zoo
from zoo import checkpoint, registry
from zoo.checkpoint import card, integrity
from zoo.data.text import CharacterTokenizer


class Tiny(nn.Module):
    """A network with tied weights, an integer buffer and a layer that is frozen by design."""

    def __init__(self, vocabulary, width=4, classes=2):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.decoder = nn.Linear(width, vocabulary, bias=False)
        self.decoder.weight = self.embedding.weight
        self.encoder = nn.Linear(width, vocabulary, bias=False)
        self.encoder.weight = self.embedding.weight
        self.norm = nn.BatchNorm1d(width).requires_grad_(False)
        self.head = nn.Linear(width, classes)
        self.header = nn.Linear(width, classes)


TINY = registry.Entry(
    name="masks_tiny_test",
    technique="masks",
    summary="A network for tests.",
    task="text-classification",
    build="test_checkpoint:Tiny",
    recipe="masks/tiny_test.yaml",
    paper="None",
    post="https://kexue.fm",
)
RESULT = {
    "metric": "test_accuracy",
    "value": 0.9134615384615384,
    "split": "test",
    "data": "Poems of Tang & Song",
    "seed": 0,
    "command": "zoo test masks_tiny_test",
    "commit": "1234567",
}
NOTES = "| training | accuracy |\n|---|---|\n| FGM | 91.2 ± 0.1 {sic} |"

OPTIONAL = [
    "preprocess.json",
    "recipe.yaml",
    "metrics.json",
    "train_log.csv",
    "notes.md",
    "README.md",
]


def write(folder, seed=0, **changes):
    """Save a Tiny with weights drawn from a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        arguments = {"vocabulary": 7}
        model = Tiny(**arguments)
        model.norm(torch.randn(3, 4))
    given = {
        "name": TINY.name,
        "model": model,
        "arguments": arguments,
        "preprocess": CharacterTokenizer("春夏秋冬风"),
        "recipe": "seed_everything: 0\n",
        "metrics": [RESULT],
        "log": [{"step": 1, "loss": 0.7}, {"step": 2, "loss": 0.5, "accuracy": 0.9}],
        "labels": ["Song", "Tang"],
        "notes": NOTES,
    }
    return checkpoint.save(folder, **given | changes), model


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def seal(folder):
    """Make SHA256SUMS right again after a change."""
    integrity.write_sums(folder)


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")
    seal(path.parent)


@pytest.fixture(autouse=True, scope="module")
def _registered():
    registry._entries[TINY.name] = TINY
    yield
    del registry._entries[TINY.name]


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "tiny")[0]


def test_round_trip_is_bit_equal(tmp_path):
    folder, model = write(tmp_path / "tiny")
    loaded = checkpoint.load(folder)
    ours, theirs = model.state_dict(), loaded.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert theirs[name].dtype == tensor.dtype
        assert theirs[name].numpy().tobytes() == tensor.numpy().tobytes(), name
    assert loaded.decoder.weight is loaded.embedding.weight
    assert loaded.labels == ["Song", "Tang"]
    assert loaded.config["arguments"] == {"vocabulary": 7}
    assert torch.equal(loaded.preprocess(["春风"]), torch.tensor([[2, 6]]))


def test_every_byte_is_verified_once(folder, monkeypatch):
    read, sha256 = [], integrity.sha256
    monkeypatch.setattr(integrity, "sha256", lambda path: read.append(path.name) or sha256(path))
    zoo.load(folder)
    assert sorted(read) == sorted(contents(folder).keys() - {integrity.SUMS})


def test_loaded_is_frozen_unless_asked(folder):
    frozen, trainable = checkpoint.load(folder), checkpoint.load(folder, trainable=True)
    assert not frozen.training
    assert not any(p.requires_grad for p in frozen.parameters())
    assert trainable.training
    assert trainable.head.weight.requires_grad
    assert not trainable.norm.weight.requires_grad, "what the network freezes stays frozen"


def test_without_preprocess_and_labels_there_are_none(tmp_path):
    folder, _ = write(tmp_path / "tiny", preprocess=None, labels=None)
    loaded = checkpoint.load(folder)
    assert not hasattr(loaded, "preprocess")
    assert not hasattr(loaded, "labels")


def test_folder_is_complete_and_sha256sum_agrees(folder):
    assert set(contents(folder)) == {*integrity.REQUIRED, *OPTIONAL, integrity.SUMS}
    subprocess.run(["sha256sum", "--check", "--strict", integrity.SUMS], cwd=folder, check=True)
    assert (folder / "train_log.csv").read_text() == "step,loss,accuracy\n1,0.7,\n2,0.5,0.9\n"


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_every_file_may_be_read_by_whom_the_umask_lets(tmp_path, umask):
    before = os.umask(umask)
    try:
        folder, _ = write(tmp_path / "tiny")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == dict.fromkeys(modes, 0o666 & ~umask)


def test_newer_format_says_upgrade(folder):
    edit(folder / "config.json", format=checkpoint.FORMAT + 1)
    for use in (checkpoint.load, lambda folder: checkpoint.load_matching(Tiny(7), folder)):
        with pytest.raises(ValueError, match=r"format 2 is newer than 1.*upgrade"):
            use(folder)


def test_unknown_model_suggests_the_nearest(folder):
    edit(folder / "config.json", model="masks_tiny_tets")
    with pytest.raises(ValueError, match=r"config\.json: .* did you mean masks_tiny_test"):
        checkpoint.load(folder)


def test_wrong_shape_missing_and_unexpected_are_listed(folder):
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    del tensors["header.bias"]
    tensors["head.weight"] = torch.zeros(3, 4)
    tensors["tail.weight"] = torch.zeros(1)
    safetensors.torch.save_file(tensors, path)
    seal(folder)
    with pytest.raises(ValueError, match="does not fit") as error:
        checkpoint.load(folder)
    assert "head.weight is (3, 4) in the file, (2, 4) in the network" in str(error.value)
    assert "header.bias is not in the file" in str(error.value)
    assert "tail.weight is not in the network" in str(error.value)
    assert "embedding" not in str(error.value)


def test_garbage_with_a_right_sum_is_no_safetensors(folder):
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)
    seal(folder)
    with pytest.raises(ValueError, match="is no safetensors file"):
        checkpoint.load(folder)


@pytest.mark.parametrize("address", ["os:system", "zoo:load", "zoo.cli:main", "zoo.__main__:x", 7])
def test_preprocess_comes_from_the_zoo_only(folder, address):
    edit(folder / "preprocess.json", **{"class": address})
    with pytest.raises(ValueError, match=r"preprocess\.json"):
        checkpoint.load(folder)


class Interrupting(dict):
    def __iter__(self):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"log": [Interrupting()]}, KeyboardInterrupt),
        ({"arguments": {"vocabulary": {1, 2}}}, ValueError),
        ({"arguments": {"vocabulary": 8}}, ValueError),
        ({"arguments": {"vocab": 7}}, ValueError),
        ({"metrics": [RESULT | {"value": float("nan")}]}, ValueError),
        ({"preprocess": nn.Identity()}, ValueError),
        ({"name": "masks_unheard_of"}, ValueError),
    ],
)
def test_failed_save_leaves_the_old_checkpoint_and_nothing_else(tmp_path, changes, error):
    folder, _ = write(tmp_path / "tiny")
    before = contents(folder)
    with pytest.raises(error):
        write(folder, seed=1, **changes)
    assert contents(folder) == before
    assert list(tmp_path.iterdir()) == [folder]


def test_save_replaces_a_checkpoint_whole(tmp_path):
    folder, _ = write(tmp_path / "tiny")
    _, model = write(folder, seed=1, preprocess=None)
    assert torch.equal(checkpoint.load(folder).head.weight, model.head.weight)
    assert not (folder / "preprocess.json").exists()
    assert list(tmp_path.iterdir()) == [folder]


def test_equal_networks_give_equal_bytes(tmp_path):
    first, second = write(tmp_path / "first")[0], write(tmp_path / "second")[0]
    assert contents(first) == contents(second)


def test_record_adds_and_replaces_results(folder):
    before = contents(folder)
    second = RESULT | {"seed": 1, "value": 0.25}
    checkpoint.record(folder, [second, RESULT | {"value": 0.5}])
    assert card.read_metrics(folder) == [RESULT | {"value": 0.5}, second]
    card.check(folder)
    checkpoint.load(folder)
    changed = {name for name, content in contents(folder).items() if content != before[name]}
    assert changed == {"metrics.json", "README.md", integrity.SUMS}


def test_failed_record_changes_nothing(folder):
    before = contents(folder)
    with pytest.raises(ValueError, match="a result needs a name and a number"):
        checkpoint.record(folder, [{"metric": "loss"}])
    assert contents(folder) == before


def test_notes_stay_with_the_folder_until_they_are_changed(folder):
    def shown():
        card.check(folder)
        checkpoint.load(folder)
        return (folder / "README.md").read_bytes().decode().partition("## Notes\n\n")[2]

    assert (folder / "notes.md").read_text("utf-8") == NOTES
    assert shown().startswith(f"{NOTES}\n\n## Licence")
    checkpoint.record(folder, [RESULT | {"seed": 1}])
    assert shown().startswith(NOTES)
    checkpoint.annotate(folder, "# 注\r\nas *it* is\n")
    assert (folder / "notes.md").read_bytes().decode() == "# 注\r\nas *it* is\n"
    assert shown().startswith("# 注\r\nas *it* is\n")
    assert len(card.read_metrics(folder)) == 2
    checkpoint.annotate(folder, "")
    assert not shown()
    assert not (folder / "notes.md").exists()


def test_a_folder_whose_files_may_only_be_read_is_recorded_all_the_same(folder):
    for path in folder.iterdir():
        path.chmod(0o444)
    checkpoint.record(folder, [RESULT | {"value": 0.5}])
    assert card.read_metrics(folder) == [RESULT | {"value": 0.5}]


def test_load_matching_takes_all_but_the_reset_layers(folder):
    trained, net = checkpoint.load(folder), Tiny(7, classes=5)
    old = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    assert checkpoint.load_matching(net, folder, ["head", "header.weight", "header.bias"]) == [
        "head.weight",
        "head.bias",
        "header.weight",
        "header.bias",
    ]
    for name, tensor in net.state_dict().items():
        expected = old[name] if name.startswith("head") else trained.state_dict()[name]
        assert torch.equal(tensor, expected), name


def test_reset_covers_a_layer_and_not_its_namesakes(folder):
    net = Tiny(7, classes=5)
    with pytest.raises(ValueError, match=r"--reset LAYER") as error:
        checkpoint.load_matching(net, folder, ["head"])
    assert "header.weight is (2, 4) in the file, (5, 4) in the network" in str(error.value)
    assert "head.weight" not in str(error.value)


def test_a_layer_that_fits_is_reset_all_the_same(folder):
    net = Tiny(7)
    before = net.head.weight.clone()
    checkpoint.load_matching(net, folder, ["head"])
    assert torch.equal(net.head.weight, before)


def test_reset_of_nothing_is_an_error(folder):
    net = Tiny(7)
    before = net.head.weight.clone()
    with pytest.raises(ValueError, match="no layer 'tail' to reset: the network has embedding"):
        checkpoint.load_matching(net, folder, ["tail"])
    assert torch.equal(net.head.weight, before)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
KEYS = st.sampled_from(["format", "model", "arguments", "labels", "vocabulary", "class"])


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("fuzz") / "tiny")[0]
    return folder, contents(folder)


def load_or_refuse(victim, **changes):
    """Change files, load, and let pass what a bad folder may raise."""
    folder, original = victim
    for name, content in (original | changes).items():
        (folder / name).write_bytes(content)
    seal(folder)
    try:
        checkpoint.load(folder)
        message = ""
    except ValueError as error:
        message = str(error)
    assert "\n" not in message


@settings(max_examples=60)
@given(st.sampled_from(["config.json", "preprocess.json"]), st.dictionaries(KEYS, JSON))
def test_fuzzed_json_gives_value_errors_only(victim, name, changes):
    content = json.loads(victim[1][name]) | changes
    load_or_refuse(victim, **{name: json.dumps(content).encode()})


@settings(max_examples=40)
@given(st.sampled_from(["config.json", "preprocess.json", "model.safetensors"]), st.binary())
def test_fuzzed_bytes_give_value_errors_only(victim, name, content):
    load_or_refuse(victim, **{name: content})


LOADING = """
import sys
import torch
import zoo

for name in zoo.list_models():
    if zoo.describe(name).checkpoint.is_dir():
        zoo.load(name)
modules = {name: module for name, module in sys.modules.items() if name.startswith("zoo")}
tensors = {
    f"{name}.{key}": value.device.type
    for name, module in modules.items()
    for key, value in vars(module).items()
    if isinstance(value, torch.Tensor)
}
print("compiler", [name for name in ("sympy", "torch._dynamo") if name in sys.modules])
print("not on the CPU", [name for name, device in tensors.items() if device != "cpu"])
"""


def test_to_load_a_model_imports_no_compiler_and_leaves_no_constant_on_the_meta_device():
    """It did: 1.5 s and 150 MB a process, and a linker's temperatures were on the meta device."""
    words = [sys.executable, "-c", LOADING]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == ["compiler []", "not on the CPU []"]
