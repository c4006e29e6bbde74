"""A stranger's checkpoint runs no code: a hostile folder for each way in."""

import importlib
import json
import os
import pickle
import pkgutil
import shutil
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import safetensors.torch
import torch
import yaml
from conftest import assemble, twin
from jsonargparse._parameter_resolvers import get_signature_parameters
from lightning.pytorch import Callback, LightningDataModule

import zoo
from zoo import checkpoint, cli, registry
from zoo.checkpoint import card
from zoo.checkpoint.integrity import SUMS, write_sums
from zoo.training import resume, sections, trust

NAME = "adversarial_fgm_poems"
MODULE = """
import pathlib
from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.loggers import CSVLogger
def run(*_):
    pathlib.Path(__file__).with_name("owned").touch()
    return 1.0
run()
class Model(LightningModule): pass
class Data(LightningDataModule): pass
class Call(Callback): pass
class Logger(CSVLogger): pass
"""


class Pickled:
    def __init__(self, owned):
        self.owned = owned

    def __reduce__(self):
        return Path.touch, (self.owned,)


@pytest.fixture
def owned(tmp_path, monkeypatch):
    """Put a module that leaves a mark when imported or called where Python finds it."""
    (tmp_path / "evil_zoo.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    mark = tmp_path / "owned"
    yield mark
    assert not mark.exists()


@pytest.fixture
def folder(tmp_path):
    """A checkpoint folder of a stranger."""
    return Path(shutil.copytree(registry.describe(NAME).checkpoint, tmp_path / "stranger"))


def change(folder, **changes):
    """Change keys of the recipe, parents and children parted by two underscores; seal it again."""
    path = folder / "recipe.yaml"
    content = yaml.safe_load(path.read_text("utf-8"))
    for key, value in changes.items():
        place, (*parents, last) = content, key.split("__")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    path.write_text(yaml.safe_dump(content), "utf-8")
    write_sums(folder)


def edit(path, **changes):
    content = json.loads(path.read_text("utf-8"))
    content.get("arguments", {}).update(changes.pop("arguments", {}))
    path.write_text(json.dumps(content | changes), "utf-8")
    write_sums(path.parent)


def refused(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([str(word) for word in arguments])
    assert stop.value.code == 2
    (line,) = [part for part in capsys.readouterr().err.splitlines() if part.startswith("zoo: ")]
    return line


CALL = "evil_zoo.run"
CLASS = {"class_path": "evil_zoo.Call"}
RECIPES = {
    "a file to resume from": {"ckpt_path": "resume.ckpt", "weights_only": False},
    "an address to resume from": {"ckpt_path": "http://127.0.0.1:9/resume.ckpt"},
    "a file's address to resume from": {"ckpt_path": "file://resume.ckpt"},
    "a callback beside the folder": {"trainer__callbacks": [CLASS]},
    "a callback by its name": {"trainer__callbacks": "evil_zoo.Call"},
    "one callback, not a list": {"trainer__callbacks": CLASS},
    "a callback of Lightning that calls": {
        "trainer__callbacks": [
            {
                "class_path": "lightning.pytorch.callbacks.LambdaCallback",
                "init_args": {"setup": CALL},
            }
        ]
    },
    "an average that calls": {
        "trainer__callbacks": [
            {
                "class_path": "lightning.pytorch.callbacks.EMAWeightAveraging",
                "init_args": {"avg_fn": CALL},
            }
        ]
    },
    "further arguments of a callback": {
        "trainer__callbacks": [
            {"class_path": "zoo.adversarial.FGM", "dict_kwargs": {"epsilon": CLASS}}
        ]
    },
    "a logger": {"trainer__logger": {"class_path": "evil_zoo.Logger"}},
    "a strategy": {"trainer__strategy": "evil_zoo.Call"},
    "a plugin": {"trainer__plugins": [CLASS]},
    "a profiler": {"trainer__profiler": "evil_zoo.Call"},
    "a precision": {"trainer__precision": CLASS},
    "a folder of runs": {"trainer__default_root_dir": "/tmp/elsewhere"},
    "a folder of checkpoints": {"checkpoint__dirpath": "/tmp/elsewhere"},
    "a model": {"model__class_path": "evil_zoo.Model"},
    "a function as a model": {"model": CALL},
    "a file as a model": {"model": "model.yaml"},
    "a class of Lightning as a model": {
        "model__class_path": "lightning.pytorch.demos.boring_classes.BoringModel"
    },
    "a class that the zoo imports": {"model__class_path": "zoo.pictures.module.LightningModule"},
    "a command of the zoo as a model": {"model__class_path": "zoo.__main__.Model"},
    "data": {"data__class_path": "evil_zoo.Data"},
    "a class among the model's arguments": {"model__init_args__lr": CLASS},
    "a class within them": {"model__init_args__width": {"of": [CLASS]}},
    "a class as a string": {"data__init_args__path": "{class_path: evil_zoo.Call}"},
    "further arguments of the data": {"data__dict_kwargs": {"seed": CLASS}},
    "an optimiser": {"optimizer": {"class_path": "evil_zoo.Call"}},
    "a schedule that calls": {
        "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1}},
        "lr_scheduler": {
            "class_path": "torch.optim.lr_scheduler.LambdaLR",
            "init_args": {"lr_lambda": CALL},
        },
    },
    "a place on this machine": {"data__init_args__path": "/etc/passwd"},
    "a place at home": {"data__init_args__path": "~/.ssh/id_ed25519"},
    "a place above": {"data__init_args__path": "x/../../secret"},
    "an address of data": {"data__init_args__path": "https://127.0.0.1:9/data"},
    "weights": {"from": "stranger/other"},
    "an output": {"output": "/tmp/elsewhere"},
    "another recipe": {"config": "other.yaml"},
    "trust": {"trust": True},
    "another network": {"model__init_args__width": 1 << 20},
    "another module of the zoo, which takes any network": {
        "model": {"class_path": "zoo.linking.module.LinkingModule", "init_args": {"net": CALL}}
    },
    "a class in a name with dots": {"data__init_args": {"preprocess.class_path": "evil_zoo.Data"}},
    "an option in a name with dots": {"trainer.strategy": CLASS},
    "a place behind a blank": {"data__init_args__path": " /etc/passwd"},
    "a place on a drive": {"data__init_args__path": "C:/Users"},
    "an address of features": {"model__init_args__features": "stranger/features"},
    "a hidden place": {"data__init_args__path": ".ssh/id_ed25519"},
    "a hidden place below": {"data__init_args__path": "work/ .aws/credentials"},
    "an option of an optimiser in a name with dots": {
        "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr.class_path": "os"}}
    },
    "as many checkpoints as fill the disk": {"checkpoint__save_top_k": -1},
    "another machine": {"trainer__num_nodes": 2},
    "more processes than cores": {"trainer__devices": 100_000},
    "more processes than cores, listed": {"trainer__devices": [0] * 1000},
    "more nodes": {"trainer__num_nodes": "100000"},
    "more workers": {"data__init_args__workers": 100_000},
}


@pytest.mark.parametrize(
    ("command", "way"),
    [
        (command, way)
        for way, changes in RECIPES.items()
        for command in ("test", "fit")
        if (command, *changes) != ("test", "from")  # there the user says where the weights are
    ],
)
def test_a_recipe_names_plain_values_only(
    way, command, folder, owned, tmp_path, capsys, monkeypatch
):
    (tmp_path / "model.yaml").write_text(f"class_path: {CALL}\n")
    (tmp_path / "resume.ckpt").write_bytes(pickle.dumps(Pickled(owned)))
    monkeypatch.chdir(tmp_path)
    changes = RECIPES[way]
    change(folder, **changes)
    line = refused([command, folder, *twin(NAME), "--trainer.fast_dev_run", "1"], capsys)
    places = [key.split("__")[-1] for key in changes]
    assert "recipe.yaml" in line
    assert any(place in line for place in [*places, "class_path"])
    assert not Path("/tmp/elsewhere").exists()


@pytest.mark.parametrize(
    "text",
    [
        f"name: {NAME}\nmodel: !!python/object/apply:evil_zoo.run []\n",
        f"name: {NAME}\nmodel: !!python/name:evil_zoo.run\n",
        "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nname: *c\n",
        "[" * 5000,
        "name: [",
        "- name\n",
        "",
        f"name: {NAME}\ndata:\n  init_args: {{path: {'x' * trust.LARGEST}}}\n",
    ],
)
@pytest.mark.parametrize("option", [False, True])
def test_a_recipe_is_plain_yaml(text, option, folder, owned, capsys):
    (folder / "recipe.yaml").write_text(text)
    write_sums(folder)
    subject = ["--config", folder / "recipe.yaml"] if option else [folder]
    assert "recipe.yaml" in refused(["fit", *subject, *twin(NAME)], capsys)


@pytest.mark.parametrize(
    "words",
    [
        ["--config", "RECIPE"],
        ["--config=RECIPE"],
        ["-c", "RECIPE"],
        ["-cRECIPE"],
        ["RECIPE"],
        ["--config=~/stranger/recipe.yaml"],
    ],
)
def test_however_a_recipe_is_given(words, folder, owned, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    change(folder, trainer__callbacks=[CLASS])
    path = str(folder / "recipe.yaml")
    line = refused(["fit", *(word.replace("RECIPE", path) for word in words)], capsys)
    assert "trainer.callbacks.0 is {'class_path': 'evil_zoo.Call'}" in line
    assert "--trust" in line


@pytest.mark.parametrize(
    "option",
    ["--model", "--data", "--trainer", "--trainer.callbacks", "--model.init_args", "--optimizer"],
)
@pytest.mark.parametrize("spelled", ["{} {}", "{}={}", "{} ~/stranger/part.yaml"])
def test_no_part_of_a_recipe_comes_from_a_strangers_file(
    option, spelled, folder, owned, capsys, monkeypatch
):
    monkeypatch.setenv("HOME", str(folder.parent))
    part = folder / "part.yaml"
    part.write_text("class_path: evil_zoo.Model\n")
    words = spelled.format(option, part).split()
    assert f"{option} is " in (line := refused(["fit", NAME, *words], capsys))
    assert "a file of a checkpoint folder" in line


@pytest.mark.parametrize("file", ["/etc/passwd", "../reviews.csv", "a/../../b.csv", "~/b.csv"])
def test_a_recipe_reads_no_file_from_elsewhere(file, folder, capsys):
    change(folder, data__init_args__file=file)
    line = refused(["fit", folder], capsys)
    assert f"data.init_args.file is '{file}'" in line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": {"class_path": "evil_zoo.Call"}}, ["--optimizer", "torch.optim.SGD"]),
        ({"trainer.strategy": CLASS}, ["--trainer.strategy", "auto"]),
        ({"trainer.callbacks": [CLASS]}, ["--trainer.callbacks", "null"]),
        ({"data.file": CLASS}, ["--data.file", "reviews.csv"]),
        ({"model": CALL}, ["--model", "zoo.adversarial.module.Classifier"]),
    ],
)
def test_no_option_of_the_user_lets_a_recipes_own_through(changes, words, folder, owned, capsys):
    change(folder, **changes)
    refused(["fit", folder, *twin(NAME), *words, "--ckpt_path", "nowhere.ckpt"], capsys)


def test_a_link_and_a_folder_below_are_a_strangers_too(folder, owned, tmp_path, capsys):
    change(folder, trainer__callbacks=[CLASS])
    link = tmp_path / "own.yaml"
    link.symlink_to(folder / "recipe.yaml")
    assert "plain values" in refused(["fit", link], capsys)
    (folder / "more").mkdir()
    below = shutil.copy(folder / "recipe.yaml", folder / "more")
    assert "plain values" in refused(["fit", below], capsys)


def test_a_default_that_is_left_out_is_compared_too(folder, capsys):
    path = folder / "config.json"
    content = json.loads(path.read_text("utf-8"))
    depth = content["arguments"].pop("depth")
    path.write_text(json.dumps(content), "utf-8")
    change(folder, model__init_args__depth=10**7)
    assert f"model.depth is 10000000 and {depth} in config.json" in refused(["fit", folder], capsys)


def test_a_folder_without_sums_is_a_stranger_too(folder, owned, capsys):
    change(folder, trainer__callbacks=[CLASS])
    (folder / SUMS).unlink()
    assert "has no SHA256SUMS" in refused(["fit", folder], capsys)
    assert "plain values" in refused(["fit", folder / "recipe.yaml"], capsys)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x.yaml", "memory://x.yaml"])
def test_no_recipe_comes_from_an_address(address, capsys):
    assert address in refused(["fit", "--config", address], capsys)
    assert address in refused(["fit", NAME, "--model", address], capsys)


def test_trust_takes_the_rest_and_says_so(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "evil_zoo.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    change(folder, trainer__callbacks=[CLASS], data__init_args__path=None)
    words = ["test", str(folder), "--trainer.fast_dev_run", "1", "--trainer.accelerator", "cpu"]
    cli.run([*words, "--trust"])
    assert (tmp_path / "owned").exists()
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("--trust")]
    assert "may run any code on this machine" in line
    assert "evil_zoo.Call" in line
    change(folder, ckpt_path="x.ckpt")
    assert "ckpt_path" in refused([*words, "--trust"], capsys)


def test_what_the_user_gives_takes_the_place_of_the_recipes(folder, capsys):
    change(folder, data__init_args__path="/somewhere/else.tsv")
    words = ["test", str(folder), "--trainer.fast_dev_run", "1", "--trainer.accelerator", "cpu"]
    assert "data.init_args.path is '/somewhere/else.tsv'" in refused(words, capsys)
    cli.run([*words, "--data.path", "null"])


@pytest.mark.parametrize("name", registry.list_models())
def test_what_the_zoo_writes_is_taken_whole(name):
    entry = registry.describe(name)
    parts = assemble(name)
    parts.arguments = []
    written = yaml.safe_load(parts.recipe())
    assert sections.split(written, {"data.root", "data.file", "data.files"})[1] == []
    if entry.checkpoint.is_dir():
        bundled = trust.read(entry.checkpoint / "recipe.yaml")
        assert sections.split(bundled, set()) == (bundled, [])


def plain_types(annotation):
    """Say whether a type holds numbers, words and lists of them alone, or is not said."""
    inside = [a for a in get_args(annotation) if a is not ...]
    if get_origin(annotation) is Literal:
        return all(isinstance(a, str | int) for a in inside)
    if inside:
        return all(map(plain_types, inside))
    return annotation in (int, float, str, bool, dict, list, tuple, type(None), Any)


def classes_that_a_recipe_may_name():
    for found in pkgutil.walk_packages(zoo.__path__, "zoo."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    paths = [registry.describe(n).recipe_path for n in registry.list_models()]
    modules = {yaml.safe_load(path.read_text("utf-8"))["model"]["class_path"] for path in paths}
    yield from (registry.import_object(":".join(path.rsplit(".", 1))) for path in modules)
    waiting = [Callback, LightningDataModule]
    while waiting:
        below = waiting.pop().__subclasses__()
        waiting += below
        yield from (kind for kind in below if kind.__module__.startswith("zoo."))


def test_no_argument_that_a_recipe_may_give_is_an_object():
    kinds = set(classes_that_a_recipe_may_name())
    assert len(kinds) > 30
    for kind in kinds:
        for parameter in get_signature_parameters(kind):
            assert plain_types(parameter.annotation), (kind, parameter.name, parameter.annotation)


@pytest.mark.parametrize("name", sections.CALLBACKS)
def test_the_callbacks_that_are_taken_exist(name):
    import lightning.pytorch.callbacks

    assert issubclass(getattr(lightning.pytorch.callbacks, name), Callback)


# a file to resume from


def resume_from(path, owned, **hyperparameters):
    torch.save({"state_dict": {}, "hyper_parameters": hyperparameters}, path)
    return ["fit", NAME, *twin(NAME), "--ckpt_path", path]


OURS = {"_class_path": "zoo.adversarial.module.Classifier"}


@pytest.mark.parametrize(
    "hyperparameters",
    [
        {"_class_path": "evil_zoo.Model"},
        {"_class_path": "evil_zoo.Model", "_instantiator": CALL},
        {"_class_path": ["evil_zoo.Model"]},
        {"class_path": "evil_zoo.Model"},
        {"class_path": "evil_zoo.Model", "init_args": {}},
        {**OURS, "lr": CLASS},
        {**OURS, "width": [CLASS]},
        {**OURS, "width": "{class_path: evil_zoo.Call}"},
    ],
)
def test_a_file_to_resume_from_names_no_other_class(hyperparameters, owned, tmp_path, capsys):
    words = resume_from(tmp_path / "x.ckpt", owned, **hyperparameters)
    assert "x.ckpt" in refused(words, capsys)


RUNS = "runs/version_1/checkpoints"


@pytest.mark.parametrize(
    "state",
    [
        {"last_model_path": f"{RUNS}/../../../victim"},
        {"last_model_path": "victim", "dirpath": RUNS},
        {"last_model_path": f"{RUNS}/../../../victim", "dirpath": RUNS},
        {"last_model_path": f"{RUNS}/deeper/x.ckpt", "dirpath": RUNS},
        {"last_model_path": "memory://x", "dirpath": "memory:/"},
        {"kth_best_model_path": "/home/someone", "dirpath": "runs"},
        {"best_k_models": {"/home/someone": 0.0}, "dirpath": "runs"},
        {"best_k_models": ["/home/someone"], "dirpath": "runs"},
        {"last_model_path": 3, "dirpath": "runs"},
        [1],
    ],
)
def test_a_file_to_resume_from_has_nothing_deleted_but_its_own(state, tmp_path):
    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": {}, "callbacks": {"ModelCheckpoint{}": state}}, path)
    with pytest.raises(ValueError, match=r"x.ckpt (asks for .* to be deleted|is no file)"):
        resume.require_resumable(str(path), "zoo.adversarial.module.Classifier")


@pytest.mark.parametrize("folder", ["runs/a", "../runs/a", "/tmp/runs/a"])
def test_a_run_may_replace_its_own_files(folder, tmp_path):
    own = {"dirpath": folder, "last_model_path": f"{folder}/last.ckpt", "kth_best_model_path": ""}
    own |= {"best_k_models": {f"{folder}/a.ckpt": torch.tensor(1.0)}, "best_model_path": "x/y"}
    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": {}, "callbacks": {"ModelCheckpoint{}": own, "TrainLog": {}}}, path)
    resume.require_resumable(str(path), "zoo.adversarial.module.Classifier")


def test_a_file_to_resume_from_is_no_pickle_and_no_folder(owned, tmp_path, capsys):
    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": {}, "hyper_parameters": Pickled(owned)}, path)
    words = ["fit", NAME, *twin(NAME), "--ckpt_path"]
    assert "more than tensors and plain values" in refused([*words, path], capsys)
    path.write_bytes(pickle.dumps(Pickled(owned)))
    assert "x.ckpt" in refused([*words, path], capsys)
    assert "is no file" in refused([*words, tmp_path], capsys)
    for address in ("http://127.0.0.1:9/x.ckpt", f"file://{path}", "registry:x", "s3://x/y"):
        assert "an address" in refused([*words, address], capsys)
    own = tmp_path / "own.yaml"
    own.write_text(f"ckpt_path: {path}\n")
    assert "own.yaml has ckpt_path" in refused(["fit", NAME, "--config", own], capsys)


# config.json, weights, labels, vocabulary, sums


@pytest.mark.parametrize(
    "arguments",
    [
        {"width": 1 << 20},
        {"width": 1 << 62},
        {"depth": 10**7},
        {"depth": 10**12},
        {"vocabulary": 10**12},
        {"classes": 10**10},
        {"positions": 1 << 40},
        {"hidden": 1 << 40},
        {"heads": 3},
        {"width": "128"},
    ],
)
def test_a_network_is_compared_with_the_weights_before_it_is_built(arguments, folder):
    edit(folder / "config.json", arguments=arguments)
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"stranger/(config\.json|model\.safetensors)"):
        zoo.load(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda tensor: tensor * float("nan"), "not finite"),
        (lambda tensor: tensor / 0, "not finite"),
        (lambda tensor: tensor.double(), "is torch.float64 in the file"),
        (lambda tensor: tensor.int(), "is torch.int32 in the file"),
        (lambda tensor: tensor.bool(), "is torch.bool in the file"),
        (lambda tensor: tensor[:1], "in the network"),
    ],
)
def test_weights_that_do_not_fit_are_refused(damage, complaint, folder):
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    name = next(n for n, t in tensors.items() if t.is_floating_point() and len(t) > 1)
    tensors[name] = damage(tensors[name]).contiguous()
    safetensors.torch.save_file(tensors, path)
    write_sums(folder)
    with pytest.raises(ValueError, match=complaint) as error:
        zoo.load(folder)
    assert name in str(error.value)


def test_labels_and_vocabulary_are_those_of_the_network(folder):
    edit(folder / "config.json", labels=["Tang"])
    with pytest.raises(ValueError, match="labels is 1, classes of the network 2"):
        zoo.load(folder)
    edit(folder / "config.json", labels=["Tang", "\x1b]0;owned\x07"])
    with pytest.raises(ValueError, match="labels is"):
        zoo.load(folder)
    edit(folder / "config.json", labels=["Tang", "Song"])
    path = folder / "preprocess.json"
    vocabulary = json.loads(path.read_text("utf-8"))["vocabulary"]
    edit(path, vocabulary=[*vocabulary, "☃"])
    with pytest.raises(ValueError, match="the vocabulary has"):
        zoo.load(folder)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (NAME, {"max_length": 1.5}),
        (NAME, {"max_length": True}),
        (NAME, {"max_length": "192"}),
        (NAME, {"vocabulary": [1, 2]}),
        (NAME, {"vocabulary": None}),
        (NAME, {"class": "zoo.data.images.idx:gzip"}),
        (NAME, {"class": "zoo.masks.encoder:Encoder"}),
        ("pictures_digits", {"height": 1 << 40}),
        ("pictures_digits", {"height": 14}),
        ("pictures_digits", {"padding": 0.5}),
        ("pictures_digits", {"low": float("-inf")}),
    ],
)
def test_a_preprocessing_that_would_fail_in_use_is_refused(name, changes, tmp_path):
    folder = Path(shutil.copytree(registry.describe(name).checkpoint, tmp_path / "stranger"))
    edit(folder / "preprocess.json", **changes)
    with pytest.raises(ValueError, match="preprocess"):
        zoo.load(folder)


@pytest.mark.parametrize("address", ["zoo.data.images.idx:gzip", "zoo.checkpoint.integrity:Path"])
def test_an_attachment_is_opened_by_a_class_of_the_zoo(address, folder):
    listed = {"notes": {"class": address, "files": []}}
    edit(folder / "config.json", attachments=listed)
    with pytest.raises(ValueError, match="expected one of zoo"):
        zoo.load(folder)


def test_a_generator_names_all_its_tokens(tmp_path):
    source = registry.describe("decoding_lstm_poems").checkpoint
    folder = Path(shutil.copytree(source, tmp_path / "stranger"))
    path = folder / "preprocess.json"
    edit(path, vocabulary=json.loads(path.read_text("utf-8"))["vocabulary"][:-1])
    with pytest.raises(ValueError, match="the vocabulary has"):
        zoo.load(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "recipe.yaml", SUMS])
@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
def test_what_is_no_regular_file_is_not_opened(name, kind, folder):
    (folder / name).unlink()
    if kind == "fifo":
        os.mkfifo(folder / name)
    elif kind == "device":
        (folder / name).symlink_to("/dev/zero")
    else:
        (folder / name).mkdir()
    with pytest.raises(ValueError, match=f"{name}: expected .* no regular file"):
        zoo.load(folder)


def test_a_card_shows_what_a_strangers_figures_say_as_it_is(folder):
    path = folder / "metrics.json"
    (row, *_) = card.read_metrics(folder)
    odd = row | {"metric": "accuracy | <img src=x> [a](b)", "command": "x ```` y ```"}
    path.write_text(json.dumps({"results": [odd]}))
    write_sums(folder)
    checkpoint.record(folder, [])
    card.check(folder)
    text = (folder / "README.md").read_text("utf-8")
    assert r"accuracy \| \<img src=x\> \[a\](b)" in text.partition("---\n\n#")[2]
    assert "````" not in text
    path.write_text(json.dumps({"results": [odd | {"data": "a\n---\nlicense: x"}]}))
    write_sums(folder)
    with pytest.raises(ValueError, match="cannot be printed"):
        checkpoint.record(folder, [])
